"""The fleet's MQTT: whole packets out of any pieces, and nothing else out of garbage."""

import contextlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_firmware_sim.errors import BrokerError
from pleintemps_firmware_sim.fleet import mqtt

topics = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)


@given(
    st.lists(st.tuples(topics, st.binary(max_size=300), st.integers(1, 65_535), st.booleans()), max_size=5),
    st.lists(st.integers(0, 2_000), max_size=8),
)
def test_any_pieces_make_the_same_messages(sent: list[tuple[str, bytes, int, bool]], cuts: list[int]) -> None:
    data = b"".join(
        mqtt.publish(mqtt.head(topic), identifier, payload, retain=retain)
        for topic, payload, identifier, retain in sent
    )
    data += mqtt.puback(7)
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    reader = mqtt.Reader()
    found = [packet for start, end in pairwise(places) for packet in reader.feed(data[start:end])]
    assert found == [
        *(mqtt.Message(topic, payload, retain, identifier) for topic, payload, identifier, retain in sent),
        mqtt.Packet(mqtt.PUBACK, 7),
    ]


@given(st.binary(max_size=400))
def test_garbage_is_an_error_of_ours_or_waits_for_more(data: bytes) -> None:
    with contextlib.suppress(BrokerError):
        list(mqtt.Reader().feed(data))


def test_a_packet_larger_than_any_of_ours_is_refused_by_its_head() -> None:
    with pytest.raises(BrokerError):
        list(mqtt.Reader().feed(b"\x30\xff\xff\xff\x7f"))


def test_the_bytes_of_the_standard() -> None:
    # MQTT 3.1.1, 3.1.2 and 3.8: fixed header, protocol name, level 4, flags, keep-alive, client
    assert mqtt.connect("c", 30) == b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x1e\x00\x01c"
    will = mqtt.Will("t", b"off")
    assert mqtt.connect("c", 30, will) == b"\x10\x15\x00\x04MQTT\x04\x2e\x00\x1e\x00\x01c\x00\x01t\x00\x03off"
    assert mqtt.subscribe(1, ["a/b"]) == b"\x82\x08\x00\x01\x00\x03a/b\x01"
    assert list(mqtt.Reader().feed(b"\x20\x02\x01\x05")) == [mqtt.Packet(mqtt.CONNACK, 5)]
    assert list(mqtt.Reader().feed(b"\x90\x03\x00\x09\x01")) == [mqtt.Packet(mqtt.SUBACK, 9)]
    assert list(mqtt.Reader().feed(b"\x30\x04\x00\x01tx")) == [mqtt.Message("t", b"x", False, 0)]
