"""Reader of QR codes and NFC tags on a serial line, alone."""

import argparse
from collections import deque

from pleintemps_contract.world import World

from . import values
from .registry import Order, Words, kind
from .serial_rim import SerialAlone, add_serial

_ENDS = {"crlf": b"\r\n", "cr": b"\r", "lf": b"\n", "none": b""}
_LONGEST = 4_096


class _Scanner:
    """Says what it has read; what it is told does nothing."""

    def __init__(self) -> None:
        self.said: deque[bytes] = deque()

    def receive(self, data: bytes, now: int) -> None:
        """It listens to nobody."""

    def transmit(self, now: int) -> bytes:
        return self.said.popleft() if self.said else b""

    def due(self) -> int | None:
        return 0 if self.said else None


def _options(parser: argparse.ArgumentParser) -> None:
    add_serial(parser)
    parser.add_argument(
        "--baud", type=values.whole(1_200, 460_800), default=9_600, metavar="N", help="(9600)"
    )
    parser.add_argument("--end", choices=tuple(_ENDS), default="crlf", help="behind each text (crlf)")


@kind("token-reader", "reader of QR codes and NFC tags that sends lines of text", _options)
def make(options: argparse.Namespace, world: World) -> SerialAlone:
    """The reader, with codes held before it."""
    scanner = _Scanner()

    def present(words: Words) -> None:
        scanner.said.append(" ".join(words).encode()[:_LONGEST] + _ENDS[options.end])

    orders = (Order("present", "TEXT", "hold a code or tag with this text before it", present, 1, 200),)
    return SerialAlone(scanner, options.link, world, lambda: options.baud, orders)
