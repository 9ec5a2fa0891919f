"""What waits to be sent: the same packets, each whole, with what somebody waits for in front."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import MessageType

from pleintemps_contract.cores import Stored
from pleintemps_gateway.config import MqttConfig
from pleintemps_gateway.errors import StoreBusyError
from pleintemps_gateway.ingest.outgoing import AT_ONCE, arranged
from pleintemps_gateway.ingest.packets import Publication
from pleintemps_gateway.ingest.reader import Owed, Reader
from pleintemps_gateway.ingest.session import BUSY_S, Session
from tests.support.broker import Mosquitto

if TYPE_CHECKING:
    from paho.mqtt.client import _OutPacket

WITHIN_S = 20.0
KINDS = (
    (MessageType.PUBLISH, 1),
    (MessageType.PUBLISH, 0),
    (MessageType.PUBACK, 0),
    (MessageType.PINGREQ, 0),
)


def packet(place: int, kind: tuple[int, int], size: int) -> "_OutPacket":
    """Its bytes name it."""
    data = (b"%d." % place) * (size // 2 + 1)
    return {
        "command": int(kind[0]),
        "mid": place,
        "qos": kind[1],
        "pos": 0,
        "to_process": len(data),
        "packet": data,
        "info": None,
    }


@given(
    kinds=st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 40_000)), max_size=30),
    urgent=st.sets(st.integers(0, 29), max_size=4),
    sent=st.integers(0, 3),
)
def test_what_is_half_sent_stays_first_then_what_is_urgent_and_no_byte_is_lost(
    kinds: list[tuple[tuple[int, int], int]], urgent: set[int], sent: int
) -> None:
    waiting = [packet(place, kind, size) for place, (kind, size) in enumerate(kinds)]
    if waiting:
        waiting[0]["pos"] = min(sent, len(waiting[0]["packet"]))
    half = int(bool(waiting and waiting[0]["pos"]))
    places = range(half, len(waiting))
    order = [place for place in places if place in urgent] + [
        place for place in places if place not in urgent
    ]
    found = arranged(waiting, lambda each: each["mid"] in urgent)
    expected = [bytes(waiting[place]["packet"]) for place in [*range(half), *order]]
    assert b"".join(bytes(each["packet"]) for each in found) == b"".join(expected)
    told = [each for each in waiting if (each["command"], each["qos"]) == (MessageType.PUBLISH, 0)]
    assert all(any(each is one for one in found) for each in told)  # paho tells when these are sent
    for each in found[half:]:
        assert each["pos"] == 0 and each["to_process"] == len(each["packet"])
        assert len(each["packet"]) <= AT_ONCE or any(each is one for one in waiting)


@contextmanager
def hearing(port: int, topic: str) -> Iterator[tuple[Reader, list[str]]]:
    heard: list[str] = []
    subscribed, last = threading.Event(), threading.Event()

    def take(said: Publication, owed: Owed | None) -> None:
        heard.append(said.topic.decode())
        if owed is not None:
            client.acknowledge(owed)
        if said.payload == b"last":
            last.set()

    client = Reader("hearing", clean=True, heard=take)
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", port)
    client.subscribe(topic, 1)
    client.loop_start()
    try:
        assert subscribed.wait(WITHIN_S)
        yield client, heard
        assert last.wait(WITHIN_S)
    finally:
        client.disconnect()
        client.loop_stop()


def test_a_command_passes_what_waits_to_be_sent_and_what_has_arrived_to_be_heard(
    mosquitto: Mosquitto,
) -> None:
    at_it, goes, connected = threading.Event(), threading.Event(), threading.Event()
    order: list[bytes] = []

    def take(said: Publication, _owed: Owed | None) -> None:
        if not order:
            at_it.set()
            assert goes.wait(WITHIN_S)
        order.append(said.payload)

    busy = Reader("busy", clean=True, heard=take)
    busy.max_inflight_messages_set(0)
    busy.on_subscribe = lambda *_: connected.set()
    busy.connect("127.0.0.1", mosquitto.port)
    busy.subscribe("work", 1)
    busy.loop_start()
    try:
        assert connected.wait(WITHIN_S)
        with hearing(mosquitto.port, "said/#") as (other, heard):
            other.publish("work", b"first", qos=1)
            assert at_it.wait(WITHIN_S)  # the session's thread is at work
            for number in range(50):
                busy.publish(f"said/{number}", b"x" * 3_000, qos=1)
            busy.publish_first("said/command", b"now")
            busy.publish("said/end", b"last", qos=1)
            goes.set()
    finally:
        goes.set()
        busy.disconnect()
        busy.loop_stop()
    assert heard == ["said/command", *(f"said/{number}" for number in range(50)), "said/end"]


def test_a_command_goes_out_while_the_store_takes_nothing_more(mosquitto: Mosquitto, tmp_path: Path) -> None:
    full, goes, connected = threading.Event(), threading.Event(), threading.Event()

    def take(_topic: str, _payload: bytes, _retained: bool) -> Stored | None:
        full.set()
        if not goes.wait(BUSY_S):
            raise StoreBusyError("full")
        return None

    config = MqttConfig(url=f"mqtt://127.0.0.1:{mosquitto.port}")
    session = Session(config, tmp_path, ["hall"], take, connected.set)
    session.start()
    try:
        assert connected.wait(WITHIN_S)
        with hearing(mosquitto.port, "pleintemps/v1/hall/east/command") as (other, heard):
            other.publish("pleintemps/v1/hall/east/samples", b"x", qos=1)
            assert full.wait(WITHIN_S)
            session.publish("pleintemps/v1/hall/east/command", b"last", False)
        assert heard == ["pleintemps/v1/hall/east/command"]
        assert not goes.is_set()
    finally:
        goes.set()
        session.stop()
    assert not session.failed
