"""What other people's tools are given, as the page shows it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Connection, Row, func, select

from pleintemps_gateway.config import GatewayConfig, SiteConfig
from pleintemps_gateway.series.outbox import Counts, look
from pleintemps_gateway.store.schema_connections import calendar_links, posts, webhooks

from .i18n import Catalogue

_ANSWERS: Final = re.compile(r"the server answers (\d{3})")


class HookView(NamedTuple):
    """``row`` is that of the table; ``host`` is all of its address that is shown, ``fault`` why it takes
    nothing, in the reader's language."""

    row: Row[Any]
    host: str
    events: list[str]
    waiting: int
    fault: str


class SiteConnections(NamedTuple):
    site: SiteConfig
    calendars: list[Row[Any]]
    hooks: list[HookView]


def fault_words(error: str | None, texts: Catalogue) -> str:
    """What a PostError said, in words of the page; as it is where nobody foresaw it."""
    if not error:
        return ""
    if found := _ANSWERS.fullmatch(error):
        return texts.gettext("the server answers %(status)s", status=found[1])
    for begin, words in (
        ("no answer", texts.gettext("it does not answer in time")),
        ("cannot be reached", texts.gettext("it cannot be reached")),
        ("its name is not known", texts.gettext("its name is not known")),
        ("its name leads", texts.gettext("its name leads into a private network, which is not allowed")),
        ("its secret", texts.gettext("its secret cannot be opened: give it a new one")),
    ):
        if error.startswith(begin):
            return words
    return error


def load_connections(
    conn: Connection, sites: Sequence[SiteConfig], texts: Catalogue
) -> list[SiteConnections]:
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
                fault_words(row.error, texts),
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
