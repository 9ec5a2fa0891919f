"""From a file to a scenario that can be played, or one error that says where it is wrong."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path as FilePath
from typing import Final, get_args

import msgspec

from pleintemps_firmware_sim.errors import ScenarioError

from . import nodes, records, times
from .building_file import site_plan
from .checks import check
from .file import ScenarioFile
from .ics import read_events
from .nodes import Document, Path
from .plan import BUILDINGS, LIFE, Plan, Rules

SHIPPED: Final = "pleintemps_firmware_sim.scenarios"
_SUFFIX: Final = ".yaml"

_SAYS: Final[Mapping[str, str]] = {
    str(get_args(kind)[1].pattern): says
    for kind, says in (
        (times.Span, "a duration, such as 90s, 1h30min or 250ms"),
        (times.Moment, "a moment, such as +10s, 19:30, tue 19:30 or choir.end-5min"),
        (times.Begin, "now, or a local date and time such as 2026-11-23T18:00"),
        (records.Name, "a name: a small letter, then at most 39 of a-z, 0-9 and -"),
        (records.AlertWord, "the kind of an alert, such as no-show"),
    )
}
_AT: Final = re.compile(r"^(?P<what>.*?)(?: - at (?P<key>key in )?`\$(?P<path>.*)`)?$", re.S)
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`\Z", re.S)
_PATTERN: Final = re.compile(r"Expected `str` matching regex (['\"])(.*)\1\Z", re.S)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A checked file with the building and the rules that it names, and the bookings of its calendars."""

    file: ScenarioFile
    plan: Plan
    rules: Rules
    lines: Mapping[str, int]
    """Line of each expectation by its name."""
    texts: Mapping[str, str]
    """How the file says each expectation, in one line."""

    @property
    def name(self) -> str:
        return self.file.scenario

    def cut(self, lasts: str) -> "Scenario":
        """The same, played for ``lasts``, a duration."""
        return replace(self, file=msgspec.structs.replace(self.file, lasts=lasts))


def load(what: str) -> Scenario:
    """A shipped scenario by its name or as ``scenarios/NAME.yaml``, or a file by its path. Raises
    ScenarioError.
    """
    path = FilePath(what)
    if path.parent == FilePath("scenarios") and path.stem in names() and not path.exists():
        what = path.stem
    if FilePath(what).suffix not in (_SUFFIX, ".yml") and "/" not in what:
        shipped = resources.files(SHIPPED) / f"{what}{_SUFFIX}"
        if not shipped.is_file():
            raise ScenarioError(what, 1, 1, f"no such scenario; there are {', '.join(names())}")
        with resources.as_file(shipped) as found:
            return read(found)
    return read(path)


def names() -> list[str]:
    """Of the scenarios that come along."""
    found = [entry.name for entry in resources.files(SHIPPED).iterdir() if entry.name.endswith(_SUFFIX)]
    return sorted(name.removesuffix(_SUFFIX) for name in found)


def read(path: FilePath) -> Scenario:
    """The scenario in a file. Raises ScenarioError."""
    try:
        with path.open("rb") as file:
            data = file.read(nodes.MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no path"
        raise ScenarioError(str(path), 1, 1, f"cannot be read: {reason}") from None
    return parse(str(path), data, path.parent)


def parse(name: str, data: bytes, beside: FilePath) -> Scenario:
    """The scenario in ``data``; calendars are looked for below ``beside``. Raises ScenarioError."""
    document = nodes.read(name, data)
    file = _convert(document)
    plan = _plan(document, file)
    file = msgspec.structs.replace(file, bookings=_with_events(document, file, beside))
    check(document, file, plan)
    settings = {key: value for key, value in msgspec.structs.asdict(file.rules).items() if value is not None}
    values = document.value.get("expect", [])
    return Scenario(
        file=file,
        plan=plan,
        rules=replace(LIFE, **settings),
        lines={each.name: document.places["expect", place][0] for place, each in enumerate(file.expect)},
        texts={each.name: _one_line(values[place]) for place, each in enumerate(file.expect)},
    )


def _one_line(value: Mapping[str, object]) -> str:
    said = {key: each for key, each in value.items() if key not in ("name", "that")}
    rest = ", ".join(f"{key}: {_word(each)}" for key, each in said.items())
    return f"{value['that']}: {rest}" if rest else str(value["that"])


def _word(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_word(each) for each in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _convert(document: Document) -> ScenarioFile:
    try:
        return msgspec.convert(document.value, ScenarioFile)
    except msgspec.ValidationError as error:
        found = _AT.match(str(error))
        if found is None:
            raise document.error((), str(error)) from None
        path: Path = ()
        for key, index in _STEP.findall(found["path"] or ""):
            if index == "...":
                break
            path = (*path, key if key else int(index))
        what = found["what"]
        if unknown := _UNKNOWN.match(what):
            raise document.error((*path, unknown[1]), f"unknown key {unknown[1]!r}", key=True) from None
        if pattern := _PATTERN.match(what):
            regex = pattern[2].replace("\\\\", "\\")
            what = f"expected {_SAYS.get(regex, f'text like {regex}')}"
        raise document.error(path, " ".join(what.split())) from None


def _plan(document: Document, file: ScenarioFile) -> Plan:
    if isinstance(file.building, str):
        try:
            return BUILDINGS[file.building]
        except KeyError:
            known = ", ".join(BUILDINGS)
            raise document.error(("building",), f"no building {file.building!r}: there are {known}") from None
    return site_plan(document, file.building)


def _with_events(
    document: Document, file: ScenarioFile, beside: FilePath
) -> tuple[records.BookingRecord, ...]:
    """The bookings, with those of calendars in the places of their files."""
    found: list[records.BookingRecord] = []
    for place, booking in enumerate(file.bookings):
        found.append(booking)
        if booking.ics is None:
            continue
        try:
            events = read_events(beside, booking.ics)
        except ValueError as error:
            raise document.error(("bookings", place, "ics"), f"{booking.ics}: {error}") from None
        found[-1] = msgspec.structs.replace(booking, events=events)
    return tuple(found)
