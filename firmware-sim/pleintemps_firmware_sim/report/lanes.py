"""A run's facts as lanes of a timeline: what lasted from when to when. Pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct

from pleintemps_firmware_sim.scenario.facts import Fact, FactKind, RunResult, Scalar


class Bar(Struct, frozen=True):
    """From ``begin`` to ``end`` (Unix ms), in one of the page's colours."""

    begin: int
    end: int
    text: str
    colour: str


class Lane(Struct, frozen=True):
    """``bars``, or a curve of ``points`` (Unix ms, value), or both."""

    title: str
    bars: tuple[Bar, ...] = ()
    points: tuple[tuple[int, float], ...] = ()


# value of what lasts: its colour; what is not here is at rest and not drawn
_COLOURS: Final[dict[FactKind, dict[str, str]]] = {
    FactKind.STATE: {"occupied": "there", "unknown": "unsure"},
    FactKind.MODE: {
        "Accessed": "open",
        "Unlocked": "open",
        "LockedOpen": "open",
        "Blocked": "held",
        "LockedDown": "held",
    },
    FactKind.LOCK: {"released": "open"},
    FactKind.LEAF: {"open": "open"},
    FactKind.LIGHT: {"on": "loud"},
    FactKind.AGENT: {"offline": "wrong"},
    FactKind.ALARM: {"DoorForcedOpen": "wrong", "DoorOpenTooLong": "wrong"},
}
_TITLES: Final[dict[FactKind, str]] = {
    FactKind.STATE: "believed",
    FactKind.MODE: "mode",
    FactKind.LOCK: "lock",
    FactKind.LEAF: "leaf",
    FactKind.LIGHT: "warning light",
    FactKind.AGENT: "agent",
    FactKind.ALARM: "alarm",
}
_MOMENT_MS: Final = 1


def lanes(result: RunResult) -> list[Lane]:
    """Bookings, spaces (people, belief, level, light), doors (mode, lock, leaf, alarm, codes), agents,
    faults, alerts, what was not met; left out is what nothing was told of.
    """
    facts = result.facts
    found = [_bookings(result), *_spaces(result), *_doors(result)]
    for agent in _places(facts, FactKind.AGENT):
        found.append(_lasting(result, FactKind.AGENT, agent))
    found += [_faults(result), _alerts(result), _expectations(result)]
    return [lane for lane in found if lane.bars or lane.points]


def _spaces(result: RunResult) -> list[Lane]:
    found = []
    spaces = _places(result.facts, FactKind.PEOPLE, FactKind.STATE, FactKind.LEVEL, FactKind.LIGHT)
    for space in spaces:
        people = _of(result.facts, FactKind.PEOPLE, space)
        found.append(Lane(f"{space}: people", _bars(result, people, _people)))
        found.append(_lasting(result, FactKind.STATE, space))
        levels = [
            (fact.at, float(fact.value))
            for fact in _of(result.facts, FactKind.LEVEL, space)
            if isinstance(fact.value, int | float)
        ]
        found.append(Lane(f"{space}: level, dB", (), tuple(levels)))
        found.append(_lasting(result, FactKind.LIGHT, space))
    return found


def _doors(result: RunResult) -> list[Lane]:
    found = []
    for door in _places(result.facts, FactKind.MODE, FactKind.LOCK, FactKind.LEAF, FactKind.CODE):
        for kind in (FactKind.MODE, FactKind.LOCK, FactKind.LEAF, FactKind.ALARM):
            found.append(_lasting(result, kind, door))
        codes = [
            Bar(
                fact.at,
                fact.at + _MOMENT_MS,
                str(fact.value),
                "open" if fact.value == "accepted" else "wrong",
            )
            for fact in _of(result.facts, FactKind.CODE, door)
        ]
        found.append(Lane(f"{door}: codes", tuple(codes)))
    return found


def _lasting(result: RunResult, kind: FactKind, where: str) -> Lane:
    colours = _COLOURS[kind]

    def look(value: Scalar) -> tuple[str, str] | None:
        colour = colours.get(str(value))
        return (str(value), colour) if colour is not None else None

    return Lane(f"{where}: {_TITLES[kind]}", _bars(result, _of(result.facts, kind, where), look))


def _people(value: Scalar) -> tuple[str, str] | None:
    return (str(value), "there") if value else None


def _bars(
    result: RunResult, facts: Sequence[Fact], look: Callable[[Scalar], tuple[str, str] | None]
) -> tuple[Bar, ...]:
    bars = []
    for place, fact in enumerate(facts):
        until = facts[place + 1].at if place + 1 < len(facts) else result.end
        if (found := look(fact.value)) is not None:
            bars.append(Bar(fact.at, max(until, fact.at + _MOMENT_MS), *found))
    return tuple(bars)


def _bookings(result: RunResult) -> Lane:
    last: dict[Scalar, Fact] = {}
    for fact in result.facts:
        if fact.kind is FactKind.BOOKING and fact.value in ("added", "moved", "cancelled"):
            last[fact.detail.get("uid")] = fact
    bars = []
    for fact in last.values():
        start, end = fact.detail.get("start"), fact.detail.get("end")
        if isinstance(start, int) and isinstance(end, int) and fact.value != "cancelled":
            bars.append(Bar(start, end, f"{fact.name} ({fact.where})", "booked"))
    return Lane("bookings", tuple(bars))


def _faults(result: RunResult) -> Lane:
    begun: dict[tuple[str, str], int] = {}
    bars = []
    for fact in result.facts:
        if fact.kind is FactKind.FAULT:
            key = (fact.name, fact.where)
            if fact.value == "begins":
                begun.setdefault(key, fact.at)
            elif key in begun:
                bars.append(Bar(begun.pop(key), fact.at, _named(*key), "wrong"))
    bars += [Bar(at, at + _MOMENT_MS, _named(*key), "wrong") for key, at in begun.items()]
    return Lane("faults", tuple(sorted(bars, key=lambda bar: bar.begin)))


def _alerts(result: RunResult) -> Lane:
    begun: dict[tuple[str, str], int] = {}
    bars = []
    for fact in result.facts:
        if fact.kind is FactKind.ALERT:
            key = (fact.name, fact.where)
            if fact.value == "opened":
                begun.setdefault(key, fact.at)
            elif key in begun:
                bars.append(Bar(begun.pop(key), fact.at, _named(*key), "loud"))
    bars += [Bar(at, result.end, _named(*key), "loud") for key, at in begun.items()]
    return Lane("alerts", tuple(sorted(bars, key=lambda bar: bar.begin)))


def _expectations(result: RunResult) -> Lane:
    """Failed ones over the whole run: when something did not happen has no place."""
    failed = [verdict for verdict in result.verdicts if not verdict.met]
    return Lane(
        "not met",
        tuple(Bar(result.begin, result.end, f"{each.name}: {each.why}", "wrong") for each in failed),
    )


def _named(name: str, where: str) -> str:
    return f"{name} ({where})" if where else name


def _of(facts: Iterable[Fact], kind: FactKind, where: str) -> list[Fact]:
    return [fact for fact in facts if fact.kind is kind and fact.where == where]


def _places(facts: Iterable[Fact], *kinds: FactKind) -> list[str]:
    return sorted({fact.where for fact in facts if fact.kind in kinds})
