"""What an agent has told, in a shape that can be compared. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from pleintemps_contract.agent_messages import EventRecord, SamplesBatch, SeriesInfo
from pleintemps_contract.units import SeriesKind

_PASSING: Final = frozenset({"late-commit", "samples-dropped", "journal-replaced"})
"""Events of a machine's disk, which no replay has."""
_ASIDE: Final = frozenset({"offline", "space"})
"""Of a grant: a replayed code that the agent computed itself is an ordinary one."""


@dataclass(frozen=True, slots=True)
class Told:
    """``events`` are (ms since the beginning, words); ``samples`` by series (ms, value), in order of time.

    ``states`` are the series whose value stays until the next.
    """

    events: list[tuple[int, str]] = field(default_factory=list)
    samples: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    states: frozenset[str] = frozenset()


def told(
    begin: int,
    until: int,
    samples_until: int,
    records: Iterable[EventRecord],
    batches: Iterable[SamplesBatch],
    series: Iterable[SeriesInfo],
) -> Told:
    """From the wire; ``begin`` Unix ms, what is later than ``until`` ms after it is left out, and
    samples later than ``samples_until``."""
    events = sorted(
        (record.at - begin, words(record))
        for record in records
        if record.at - begin <= until and _tag(record) not in _PASSING
    )
    samples: dict[str, list[tuple[int, float]]] = {}
    for batch in batches:
        for name, column in batch.series.items():
            for dt, value in zip(column.dt, column.value, strict=True):
                at = batch.base + dt - begin
                if at <= samples_until:
                    samples.setdefault(name, []).append((at, value))
    for values in samples.values():
        values.sort()
    states = frozenset(each.series for each in series if each.kind is SeriesKind.STATE)
    return Told(events, samples, states)


def _tag(record: EventRecord) -> str:
    return str(type(record.event).__struct_config__.tag)


def words(record: EventRecord) -> str:
    """An event in a line: ``door-alarm door=hall alarm=DoorOpenTooLong``."""
    event: dict[str, Any] = msgspec.to_builtins(record.event)
    kind = event.pop("type")
    if kind == "agent-started":
        event.pop("version")
    parts = [
        f"{name}={value[:8] if name in ('grant', 'reference', 'command') else value}"
        for name, value in event.items()
        if value not in (None, "") and not (kind == "access-granted" and name in _ASIDE)
    ]
    return " ".join((kind, *parts))
