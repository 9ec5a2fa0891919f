"""Rows of one site; of several sites in one statement, where one site is read after another.

To take a site over, some twenty tables are read. A statement costs as much as its rows, and a server is as
many journeys away as there are statements: so who reads many sites says which, and the first who asks for one
of them gets the rows of all.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Row, Select, Table, bindparam, select

SITES: Final[BindParameter[Any]] = bindparam("sites", expanding=True)
"""Stands in a statement for the sites that are asked for: ``where(table.c.site.in_(SITES))``."""
_KEY: Final = "pleintemps_together"


@dataclass(slots=True)
class _Together:
    sites: frozenset[str]
    found: dict[tuple[Any, ...], dict[str, list[Row[Any]]]] = field(default_factory=dict)


@contextmanager
def together(conn: Connection, sites: Collection[str]) -> Iterator[None]:
    """What is asked of one of ``sites`` over this connection is asked of all, and once. For readers: what is
    written meanwhile is not seen.
    """
    conn.info[_KEY] = _Together(frozenset(sites))
    try:
        yield
    finally:
        conn.info.pop(_KEY, None)


def rows_of(conn: Connection, site: str, query: Select[Any], **params: Any) -> Sequence[Row[Any]]:
    """The rows of ``query`` for ``site``. It is a statement of a module, selects a column ``site`` and names
    the sites by :data:`SITES`; ``params`` are its other parameters.
    """
    whole: _Together | None = conn.info.get(_KEY)
    if whole is None or site not in whole.sites:
        return conn.execute(query, {"sites": [site], **params}).all()
    key = (query, *params.items())
    if (found := whole.found.get(key)) is None:
        found = whole.found[key] = defaultdict(list)
        for row in conn.execute(query, {"sites": sorted(whole.sites), **params}):
            found[row.site].append(row)
    return found.get(site, [])


def table_of(conn: Connection, site: str, table: Table) -> Sequence[Row[Any]]:
    """All rows of ``site`` in ``table``."""
    return rows_of(conn, site, _whole(table))


@lru_cache(maxsize=64)
def _whole(table: Table) -> Select[Any]:
    return select(table).where(table.c.site.in_(SITES))
