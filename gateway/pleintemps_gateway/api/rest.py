"""REST under ``/api/v1``: reading. Lists hold the rows of every site that the reader may see."""

import json
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from sqlalchemy import Connection

from pleintemps_gateway.access.on_door import DoorReport, codes_on_doors, is_on_door
from pleintemps_gateway.store import reading
from pleintemps_gateway.web.stories import OF_AGENT

from .auth import InContext, Reader
from .context import Context, find_door
from .problems import not_found
from .schemas import ErrorBody, IdText, Items, SlugText, SummaryBody, TimeMs

REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ErrorBody} for status in (401, 403, 404, 409, 422, 429)
}
_DAY_MS: Final = 86_400_000
_ALERT_STATES: Final = ("open", "acknowledged", "resolved")

router = APIRouter(prefix="/api/v1", tags=["reading"], responses=REFUSALS)
Since = Annotated[TimeMs | None, Query(alias="from", description="Unix ms; a day ago by default")]
Until = Annotated[TimeMs | None, Query(description="Unix ms; a week ahead by default")]


def _items(rows: reading.Rows) -> Items:
    return Items(items=[dict(row._mapping) for row in rows])


@router.get("/spaces", summary="Spaces as they are believed now")
def list_spaces(reader: Reader, context: InContext) -> Items:
    with context.engine.connect() as conn:
        rows = {(row.site, row.space): dict(row._mapping) for row in reading.spaces(conn, reader.sites)}
    return Items(
        items=[
            {"site": site.site, "space": space.space, "name": space.name, "capacity": space.capacity}
            | rows.get((site.site, space.space), {"state": "unknown"})
            for site in context.sites(reader.sites)
            for space in site.spaces
        ]
    )


@router.get("/doors", summary="Doors as they were last heard of")
def list_doors(reader: Reader, context: InContext) -> Items:
    with context.engine.connect() as conn:
        rows = {(row.site, row.door): dict(row._mapping) for row in reading.doors(conn, reader.sites)}
    return Items(
        items=[
            {"site": site.site, "door": door.door, "name": door.name, "from": door.from_, "to": door.to}
            | rows.get((site.site, door.door), {"agent": door.agent, "mode": "Unknown"})
            for site in context.sites(reader.sites)
            for door in site.doors
        ]
    )


@router.get("/doors/{site}/{door}/events", summary="What happened at a door, youngest first")
def list_door_events(
    reader: Reader,
    context: InContext,
    site: SlugText,
    door: SlugText,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Items:
    """Records of the door, and those of its agent that concern all its doors; ``event`` is as it was told."""
    known = find_door(context.site(reader.sites, site), door)
    with context.engine.connect() as conn:
        rows = reading.door_events(conn, site, door, known.agent, OF_AGENT, limit)
    names = ("agent", "journal", "seq", "at", "trusted", "received", "type")
    return Items(
        items=[{name: row._mapping[name] for name in names} | {"event": json.loads(row.body)} for row in rows]
    )


@router.get("/panels", summary="Intrusion alarms as they were last heard of")
def list_panels(reader: Reader, context: InContext) -> Items:
    with context.engine.connect() as conn:
        return _items(reading.panels(conn, reader.sites))


@router.get("/alerts", summary="Alerts, youngest first")
def list_alerts(
    reader: Reader,
    context: InContext,
    state: Annotated[str, Query(pattern="^(open|acknowledged|resolved|any)$")] = "any",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Items:
    states = _ALERT_STATES if state == "any" else (state,)
    with context.engine.connect() as conn:
        return _items(reading.alerts(conn, reader.sites, states, limit))


@router.get("/bookings", summary="Bookings that overlap a time, with their usage")
def list_bookings(reader: Reader, context: InContext, since: Since = None, until: Until = None) -> Items:
    start, end = _times(context.world.now(), since, until)
    with context.engine.connect() as conn:
        return Items(items=_booked(conn, context, reading.bookings(conn, reader.sites, start, end, 1000)))


@router.get("/bookings/{booking}", summary="One booking")
def get_booking(reader: Reader, context: InContext, booking: IdText) -> dict[str, Any]:
    with context.engine.connect() as conn:
        row = reading.booking(conn, reader.sites, booking)
        if row is None:
            raise not_found("booking")
        return _booked(conn, context, [row])[0]


def _booked(conn: Connection, context: Context, rows: reading.Rows) -> list[dict[str, Any]]:
    """Rows of bookings, each with the doors on its way and whether they hold its code."""
    reports: dict[str, list[DoorReport]] = {}
    for site in context.config.sites:
        here = [row.booking for row in rows if row.site == site.site]
        reports |= codes_on_doors(conn, site, here, context.world.now())
    return [
        {
            **row._mapping,
            "code_on_door": is_on_door(doors := reports.get(row.booking, [])),
            "doors": [door._asdict() for door in doors],
        }
        for row in rows
    ]


@router.get("/usage", summary="Bookings beside what was measured")
def list_usage(reader: Reader, context: InContext, since: Since = None, until: Until = None) -> Items:
    start, end = _times(context.world.now(), since, until)
    with context.engine.connect() as conn:
        return _items(reading.usage(conn, reader.sites, start, end))


@router.get("/agents", summary="Agents and their devices")
def list_agents(reader: Reader, context: InContext) -> Items:
    with context.engine.connect() as conn:
        agents = reading.agents(conn, reader.sites)
        devices = reading.devices(conn, reader.sites)
    items = []
    for agent in agents:
        own = [dict(d._mapping) for d in devices if (d.site, d.agent) == (agent.site, agent.agent)]
        told = {name: json.loads(agent._mapping[name] or "null") for name in ("storage", "keys", "config")}
        items.append({**agent._mapping, **told, "devices": own})
    return Items(items=items)


@router.get("/refusals", summary="What was refused and why, counted")
def list_refusals(reader: Reader, context: InContext) -> Items:
    with context.engine.connect() as conn:
        return _items(reading.refusals(conn, reader.sites))


@router.get("/feeds", summary="Calendars and how they were last read")
def list_feeds(reader: Reader, context: InContext) -> Items:
    with context.engine.connect() as conn:
        return _items(reading.feeds(conn, reader.sites))


@router.get("/commands/{command}", summary="What became of a command")
def get_command(reader: Reader, context: InContext, command: IdText) -> dict[str, Any]:
    from pleintemps_gateway.web.board import outcome

    with context.engine.connect() as conn:
        row = reading.command(conn, reader.sites, command)
    if row is None:
        raise not_found("command")
    return {**row._mapping, "outcome": outcome(row.outcome, row.expires, context.world.now())}


@router.get("/summary", summary="Counts over everything stored")
def get_summary(reader: Reader, context: InContext) -> SummaryBody:
    with context.engine.connect() as conn:
        counts = reading.summary(conn, reader.sites)
    return SummaryBody(**asdict(counts))


def _times(now: int, since: int | None, until: int | None) -> tuple[int, int]:
    return now - _DAY_MS if since is None else since, now + 7 * _DAY_MS if until is None else until
