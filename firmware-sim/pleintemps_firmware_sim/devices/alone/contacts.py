"""Contacts alone: reed of a door, exit button, fire panel's relay."""

import argparse
from collections.abc import Callable

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.contact import MOST_HERTZ, Contact

from . import values
from .pins_rim import PinsAlone, add_pins, wiring
from .registry import Options, Order, Words, kind

_milliseconds = values.whole(1, 600_000)


def _add(default: int, what: str) -> Options:
    def options(parser: argparse.ArgumentParser) -> None:
        add_pins(parser, contact=(default, what))
        parser.add_argument("--clean", action="store_true", help="it does not bounce")

    return options


def _alone(
    options: argparse.Namespace, world: World, words: Callable[[Contact], tuple[Order, ...]]
) -> PinsAlone:
    contact = Contact(closed=options.closed, bounce=not options.clean)

    def flap(given: Words) -> None:
        hertz, milliseconds = values.whole(1, MOST_HERTZ)(given[0]), _milliseconds(given[1])
        contact.flap(world.monotonic(), hertz, milliseconds)

    def wire(level: int | None) -> Callable[[Words], None]:
        return lambda _: contact.wire(level, world.monotonic())

    orders = (
        *words(contact),
        Order("flap", "HZ MS", "close and open so often, for so long", flap, 2, 2),
        Order("cut", "", "cut its wire: it reads open", wire(1)),
        Order("short", "", "short its wire: it reads closed", wire(0)),
        Order("mend", "", "mend its wire", wire(None)),
    )
    return PinsAlone(contact, options, world, wiring(options, "contact"), orders)


def _move(contact: Contact, world: World, closed: bool) -> Callable[[Words], None]:
    return lambda _: contact.move(closed, world.monotonic())


@kind("reed", "reed contact of a door on a pin: low while shut, bounces", _add(22, "to ground while shut"))
def reed(options: argparse.Namespace, world: World) -> PinsAlone:
    """A door's contact; the door is shut at first."""
    options.closed = True
    return _alone(
        options,
        world,
        lambda contact: (
            Order("open", "", "the door opens", _move(contact, world, False)),
            Order("shut", "", "the door falls shut", _move(contact, world, True)),
        ),
    )


@kind("rex", "exit button on a pin: low while pressed, bounces", _add(25, "to ground while pressed"))
def rex(options: argparse.Namespace, world: World) -> PinsAlone:
    """An exit button, or the contact of an inside handle."""
    options.closed = False

    def orders(contact: Contact) -> tuple[Order, ...]:
        def press(words: Words) -> None:
            contact.pulse(True, world.monotonic(), _milliseconds(words[0]) if words else 500)

        return (
            Order("press", "[MS]", "press and let go, after 500 ms", press, 0, 1),
            Order("hold", "", "press and stay", _move(contact, world, True)),
            Order("release", "", "let go", _move(contact, world, False)),
        )

    return _alone(options, world, orders)


@kind("fire", "fire panel's contact on a pin: low at rest, open in alarm", _add(12, "to ground at rest"))
def fire(options: argparse.Namespace, world: World) -> PinsAlone:
    """The second contact of the panel's relay, which rests closed."""
    options.closed = True
    return _alone(
        options,
        world,
        lambda contact: (
            Order("alarm", "", "the panel goes into alarm", _move(contact, world, False)),
            Order("reset", "", "the panel is reset", _move(contact, world, True)),
        ),
    )
