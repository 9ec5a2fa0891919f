"""Who is shut out, as the store says, and who was stolen."""

from sqlalchemy import Connection, select

from .schema import shut_out


def shut_out_agents(conn: Connection, site: str) -> frozenset[str]:
    """The agents of a site that nobody hears until they are enrolled again."""
    mine = (shut_out.c.site == site) & shut_out.c.ended.is_(None)
    return frozenset(conn.execute(select(shut_out.c.agent).where(mine)).scalars())


def stolen_agents(conn: Connection, site: str) -> dict[str, int]:
    """When those of them were stolen (Unix ms) that were."""
    mine = (shut_out.c.site == site) & shut_out.c.ended.is_(None) & shut_out.c.stolen
    return {row.agent: row.at for row in conn.execute(select(shut_out.c.agent, shut_out.c.at).where(mine))}
