"""Tracking radar LD2450, alone."""

import argparse

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.ld2450 import FIRMWARE, PLACES, Ld2450, Target

from . import values
from .hilink import line_orders, version
from .registry import Order, Words, kind
from .serial_rim import SerialAlone, add_serial

_millimetres = values.whole(-10_000, 10_000)
_speed = values.whole(-1_000, 1_000)


def _options(parser: argparse.ArgumentParser) -> None:
    add_serial(parser)
    parser.add_argument(
        "--see",
        nargs=3,
        action="append",
        default=[],
        metavar=("X", "Y", "SPEED"),
        help=f"somebody X mm to the side, Y mm ahead, at SPEED cm/s (0 is still); up to {PLACES} times",
    )
    parser.add_argument("--firmware", type=version, default=FIRMWARE, metavar="VERSION", help="1.02.22062416")


def _targets(words: Words) -> tuple[Target, ...]:
    if len(words) % 3:
        raise ValueError("each target with X, Y and SPEED")
    return tuple(
        Target(_millimetres(x), _millimetres(y), _speed(speed))
        for x, y, speed in zip(words[::3], words[1::3], words[2::3], strict=True)
    )


@kind("ld2450", "tracking radar HLK-LD2450 on a serial line, 256000 baud, three targets", _options)
def make(options: argparse.Namespace, world: World) -> SerialAlone:
    """The radar with whom it sees."""
    radar = Ld2450(world.monotonic(), options.firmware)
    try:
        seen = _targets([word for words in options.see for word in words])
    except argparse.ArgumentTypeError as error:
        raise ValueError(f"--see: {error}") from error
    radar.see(seen, world.monotonic())

    def see(words: Words) -> str:
        radar.see(_targets(words), world.monotonic())
        return f"{len(radar.followed(world.monotonic()))} followed"

    def leave(_: Words) -> None:
        radar.see((), world.monotonic())

    def restart(_: Words) -> None:
        radar.restart(world.monotonic())

    orders = (
        Order("see", "X Y SPEED ...", "who is in view: mm to the side and ahead, cm/s", see, 3, 3 * 8),
        Order("leave", "", "nobody is in view", leave),
        Order("restart", "", "take its supply for a moment", restart),
        *line_orders(radar.line),
    )
    return SerialAlone(radar, options.link, world, lambda: radar.line.baud, orders)
