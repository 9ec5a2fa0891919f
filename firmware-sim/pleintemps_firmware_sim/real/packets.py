"""MQTT's packets in a stream of bytes (MQTT 3.1.1, 2.2: a type, a length of one to four bytes, the rest)."""

from collections.abc import Iterator
from typing import Final

_PUBLISH: Final = 3
_MAX_LENGTH_BYTES: Final = 4


class Packets:
    """One direction of one connection. What is no MQTT passes as it comes."""

    def __init__(self) -> None:
        self._held = b""
        self._opaque = False

    def take(self, data: bytes) -> Iterator[bytes]:
        """The packets that ``data`` makes whole."""
        self._held += data
        while self._held:
            end = len(self._held) if self._opaque else self._end()
            if end is None or end > len(self._held):
                return
            packet, self._held = self._held[:end], self._held[end:]
            yield packet

    def _end(self) -> int | None:
        """Where the first packet ends; None while its length is not there."""
        length = 0
        for place in range(_MAX_LENGTH_BYTES):
            if place + 1 >= len(self._held):
                return None
            byte = self._held[place + 1]
            length |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return place + 2 + length
        self._opaque = True
        return len(self._held)


def is_message(packet: bytes) -> bool:
    """Whether it carries a message (PUBLISH), rather than being about the connection."""
    return packet[0] >> 4 == _PUBLISH
