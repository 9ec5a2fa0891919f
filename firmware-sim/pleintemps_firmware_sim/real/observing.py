"""What agents and gateway made of a run, read from their stores as any other program could read them."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from pleintemps_contract.agent_messages import (
    AccessGranted,
    AccessRefused,
    DeviceHealth,
    DoorAlarmChanged,
    DoorModeChanged,
    Event,
)
from pleintemps_firmware_sim.scenario.facts import Books, Fact, FactKind, Scalar

_FIGURES: Final = (
    "arrived_at",
    "left_at",
    "occupied_ms",
    "unknown_ms",
    "overstay_ms",
    "loud_ms",
    "left_open",
)

Row = Mapping[str, Any]


class Stores:
    """The gateway's and the agents' files below ``data``; both may be in use."""

    def __init__(self, data: Path, agents: Iterable[str], leapt: Callable[[str], bool]) -> None:
        """``leapt``: an agent's clock was wrong, so when the gateway heard of it says more than its stamp."""
        self._data = data
        self._agents = list(agents)
        self._leapt = leapt

    @property
    def gateway(self) -> Path:
        return self._data / "state" / "gateway.db"

    def held(self, agent: str) -> int:
        """Records of events that no receipt has released."""
        rows = _rows(self._data / "state" / agent / "events.db", "SELECT count(*) AS held FROM events")
        return sum(int(row["held"]) for row in rows)

    def facts(self, since: int) -> Iterator[Fact]:
        """Everything from ``since`` (Unix ms) on."""
        yield from self._events(since)
        for row in self._rows("SELECT * FROM occupancy WHERE since >= ?", since):
            yield Fact(at=row["since"], kind=FactKind.STATE, where=row["space"], value=row["state"])
        for row in self._rows("SELECT * FROM alerts WHERE opened >= ?", since):
            where = row["door"] or row["space"] or row["agent"] or ""
            yield Fact(at=row["opened"], kind=FactKind.ALERT, where=where, value="opened", name=row["kind"])
            if row["resolved"] is not None:
                at = row["resolved"]
                yield Fact(at=at, kind=FactKind.ALERT, where=where, value="resolved", name=row["kind"])

    def standing(self, before: int) -> Iterator[Fact]:
        """What every space was at ``before`` (Unix ms)."""
        query = "SELECT space, state, max(since) AS since FROM occupancy WHERE since < ? GROUP BY space"
        for row in self._rows(query, before):
            yield Fact(at=row["since"], kind=FactKind.STATE, where=row["space"], value=row["state"])

    def _events(self, since: int) -> Iterator[Fact]:
        for row in self._rows("SELECT * FROM events WHERE received >= ? ORDER BY journal, seq", since):
            at = row["received"] if self._leapt(row["agent"]) else row["at"]
            event: Any = msgspec.json.decode(row["body"], type=Event)
            yield event_fact(at, row["agent"], row["type"], event)

    def ends(self, at: int, witnessed: Mapping[tuple[str, int], Event]) -> Iterator[Fact]:
        """Usage, refusals and books as they are now."""
        query = "SELECT usage.*, bookings.uid FROM usage JOIN bookings USING (site, booking)"
        for row in self._rows(query):
            detail = {key: row[key] for key in _FIGURES if row[key] is not None}
            detail["closed"] = row["closed_at"] is not None
            yield Fact(
                at=at,
                kind=FactKind.USAGE,
                where=row["space"],
                value=row["state"],
                name=row["uid"],
                detail=detail,
            )
        for row in self._rows("SELECT * FROM refusals"):
            yield Fact(
                at=at, kind=FactKind.REFUSED, where=row["source"], value=row["count"], name=row["reason"]
            )
        for agent in self._agents:
            for name, count in self._books(agent, witnessed).items():
                yield Fact(at=at, kind=FactKind.BOOKS, where=agent, value=count, name=name)

    def _books(self, agent: str, witnessed: Mapping[tuple[str, int], Event]) -> dict[str, int]:
        file = self._data / "state" / agent / "events.db"
        (journal,) = (row["id"] for row in _rows(file, "SELECT id FROM journal"))
        made = _rows(file, "SELECT seq FROM sqlite_sequence WHERE name = 'events'")
        stored = {
            row["seq"]: msgspec.json.decode(row["body"], type=Event)
            for row in self._rows("SELECT seq, body FROM events WHERE journal = ?", journal)
        }
        counts = self._rows(
            "SELECT lost, duplicates FROM journals WHERE journal = ? AND stream = 'events'", journal
        )
        differing = [seq for seq, event in stored.items() if witnessed.get((journal, seq), event) != event]
        return {
            Books.MADE: sum(int(row["seq"]) for row in made),
            Books.HELD: self.held(agent),
            Books.STORED: len(stored),
            Books.LOST: sum(int(row["lost"]) for row in counts),
            Books.DIFFERING: len(differing),
            Books.DUPLICATES: sum(int(row["duplicates"]) for row in counts),
        }

    def _rows(self, query: str, *values: Scalar) -> list[Row]:
        return _rows(self.gateway, query, *values)


def event_fact(at: int, agent: str, type_: str, event: Event) -> Fact:
    """What a record of an agent's journal tells."""
    match event:
        case DoorModeChanged(door=door, mode=mode):
            return Fact(at=at, kind=FactKind.MODE, where=door, value=mode.value)
        case DoorAlarmChanged(door=door, alarm=alarm):
            return Fact(at=at, kind=FactKind.ALARM, where=door, value=alarm.value)
        case AccessGranted(door=door):
            return Fact(at=at, kind=FactKind.CODE, where=door, value="accepted")
        case AccessRefused(door=door, reason=reason, count=count):
            return Fact(at=at, kind=FactKind.CODE, where=door, value=reason.value, detail={"count": count})
        case DeviceHealth(device=device, health=health):
            detail: dict[str, Scalar] = {"device": device}
            return Fact(
                at=at, kind=FactKind.EVENT, where=agent, value=health.value, name=type_, detail=detail
            )
    words = msgspec.to_builtins(event)
    word = next((words[key] for key in ("state", "active", "on", "reason", "channel") if key in words), "")
    said = str(word).lower() if isinstance(word, bool) else str(word)
    return Fact(at=at, kind=FactKind.EVENT, where=agent, value=said, name=type_)


def _rows(file: Path, query: str, *values: Scalar) -> list[Row]:
    with closing(sqlite3.connect(file, timeout=30)) as store:
        store.row_factory = sqlite3.Row
        return list(store.execute(query, values))
