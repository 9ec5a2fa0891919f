"""What a file must keep beyond its shape: names that are there, times that can come, faults that can hit."""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from . import marks, records, times
from .faults import FAULTS, FaultKind
from .file import ScenarioFile
from .marks import RUN, mark, owners
from .nodes import Document, Path
from .plan import STREET, Part, Plan

MAX_RUN_MS: Final = 400 * 86_400_000
MAX_FAULTS: Final = 20_000
MAX_SETTLE_MS: Final = 7 * 86_400_000
YEARS: Final = (2000, 2099)
"""Agents and gateways take no other times for true."""

_SENSORS: Final[frozenset[Part]] = frozenset({"pir", "radar", "meter", "reed", "handle"})
_SERIAL: Final[frozenset[Part]] = frozenset({"radar", "meter"})
# what only a pin, only a contact, only a meter can suffer
_PARTS: Final[dict[FaultKind, frozenset[Part]]] = {
    FaultKind.DRIFT: frozenset({"meter"}),
    FaultKind.NOISE: frozenset({"pir", "reed", "handle"}),
    FaultKind.BOUNCE: frozenset({"reed", "pir", "handle"}),
}


def check(document: Document, scenario: ScenarioFile, plan: Plan) -> None:
    """Raises ScenarioError for the first thing that cannot be played."""
    _check_run(document, scenario, plan)
    _check_names(document, scenario)
    _check_moments(document, scenario)
    _check_bookings(document, scenario, plan)
    _check_people(document, scenario, plan)
    _check_places(document, scenario, plan)
    _check_faults(document, scenario, plan)
    _check_expectations(document, scenario, plan)


def _check_run(document: Document, scenario: ScenarioFile, plan: Plan) -> None:
    try:
        zone = ZoneInfo(plan.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise document.error(("building", "zone"), f"no time zone {plan.zone!r}") from None
    if scenario.begins != "now":
        _stamp(document, ("begins",), scenario.begins, zone)
    if not 1_000 <= times.span_ms(scenario.lasts) <= MAX_RUN_MS:
        raise document.error(("lasts",), "from 1 s to 400 days")
    if times.span_ms(scenario.settle) > MAX_SETTLE_MS:
        raise document.error(("settle",), "at most 7 days")
    if scenario.repeat is not None and times.span_ms(scenario.repeat) < times.span_ms(scenario.lasts):
        raise document.error(("repeat",), f"less than {scenario.lasts}, which it lasts")


def _stamp(document: Document, path: Path, stamp: str, zone: ZoneInfo) -> None:
    try:
        times.local_ms(stamp, zone)
    except (ValueError, OverflowError):
        raise document.error(path, f"{stamp} is in no calendar") from None
    if not YEARS[0] <= int(stamp[:4]) <= YEARS[1]:
        raise document.error(path, f"{stamp} is not from {YEARS[0]} to {YEARS[1]}")


def _check_names(document: Document, scenario: ScenarioFile) -> None:
    seen: dict[str, str] = {}
    for owner in owners(scenario):
        section = str(owner.path[0])
        if owner.name in RUN:
            raise document.error(owner.path, f"the name {owner.name!r} is the run's own")
        # several acts may be of one name: it then comes several times
        if owner.name and seen.setdefault(owner.name, section) != section:
            raise document.error(owner.path, f"{owner.name!r} is a name in {seen[owner.name]} already")
    for section, names in (
        ("bookings", [each.booking for each in scenario.bookings]),
        ("people", [each.who for each in scenario.people]),
        ("sounds", [each.sound for each in scenario.sounds]),
        ("faults", [each.name for each in scenario.faults]),
        ("weather", [each.name for each in scenario.weather]),
        ("expect", [each.name for each in scenario.expect]),
    ):
        for place, name in enumerate(names):
            if name is not None and name in names[:place]:
                raise document.error((section, place), f"{name!r} is there already")


def _check_moments(document: Document, scenario: ScenarioFile) -> None:
    """Marks that moments hang on are there, can be known beforehand, and hang on no one in a circle."""
    hangs: dict[str, set[str]] = {}
    known: set[str] = set(RUN)
    lived: set[str] = set()
    for owner in owners(scenario):
        if owner.name:
            known |= {mark(owner.name, part) for part in owner.parts}
            lived |= {mark(owner.name, part) for part in owner.lived}
    for owner in owners(scenario):
        for key, moment in owner.moments:
            wanted = marks.wanted(moment)
            if wanted is None:
                continue
            path = (*owner.path, key)
            if wanted in lived or wanted == "end":
                raise document.error(path, f"{wanted} is known only when it comes; nothing can hang on it")
            if wanted not in known and key != "booking":  # which is looked at by its own name
                raise document.error(path, _unknown("moment", wanted, known))
            if owner.name:
                hangs.setdefault(owner.name, set()).add(wanted.partition(".")[0])
    for owner in owners(scenario):
        if owner.name and _in_circle(owner.name, hangs):
            raise document.error(owner.path, f"the time of {owner.name!r} hangs on itself")
    for place, expectation in enumerate(scenario.expect):
        wanted = marks.wanted(expectation.after)
        if wanted is not None and wanted not in known | lived:
            raise document.error(("expect", place, "after"), _unknown("moment", wanted, known | lived))


def _in_circle(name: str, hangs: dict[str, set[str]]) -> bool:
    seen: set[str] = set()
    left = list(hangs.get(name, ()))
    while left:
        other = left.pop()
        if other == name:
            return True
        if other not in seen:
            seen.add(other)
            left += hangs.get(other, ())
    return False


def _unknown(what: str, name: str, known: Collection[str]) -> str:
    listed = ", ".join(sorted(known)[:12]) or "none"
    return f"no {what} {name!r}; there are {listed}{' ...' if len(known) > 12 else ''}"


def _check_bookings(document: Document, scenario: ScenarioFile, plan: Plan) -> None:
    zone = ZoneInfo(plan.zone)
    for place, booking in enumerate(scenario.bookings):
        path: Path = ("bookings", place)
        single = (booking.space, booking.from_, booking.to)
        if booking.events:
            if any(each is not None for each in (*single, booking.every)):
                raise document.error(path, "either space, from and to, or events, or ics")
        elif None in single:
            raise document.error(path, "a booking wants space, from and to (or events, or ics)")
        if booking.space is not None:
            _known(document, (*path, "space"), "space", booking.space, _rooms(plan))
        if booking.every is not None:
            for key, moment in (("from", booking.from_), ("to", booking.to)):
                _clock_only(document, (*path, key), moment)
        for number, event in enumerate(booking.events):
            at: Path = (*path, "events", number) if booking.ics is None else (*path, "ics")
            _known(document, at, "space", event.space, _rooms(plan))
            try:
                ends = [datetime.fromisoformat(each) for each in (event.start, event.end)]
                begin, end = (each if each.tzinfo else each.replace(tzinfo=zone) for each in ends)
                right = begin.timestamp() < end.timestamp()
            except (ValueError, OverflowError):
                raise document.error(at, f"event {number + 1}: no ISO times") from None
            if not right:
                raise document.error(at, f"event {number + 1} ends before it starts")


def _clock_only(document: Document, path: Path, moment: str | None) -> None:
    if moment is not None:
        written = times.taken_apart(moment)
        if written.mark or not written.clock or " " in written.clock or "-" in written.clock:
            raise document.error(path, "with every, a time of day such as 19:30")


def _rooms(plan: Plan) -> list[str]:
    return [room.space for room in plan.rooms]


def _known(document: Document, path: Path, what: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise document.error(path, _unknown(what, name, known))


def _check_people(document: Document, scenario: ScenarioFile, plan: Plan) -> None:
    names = {booking.booking: booking for booking in scenario.bookings}
    inside = {door.to for door in plan.doors}
    for place, people in enumerate(scenario.people):
        path: Path = ("people", place)
        _check_spreads(document, path, people)
        if people.booking is not None:
            _known(document, (*path, "booking"), "booking", people.booking, names)
        elif people.space is None or people.comes is None:
            raise document.error(path, "people without a booking want space and comes")
        elif people.leaves is None and not people.stays:
            raise document.error(path, "people without a booking want leaves (or stays: true)")
        if people.every is not None:
            if people.booking is not None:
                raise document.error((*path, "every"), "they come with their booking, as often as it is")
            _clock_only(document, (*path, "comes"), people.comes)
        booked = names[people.booking] if people.booking is not None else None
        spaces = {people.space or (booked.space if booked is not None else None)}
        if spaces == {None} and booked is not None:
            spaces = {event.space for event in booked.events}
        for space in spaces:
            if space is not None:
                _known(document, (*path, "space"), "space", space, _rooms(plan))
                if space not in inside:
                    raise document.error((*path, "space"), f"no door leads to {space}")


def _check_spreads(document: Document, path: Path, record: object) -> None:
    for key in ("moves", "pauses", "pause"):
        spread = getattr(record, key, None)
        if isinstance(spread, tuple):
            low, high = (times.span_ms(each) for each in spread)
            if not 0 < low <= high:
                raise document.error((*path, key), "from more than nothing to as much or more")


def _check_places(document: Document, scenario: ScenarioFile, plan: Plan) -> None:
    bookings = [booking.booking for booking in scenario.bookings]
    people = [each.who for each in scenario.people]
    for place, sound in enumerate(scenario.sounds):
        _known(document, ("sounds", place, "space"), "space", sound.space, _rooms(plan))
        if sound.by is not None:
            _known(document, ("sounds", place, "by"), "person", sound.by, people)
    for place, act in enumerate(scenario.acts):
        path: Path = ("acts", place)
        _check_spreads(document, path, act)
        for key, value, known in (
            ("door", getattr(act, "door", None), [door.door for door in plan.doors]),
            ("space", getattr(act, "space", None), _rooms(plan)),
            ("agent", getattr(act, "agent", None), [fire.agent for fire in plan.fires]),
            ("booking", getattr(act, "booking", None), bookings),
        ):
            if value is not None:
                _known(document, (*path, key), "fire contact at" if key == "agent" else key, value, known)
        if isinstance(act, records.Move | records.Cancel):
            number = bookings.index(act.booking)
            if scenario.bookings[number].every is not None or scenario.bookings[number].events:
                raise document.error((*path, "booking"), "only a single booking can be moved or cancelled")


def _targets(plan: Plan, kind: FaultKind) -> dict[str, str]:
    """What a fault can hit: name, and what it is."""
    match FAULTS[kind].target:
        case "building":
            return {}
        case "agent":
            return dict.fromkeys(plan.agents, "agent")
        case "door":
            return {
                door.door: "door" for door in plan.doors if door.radio or kind is not FaultKind.LOW_BATTERY
            }
        case "serial":
            parts = _SERIAL
        case "sensor":
            parts = _PARTS.get(kind, _SENSORS)
        case "device":
            parts = _SENSORS | {"keypad", "fire"}
    return {name: part for name, (part, _) in plan.devices().items() if part in parts}


def _check_faults(document: Document, scenario: ScenarioFile, plan: Plan) -> None:
    expectations = [each.name for each in scenario.expect]
    for path, fault in _each_fault(scenario):
        row = FAULTS[fault.fault]
        targets = _targets(plan, fault.fault)
        if row.target == "building":
            if fault.target is not None:
                raise document.error((*path, "target"), f"{fault.fault} hits the whole building")
        elif fault.target is None:
            raise document.error(path, f"{fault.fault} wants a target: {row.target}")
        else:
            _known(document, (*path, "target"), f"{row.target} for {fault.fault}", fault.target, targets)
        for key, number in fault.with_.items():
            if key not in row.takes:
                raise document.error((*path, "with", key), _unknown("parameter", key, row.takes), key=True)
            takes = row.takes[key]
            if not takes.low <= number <= takes.high:
                message = f"{key} is from {takes.low:g} to {takes.high:g} ({takes.unit})"
                raise document.error((*path, "with", key), message)
        if isinstance(fault, records.WeatherRecord):
            _check_spread(document, path, fault)
        elif fault.for_ is not None and not row.lasts:
            raise document.error((*path, "for"), f"{fault.fault} is over at once")
        elif fault.caught_by is not None:
            _known(document, (*path, "caught_by"), "expectation", fault.caught_by, expectations)
    days = times.span_ms(scenario.lasts) / 86_400_000
    if sum(each.per_day for each in scenario.weather) * days > MAX_FAULTS:
        raise document.error(("weather",), f"more than {MAX_FAULTS} faults")


def _check_spread(document: Document, path: Path, weather: records.WeatherRecord) -> None:
    low, high = (times.span_ms(each) for each in weather.lasts)
    if not 0 < low <= high:
        raise document.error((*path, "lasts"), "from more than nothing to as much or more")


def _each_fault(
    scenario: ScenarioFile,
) -> Iterator[tuple[Path, records.FaultRecord | records.WeatherRecord]]:
    for place, fault in enumerate(scenario.faults):
        yield ("faults", place), fault
    for place, weather in enumerate(scenario.weather):
        yield ("weather", place), weather


def _check_expectations(document: Document, scenario: ScenarioFile, plan: Plan) -> None:
    known: dict[str, Callable[[], Collection[str]]] = {
        "door": lambda: [door.door for door in plan.doors],
        "space": lambda: _rooms(plan),
        "agent": lambda: plan.agents,
        "device": lambda: list(plan.devices()),
        "booking": lambda: [booking.booking for booking in scenario.bookings],
        "where": lambda: [*_rooms(plan), *(door.door for door in plan.doors), *plan.agents, STREET],
    }
    for place, each in enumerate(scenario.expect):
        for key, names in known.items():
            value = getattr(each, key, None)
            if isinstance(value, str):
                _known(document, ("expect", place, key), key, value, names())
        low, high = getattr(each, "at_least", None), getattr(each, "at_most", None)
        if low is not None and high is not None and low > high:
            raise document.error(("expect", place, "at_most"), "less than at_least")
