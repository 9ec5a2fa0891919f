"""What an agent must refuse by name: withdrawn offline codes and tokens, until they would be over."""

import logging
from collections.abc import Collection
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from pleintemps_contract.logs import line
from pleintemps_contract.offline import code_id
from pleintemps_gateway.access.placing import offline_windows
from pleintemps_gateway.access.purposes import OFFLINE, TOKEN
from pleintemps_gateway.store.schema import credentials

MOST: Final = 256
"""The wire's limit of each list."""

_log = logging.getLogger(__name__)


class Denied(NamedTuple):
    offline: tuple[str, ...]
    tokens: tuple[str, ...]


def denied_of(conn: Connection, site: str, agent: str, spaces: Collection[str], now: int) -> Denied:
    """The withdrawn offline codes of ``spaces`` and tokens that are not over at ``now``, the next first.

    A site that withdraws more than 256 at a time leaves the furthest for later, and says so.
    """
    table = credentials.c
    query = (
        select(table.grant, table.purpose, table.kind, table.start, table.end, table["index"])
        .where(table.site == site, table.end > now, table.rests_until.is_not(None))
        .order_by(table.start, table.grant)
    )
    offline, tokens = [], []
    for row in conn.execute(query):
        if row.kind == TOKEN:
            tokens.append(str(row.grant))
        elif row.purpose == OFFLINE:
            window, index = offline_windows(row), row._mapping["index"]
            if any(code_id(site, space, window, index) == row.grant for space in spaces):
                offline.append(str(row.grant))
    for count in (len(offline), len(tokens)):
        if count > MOST:
            _log.error(line("denied-list-full", site=site, agent=agent, left=count - MOST))
    return Denied(tuple(offline[:MOST]), tuple(tokens[:MOST]))
