"""The change feed: one row for every change that a page may show, in the transaction that makes it."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import (
    BigInteger,
    Connection,
    String,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    select,
    text,
)

from . import wake
from .engine import lock_site
from .prepared import Prepared
from .schema import changes, reigns
from .texts import as_json
from .together import SITES, rows_of

KEEP: Final = 20_000
"""Rows kept a site: a follower that is further behind reads everything anew."""


_NOTED: Final = "pleintemps_changes"
# made once: building a statement takes longer than the store takes to answer it
_LAST: Final = Prepared(select(func.max(changes.c.seq)).where(changes.c.site == bindparam("site")))
_LAST_KNOWN: Final = select(
    reigns.c.site,
    select(func.max(changes.c.seq)).where(changes.c.site == reigns.c.site).scalar_subquery().label("last"),
).where(reigns.c.site.in_(SITES))
_PUT: Final = Prepared(insert(changes))
# the server counts on from the last one, so that nobody waits to be told of it
_PUT_NEXT: Final = Prepared(
    text(
        "INSERT INTO changes (site, seq, kind, key, at)"
        " SELECT :site, last.seq + told.place, told.kind, told.key, CAST(:at AS bigint)"
        " FROM (SELECT coalesce(max(seq), 0) AS seq FROM changes WHERE site = :site) AS last,"
        " json_to_recordset(CAST(:rows AS json)) AS told(place bigint, kind text, key text)"
    )
)
_SINCE: Final = select(
    func.max(changes.c.seq),
    func.max(case((changes.c.kind.in_(bindparam("kinds", expanding=True)), 1), else_=0)),
).where(changes.c.site == bindparam("site"), changes.c.seq > bindparam("seq"))


# one answer for all sites: asked ten times a second
_NEWS: Final = Prepared(
    select(changes.c.seq, changes.c.kind)
    .where(changes.c.site == bindparam("site"), changes.c.seq > bindparam("seq"))
    .order_by(changes.c.seq)
)
_ALL_NEWS: Final = text(
    """
    SELECT since.site, found.last, found.told
    FROM unnest(CAST(:sites AS text[]), CAST(:seqs AS bigint[])) AS since(site, seq)
    CROSS JOIN LATERAL (
        SELECT max(changes.seq) AS last, bool_or(changes.kind = ANY(CAST(:kinds AS text[]))) AS told
        FROM changes WHERE changes.site = since.site AND changes.seq > since.seq
    ) AS found
    WHERE found.last IS NOT NULL
    """
)


def record_change(conn: Connection, site: str, kind: str, key: str, at: int) -> None:
    """Say that row ``key`` of table ``kind`` has changed at ``at`` (Unix ms).

    ``key`` is the primary key without the site, joined by ``/``. Call inside ``write_transaction``.
    """
    lock_site(conn, site)
    _note(conn, site, kind)
    following = select(
        literal(site, String),
        func.coalesce(func.max(changes.c.seq), 0) + 1,
        literal(kind, String),
        literal(key[:120], String),
        literal(at, BigInteger),
    ).where(changes.c.site == site)
    conn.execute(insert(changes).from_select(["site", "seq", "kind", "key", "at"], following))


def record_changes(conn: Connection, site: str, rows: list[tuple[str, str]], at: int) -> None:
    """Many changes of one site at once, as (kind, key), in this order."""
    if not rows:
        return
    lock_site(conn, site)
    _note(conn, site, *(kind for kind, _ in rows))
    if conn.dialect.name == "postgresql":
        told = [{"place": place, "kind": kind, "key": key[:120]} for place, (kind, key) in enumerate(rows, 1)]
        _PUT_NEXT.put(conn, [{"site": site, "at": at, "rows": as_json(told)}])
        return
    last = last_change(conn, site)
    _PUT.put(
        conn,
        [
            {"site": site, "seq": last + 1 + index, "kind": kind, "key": key[:120], "at": at}
            for index, (kind, key) in enumerate(rows)
        ],
    )


def _note(conn: Connection, site: str, *kinds: str) -> None:
    wake.note(conn, site)
    conn.info.setdefault(_NOTED, set()).update(kinds)


def take_noted(conn: Connection) -> set[str]:
    """The tables to which changes were recorded over this connection since the last call."""
    noted: set[str] = conn.info.pop(_NOTED, set())
    return noted


def last_change(conn: Connection, site: str) -> int:
    """The highest ``seq`` of ``site``; 0 if nothing ever changed."""
    found = _LAST.first(conn, {"site": site})
    return 0 if found is None or found[0] is None else int(found[0])


def last_known(conn: Connection, site: str) -> int:
    """The same of a site over which somebody rules; of several at once, for who reads them together."""
    rows = rows_of(conn, site, _LAST_KNOWN)
    return int(rows[0].last or 0) if rows else 0


def is_told_since(conn: Connection, site: str, seq: int, kinds: Sequence[str]) -> tuple[int, bool]:
    """The highest ``seq`` of ``site``; whether a change after ``seq`` is to one of the tables ``kinds``."""
    last, told = conn.execute(_SINCE, {"site": site, "seq": seq, "kinds": kinds}).one()
    return seq if last is None else int(last), bool(told)


def told_since(
    conn: Connection, since: Mapping[str, int], kinds: Sequence[str]
) -> dict[str, tuple[int, bool]]:
    """What :func:`is_told_since` says of each site in ``since`` that has changed."""
    if conn.dialect.name != "postgresql":
        rows = {site: _NEWS.all(conn, {"site": site, "seq": seq}) for site, seq in since.items()}
        return {
            site: (int(found[-1][0]), any(row[1] in kinds for row in found))
            for site, found in rows.items()
            if found
        }
    asked = {"sites": list(since), "seqs": list(since.values()), "kinds": list(kinds)}
    return {row.site: (int(row.last), bool(row.told)) for row in conn.execute(_ALL_NEWS, asked)}


def changes_since(conn: Connection, site: str, seq: int, kinds: Sequence[str]) -> list[tuple[str, str]]:
    """(kind, key) of the changes after ``seq`` to the tables ``kinds``, oldest first."""
    rows = conn.execute(
        select(changes.c.kind, changes.c.key)
        .where(changes.c.site == site, changes.c.seq > seq, changes.c.kind.in_(kinds))
        .order_by(changes.c.seq)
    )
    return [(str(row.kind), str(row.key)) for row in rows]


def prune_changes(conn: Connection, site: str, keep: int = KEEP) -> int:
    """Delete all but the youngest ``keep`` rows of ``site`` (at least one stays); returns how many went."""
    oldest = last_change(conn, site) - max(1, keep)
    return conn.execute(delete(changes).where(changes.c.site == site, changes.c.seq <= oldest)).rowcount
