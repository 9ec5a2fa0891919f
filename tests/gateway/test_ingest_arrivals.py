"""What arrives: opened ahead of its turn or not, and who may wait for company."""

import socket
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from pleintemps_contract.agent_messages import Availability, Column, Presence, SamplesBatch
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import encode
from pleintemps_gateway.broker import aim
from pleintemps_gateway.config import MqttConfig
from pleintemps_gateway.ingest.arrivals import SMALL, Incoming, opened

ID = "0" * 32
SAMPLES = Topic("school", "agent", Channel.SAMPLES)


def batch(first: int, seq: int, readings: int = 2) -> bytes:
    column = Column(dt=list(range(readings)), value=[1.0] * readings)
    series = {"motion": column}
    return encode(
        SamplesBatch(journal=ID, first=first, seq=seq, boot=ID, base=1, trusted=True, series=series)
    )


@pytest.mark.parametrize(
    ("payload", "is_opened", "is_patient"),
    [
        (batch(7, 7), True, True),
        (batch(3, 7), True, False),  # older ones of its journal have no receipt yet
        (batch(7, 7, SMALL), False, False),  # many readings are company enough, and wait as bytes
        (b"no batch", True, False),
        (b"", False, False),
    ],
)
def test_small_batches_are_opened_ahead(payload: bytes, is_opened: bool, is_patient: bool) -> None:
    arrived = Incoming(SAMPLES, payload, retained=False)
    ahead = arrived.ahead()
    assert (ahead.found is not None) is is_opened
    assert ahead.is_patient is is_patient
    assert opened(ahead) == opened(arrived)


def test_other_messages_are_opened_in_their_turn() -> None:
    said = encode(Availability(state=Presence.ONLINE, boot=ID))
    ahead = Incoming(Topic("school", "agent", Channel.AVAILABILITY), said, retained=True).ahead()
    assert ahead.found is None
    assert not ahead.is_patient


def test_the_line_to_the_broker_waits_for_nothing(tmp_path: Path) -> None:
    client = Client(CallbackAPIVersion.VERSION2)
    aim(client, MqttConfig(url="mqtt://127.0.0.1:1883"), tmp_path)
    assert client.on_socket_open is not None
    with socket.socket() as line:
        client.on_socket_open(client, None, line)
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
