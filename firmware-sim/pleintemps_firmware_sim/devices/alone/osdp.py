"""OSDP reader, alone."""

import argparse

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.osdp import OsdpReader
from pleintemps_firmware_sim.devices.wiegand import card_bits
from pleintemps_firmware_sim.errors import ControlError

from . import values
from .registry import Order, Words, kind
from .serial_rim import SerialAlone, add_serial

_BAUDS = (9_600, 19_200, 38_400, 57_600, 115_200, 230_400)
_cards = values.word({"26": 26, "34": 34, "37": 37})
_MOST_BITS = 128


def _options(parser: argparse.ArgumentParser) -> None:
    add_serial(parser)
    parser.add_argument("--address", type=values.whole(0, 126), default=0, metavar="N", help="0 to 126 (0)")
    parser.add_argument("--baud", type=int, choices=_BAUDS, default=9_600, help="(9600)")
    parser.add_argument(
        "--key", type=values.key, metavar="HEX", help="its secure channel's key; else the default one"
    )
    parser.add_argument("--clear-only", action="store_true", help="it has no secure channel")
    parser.add_argument("--denies-crc", action="store_true", help="it says that it knows no CRC")
    parser.add_argument("--bare", action="store_true", help="it has neither lamp nor sounder")
    parser.add_argument("--tampered", action="store_true", help="its housing is open")


@kind("osdp", "OSDP v2 reader with keypad, lamp, sounder and tamper switch on RS-485", _options)
def make(options: argparse.Namespace, world: World) -> SerialAlone:
    """The reader, with fingers and cards."""
    try:
        reader = OsdpReader(
            options.key,
            address=options.address,
            clear_only=options.clear_only,
            denies_crc=options.denies_crc,
            bare=options.bare,
            tamper=options.tampered,
        )
    except ImportError as error:
        raise ControlError("an OSDP reader needs the package libosdp") from error

    def press(words: Words) -> None:
        reader.press(words[0])

    def card(words: Words) -> None:
        facility, number = (values.whole(0, 2**19)(word) for word in words[1:])
        reader.card(card_bits(_cards(words[0]), facility, number))  # type: ignore[arg-type]

    def bits(words: Words) -> None:
        if not set(words[0]) <= {"0", "1"} or len(words[0]) > _MOST_BITS:
            raise ValueError(f"up to {_MOST_BITS} times 0 or 1")
        reader.card(words[0])

    def tamper(words: Words) -> None:
        reader.tamper(values.on_off(words[0]))

    def power(words: Words) -> None:
        reader.power(values.on_off(words[0]))

    def mute(words: Words) -> None:
        reader.mute(values.on_off(words[0]))

    def restart(_: Words) -> None:
        reader.restart()

    def state(_: Words) -> str:
        channel = "secure" if reader.secure else "clear"
        return f"channel {channel}, lamp {reader.lamp or reader.resting}, sounder {reader.sounder}"

    orders = (
        Order("press", "KEYS", "type keys: 0-9 * #", press, 1, 1),
        Order("card", "26|34|37 FACILITY NUMBER", "hold a card before it", card, 3, 3),
        Order("bits", "BITS", "hold a card of these 0s and 1s before it", bits, 1, 1),
        Order("tamper", "on|off", "open its housing, or close it", tamper, 1, 1),
        Order("power-fails", "on|off", "its supply fails, or is back", power, 1, 1),
        Order("mute", "on|off", "the line is cut", mute, 1, 1),
        Order("restart", "", "take its supply for a moment; the key stays", restart),
        Order("state", "", "its channel, and what was ordered of lamp and sounder", state),
    )
    return SerialAlone(reader, options.link, world, lambda: options.baud, orders)
