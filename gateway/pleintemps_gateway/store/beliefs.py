"""Beliefs of spaces in a range of time, each space by its own range of the key: what is older is not read."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import CTE, Connection, Select, String, and_, func, literal, select, true, union_all

from .schema import occupancy


def spaces_of(sites: Collection[str]) -> CTE:
    """Every space of ``sites`` of which something was ever believed: one look at the key for each."""
    asked = union_all(*(select(literal(site, String).label("site")) for site in sites)).cte("asked")
    table = occupancy.alias()
    first = select(func.min(table.c.space)).where(table.c.site == asked.c.site).scalar_subquery()
    known = select(asked.c.site, first.label("space")).cte("known", recursive=True)
    following = (
        select(func.min(table.c.space))
        .where(table.c.site == known.c.site, table.c.space > known.c.space)
        .scalar_subquery()
    )
    return known.union_all(select(known.c.site, following).where(known.c.space.is_not(None)))


def these(pairs: Collection[tuple[str, str]]) -> CTE:
    """The spaces ``pairs``, as (site, space); at most some hundred."""
    rows = (
        select(literal(site, String).label("site"), literal(space, String).label("space"))
        for site, space in pairs
    )
    return union_all(*rows).cte("known")


def within(
    conn: Connection, known: CTE, start: int, end: int | None = None, columns: Sequence[str] = ()
) -> Select[Any]:
    """Rows of ``known`` spaces after ``start`` and before ``end`` (Unix ms), and of each the one in force at
    ``start``; by site, space and time. Without ``columns`` all of them.
    """
    earlier, table = occupancy.alias(), occupancy.c
    in_force = (
        select(func.max(earlier.c.since))
        .where(earlier.c.site == known.c.site, earlier.c.space == known.c.space, earlier.c.since <= start)
        .correlate(known)
        .scalar_subquery()
    )
    wanted = [table[name] for name in columns] if columns else list(table)
    order = ("site", "space", "since")
    mine = and_(table.site == known.c.site, table.space == known.c.space)
    # between the one in force and ``start`` there is none
    mine &= table.since >= func.coalesce(in_force, start)
    if end is not None:
        mine &= table.since < max(end, start + 1)
    if conn.dialect.name != "postgresql":
        return select(*wanted).join_from(known, occupancy, mine).order_by(*(table[name] for name in order))
    # OFFSET 0 keeps the planner from asking for the one in force at each row of a scan of the whole table
    each = select(*wanted).where(mine).correlate(known).offset(0).lateral()
    return select(each).join_from(known, each, true()).order_by(*(each.c[name] for name in order))
