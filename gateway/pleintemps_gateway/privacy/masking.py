"""A source goes on naming what was erased here: its next reading brings no title, contact or group back."""

from collections.abc import Iterable
from typing import Final

import msgspec
from sqlalchemy import Connection, select, update

from pleintemps_gateway.access.vault import Vault
from pleintemps_gateway.bookings.rows import NOBODY, Occurrence
from pleintemps_gateway.store.schema import erasures, hooked

from .hooks import blanked

UID: Final = "uid"
_ERASED: Final = "erased:"


class _Link(msgspec.Struct):
    before: str = ""


def erased_uid(mark: str) -> str:
    """What replaces the uid of an erased booking: the source's own word leads there, and not back."""
    return f"{_ERASED}{mark}"


def is_erased(uid: str) -> bool:
    """Whether a booking's uid says that it is nobody's any more."""
    return uid.startswith(_ERASED)


def mark_of_uid(vault: Vault, site: str, source: str, uid: str) -> str:
    return vault.mark(site, UID, f"{source}\0{uid}")


def without_erased(
    conn: Connection, site: str, feed: str, found: Iterable[Occurrence], vault: Vault
) -> list[Occurrence]:
    """``found`` with those that were erased as bookings of nobody: they follow the source's times, and go
    when it names them no more.
    """
    marks = _marks(conn, site)
    if not marks:
        return list(found)
    return [_masked(item, vault, site, feed, marks) for item in found]


def _masked(item: Occurrence, vault: Vault, site: str, feed: str, marks: set[str]) -> Occurrence:
    # it may have been erased under a name that it had before
    for name in (item.uid, *sorted(item.names)):
        mark = mark_of_uid(vault, site, feed, name)
        if mark in marks:
            return item._replace(uid=erased_uid(mark), title="", contact=NOBODY, group="", names=frozenset())
    return item


def blank_told(conn: Connection, site: str, feed: str, vault: Vault) -> int:
    """Take people out of what webhooks told again of erased bookings, whatever name a booking has there now;
    how many records.
    """
    marks = _marks(conn, site)
    if not marks:
        return 0
    mine = (hooked.c.site == site) & (hooked.c.feed == feed)
    links = {
        str(row.uid): (msgspec.json.decode(row.body, type=_Link).before, str(row.body))
        for row in conn.execute(select(hooked.c.uid, hooked.c.body).where(mine))
    }
    names = {name for uid, (before, _) in links.items() for name in (uid, before) if name}
    erased = {name for name in names if mark_of_uid(vault, site, feed, name) in marks}
    more = True
    while more:  # one chain of names is one booking
        chain = {uid for uid, (before, _) in links.items() if before in erased} - erased
        erased |= chain
        more = bool(chain)
    count = 0
    for uid in sorted(erased & links.keys()):
        body = blanked(links[uid][1])
        if body != links[uid][1]:
            conn.execute(update(hooked).where(mine, hooked.c.uid == uid).values(body=body))
            count += 1
    return count


def _marks(conn: Connection, site: str) -> set[str]:
    own = (erasures.c.site == site) & (erasures.c.kind == UID)
    return set(conn.execute(select(erasures.c.mark).where(own)).scalars())
