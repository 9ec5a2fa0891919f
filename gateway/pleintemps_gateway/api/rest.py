"""REST under ``/api/v1``: reading. Lists hold the rows of every site that the reader may see."""

import json
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query

from pleintemps_gateway.store import reading
from pleintemps_gateway.web import upkeep
from pleintemps_gateway.web.sources import source_health
from pleintemps_gateway.web.stories import OF_AGENT

from .auth import Account, InContext, Reader, Reads
from .context import find_door
from .looking import looked
from .problems import not_found
from .rights import Right
from .schemas import (
    ErrorBody,
    FeedBody,
    Feeds,
    IdText,
    Items,
    MessageCount,
    MessageCounts,
    SlugText,
    SummaryBody,
    TimeText,
)

REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ErrorBody} for status in (400, 401, 403, 404, 409, 413, 422, 429)
}
_DAY_MS: Final = 86_400_000
TOLD: Final = ("storage", "journals", "keys", "config")
"""Columns of an agent that hold JSON."""
_ALERT_STATES: Final = ("open", "acknowledged", "paused", "resolved")

router = APIRouter(prefix="/api/v1", tags=["reading"], responses=REFUSALS)
Since = Annotated[TimeText | None, Query(alias="from", description="Unix ms; a day ago by default")]
Until = Annotated[TimeText | None, Query(description="Unix ms; a week ahead by default")]


def told(row: reading.AnyRow) -> dict[str, Any]:
    """The columns of a row but those of its secret page."""
    return {name: value for name, value in row._mapping.items() if name not in ("page_key", "page_link")}


def _items(rows: reading.Rows) -> Items:
    return Items(items=[told(row) for row in rows])


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
    reader: Annotated[Account, Depends(Reads(Right.RECORDS))],
    context: InContext,
    site: SlugText,
    door: SlugText,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Items:
    """Records of the door, and those of its agent that concern all its doors; ``event`` is as it was told."""
    known = find_door(context.site(reader.sites, site), door)
    looked(context, reader, f"door/{door}", site)
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
    state: Annotated[str, Query(pattern="^(open|acknowledged|paused|resolved|any)$")] = "any",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Items:
    states = _ALERT_STATES if state == "any" else (state,)
    with context.engine.connect() as conn:
        return _items(reading.alerts(conn, reader.sites, states, limit))


@router.get("/usage", summary="Bookings beside what was measured")
def list_usage(reader: Reader, context: InContext, since: Since = None, until: Until = None) -> Items:
    start, end = times(context.world.now(), since, until)
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
        said = {name: json.loads(agent._mapping[name] or "null") for name in TOLD}
        items.append({**agent._mapping, **said, "devices": own})
    return Items(items=items)


@router.get("/refusals", summary="What was refused and why, counted")
def list_refusals(reader: Reader, context: InContext) -> Items:
    with context.engine.connect() as conn:
        return _items(reading.refusals(conn, reader.sites))


@router.get("/messages", summary="Messages to people: waiting, and sent or failed within a week, counted")
def list_messages(reader: Reader, context: InContext) -> MessageCounts:
    sites = context.sites(reader.sites)
    with context.engine.connect() as conn:
        found = upkeep.messages(conn, sites, context.world.now())
    return MessageCounts(items=[MessageCount.model_validate(item._asdict()) for item in found])


@router.get("/feeds", summary="Where bookings come from, and how well")
def list_feeds(reader: Reader, context: InContext) -> Feeds:
    with context.engine.connect() as conn:
        found = source_health(conn, context.sites(reader.sites), context.world.now())
    return Feeds(items=[FeedBody.model_validate(feed, from_attributes=True) for feed in found])


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


def times(now: int, since: int | None, until: int | None) -> tuple[int, int]:
    """From a day ago to a week ahead, where nothing else is asked for."""
    return now - _DAY_MS if since is None else since, now + 7 * _DAY_MS if until is None else until
