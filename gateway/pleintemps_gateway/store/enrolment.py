"""Who is shut out, as the store says, and who was stolen."""

from typing import Final

from sqlalchemy import Connection, select

from .schema import shut_out
from .together import SITES, rows_of

_OUT: Final = select(shut_out).where(shut_out.c.site.in_(SITES), shut_out.c.ended.is_(None))


def shut_out_agents(conn: Connection, site: str) -> frozenset[str]:
    """The agents of a site that nobody hears until they are enrolled again."""
    return frozenset(str(row.agent) for row in rows_of(conn, site, _OUT))


def stolen_agents(conn: Connection, site: str) -> dict[str, int]:
    """When those of them were stolen (Unix ms) that were."""
    return {row.agent: row.at for row in rows_of(conn, site, _OUT) if row.stolen}
