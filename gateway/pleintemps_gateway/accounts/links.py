"""One-time links: to make the first account, to choose a first password, to choose another one.

A link has 256 random bits; the store has its hash alone. Looking at its page uses nothing up, since mail
programs follow links by themselves; choosing the password does. A newer link for the same account replaces
the one before.
"""

import hashlib
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, select

from pleintemps_contract.world import World
from pleintemps_gateway.errors import AccountError
from pleintemps_gateway.store.schema import account_links

HOUR_MS: Final = 3_600_000
FIRST: Final = "first"
INVITE: Final = "invite"
RESET: Final = "reset"
LIVES_MS: Final = {FIRST: 24 * HOUR_MS, INVITE: 72 * HOUR_MS, RESET: HOUR_MS}
"""How long a link of each purpose is good."""


class Link(NamedTuple):
    """``text`` is told once, and then known to nobody but its reader."""

    text: str
    expires: int


def make(conn: Connection, world: World, home: str, name: str, purpose: str) -> Link:
    """A link for the account; inside ``write_transaction`` of ``home``."""
    now, table = world.now(), account_links.c
    conn.execute(
        delete(account_links).where(table.site == home, (table.name == name) | (table.expires <= now))
    )
    text, expires = world.random_bytes(32).hex(), now + LIVES_MS[purpose]
    conn.execute(
        insert(account_links).values(
            site=home, link_hash=hash_of(text), purpose=purpose, name=name, created=now, expires=expires
        )
    )
    return Link(text, expires)


def youngest(conn: Connection, home: str, name: str) -> int | None:
    """When the last link of the account was made, if it is not used up or forgotten."""
    table = account_links.c
    found: int | None = conn.scalar(
        select(func.max(table.created)).where(table.site == home, table.name == name)
    )
    return found


def find(conn: Connection, text: str, now: int) -> Row[Any] | None:
    """The row of a link that is good now."""
    table = account_links.c
    query = select(account_links).where(table.link_hash == hash_of(text), table.expires > now)
    return conn.execute(query).first()


def use(conn: Connection, text: str, now: int) -> Row[Any]:
    """Use a link up; raises AccountError ``link`` if it is not good any more."""
    row = find(conn, text, now)
    if row is None:
        raise AccountError("link", "this link is used or too old")
    gone = conn.execute(delete(account_links).where(account_links.c.link_hash == row.link_hash))
    if gone.rowcount != 1:
        raise AccountError("link", "this link is used or too old")
    return row


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
