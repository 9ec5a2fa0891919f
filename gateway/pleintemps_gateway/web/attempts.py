"""What was tried at a door within the last hour, alike things together. Digits are never among it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, select

from pleintemps_gateway.store import reading
from pleintemps_gateway.store.schema import events

from .stories import grants_of

ATTEMPTS_MS: Final = 3_600_000
MOST: Final = 5
_MOST_ROWS: Final = 60
_TYPES: Final = ("access-refused", "access-granted", "access-not-used")
GRANTED: Final = "granted"
NOT_USED: Final = "not-used"


class Attempt(NamedTuple):
    """``what`` is a reason of refusal, :data:`GRANTED` or :data:`NOT_USED`; it happened ``times`` times in a
    row, the last time at ``at`` (Unix ms). ``who`` is the title of the booking whose code it was, if known.
    """

    what: str
    times: int
    at: int
    trusted: bool
    who: str


def load_attempts(conn: Connection, site: str, door: str, now: int) -> tuple[Attempt, ...]:
    """The youngest first."""
    here = (events.c.site == site) & (events.c.door == door) & (events.c.at > now - ATTEMPTS_MS)
    query = select(events).where(here, events.c.type.in_(_TYPES))
    rows = list(conn.execute(query.order_by(events.c.at.desc(), events.c.seq.desc()).limit(_MOST_ROWS)).all())
    grants, _ = grants_of(rows)
    return summed(rows, reading.grant_titles(conn, site, grants))[:MOST]


def summed(rows: Sequence[Any], titles: Mapping[str, str]) -> tuple[Attempt, ...]:
    """Rows of ``events``, the youngest first, alike neighbours as one."""
    found: list[Attempt] = []
    for row in rows:
        body = msgspec.json.decode(row.body, type=dict[str, Any])
        what = {"access-granted": GRANTED, "access-not-used": NOT_USED}.get(row.type)
        what = what or str(body.get("reason", ""))
        times, who = int(body.get("count", 1)), titles.get(body.get("grant") or "", "")
        last = found[-1] if found else None
        if last is not None and (last.what, last.who) == (what, who):
            found[-1] = last._replace(times=last.times + times)
        else:
            found.append(Attempt(what, times, row.at, bool(row.trusted), who))
    return tuple(found)
