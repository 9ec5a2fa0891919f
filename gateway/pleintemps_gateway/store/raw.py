"""Raw samples: inserted on SQLite, on PostgreSQL many at once into a partition for each day.

PostgreSQL forgets a day by dropping its partition: the work does not grow with the rows, and leaves no dead
ones behind. What agents stamp outside the days that are made ready stands in the default partition.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import accumulate
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    MetaData,
    Table,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError

from .prepared import Prepared
from .schema_agents import sample_batches
from .texts import as_json

KEEP_MS: Final = 7 * 86_400_000
"""Raw samples are kept for so long; on PostgreSQL until the day is over on which they get older."""
DAY_MS: Final = 86_400_000
AHEAD: Final = 2
"""Days that are made ready before they begin."""
FOLDER: Final = "pleintemps_samples"
"""The schema of the partitions."""
MOST: Final = 20_000
"""A day of which more stands in the default partition stays there: to move it would hold the writer up."""
A_RUN: Final = 5_000
"""Batches of a site that are forgotten at once: more would hold the writer up, and a minute brings fewer."""
_INSERT: Final = Prepared(insert(sample_batches))
_COLUMNS: Final = tuple(column.name for column in sample_batches.columns)
_DESCRIBED: Final = ("site", "journal", "seq", "agent", "base", "readings")
# COPY cannot be under way beside anything else; the bodies travel as one, as they are
_PUT: Final = Prepared(
    text(
        "INSERT INTO sample_batches (site, journal, seq, agent, base, readings, body)"
        " SELECT site, journal, seq, agent, base, readings,"
        " substring(CAST(:bodies AS bytea) FROM start FOR size)"
        " FROM json_to_recordset(CAST(:rows AS json)) AS incoming(site text, journal text, seq bigint,"
        " agent text, base bigint, readings integer, start integer, size integer)"
    )
)
ENOUGH: Final = 32
"""So many rows go out at once; fewer wait for those of other sites."""
_METADATA: Final = MetaData(schema=FOLDER)
_OTHER_DAYS: Final = sample_batches.to_metadata(_METADATA, schema=FOLDER, name="other_days")
_PLACES: Final[tuple[ColumnElement[Any], ColumnElement[Any]]] = (
    literal_column("ctid"),
    literal_column("rowid"),
)
_GATHERED: Final = "pleintemps_samples"
_DAYS: Final = text(
    "SELECT relname FROM pg_class JOIN pg_inherits ON inhrelid = oid"
    " WHERE inhparent = 'sample_batches'::regclass AND relname LIKE 'day\\_%'"
)


def put(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows that are not there yet: the journal's mark has proved it. See :func:`put_gathered`."""
    if conn.dialect.name == "postgresql":
        gathered = conn.info.setdefault(_GATHERED, [])
        gathered.extend(rows)
        if len(gathered) >= ENOUGH:
            put_gathered(conn)
    else:
        _INSERT.put(conn, rows)


def put_gathered(conn: Connection) -> None:
    """What :func:`put` has gathered of all sites; before the commit."""
    rows = conn.info.pop(_GATHERED, None)
    if not rows:
        return
    bodies = [row["body"] for row in rows]
    sizes = list(map(len, bodies))
    described = [
        {name: row[name] for name in _DESCRIBED} | {"start": start, "size": size}
        for row, start, size in zip(rows, accumulate(sizes, initial=1), sizes, strict=False)
    ]
    _PUT.put(conn, [{"rows": as_json(described), "bodies": b"".join(bodies)}])


def forget_gathered(conn: Connection) -> None:
    """A group is put down: what an undone one gathered over this connection is not."""
    conn.info.pop(_GATHERED, None)


def day_of(at: int) -> int:
    """The first ms of its day (UTC)."""
    return at - at % DAY_MS


def name_of(day: int) -> str:
    """The partition of the day that begins at ``day``."""
    return datetime.fromtimestamp(day / 1000, UTC).strftime("day_%Y%m%d")


def add_days(conn: Connection, now: int) -> None:
    """Make today and the next days ready; nothing to do on SQLite.

    Waits a second at most for whoever reads just then, and is to be asked again: each step by itself.
    """
    if conn.dialect.name != "postgresql":
        return
    there = _days(conn)
    today = day_of(now)
    for day in range(today, today + AHEAD * DAY_MS + 1, DAY_MS):
        if name_of(day) not in there:
            _try(conn, partial(_add, day=day))


def drop_days(conn: Connection, now: int) -> None:
    """Forget the days that are over for long enough, in the same way."""
    if conn.dialect.name != "postgresql":
        return
    for name in sorted(_days(conn)):
        begins = datetime.strptime(name, "day_%Y%m%d").replace(tzinfo=UTC)
        if round(begins.timestamp() * 1000) + DAY_MS <= now - KEEP_MS:
            _try(conn, partial(_drop, name=name))


def _days(conn: Connection) -> set[str]:
    return {str(name) for name in conn.scalars(_DAYS)}


def _add(conn: Connection, day: int) -> None:
    """What the default partition holds of the day comes along."""
    base = _OTHER_DAYS.c.base
    within = (base >= day) & (base < day + DAY_MS)
    some = select(_OTHER_DAYS.c.seq).where(within).limit(MOST + 1).subquery()
    if (conn.scalar(select(func.count()).select_from(some)) or 0) > MOST:
        return
    name = name_of(day)
    conn.execute(text(f"CREATE TABLE {FOLDER}.{name} (LIKE sample_batches INCLUDING ALL)"))
    moved = delete(_OTHER_DAYS).where(within).returning(*_OTHER_DAYS.c).cte("moved")
    conn.execute(insert(_partition(name)).from_select(_COLUMNS, select(moved)))
    bounds = f"FROM ({day}) TO ({day + DAY_MS})"
    conn.execute(text(f"ALTER TABLE sample_batches ATTACH PARTITION {FOLDER}.{name} FOR VALUES {bounds}"))


def _drop(conn: Connection, name: str) -> None:
    conn.execute(text(f"DROP TABLE {FOLDER}.{name}"))


def _partition(name: str) -> Table:
    return sample_batches.to_metadata(MetaData(schema=FOLDER), schema=FOLDER, name=name)


def _try(conn: Connection, step: Callable[[Connection], None]) -> None:
    try:
        with conn.begin_nested():
            conn.execute(text("SET LOCAL lock_timeout = '1s'"))
            step(conn)
            conn.execute(text("SET LOCAL lock_timeout = 0"))
    except DBAPIError:
        return  # somebody reads, or another gateway does the same: the next time


def forget(conn: Connection, site: str, now: int) -> None:
    """Delete what is too old of ``site``; and what is stamped far ahead, which would never grow old.
    On PostgreSQL what has a day of its own goes with it. At most :data:`A_RUN` go at once.
    """
    shared = conn.dialect.name == "postgresql"
    table, place = (_OTHER_DAYS, _PLACES[0]) if shared else (sample_batches, _PLACES[1])
    outside = or_(table.c.base < now - KEEP_MS, table.c.base > now + KEEP_MS)
    old = select(place).select_from(table).where(table.c.site == site, outside).limit(A_RUN)
    conn.execute(delete(table).where(place.in_(old)))
