"""What an agent must refuse by name: withdrawn offline codes and tokens, until they would be over."""

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from pleintemps_contract.offline import code_id
from pleintemps_gateway.access.placing import offline_windows
from pleintemps_gateway.access.purposes import OFFLINE, TOKEN
from pleintemps_gateway.store.schema import credentials

IN_MANIFEST: Final = 256
ON_PAGE: Final = 512
"""The wire's limits of each list."""


class Denied(NamedTuple):
    offline: tuple[str, ...]
    tokens: tuple[str, ...]

    @property
    def in_manifest(self) -> "Denied":
        return Denied(self.offline[:IN_MANIFEST], self.tokens[:IN_MANIFEST])

    def on_pages(self) -> Iterator["Denied"]:
        """What the manifest has no room for, page by page."""
        longest = max(len(self.offline), len(self.tokens))
        for at in range(IN_MANIFEST, longest, ON_PAGE):
            yield Denied(self.offline[at : at + ON_PAGE], self.tokens[at : at + ON_PAGE])


def denied_of(conn: Connection, site: str, spaces: Collection[str], now: int) -> Denied:
    """The withdrawn offline codes of ``spaces``, and all tokens, that are not over at ``now``; the last one
    that was withdrawn comes last, so that pages which are full stay as they are.
    """
    table = credentials.c
    query = (
        select(table.grant, table.purpose, table.kind, table.start, table.end, table["index"])
        .where(table.site == site, table.end > now, table.rests_until.is_not(None))
        .order_by(table.rests_until, table.grant)
    )
    offline, tokens = [], []
    for row in conn.execute(query):
        if row.kind == TOKEN:
            tokens.append(str(row.grant))
        elif row.purpose == OFFLINE:
            window, index = offline_windows(row), row._mapping["index"]
            if any(code_id(site, space, window, index) == row.grant for space in spaces):
                offline.append(str(row.grant))
    return Denied(tuple(offline), tuple(tokens))
