"""A check, what it finds, and the page of all of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

import msgspec

Place = TypeVar("Place")


class Level(StrEnum):
    """``warn`` wants somebody within days, ``fail`` now."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line: what was ``measured``, and what ``todo`` about it unless all is well."""

    check: str
    level: Level
    measured: str
    todo: str = ""


@dataclass(frozen=True)
class Check(Generic[Place]):
    """``read`` looks at the place and may fail with an error of the table's ``faults``; ``judge`` is pure."""

    name: str
    read: Callable[[Place], Any]
    judge: Callable[[Any], Iterable[Finding]]


_ORDER: Final = tuple(Level)


def examine(
    checks: Sequence[Check[Place]], place: Place, faults: tuple[type[Exception], ...]
) -> Iterator[Finding]:
    """What every check finds. One that cannot look says why and harms no other."""
    for check in checks:
        try:
            facts = check.read(place)
        except faults as error:
            why = " ".join(str(error).split()) or type(error).__name__
            yield Finding(check=check.name, level=Level.WARN, measured=f"could not look: {why}")
            continue
        yield from check.judge(facts)


def worst(findings: Iterable[Finding]) -> Level:
    """The gravest level; ``ok`` of nothing."""
    return max((finding.level for finding in findings), key=_ORDER.index, default=Level.OK)


def exit_code(findings: Iterable[Finding]) -> int:
    """0 all well, 1 something to look at, 2 something is broken."""
    return _ORDER.index(worst(findings))


def page(findings: Iterable[Finding]) -> str:
    """One line for each finding, what to do below it."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.level:<4}  {finding.check:<13} {finding.measured}")
        if finding.todo:
            lines.append(f"{'':<20}-> {finding.todo}")
    return "\n".join(lines)


def ok(check: str, measured: str) -> Finding:
    return Finding(check=check, level=Level.OK, measured=measured)


def warn(check: str, measured: str, todo: str) -> Finding:
    return Finding(check=check, level=Level.WARN, measured=measured, todo=todo)


def fail(check: str, measured: str, todo: str) -> Finding:
    return Finding(check=check, level=Level.FAIL, measured=measured, todo=todo)


def days(milliseconds: int) -> str:
    """A span in words, to the day or the hour."""
    hours = abs(milliseconds) // 3_600_000
    return f"{hours // 24} days" if hours >= 48 else f"{hours} h"


def megabytes(size: float) -> str:
    """A number of bytes in MB or GB."""
    return f"{size / 1e9:.1f} GB" if abs(size) >= 1e9 else f"{size / 1e6:.1f} MB"
