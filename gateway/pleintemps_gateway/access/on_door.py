"""Is a booking's code on its doors? Read-only; the page, the API and tests ask here."""

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from pleintemps_gateway.bookings.way import doors_on_way, opening
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.store.schema import agents, bookings, credentials, grants

from .service import UNPUBLISHED


class DoorReport(NamedTuple):
    """Whether the agent of ``door`` holds the code as it is now.

    If not, ``reason`` is ``cancelled``, ``over``, ``no-code``, ``not-sent`` (in no manifest yet),
    ``agent-never-seen``, ``agent-silent`` (sent, and the agent is away), ``refused`` (sent, and the agent
    could not apply it) or ``not-confirmed`` (sent, and not answered yet).
    """

    door: str
    held: bool
    reason: str


def codes_on_doors(
    conn: Connection, site: SiteConfig, booking_ids: Collection[str], now: int
) -> dict[str, list[DoorReport]]:
    """For each known booking, every door on its way from the street; no door if no way leads there."""
    mine = (bookings.c.site == site.site) & bookings.c.booking.in_(booking_ids)
    booked = conn.execute(select(bookings).where(mine)).all() if booking_ids else []
    if not booked:
        return {}
    query = (
        select(credentials.c.booking, grants.c.agent, grants.c.epoch, grants.c.revision)
        .join(grants, (grants.c.site == credentials.c.site) & (grants.c.grant == credentials.c.grant))
        .where(
            credentials.c.site == site.site,
            credentials.c.rests_until.is_(None),
            credentials.c.booking.in_([row.booking for row in booked]),
        )
    )
    placed = {(row.booking, row.agent): row for row in conn.execute(query)}
    known = {row.agent: row for row in conn.execute(select(agents).where(agents.c.site == site.site))}
    reports: dict[str, list[DoorReport]] = {}
    for row in booked:
        gone = "cancelled" if row.status != "confirmed" else ""
        if not gone and opening(site.rules, row.start, row.end).end <= now:
            gone = "over"
        reports[row.booking] = []
        for door in doors_on_way(site.doors, row.space):
            reason = gone or _reason(placed.get((row.booking, door.agent)), known.get(door.agent))
            reports[row.booking].append(DoorReport(door.door, not reason, reason))
    return reports


def _reason(wanted: Row[*tuple[Any, ...]] | None, holder: Row[Any] | None) -> str:
    if wanted is None:
        return "no-code"
    if wanted.epoch == UNPUBLISHED:
        return "not-sent"
    if holder is None or holder.presence == "never":
        return "agent-never-seen"
    if (holder.grants_epoch or 0, holder.grants_revision or 0) >= (wanted.epoch, wanted.revision):
        return ""
    if holder.presence != "online":
        return "agent-silent"
    return "refused" if holder.grants_detail else "not-confirmed"


def is_on_door(reports: Collection[DoorReport]) -> bool:
    """Whether the code opens every door on the way; False if there is none."""
    return bool(reports) and all(report.held for report in reports)


def first_reason(reports: Collection[DoorReport]) -> str:
    """Why the code is not on its doors: of the first door that lacks it; ``no-door`` if there is none."""
    return next((report.reason for report in reports if not report.held), "" if reports else "no-door")
