"""Wiegand keypad and card reader, alone."""

import argparse
from typing import Literal

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.wiegand import (
    INTERVAL_NS,
    KEY_MS,
    PULSE_NS,
    CardBits,
    KeyBits,
    WiegandReader,
)

from . import values
from .pins_rim import PinsAlone, add_pins, wiring
from .registry import Order, Words, kind

_keys = values.word({"4": 4, "8": 8, "buffered": "buffered"})
_cards = values.word({"26": 26, "34": 34, "37": 37})


def _options(parser: argparse.ArgumentParser) -> None:
    add_pins(parser, d0=(23, "data line 0"), d1=(24, "data line 1"))
    parser.add_argument(
        "--keys",
        choices=("4", "8", "buffered"),
        default="4",
        help="bits of a key, or a whole code as a 26 bit card (4)",
    )
    parser.add_argument(
        "--facility", type=values.whole(0, 255), default=0, metavar="N", help="of buffered codes (0)"
    )
    parser.add_argument("--swap", action="store_true", help="* and # are swapped, as some makers do")
    parser.add_argument(
        "--pulse", type=values.whole(20, 200), default=PULSE_NS // 1_000, metavar="US", help="width (100)"
    )
    parser.add_argument(
        "--interval",
        type=values.whole(300, 20_000),
        default=INTERVAL_NS // 1_000,
        metavar="US",
        help="from pulse to pulse (1000)",
    )
    parser.add_argument(
        "--key-ms", type=values.whole(20, 10_000), default=KEY_MS, metavar="MS", help="from key to key (150)"
    )


@kind("wiegand", "Wiegand keypad and card reader on two pins", _options)
def make(options: argparse.Namespace, world: World) -> PinsAlone:
    """The reader, with fingers and cards."""
    keys: KeyBits | Literal["buffered"] = _keys(options.keys)  # type: ignore[assignment]
    reader = WiegandReader(
        keys,
        facility=options.facility,
        swapped=options.swap,
        pulse_ns=options.pulse * 1_000,
        interval_ns=options.interval * 1_000,
        key_ms=options.key_ms,
    )

    def press(words: Words) -> None:
        reader.press(words[0], world.monotonic())

    def card(words: Words) -> None:
        bits: CardBits = _cards(words[0])  # type: ignore[assignment]
        facility, number = (values.whole(0, 2**19)(word) for word in words[1:])
        reader.card(bits, facility, number, world.monotonic())

    def bits(words: Words) -> None:
        if not set(words[0]) <= {"0", "1"} or len(words[0]) > 128:
            raise ValueError("up to 128 times 0 or 1")
        reader.frame(words[0], world.monotonic())

    orders = (
        Order("press", "KEYS", "type keys: 0-9 * #", press, 1, 1),
        Order("card", "26|34|37 FACILITY NUMBER", "hold a card before it", card, 3, 3),
        Order("bits", "BITS", "send a frame of these 0s and 1s, whatever they are", bits, 1, 1),
    )
    return PinsAlone(reader, options, world, wiring(options, "d0", "d1"), orders)
