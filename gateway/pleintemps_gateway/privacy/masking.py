"""A source goes on naming what was erased here: its next reading brings no title, contact or group back."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, select

from pleintemps_gateway.access.vault import Vault
from pleintemps_gateway.bookings.rows import NOBODY, Occurrence
from pleintemps_gateway.store.schema import erasures

UID: Final = "uid"
_ERASED: Final = "erased:"


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
    own = (erasures.c.site == site) & (erasures.c.kind == UID)
    marks = set(conn.execute(select(erasures.c.mark).where(own)).scalars())
    masked = (_masked(item, mark_of_uid(vault, site, feed, item.uid), marks) for item in found)
    return list(masked if marks else found)


def _masked(item: Occurrence, mark: str, marks: set[str]) -> Occurrence:
    if mark not in marks:
        return item
    return item._replace(uid=erased_uid(mark), title="", contact=NOBODY, group="")
