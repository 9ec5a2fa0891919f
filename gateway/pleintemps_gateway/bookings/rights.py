"""Recurring rights of staff and of professionals: given, ended, found. What writes runs inside
``write_transaction``; their codes are issued apart.
"""

from collections.abc import Collection
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from pleintemps_gateway.access.service import CodeDesk, free_right
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.errors import RightError
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.schema import rights

from .right_rules import Kind, RightRule

MAX_YEARS_MS: Final = 5 * 366 * 86_400_000


class Right(msgspec.Struct, frozen=True, kw_only=True):
    """Who may come into ``spaces`` of one site by ``rule`` from ``valid_from`` to ``valid_until`` (Unix ms).

    ``extended``: doors stay open longer for them. ``card`` is the canonical text of a card.
    """

    person: str
    mail: str = ""
    phone: str = ""
    language: str = ""
    kind: Kind = "code"
    spaces: list[str]
    rule: RightRule
    extended: bool = False
    valid_from: int
    valid_until: int
    card: str = ""


def add_right(conn: Connection, site: SiteConfig, desk: CodeDesk, right: Right, by: str = "") -> str:
    """Give ``right`` and return its id; raises RightError."""
    now = desk.world.now()
    known = {space.space for space in site.spaces}
    for space in right.spaces:
        if space not in known:
            raise RightError("unknown-space", f"no space of {site.site} is called {space!r}")
    lasts = right.valid_until - right.valid_from
    if not 0 < lasts <= MAX_YEARS_MS or right.valid_until <= now:
        raise RightError("bad-times", "a right ends after it begins, within five years, and not in the past")
    if bool(right.card) is not right.kind.endswith("card"):
        raise RightError("card", "a card and nothing else is given with the card's number")
    name = desk.world.new_id()
    values = msgspec.structs.asdict(right)
    del values["card"]
    values["spaces"] = msgspec.json.encode(right.spaces).decode()
    values["rule"] = msgspec.json.encode(right.rule).decode()
    conn.execute(insert(rights).values(**values, site=site.site, right=name, updated=now))
    record_change(conn, site.site, "rights", name, now)
    record(conn, site.site, desk.world, "right.added", f"right/{name}", values | {"by": by})
    if right.card:
        desk.issue_right(conn, site, name, card=right.card)
    return name


def end_right(conn: Connection, site: SiteConfig, desk: CodeDesk, right: str, by: str = "") -> None:
    """End a right now: its credentials open nothing any more. Raises RightError."""
    row = find_right(conn, (site.site,), right)
    if row is None:
        raise RightError("unknown-right", "there is no such right")
    if row.ended is not None:
        raise RightError("ended", "this right is ended already")
    now = desk.world.now()
    mine = (rights.c.site == site.site) & (rights.c.right == right)
    conn.execute(update(rights).where(mine).values(ended=now, updated=now))
    free_right(conn, site, right, now)
    record_change(conn, site.site, "rights", right, now)
    record(conn, site.site, desk.world, "right.ended", f"right/{right}", {"by": by})


def find_right(conn: Connection, sites: Collection[str], right: str) -> Row[Any] | None:
    mine = rights.c.site.in_(sites) & (rights.c.right == right)
    return conn.execute(select(rights).where(mine)).first()


def list_rights(conn: Connection, sites: Collection[str], now: int, limit: int = 1000) -> list[Row[Any]]:
    """Rights that are neither ended nor over, by person."""
    living = rights.c.site.in_(sites) & rights.c.ended.is_(None) & (rights.c.valid_until > now)
    order = (rights.c.person, rights.c.site, rights.c.right)
    return list(conn.execute(select(rights).where(living).order_by(*order).limit(limit)).all())


def rights_of(conn: Connection, mail: str, now: int) -> list[Row[Any]]:
    """Every living right of the person with this address, on whatever site."""
    if not mail:
        return []
    living = (rights.c.mail == mail) & rights.c.ended.is_(None) & (rights.c.valid_until > now)
    return list(conn.execute(select(rights).where(living).order_by(rights.c.site, rights.c.right)).all())


def rights_by_page(conn: Connection, sites: Collection[str], link_hash: str) -> list[Row[Any]]:
    """The rights on the page with this link, in the order of their sites; empty if it is nobody's."""
    mine = rights.c.site.in_(sites) & (rights.c.page_link == link_hash)
    query = select(rights).where(mine).order_by(rights.c.site, rights.c.valid_from, rights.c.right)
    return list(conn.execute(query).all())
