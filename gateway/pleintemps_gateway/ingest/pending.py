"""What a group of messages wants to be written, gathered in memory and put down in a few statements."""

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, bindparam, case, insert, text, update

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
from pleintemps_gateway.store.texts import as_json
from pleintemps_gateway.store.upsert import Incoming, upsert

from .journals import Mark

_EVENTS: Final = Prepared(insert(events), Bulk(events))
_YOUNGEST: Final = Prepared(
    update(series)
    .where(
        series.c.site == bindparam("of_site"),
        series.c.agent == bindparam("of_agent"),
        series.c.series == bindparam("of_series"),
    )
    .values(last_at=bindparam("at"), last_value=bindparam("value"))
)
# on PostgreSQL all in one statement
_YOUNGEST_THERE: Final = Prepared(
    text(
        "UPDATE series SET last_at = told.at, last_value = told.value"
        " FROM json_to_recordset(CAST(:rows AS json))"
        " AS told(agent text, series text, at bigint, value double precision)"
        " WHERE series.site = :of_site AND series.agent = told.agent AND series.series = told.series"
    )
)


class ReceiptKey(NamedTuple):
    agent: str
    journal: str
    stream: Stream


class Youngest(msgspec.Struct, gc=False):
    """The last sample of a series whose row is there."""

    agent: str
    series: str
    at: int | None
    value: float | None


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
    youngest: list[Youngest] = field(default_factory=list)
    minutes: list[dict[str, Any]] = field(default_factory=list)
    refusals: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    changes: dict[tuple[str, str], None] = field(default_factory=dict)
    receipts: dict[ReceiptKey, int] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)
    messages: list[tuple[str, bytes, bool]] = field(default_factory=list)  # topic, payload, retained

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def write_first(self, conn: Connection, site: str) -> None:
        """Put down what messages brought: the store is at work on it while the rules are."""
        if self.events:
            _EVENTS.put(conn, self.events)
        if self.batches:
            raw.put(conn, self.batches)
        marks = [
            {"site": site, "journal": journal, "stream": stream, **mark._asdict()}
            for (journal, stream), mark in self.journals.items()
        ]
        upsert(conn, journals, marks)

    def write(self, conn: Connection, site: str, now: int) -> None:
        """Put down all the rest."""
        upsert(conn, agents, list(self.agents.values()))
        upsert(conn, devices, list(self.devices.values()))
        upsert(conn, doors, list(self.doors.values()))
        upsert(conn, panels, list(self.panels.values()))
        upsert(conn, signals, list(self.signals.values()))
        upsert(conn, series, list(self.series.values()))
        self._write_youngest(conn, site)
        upsert(conn, refusals, list(self.refusals.values()))
        upsert(conn, minutes, self.minutes, _added)
        record_changes(conn, site, list(self.changes), now)

    def _write_youngest(self, conn: Connection, site: str) -> None:
        if not self.youngest:
            return
        if conn.dialect.name == "postgresql":
            _YOUNGEST_THERE.put(conn, [{"of_site": site, "rows": as_json(self.youngest)}])
            return
        rows = [
            {
                "at": each.at,
                "value": each.value,
                "of_site": site,
                "of_agent": each.agent,
                "of_series": each.series,
            }
            for each in self.youngest
        ]
        _YOUNGEST.put(conn, rows)


def _added(new: Incoming) -> dict[str, ColumnElement[Any]]:
    old = minutes.c
    return {
        "count": old["count"] + new["count"],
        "total": old.total + new["total"],
        "energy": old.energy + new["energy"],
        "low": case((old.low < new["low"], old.low), else_=new["low"]),
        "high": case((old.high > new["high"], old.high), else_=new["high"]),
    }
