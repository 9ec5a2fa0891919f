"""Presence radar LD2410, alone."""

import argparse

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.ld2410 import FIRMWARE, Ld2410, Scene, Target

from . import values
from .hilink import line_orders, version
from .registry import Order, Words, kind
from .serial_rim import SerialAlone, add_serial

_distance = values.whole(0, 1_000)
_moves = values.word({"moving": True, "still": False})
_MOST = 8


def _options(parser: argparse.ArgumentParser) -> None:
    add_serial(parser)
    parser.add_argument("--distance", type=_distance, metavar="CM", help="somebody is this far away")
    parser.add_argument("--moving", action="store_true", help="and moves (else keeps still)")
    parser.add_argument("--light", type=values.whole(0, 255), default=0, metavar="N", help="0 to 255 (0)")
    parser.add_argument(
        "--firmware",
        type=version,
        default=FIRMWARE,
        metavar="VERSION",
        help="1.07.22091516; from 2.04 on it knows light control, from 2.44 on noise calibration",
    )


@kind("ld2410", "presence radar HLK-LD2410 on a serial line, 256000 baud", _options)
def make(options: argparse.Namespace, world: World) -> SerialAlone:
    """The radar with whom it sees."""
    radar = Ld2410(world.monotonic(), options.firmware)
    targets = () if options.distance is None else (Target(options.distance, options.moving),)
    scene = Scene(targets, options.light)
    radar.see(scene)

    def see(words: Words) -> str:
        nonlocal scene
        if len(words) % 2:
            raise ValueError("each distance with moving or still")
        pairs = zip(words[::2], words[1::2], strict=True)
        scene = Scene(tuple(Target(_distance(far), _moves(how)) for far, how in pairs), scene.light)
        radar.see(scene)
        return f"{len(scene.targets)} in view"

    def leave(_: Words) -> str:
        return see(())

    def light(words: Words) -> None:
        nonlocal scene
        scene = Scene(scene.targets, values.whole(0, 255)(words[0]))
        radar.see(scene)

    def restart(_: Words) -> None:
        radar.restart(world.monotonic())

    orders = (
        Order("see", "CM moving|still ...", "who is in view, each with a distance", see, 2, 2 * _MOST),
        Order("leave", "", "nobody is in view", leave),
        Order("light", "N", "light at the sensor, 0 to 255", light, 1, 1),
        Order("restart", "", "take its supply for a moment", restart),
        *line_orders(radar.line),
    )
    return SerialAlone(radar, options.link, world, lambda: radar.line.baud, orders)
