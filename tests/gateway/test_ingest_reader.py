"""The session's own reading: packets cut from any pieces, acknowledgements that hold on their line alone."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_firmware_sim.fleet import mqtt
from pleintemps_gateway.errors import MalformedPacketError
from pleintemps_gateway.ingest.packets import Packet, PacketCutter, Publication, publication
from pleintemps_gateway.ingest.reader import Owed, Reader
from tests.support.broker import Mosquitto
from tests.support.waiting import wait_for

TOPIC = "pleintemps/v1/hall/east/samples"
WITHIN_S = 20.0


@given(
    st.lists(st.tuples(st.integers(0, 65_535), st.integers(0, 40_000)), min_size=1, max_size=6),
    st.lists(st.integers(1, 30_000), max_size=12),
)
def test_what_is_cut_does_not_depend_on_the_pieces(said: list[tuple[int, int]], lengths: list[int]) -> None:
    packets = [mqtt.publish(mqtt.head(TOPIC), mid, bytes(size)) if mid else mqtt.PING for mid, size in said]
    stream, pieces, at = b"".join(packets), [], 0
    for length in [*lengths, len(b"".join(packets))]:
        pieces.append(stream[at : at + length])
        at += length
    cutter, found = PacketCutter(), list[Packet]()
    for piece in pieces:
        found += cutter.cut(piece)
    assert len(found) == len(said)
    for packet, (mid, size) in zip(found, said, strict=True):
        if mid:
            assert publication(packet) == Publication(TOPIC.encode(), bytes(size), False, mid)
        else:
            assert packet == Packet(mqtt.PING[0], b"")


@pytest.mark.parametrize("pieces", [[b"\x30\x80\x80\x80\x80\x01"], [b"\x30\x80", b"\x80\x80\x80"]])
def test_a_length_of_five_bytes_is_none(pieces: list[bytes]) -> None:
    cutter = PacketCutter()
    with pytest.raises(MalformedPacketError):
        for piece in pieces:
            cutter.cut(piece)


@pytest.mark.parametrize(
    ("first", "body"),
    [
        (0x30, b"\x00\x05abc"),
        (0x32, b"\x00\x01a"),
        (0x32, b"\x00\x01a\x00"),
        (0x32, b"\x00\x01a\x00\x00payload"),
        (0x34, b"\x00\x01a\x00\x01payload"),
        (0x30, b""),
    ],
)
def test_a_message_that_is_none(first: int, body: bytes) -> None:
    with pytest.raises(MalformedPacketError):
        publication(Packet(first, body))


def test_flags_and_a_message_without_a_number() -> None:
    assert publication(Packet(0x31, b"\x00\x01a")) == Publication(b"a", b"", True, 0)
    assert publication(Packet(0x3B, b"\x00\x01a\x01\x02x")) == Publication(b"a", b"x", True, 258)


class Listener:
    """A reader with a persistent session, and what it heard."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[Publication, Owed | None]] = []
        self.subscribed = threading.Event()
        self.client = client = Reader("listener", clean=False, heard=lambda *each: self.heard.append(each))
        client.on_subscribe = lambda *_: self.subscribed.set()
        client.connect("127.0.0.1", port)
        client.subscribe(TOPIC, 1)
        client.loop_start()

    def wait(self, count: int) -> list[bytes]:
        """Payloads, once there are so many."""
        wait_for(lambda: len(self.heard) >= count, within_s=WITHIN_S, what="messages")
        return [said.payload for said, _ in self.heard]

    def owed(self) -> list[Owed]:
        """Of what was heard at QoS 1."""
        return [owed for _, owed in self.heard if owed is not None]

    def again(self) -> None:
        """A new line, on which nothing was heard yet."""
        self.close()
        self.heard = []
        self.client.reconnect()
        self.client.loop_start()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def listener(mosquitto: Mosquitto) -> Iterator[Listener]:
    listener = Listener(mosquitto.port)
    try:
        assert listener.subscribed.wait(WITHIN_S)
        yield listener
    finally:
        listener.close()


def test_what_is_not_acknowledged_on_its_line_comes_again(mosquitto: Mosquitto, listener: Listener) -> None:
    client = listener.client
    sent = [b"%d" % index * 500 for index in range(15)]
    for payload in sent:
        client.publish(TOPIC, payload, qos=1)
    assert listener.wait(15) == sent
    for owed in listener.owed()[:10]:
        client.acknowledge(owed)
    client.publish(TOPIC, b"after", qos=1)
    assert listener.wait(16)[15] == b"after"
    before = listener.owed()
    listener.again()
    assert listener.wait(6) == [*sent[10:], b"after"]
    for owed in before[10:]:  # of the line before: these numbers may be others' now
        client.acknowledge(owed)
    listener.again()
    assert listener.wait(6) == [*sent[10:], b"after"]
    for owed in listener.owed():
        client.acknowledge(owed)
    client.publish(TOPIC, b"last", qos=1)
    assert listener.wait(7)[6] == b"last"
    listener.again()
    assert listener.wait(1) == [b"last"]


def test_acknowledgements_go_out_in_the_order_of_the_messages(
    mosquitto: Mosquitto, listener: Listener
) -> None:
    client = listener.client
    sent = [b"%d" % index for index in range(6)]
    for payload in sent:
        client.publish(TOPIC, payload, qos=1)
    assert listener.wait(6) == sent
    for owed in reversed(listener.owed()[1:]):
        client.acknowledge(owed)
    client.publish(TOPIC, b"after", qos=1)
    listener.wait(7)
    listener.again()
    assert listener.wait(7) == [*sent, b"after"]  # none passes the first one
    first, *others = listener.owed()
    for owed in others:
        client.acknowledge(owed)
    client.pass_over(first)
    client.publish(TOPIC, b"last", qos=1)
    assert listener.wait(8)[7] == b"last"
    listener.again()
    assert listener.wait(2) == [sent[0], b"last"]


def test_what_the_broker_has_is_not_said_again(mosquitto: Mosquitto, listener: Listener) -> None:
    sent = [listener.client.publish(TOPIC, b"%d" % index, qos=1) for index in range(20)]
    for info in sent:
        info.wait_for_publish(WITHIN_S)
        assert info.is_published()
    listener.wait(20)
    for owed in listener.owed():
        listener.client.acknowledge(owed)
    listener.client.publish(TOPIC, b"after", qos=1)
    assert listener.wait(21)[20] == b"after"
    listener.again()
    listener.client.publish(TOPIC, b"last", qos=1)
    assert listener.wait(2) == [b"after", b"last"]
