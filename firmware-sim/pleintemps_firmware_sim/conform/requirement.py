"""Requirements, to whom each applies, and what came of them."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from msgspec import Struct

from .bench import Bench
from .setup import Door, Setup


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a requirement is about: a door, a device or the whole agent; ``reason``: why it cannot apply."""

    name: str
    door: Door | None = None
    reason: str = ""

    @property
    def at(self) -> Door:
        """Its door, of a requirement about doors."""
        assert self.door is not None
        return self.door


Subjects = Callable[[Setup], list[Subject]]
DoorCondition = Callable[[Setup, Door], str]
"""Empty, or why a requirement does not apply to a door."""
Check = Callable[[Bench, Subject], Awaitable[None]]
Rule = Callable[[Setup, Subject], str]
"""Reads the configuration alone; empty, or what is wrong."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """``source`` is where it is from: a chapter of the reference, or a norm. Either ``check`` plays it at the
    bench, or ``rule`` reads it from the file.
    """

    id: str
    text: str
    source: str
    subjects: Subjects
    check: Check | None = None
    rule: Rule | None = None
    hears: bool = False
    """Its agent has its microphones: their samples take more time than anything else at the bench."""


class Result(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    NOT_APPLICABLE = "not-applicable"


class Outcome(Struct, frozen=True, kw_only=True):
    """One requirement at one subject; ``why`` it failed or does not apply."""

    requirement: str
    subject: str
    result: Result
    why: str = ""


_TABLE: Final[dict[str, Requirement]] = {}


def played(
    name: str, text: str, source: str, subjects: Subjects, *, hears: bool = False
) -> Callable[[Check], Check]:
    """Register a check at the bench."""

    def register(check: Check) -> Check:
        _add(Requirement(name, text, source, subjects, check=check, hears=hears))
        return check

    return register


def read(name: str, text: str, source: str, subjects: Subjects) -> Callable[[Rule], Rule]:
    """Register a rule about the file."""

    def register(rule: Rule) -> Rule:
        _add(Requirement(name, text, source, subjects, rule=rule))
        return rule

    return register


def _add(requirement: Requirement) -> None:
    if requirement.id in _TABLE:
        raise ValueError(f"requirement {requirement.id} is there twice")
    _TABLE[requirement.id] = requirement


def registered() -> dict[str, Requirement]:
    """All that have been registered, by id."""
    return _TABLE


# --- to whom they apply ------------------------------------------------------------------------------------


def doors(*conditions: DoorCondition) -> Subjects:
    """Every door that meets all conditions."""

    def subjects(setup: Setup) -> list[Subject]:
        found = [
            Subject(door.door, door, next((why for each in conditions if (why := each(setup, door))), ""))
            for door in setup.doors
        ]
        return found or [Subject("agent", reason="it has no door")]

    return subjects


def devices(*drivers: str, but: Callable[[Setup, str], str] = lambda _setup, _name: "") -> Subjects:
    """Every device with one of these drivers; ``but`` says why one cannot be tested."""

    def subjects(setup: Setup) -> list[Subject]:
        found = [Subject(name, reason=but(setup, name)) for name in setup.of(*drivers)]
        return found or [Subject("agent", reason=f"it has no device of {' or '.join(drivers)}")]

    return subjects


def agent(condition: Callable[[Setup], str] = lambda _setup: "") -> Subjects:
    """The agent as a whole."""
    return lambda setup: [Subject("agent", reason=condition(setup))]


def with_keypad(setup: Setup, door: Door) -> str:
    """Somebody can type a code there, at the bench."""
    if setup.keypad(door) is not None:
        return ""
    if any(setup.driver(reader) == "osdp" for reader in door.readers):
        return "its reader speaks OSDP, whose library keeps the machine's own time"
    return "it has no keypad"


def with_contact(_setup: Setup, door: Door) -> str:
    return "" if door.contact is not None else "it has no contact"


def with_reed(setup: Setup, door: Door) -> str:
    return "" if setup.driver(door.contact) == "reed" else "it has no reed on a pin"


def with_exit(_setup: Setup, door: Door) -> str:
    return "" if door.exit is not None else "it has no exit device"


def with_fire(_setup: Setup, door: Door) -> str:
    return "" if door.fire is not None else "no contact of the fire panel is configured"


def any_keypad(setup: Setup) -> str:
    """Somebody can type a code at the first door that can be typed at."""
    return "" if first(setup) is not None else "no door has a keypad that the bench can type on"


def any_door(setup: Setup) -> str:
    return "" if setup.doors else "it has no door"


def first(setup: Setup) -> Door | None:
    """The first door with a keypad."""
    return next((door for door in setup.doors if setup.keypad(door) is not None), None)


def chosen(bench: Bench) -> Door:
    """:func:`first`, of a configuration that has one."""
    door = first(bench.setup)
    assert door is not None
    return door


def failed(outcomes: list[Outcome]) -> Iterator[Outcome]:
    return (each for each in outcomes if each.result is Result.FAIL)
