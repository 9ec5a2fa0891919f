"""What of messages and codes needs a hand: for the page of health and the API."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, func, select

from pleintemps_gateway.access.duty import easy_doors
from pleintemps_gateway.access.offline_plan import plan_of
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.store.schema import deliveries

WEEK_MS: Final = 7 * 86_400_000


class Messages(NamedTuple):
    """Messages of one site, channel and state: ``queued``, ``sent`` or ``failed``, the last two of a week.

    ``error`` is why they failed, or why the last try of a queued one did; empty if nothing is known.
    """

    site: str
    channel: str
    state: str
    error: str
    number: int


class Weakness(NamedTuple):
    """``kind`` is ``no-offline-codes`` (of ``space``, because too many spaces lie behind ``door``) or
    ``easy-to-guess`` (``codes`` codes at ``door``)."""

    site: str
    kind: str
    door: str
    space: str = ""
    codes: int = 0


def messages(conn: Connection, sites: Sequence[SiteConfig], now: int) -> list[Messages]:
    """What is queued, and what was sent or failed within a week; what failed first."""
    table = deliveries.c
    recent = (table.state == "queued") | (table.done >= now - WEEK_MS)
    groups = (table.site, table.channel, table.state, table.error)
    here = table.site.in_([site.site for site in sites])
    rows = conn.execute(select(*groups, func.count()).where(here, recent).group_by(*groups)).all()
    found = [
        Messages(site, channel, state, error or "", count) for site, channel, state, error, count in rows
    ]
    order = {"failed": 0, "queued": 1, "sent": 2}
    return sorted(found, key=lambda item: (order.get(item.state, 3), item))


def weaknesses(conn: Connection, sites: Sequence[SiteConfig]) -> list[Weakness]:
    """Spaces that can have no offline codes, and doors whose codes are easier to guess than allowed."""
    found: list[Weakness] = []
    for site in sites:
        refused = sorted(plan_of(site).refused.items())
        found += [Weakness(site.site, "no-offline-codes", door, space) for space, door in refused]
        found += [
            Weakness(site.site, "easy-to-guess", easy.door, codes=easy.codes)
            for easy in easy_doors(conn, site)
        ]
    return found
