"""MQTT 3.1.1 packets cut from what arrives on a line, many at once. Pure."""

from typing import Final, NamedTuple

from pleintemps_gateway.errors import MalformedPacketError

_LONGEST: Final = 21
"""Bits before the last byte of a remaining length (MQTT 3.1.1, 2.2.3)."""


class Packet(NamedTuple):
    """``first`` is its first byte, type and flags; ``body`` what follows the remaining length."""

    first: int
    body: bytes


class Publication(NamedTuple):
    """``mid`` is 0 at QoS 0. The topic is as it came, perhaps no UTF-8."""

    topic: bytes
    payload: bytes
    retained: bool
    mid: int


class PacketCutter:
    """Of one connection; keeps what is not whole yet."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._missing = 0

    def cut(self, data: bytes) -> list[Packet]:
        """Packets that are whole with ``data``. Raises MalformedPacketError: the line is of no use then."""
        if len(data) < self._missing:
            self._parts.append(data)
            self._missing -= len(data)
            return []
        if self._parts:
            data = b"".join((*self._parts, data))
            self._parts.clear()
        found: list[Packet] = []
        at, end = 0, len(data)
        while at < end:
            length = shift = 0
            start = at + 1
            while start < end:
                digit = data[start]
                start += 1
                length |= (digit & 127) << shift
                if digit < 128:
                    break
                shift += 7
                if shift > _LONGEST:
                    raise MalformedPacketError("a length of more than four bytes")
            else:
                start, length = end, 1  # at least one byte of its length is missing
            stop = start + length
            if stop > end:
                self._parts.append(data[at:])
                self._missing = stop - end
                return found
            found.append(Packet(data[at], data[start:stop]))
            at = stop
        self._missing = 0
        return found


def publication(packet: Packet) -> Publication:
    """What a PUBLISH says (MQTT 3.1.1, 3.3); raises MalformedPacketError. We ask for QoS 1 at most."""
    first, body = packet
    start = 2 + int.from_bytes(body[:2], "big")
    if not first & 0x06:
        end, mid = start, 0
    elif first & 0x06 == 0x02:
        end = start + 2
        mid = int.from_bytes(body[start:end], "big")
        if mid == 0:
            raise MalformedPacketError("a message without its number")
    else:
        raise MalformedPacketError("a message at a QoS that nobody has asked for")
    if end > len(body):
        raise MalformedPacketError("a message that is cut short")
    return Publication(body[2:start], body[end:], bool(first & 1), mid)
