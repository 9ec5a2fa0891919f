"""What of messages and codes needs a hand: for the page of health and the API."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, func, select

from pleintemps_gateway.access.duty import easy_doors
from pleintemps_gateway.access.offline_plan import plan_of
from pleintemps_gateway.alerts.records import AlertKind
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.store.schema import alerts, deliveries

from .words import STUCK

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


class Faulty(NamedTuple):
    """A device at fault ``since`` (Unix ms); ``alert`` is where a caretaker takes it."""

    site: str
    agent: str
    device: str
    detail: str
    since: int
    alert: str

    @property
    def stuck(self) -> bool:
        """Whether the room's other sensors found it out, not the device itself."""
        return self.detail.endswith(STUCK)


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


def faulty(conn: Connection, sites: Sequence[SiteConfig]) -> list[Faulty]:
    """Devices that are at fault now, the longest so first."""
    table = alerts.c
    here = table.site.in_([site.site for site in sites]) & (table.state != "resolved")
    rows = conn.execute(select(alerts).where(here, table.kind == AlertKind.DEVICE_FAULT.value))
    found = []
    for row in rows.all():
        facts = msgspec.json.decode(row.facts, type=dict[str, Any])
        detail = str(facts.get("detail") or "")
        found.append(
            Faulty(row.site, row.agent or "", str(facts.get("device", "")), detail, row.opened, row.alert)
        )
    return sorted(found, key=lambda item: (item.since, item))


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
