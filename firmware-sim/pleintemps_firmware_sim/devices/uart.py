"""What a UART reads on a line that another one speaks at another speed: 8 data bits, no parity, 1 stop bit.

The receiver waits for a falling edge, then looks at the line in the middle of each of its own bits.
"""

from typing import Final

_BITS: Final = 10
"""Start bit, eight data bits with the least significant first, stop bit."""


def misread(data: bytes, sent: int, read: int) -> bytes:
    """``data`` sent without pauses at ``sent`` baud, as read at ``read`` baud; the same at equal speeds."""
    if sent == read:
        return data
    line = [level for byte in data for level in (0, *(byte >> place & 1 for place in range(8)), 1)]
    # in units in which the sender's bit lasts 2 * read and the receiver's 2 * sent: all are whole numbers
    width, step = 2 * read, 2 * sent
    heard = bytearray()
    at = 0
    while (start := _falls(line, at, width)) is not None:
        byte = 0
        for place in range(8):
            byte |= _level(line, start + step * (place + 1) + sent, width) << place
        heard.append(byte)
        at = start + step * (_BITS - 1) + sent
    return bytes(heard)


def _level(line: list[int], at: int, width: int) -> int:
    """Level ``at`` a moment; before and after what was sent the line rests high."""
    place = at // width
    return line[place] if place < len(line) else 1


def _falls(line: list[int], at: int, width: int) -> int | None:
    """The first falling edge not before ``at``."""
    place = -(-at // width)
    while place < len(line):
        if line[place] == 0 and (place == 0 or line[place - 1] == 1):
            return place * width
        place += 1
    return None
