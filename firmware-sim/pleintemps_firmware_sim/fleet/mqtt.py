"""Just enough MQTT 3.1.1 for many agents at almost no cost: packets to bytes and back, no socket.

A client library takes longer to publish a message than a good gateway to store it; a load must not be the
bottleneck of what it measures.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from pleintemps_firmware_sim.errors import BrokerError

CONNACK: Final = 0x20
PUBLISH: Final = 0x30
PUBACK: Final = 0x40
SUBACK: Final = 0x90
PING: Final = b"\xc0\x00"
DISCONNECT: Final = b"\xe0\x00"
_MOST: Final = 1 << 20
"""Bytes of one packet; none of ours comes near."""


def _length(count: int) -> bytes:
    encoded = bytearray()
    while True:
        count, seven = count >> 7, count & 0x7F
        encoded.append(seven | (0x80 if count else 0))
        if not count:
            return bytes(encoded)


def _text(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2, "big") + data


def _packet(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + _length(len(body)) + body


class Will(NamedTuple):
    """What the broker says, retained and at QoS 1, when the line breaks."""

    topic: str
    payload: bytes


def connect(client: str, keepalive_s: int, will: Will | None = None) -> bytes:
    """CONNECT with a clean session."""
    flags, rest = 0x02, b""
    if will is not None:
        flags |= 0x2C
        rest = _text(will.topic) + len(will.payload).to_bytes(2, "big") + will.payload
    head = _text("MQTT") + bytes((4, flags)) + keepalive_s.to_bytes(2, "big")
    return _packet(0x10, head + _text(client) + rest)


def subscribe(identifier: int, filters: Iterable[str]) -> bytes:
    """SUBSCRIBE at QoS 1."""
    return _packet(0x82, identifier.to_bytes(2, "big") + b"".join(_text(one) + b"\x01" for one in filters))


def head(topic: str) -> bytes:
    """A topic as PUBLISH carries it, for :func:`publish`."""
    return _text(topic)


def publish(head: bytes, identifier: int, payload: bytes, *, retain: bool = False) -> bytes:
    """PUBLISH at QoS 1."""
    length = _length(len(head) + 2 + len(payload))
    return b"".join((b"\x33" if retain else b"\x32", length, head, identifier.to_bytes(2, "big"), payload))


class Message(NamedTuple):
    """What came in; ``identifier`` 0 is QoS 0, any other wants a :func:`puback`."""

    topic: str
    payload: bytes
    retained: bool
    identifier: int


class Packet(NamedTuple):
    """Another packet: its kind, its packet identifier, and for CONNACK the return code in its place."""

    kind: int
    value: int


def puback(identifier: int) -> bytes:
    return b"\x40\x02" + identifier.to_bytes(2, "big")


class Reader:
    """Bytes of one connection in, whole packets out; raises BrokerError for what is no MQTT."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message | Packet]:
        buffer, place = self._buffer, 0
        buffer += data
        try:
            while (found := self._one(place)) is not None:
                packet, place = found
                yield packet
        finally:
            del buffer[:place]

    def _one(self, place: int) -> tuple[Message | Packet, int] | None:
        buffer = self._buffer
        count, shift, at = 0, 0, place + 1
        while True:
            if at >= len(buffer):
                return None
            byte = buffer[at]
            count |= (byte & 0x7F) << shift
            shift += 7
            at += 1
            if byte < 0x80:
                break
        if count > _MOST or shift > 28:
            raise BrokerError("the broker sends what is no MQTT packet of ours")
        end = at + count
        if len(buffer) < end:
            return None
        kind = buffer[place]
        if kind & 0xF0 == PUBLISH:
            return _message(kind, bytes(buffer[at:end])), end
        low = int.from_bytes(buffer[at : at + 2], "big") if count >= 2 else 0
        return Packet(kind & 0xF0, low & 0xFF if kind == CONNACK else low), end


def _message(kind: int, body: bytes) -> Message:
    size = int.from_bytes(body[:2], "big") + 2
    try:
        topic = body[2:size].decode()
    except UnicodeDecodeError as error:
        raise BrokerError("the broker sends a topic that is no text") from error
    if not kind & 0x06:
        return Message(topic, body[size:], bool(kind & 1), 0)
    return Message(topic, body[size + 2 :], bool(kind & 1), int.from_bytes(body[size : size + 2], "big"))
