"""The page that shows all codes of a booking, or all rights of a person: its key, and who is on it.

Runs inside ``write_transaction``.
"""

from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, select, update

from pleintemps_gateway.store.schema import bookings, credentials, rights

from .purposes import EXTRA, MAIN, OFFLINE
from .vault import link_hash, page_key


class PersonPage(NamedTuple):
    """The page of a person's rights, as columns of ``rights``."""

    page_key: bytes
    page_link: str


def is_on_page(credential: Row[Any]) -> bool:
    """Whether the page of its booking shows a row of ``credentials``."""
    shown = credential.purpose == EXTRA and not credential.duress
    return bool(shown or credential.purpose in (MAIN, OFFLINE))


def is_paged(conn: Connection, site: str, grant: str) -> bool:
    """Whether a page whose link was told before shows a credential."""
    mine = (credentials.c.site == site) & (credentials.c.grant == grant)
    return conn.scalar(select(credentials.c.paged_code).where(mine)) is not None


def open_booking_page(conn: Connection, site: str, booking: str, link: str) -> None:
    """Make ``link`` the page of a booking; one that it had before shows no code made from now on."""
    mine = (bookings.c.site == site) & (bookings.c.booking == booking)
    conn.execute(update(bookings).where(mine).values(page_key=page_key(link)))


def page_of_person(conn: Connection, right: Row[Any], now: int) -> PersonPage | None:
    """The page on which a right of the same person stands already, on whatever site: the same name, and the
    same address, or where there is none the same number. An address alone may be that of an office.
    """
    if right.page_key is not None:
        return PersonPage(right.page_key, right.page_link)
    if right.mail:
        same = func.lower(rights.c.mail) == right.mail.lower()
    elif right.phone:
        same = (rights.c.mail == "") & (rights.c.phone == right.phone)
    else:
        return None
    living = rights.c.ended.is_(None) & (rights.c.valid_until > now) & rights.c.page_key.is_not(None)
    query = select(rights.c.person, rights.c.page_key, rights.c.page_link).where(same, living)
    for row in conn.execute(query.order_by(rights.c.valid_until.desc(), rights.c.right)):
        if _name(row.person) == _name(right.person):
            return PersonPage(row.page_key, row.page_link)
    return None


def join_page(conn: Connection, right: Row[Any], page: PersonPage | None, link: str) -> None:
    """Put a right on ``page``; without one, ``link`` of its credential becomes the page of its person."""
    told = page or PersonPage(page_key(link), link_hash(link))
    mine = (rights.c.site == right.site) & (rights.c.right == right.right)
    conn.execute(update(rights).where(mine).values(**told._asdict()))


def _name(person: str) -> str:
    return " ".join(person.casefold().split())
