"""What other people's tools are given, as the page shows it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Connection, Row, func, select

from pleintemps_gateway.config import GatewayConfig, SiteConfig
from pleintemps_gateway.series.outbox import Counts, look
from pleintemps_gateway.store.schema_connections import calendar_links, posts, webhooks


class HookView(NamedTuple):
    """``row`` is that of the table; ``host`` is all of its address that is shown."""

    row: Row[Any]
    host: str
    events: list[str]
    waiting: int


class SiteConnections(NamedTuple):
    site: SiteConfig
    calendars: list[Row[Any]]
    hooks: list[HookView]


def load_connections(conn: Connection, sites: Sequence[SiteConfig]) -> list[SiteConnections]:
    """Living calendars and all webhooks of each site, the oldest first."""
    found = []
    for site in sites:
        living = (calendar_links.c.site == site.site) & calendar_links.c.ended.is_(None)
        links = conn.execute(select(calendar_links).where(living).order_by(calendar_links.c.made)).all()
        waiting = select(posts.c.hook, func.count()).where(
            posts.c.site == site.site, posts.c.body.is_not(None)
        )
        counts = {hook: number for hook, number in conn.execute(waiting.group_by(posts.c.hook))}
        rows = conn.execute(
            select(webhooks).where(webhooks.c.site == site.site).order_by(webhooks.c.made, webhooks.c.hook)
        )
        hooks = [
            HookView(
                row,
                urlsplit(row.url).netloc,
                msgspec.json.decode(row.events, type=list[str]),
                counts.get(row.hook, 0),
            )
            for row in rows
        ]
        found.append(SiteConnections(site, list(links), hooks))
    return found


def series_counts(config: GatewayConfig) -> Counts | None:
    """The lines of the outbox of the series database; None where there is none yet, or no such database."""
    return look(Path(config.state) / "series.db") if config.series else None


def series_host(config: GatewayConfig) -> str:
    return urlsplit(config.series.url).netloc if config.series else ""
