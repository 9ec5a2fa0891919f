"""Where bookings come from, and how well: for the page of health and the API."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from pleintemps_gateway.bookings.sources.base import SourceConfig
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.store.schema import bookings, feeds, hooked, refusals
from pleintemps_gateway.store.schema_rooms import tellings


@dataclass(frozen=True, slots=True)
class Reason:
    """Something of a source was refused ``count`` times, the last time at ``last_at`` (Unix ms)."""

    reason: str
    count: int
    last_at: int


class SourceHealth(NamedTuple):
    """One feed. Times are Unix ms.

    ``tried``, ``good``: when it was read last, and when that succeeded last; ``told``: when a webhook told
    something new. ``bookings`` and ``rejected`` are of the last good reading, ``reasons`` of all that was
    refused so far. A feed that is no longer ``configured`` has no ``kind`` and is not read; its bookings stay
    until they are over (``ahead``) or somebody cancels them. ``untold``: releases that it was not told yet or
    could not be told within the last week, and the youngest ``untold_error``.
    """

    site: str
    feed: str
    kind: str | None
    poll_s: float | None
    configured: bool
    tried: int | None
    good: int | None
    told: int | None
    error: str | None
    bookings: int
    rejected: int
    ahead: int
    reasons: list[Reason]
    untold: int
    untold_error: str | None


def source_health(conn: Connection, sites: Sequence[SiteConfig], now: int) -> list[SourceHealth]:
    """Every configured feed of ``sites`` and every other one that has bookings ahead, in this order."""
    found: list[SourceHealth] = []
    for site in sites:
        configured: dict[str, SourceConfig] = {source.feed: source for source in site.sources}
        read = {row.feed: row for row in conn.execute(select(feeds).where(feeds.c.site == site.site))}
        told = _told(conn, site.site)
        ahead = _ahead(conn, site.site, sorted({*configured, *read}), now)
        gone = sorted(feed for feed in read if feed not in configured and ahead.get(feed))
        for feed in [*configured, *gone]:
            count, fault = _untold(conn, site.site, feed)
            source, row = configured.get(feed), read.get(feed)
            found.append(
                SourceHealth(
                    site=site.site,
                    feed=feed,
                    kind=source.kind if source else None,
                    poll_s=source.poll_s if source else None,
                    configured=source is not None,
                    tried=row.tried if row else None,
                    good=row.good if row else None,
                    told=told.get(feed),
                    error=row.error if row else None,
                    bookings=row.bookings if row else 0,
                    rejected=row.rejected if row else 0,
                    ahead=ahead.get(feed, 0),
                    reasons=_reasons(conn, site.site, feed),
                    untold=count,
                    untold_error=fault,
                )
            )
    return found


def _told(conn: Connection, site: str) -> dict[str, int]:
    youngest = select(hooked.c.feed, func.max(hooked.c.at)).where(hooked.c.site == site)
    return {str(feed): int(at) for feed, at in conn.execute(youngest.group_by(hooked.c.feed))}


def _ahead(conn: Connection, site: str, names: list[str], now: int) -> dict[str, int]:
    mine = (bookings.c.site == site) & bookings.c.source.in_(names)
    living = mine & (bookings.c.status == "confirmed") & (bookings.c.end > now)
    counted = select(bookings.c.source, func.count()).where(living).group_by(bookings.c.source)
    return {str(feed): int(count) for feed, count in conn.execute(counted)}


def _reasons(conn: Connection, site: str, feed: str) -> list[Reason]:
    mine = (refusals.c.site == site) & refusals.c.source.in_((f"feed/{feed}", f"hook/{feed}"))
    rows = conn.execute(select(refusals).where(mine).order_by(refusals.c.last_at.desc(), refusals.c.reason))
    return [Reason(row.reason, row._mapping["count"], row.last_at) for row in rows]


def _untold(conn: Connection, site: str, feed: str) -> tuple[int, str | None]:
    mine = (tellings.c.site == site) & (tellings.c.feed == feed) & tellings.c.error.is_not(None)
    rows = conn.execute(select(tellings.c.error).where(mine).order_by(tellings.c.asked.desc())).all()
    return len(rows), rows[0].error if rows else None
