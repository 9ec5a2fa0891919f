"""The kinds of devices that run alone: each registers its options, and what it obeys while it runs."""

import argparse
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Protocol

from pleintemps_contract.world import World
from pleintemps_firmware_sim.errors import ControlError

Words = Sequence[str]
Ready = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Order:
    """A line that a tester types while the device runs: ``name``, then ``least`` to ``most`` words.

    ``do`` answers in a few words, or None for "ok"; it raises ControlError, ValueError or ArgumentTypeError
    for words that mean nothing.
    """

    name: str
    usage: str
    what: str
    do: Callable[[Words], str | None]
    least: int = 0
    most: int = 0


class Alone(Protocol):
    """One device, ready to run."""

    @property
    def where(self) -> str:
        """How a program reaches it, in a line for a person."""

    @property
    def orders(self) -> Sequence[Order]:
        """What it obeys."""

    async def run(self, ready: Ready) -> None:
        """Live until cancelled, or until nobody can listen any more. ``ready`` is called when programs can
        reach it.
        """

    def poke(self) -> None:
        """An order has changed something."""


Options = Callable[[argparse.ArgumentParser], None]
Make = Callable[[argparse.Namespace, World], Alone]


@dataclass(frozen=True, slots=True)
class Kind:
    """A registration. ``options`` adds those of this kind, ``make`` gets them all."""

    name: str
    summary: str
    options: Options
    make: Make


_KINDS: Final[dict[str, Kind]] = {}


def kind(name: str, summary: str, options: Options) -> Callable[[Make], Make]:
    """Register what it decorates as the maker of ``name``; a name that is taken fails at import."""

    def register(make: Make) -> Make:
        if name in _KINDS:
            raise ValueError(f"device {name!r} is there already")
        _KINDS[name] = Kind(name, summary, options, make)
        return make

    return register


@cache
def _import_all() -> None:
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__, f"{__package__}."):
        importlib.import_module(module.name)


def kinds() -> Mapping[str, Kind]:
    """All kinds by name; imports every module of this package at the first call."""
    _import_all()
    return dict(sorted(_KINDS.items()))


def carry_out(alone: Alone, text: str) -> str:
    """Do what the line ``text`` says; raises ControlError with what is wrong with it."""
    name, *words = text.split() or [""]
    by_name = {order.name: order for order in alone.orders}
    if name == "help":
        return "\n".join(f"{order.name} {order.usage}".strip() + f": {order.what}" for order in alone.orders)
    if name not in by_name:
        raise ControlError(f"no order {name!r}: there are {', '.join(by_name)}")
    order = by_name[name]
    if not order.least <= len(words) <= order.most:
        raise ControlError(f"say: {order.name} {order.usage}".rstrip())
    try:
        answer = order.do(words)
    except (ValueError, argparse.ArgumentTypeError) as error:
        raise ControlError(f"{name}: {error}") from error
    alone.poke()
    return "ok" if answer is None else answer
