"""What a tester can do to the running building, as one table: commands, console and page are made from it.

Faults come from the catalogue; those that everybody needs have short words besides.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from msgspec import Struct

from pleintemps_firmware_sim.errors import ControlError
from pleintemps_firmware_sim.scenario.faults import FAULTS, FaultKind
from pleintemps_firmware_sim.scenario.plan import Plan

Value = str | float
Goal = Literal["building", "agent", "door", "space", "device", "sensor", "serial"]
"""What an act is done to; the names of faults' targets, and spaces."""

BUILDING: Final = "building"
_ON_A_LINE: Final = ("radar", "meter")
_SENSES: Final = ("pir", "reed", "handle", "radar", "meter", "fire")
_LONGEST: Final = 64


class Text(Struct, frozen=True, kw_only=True, tag="text"):
    """A field with words in it; ``default`` None: it has to be given."""

    says: str
    default: str | None = None


class Number(Struct, frozen=True, kw_only=True, tag="number"):
    """A field with a number from ``low`` to ``high``, both allowed."""

    says: str
    default: float
    low: float
    high: float


Field = Text | Number


@dataclass(frozen=True, slots=True)
class ActRow:
    """``key`` is its key in the console. ``fault``: it begins that fault, or ``mends`` it."""

    goal: Goal
    says: str
    takes: Mapping[str, Field]
    key: str = ""
    fault: FaultKind | None = None
    mends: bool = False


_WHO: Final = Text(says="name of the visitor", default="visitor")

_BY_HAND: Final[Mapping[str, ActRow]] = {
    "press": ActRow("door", "press keys at the keypad", {"keys": Text(says="0-9, * and #")}, "p"),
    "card": ActRow("door", "show a card", {"number": Text(says="decimal number of the card")}, "c"),
    "push": ActRow("door", "try the handle from outside", {}, "u"),
    "leave": ActRow("door", "go out by the inside handle", {}, "l"),
    "force": ActRow("door", "break it open", {}, "f"),
    "enter": ActRow("space", "somebody is in it from now on", {"who": _WHO}, "i"),
    "exit": ActRow("space", "a visitor is gone", {"who": _WHO}, "o"),
    "noise": ActRow(
        "space",
        "make noise at the meter",
        {
            "db": Number(says="dB", default=95, low=0, high=140),
            "seconds": Number(says="seconds", default=12, low=0.1, high=600),
        },
        "n",
    ),
    "quiet": ActRow("space", "end the noise", {}, "q"),
    "fire": ActRow("agent", "the fire panel's contact opens", {}, "f"),
    "fire-over": ActRow("agent", "the fire panel is reset", {}, "r"),
}

_WORDS: Final[Mapping[FaultKind, tuple[str, str, str, str]]] = {
    FaultKind.PROP: ("prop", "unprop", "w", "t"),
    FaultKind.JAM: ("jam", "free", "j", "e"),
    FaultKind.DROPOUT: ("unplug", "plug", "x", "g"),
    FaultKind.NOISE: ("false-pulses", "mend-false-pulses", "", ""),
    FaultKind.STUCK: ("stick", "loosen", "s", "z"),
    FaultKind.POWER_CUT: ("cut", "power", "x", "g"),
    FaultKind.NETWORK_LOSS: ("pull", "join", "n", "m"),
    FaultKind.BROKER_LOSS: ("broker-down", "broker-up", "x", "g"),
}
"""Faults with words of their own: to begin, to mend, and their keys."""

_LEFT_TO_SCENARIOS: Final = frozenset({FaultKind.TAILGATE, FaultKind.GUESSING})
"""A tester does these by hand, with keys and with people who enter."""


def _fault_rows() -> Iterator[tuple[str, ActRow]]:
    for kind, row in FAULTS.items():
        if kind in _LEFT_TO_SCENARIOS:
            continue
        begin, mend, *keys = _WORDS.get(kind, (kind.value, f"mend-{kind.value}", "", ""))
        takes = {
            name: Number(says=one.unit, default=one.default, low=one.low, high=one.high)
            for name, one in row.takes.items()
        }
        yield begin, ActRow(row.target, row.says, takes, keys[0], fault=kind)
        if row.lasts:
            yield mend, ActRow(row.target, f"no {kind.value} any more", {}, keys[1], fault=kind, mends=True)


ACTS: Final[Mapping[str, ActRow]] = {**_BY_HAND, **dict(_fault_rows())}
"""By the word that orders it."""


class Order(Struct, frozen=True, kw_only=True, tag="order"):
    """One act at one target; ``values`` by the names of its fields."""

    act: str
    target: str
    values: dict[str, Value] = {}


def names(plan: Plan, goal: Goal) -> list[str]:
    """Everything in the building that an act with this goal can be done to."""
    devices = plan.devices()
    match goal:
        case "building":
            return [BUILDING]
        case "agent":
            return plan.agents
        case "door":
            return [door.door for door in plan.doors]
        case "space":
            return [room.space for room in plan.rooms]
        case "serial":
            return [name for name, (part, _) in devices.items() if part in _ON_A_LINE]
        case "sensor":
            return [name for name, (part, _) in devices.items() if part in _SENSES]
    return list(devices)


def check(plan: Plan, order: Order) -> tuple[ActRow, dict[str, Value]]:
    """The order's row and all its values, defaults too; raises ControlError with what is wrong."""
    row = ACTS.get(order.act)
    if row is None:
        raise ControlError(f"no act {order.act!r}")
    known = names(plan, row.goal)
    if order.target not in known:
        what = "serial device" if row.goal == "serial" else row.goal
        raise ControlError(f"no {what} {order.target!r}: there are {', '.join(known)}")
    if unknown := order.values.keys() - row.takes.keys():
        raise ControlError(f"{order.act} takes no {', '.join(sorted(unknown))}")
    return row, {name: _value(name, each, order.values.get(name)) for name, each in row.takes.items()}


def _value(name: str, field: Field, given: Value | None) -> Value:
    if isinstance(field, Text):
        text = str(given if given is not None else field.default or "").strip()
        if not text or len(text) > _LONGEST:
            raise ControlError(f"{name}: {field.says}, 1 to {_LONGEST} letters")
        return text
    if given is None or given == "":
        return field.default
    try:
        number = float(given)
    except ValueError:
        raise ControlError(f"{name}: {given!r} is no number") from None
    if not field.low <= number <= field.high:
        raise ControlError(f"{name}: {field.low:g} to {field.high:g} {field.says}")
    return number
