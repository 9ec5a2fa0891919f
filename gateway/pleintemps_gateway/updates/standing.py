"""What has halted by itself and nobody has given up yet: for the rules of alerts."""

from typing import Final

import msgspec
from sqlalchemy import Connection, func, select

from pleintemps_gateway.alerts.upkeep import Halted
from pleintemps_gateway.store.schema_updates import rollouts
from pleintemps_gateway.store.together import SITES, rows_of

from .rules import Rollout

_OTHER: Final = rollouts.alias()
_YOUNGEST: Final = select(rollouts.c.site, rollouts.c.at, rollouts.c.body).where(
    rollouts.c.site.in_(SITES),
    rollouts.c.state == "halted",
    rollouts.c.number
    == select(func.max(_OTHER.c.number)).where(_OTHER.c.site == rollouts.c.site).scalar_subquery(),
)


def halted(conn: Connection, site: str) -> Halted | None:
    """The site's rollout if that is the youngest, has halted and wants somebody; None for one that nobody can
    read, of which ``update status`` and ``doctor`` speak.
    """
    for row in rows_of(conn, site, _YOUNGEST):
        try:
            rollout = msgspec.json.decode(row.body, type=Rollout)
        except msgspec.MsgspecError:
            continue
        if (ill := rollout.ill) is not None:
            return Halted(rollout.version, ill.agent, ill.why, ill.detail, row.at)
    return None
