"""What a group of messages wants to be written, gathered in memory and put down in a few statements."""

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, case, insert

from pleintemps_contract.agent_messages import Stream
from pleintemps_gateway.store import raw
from pleintemps_gateway.store.bulk import Bulk
from pleintemps_gateway.store.changes import record_changes
from pleintemps_gateway.store.prepared import Prepared
from pleintemps_gateway.store.schema import (
    agents,
    devices,
    doors,
    events,
    journals,
    minutes,
    panels,
    refusals,
    series,
)
from pleintemps_gateway.store.schema_rooms import signals
from pleintemps_gateway.store.upsert import Incoming, upsert

from .journals import Mark

_EVENTS: Final = Prepared(insert(events), Bulk(events))


class ReceiptKey(NamedTuple):
    agent: str
    journal: str
    stream: Stream


class Question(NamedTuple):
    """An agent that asked for the time."""

    key: ReceiptKey
    nonce: str


@dataclass
class Pending:
    """Rows by key, and what is to be said once they are on disk."""

    events: list[dict[str, Any]] = field(default_factory=list)
    batches: list[dict[str, Any]] = field(default_factory=list)
    journals: dict[tuple[str, str], Mark] = field(default_factory=dict)
    agents: dict[str, dict[str, Any]] = field(default_factory=dict)
    devices: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    doors: dict[str, dict[str, Any]] = field(default_factory=dict)
    panels: dict[str, dict[str, Any]] = field(default_factory=dict)
    signals: dict[str, dict[str, Any]] = field(default_factory=dict)
    series: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    minutes: list[dict[str, Any]] = field(default_factory=list)
    refusals: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    changes: dict[tuple[str, str], None] = field(default_factory=dict)
    receipts: dict[ReceiptKey, int] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)
    messages: list[tuple[str, bytes, bool]] = field(default_factory=list)  # topic, payload, retained

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def write(self, conn: Connection, site: str, now: int) -> None:
        """Put every row down."""
        if self.events:
            _EVENTS.put(conn, self.events)
        if self.batches:
            raw.put(conn, self.batches)
        marks = [
            {"site": site, "journal": journal, "stream": stream, **mark._asdict()}
            for (journal, stream), mark in self.journals.items()
        ]
        upsert(conn, journals, marks)
        upsert(conn, agents, list(self.agents.values()))
        upsert(conn, devices, list(self.devices.values()))
        upsert(conn, doors, list(self.doors.values()))
        upsert(conn, panels, list(self.panels.values()))
        upsert(conn, signals, list(self.signals.values()))
        upsert(conn, series, list(self.series.values()))
        upsert(conn, refusals, list(self.refusals.values()))
        upsert(conn, minutes, self.minutes, _added)
        record_changes(conn, site, list(self.changes), now)


def _added(new: Incoming) -> dict[str, ColumnElement[Any]]:
    old = minutes.c
    return {
        "count": old["count"] + new["count"],
        "total": old.total + new["total"],
        "energy": old.energy + new["energy"],
        "low": case((old.low < new["low"], old.low), else_=new["low"]),
        "high": case((old.high > new["high"], old.high), else_=new["high"]),
    }
