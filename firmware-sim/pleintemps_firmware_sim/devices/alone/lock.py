"""Strike, magnet or motor lock in a door, alone."""

import argparse

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.door import CLOSER_MS
from pleintemps_firmware_sim.devices.lock import MECHANISMS, Doorway

from . import values
from .pins_rim import PinsAlone, add_pins, wiring
from .registry import Order, Words, kind

_LINES = ("drive", "sense", "reed")


def _options(parser: argparse.ArgumentParser) -> None:
    add_pins(
        parser,
        drive=(27, "a program drives it, high is current"),
        sense=(5, "bolt contact, low while it holds the shut door"),
        reed=(22, "door contact, low while shut"),
    )
    kinds = "; ".join(f"{name}: {one.what}" for name, one in MECHANISMS.items())
    parser.add_argument("--mechanism", choices=tuple(MECHANISMS), default="strike", help=kinds)
    parser.add_argument(
        "--closer",
        type=values.whole(100, 600_000),
        default=CLOSER_MS,
        metavar="MS",
        help="shuts after (3000)",
    )


@kind("lock", "strike, magnet or motor lock in a door on pins, with bolt contact and reed", _options)
def make(options: argparse.Namespace, world: World) -> PinsAlone:
    """The lock and its door, with somebody at it."""
    doorway = Doorway(MECHANISMS[options.mechanism], closer_ms=options.closer)

    def push(_: Words) -> str:
        return doorway.push(world.monotonic()).value

    def leave(_: Words) -> str:
        return doorway.leave(world.monotonic()).value

    def force(_: Words) -> str:
        return doorway.force(world.monotonic()).value

    def hold(words: Words) -> None:
        doorway.hold(values.on_off(words[0]), world.monotonic())

    def jam(words: Words) -> str:
        doorway.jam(not words or values.on_off(words[0]), world.monotonic())
        return f"bolt {doorway.lock.bolt.value}"

    def cut(words: Words) -> None:
        doorway.sense.wire(1 if values.on_off(words[0]) else None, world.monotonic())

    orders = (
        Order("push", "", "try the door: opened, held or already-open", push),
        Order("leave", "", "go out by the inside handle", leave),
        Order("force", "", "break it open", force),
        Order("wedge", "on|off", "keep the open door from shutting", hold, 1, 1),
        Order("jam", "[on|off]", "the bolt does not move any more", jam, 0, 1),
        Order("cut", "on|off", "the wire of the bolt contact", cut, 1, 1),
    )
    return PinsAlone(doorway, options, world, wiring(options, *_LINES), orders)
