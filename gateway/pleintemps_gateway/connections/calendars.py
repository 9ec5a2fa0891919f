"""Calendars of bookings for whoever holds a secret address: when a space is booked, if wanted the title too.

Making and ending run inside ``write_transaction``. The store knows an address by its hash alone, so it is
shown to its maker this once; an ended one answers nothing.
"""

from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, func, insert, select, update

from pleintemps_contract.world import World
from pleintemps_gateway.access.vault import Vault, link_hash
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.schema import bookings
from pleintemps_gateway.store.schema_connections import calendar_links

MOST: Final = 100
"""Living addresses of one site."""
LABEL: Final = 80
BACK_MS: Final = 31 * 86_400_000
AHEAD_MS: Final = 400 * 86_400_000
MOST_EVENTS: Final = 5_000
_READ_MS: Final = 3_600_000


class MadeLink(NamedTuple):
    """``token`` is shown this once."""

    link: str
    token: str


def make(
    conn: Connection,
    site: str,
    vault: Vault,
    world: World,
    *,
    space: str | None,
    titles: bool,
    label: str,
    by: str,
) -> MadeLink | None:
    """An address for the bookings of ``space``, or of the whole site; None if the site has enough of them."""
    living = (calendar_links.c.site == site) & calendar_links.c.ended.is_(None)
    if (conn.scalar(select(func.count()).where(living)) or 0) >= MOST:
        return None
    link, token = world.new_id(), vault.new_link()
    row: dict[str, Any] = {
        "site": site,
        "link": link,
        "token_hash": link_hash(token),
        "space": space,
        "titles": titles,
    }
    row |= {"label": label.strip()[:LABEL], "made": world.now(), "made_by": by}
    conn.execute(insert(calendar_links).values(row))
    _note(conn, site, world, "calendar.made", link, {"by": by, "titles": titles})
    return MadeLink(link, token)


def end(conn: Connection, site: str, link: str, world: World, by: str) -> bool:
    """Let an address answer no more; False if it is none that lives."""
    mine = (calendar_links.c.site == site) & (calendar_links.c.link == link)
    ending = update(calendar_links).where(mine, calendar_links.c.ended.is_(None)).values(ended=world.now())
    if conn.execute(ending).rowcount == 0:
        return False
    _note(conn, site, world, "calendar.ended", link, {"by": by})
    return True


def find(conn: Connection, token: str) -> Row[Any] | None:
    """The living address with this token."""
    mine = (calendar_links.c.token_hash == link_hash(token)) & calendar_links.c.ended.is_(None)
    return conn.execute(select(calendar_links).where(mine)).first()


def is_unnoted(row: Row[Any], now: int) -> bool:
    """Whether it is an hour since somebody was noted to read it."""
    return row.read is None or now >= row.read + _READ_MS


def note_read(conn: Connection, row: Row[Any], now: int) -> None:
    mine = (calendar_links.c.site == row.site) & (calendar_links.c.link == row.link)
    conn.execute(update(calendar_links).where(mine).values(read=now))


def read_bookings(conn: Connection, site: str, space: str | None, now: int) -> list[Row[Any]]:
    """Bookings of a space or site from a month ago on, cancelled ones too."""
    table = bookings.c
    mine = (table.site == site) & (table.start >= now - BACK_MS) & (table.start < now + AHEAD_MS)
    if space is not None:
        mine &= table.space == space
    query = select(bookings).where(mine, table.end > table.start).order_by(table.start, table.booking)
    return list(conn.execute(query.limit(MOST_EVENTS)).all())


def _note(conn: Connection, site: str, world: World, action: str, link: str, fields: dict[str, Any]) -> None:
    record_change(conn, site, "calendar_links", link, world.now())
    record(conn, site, world, action, f"calendar/{link}", fields)
