"""Rows from what the rules say, written in the transaction of what they judged."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, insert, select, update

from pleintemps_gateway.alerts.life import ActKind, louder
from pleintemps_gateway.alerts.records import Alert, AlertState, Fact
from pleintemps_gateway.engine import (
    AlertOpened,
    AlertResolved,
    AlertUpdated,
    Ignored,
    Learnt,
    NoiseDay,
    OccupancyChanged,
    Output,
    PanelWanted,
    SpaceNow,
    UsageChanged,
    WarningEnded,
    WarningWanted,
)
from pleintemps_gateway.store.acts import note_one
from pleintemps_gateway.store.learnt import keep
from pleintemps_gateway.store.schema import alerts, occupancy, spaces, usage
from pleintemps_gateway.store.schema_rooms import noise_days
from pleintemps_gateway.store.upsert import upsert

from .reopened import reopen


class Persisted(NamedTuple):
    """(kind, key) of what changed, the youngest state of each space, what the rules could not use, panels
    that they want to be set, rooms whose people are to be warned of their noise, or no more."""

    changes: list[tuple[str, str]]
    spaces: list[SpaceNow]
    ignored: list[Ignored]
    wanted: list[PanelWanted]
    warnings: list[WarningWanted | WarningEnded]


def persist(conn: Connection, site: str, outputs: Iterable[Output]) -> Persisted:
    """Write ``outputs`` in their order."""
    latest: dict[str, SpaceNow] = {}
    changed: dict[tuple[str, str], None] = {}
    ignored: list[Ignored] = []
    wanted: list[PanelWanted] = []
    warnings: list[WarningWanted | WarningEnded] = []
    for output in outputs:
        match output:
            case SpaceNow():
                latest[output.space] = output
                changed["spaces", output.space] = None
            case OccupancyChanged():
                upsert(conn, occupancy, [{"site": site, **msgspec.to_builtins(output)}])
                changed["occupancy", f"{output.space}/{output.since}"] = None
            case UsageChanged():
                if output.closed_at is None:
                    reopen(conn, site, output.booking, output.since)
                upsert(conn, usage, [{"site": site, **msgspec.to_builtins(output)}])
                changed["usage", output.booking] = None
            case Ignored():
                ignored.append(output)
            case PanelWanted():
                wanted.append(output)
                changed["commands", output.command] = None
            case NoiseDay():
                upsert(conn, noise_days, [{"site": site, **msgspec.to_builtins(output)}])
            case Learnt():
                keep(conn, site, output.space, output.at, output.body)
            case WarningWanted() | WarningEnded():
                warnings.append(output)
            case _:
                _alert(conn, site, output)
                changed["alerts", output.alert.alert] = None
    upsert(conn, spaces, [{"site": site, **msgspec.to_builtins(space)} for space in latest.values()])
    return Persisted(list(changed), list(latest.values()), ignored, wanted, warnings)


def _alert(conn: Connection, site: str, output: AlertOpened | AlertUpdated | AlertResolved) -> None:
    alert = output.alert
    facts = msgspec.json.encode(alert.facts).decode()
    if isinstance(output, AlertOpened):
        conn.execute(insert(alerts).values(site=site, **(msgspec.to_builtins(alert) | {"facts": facts})))
        note_one(conn, site, alert.alert, alert.opened, ActKind.OPENED)
        return
    mine = (alerts.c.site == site) & (alerts.c.alert == alert.alert)
    values: dict[str, Any] = {"facts": facts}
    if isinstance(output, AlertUpdated):
        values |= _of_paused(conn, mine, alert)
    if isinstance(output, AlertResolved):
        values |= {"state": alert.state.value, "resolved": alert.resolved}
        values |= {"paused_until": None, "due": None}  # it asks for nobody any more
        note_one(conn, site, alert.alert, alert.resolved or alert.opened, ActKind.RESOLVED)
    conn.execute(update(alerts).where(mine).values(**values))


def _of_paused(conn: Connection, mine: ColumnElement[bool], alert: Alert) -> dict[str, Any]:
    """What the new facts of an alert change that people have paused: it may be too loud for a pause."""
    before = conn.scalar(select(alerts.c.facts).where(mine, alerts.c.state == AlertState.PAUSED.value))
    if before is None:
        return {}
    facts, ends = louder(alert.facts, msgspec.json.decode(before, type=dict[str, Fact]))
    told = {"facts": msgspec.json.encode(facts).decode()}
    return told | {"due": alert.opened} if ends else told
