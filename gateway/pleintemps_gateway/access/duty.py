"""What the gateway does about codes by itself: offline codes where a door lacks a grant, credentials of
rights, and what to say of doors whose codes are too easy to guess.
"""

from collections.abc import Collection
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, Select, and_, bindparam, select, true

from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.store.prepared import Prepared
from pleintemps_gateway.store.schema import agents, bookings, credentials, rights

from .allocator import odds
from .issuing import known_at_doors
from .offline_plan import DUE_MS, due, pieces, plan_of
from .on_door import DoorReport, codes_on_doors
from .placing import living, offline_windows, times_of
from .purposes import MAIN, OFFLINE, TOKEN

SETTLES_MS: Final = 60_000
"""So long an agent that is there may take to confirm a new grant, before its door counts as cut off."""
_ON_ITS_WAY: Final = frozenset({"not-sent", "not-confirmed"})
_WEEK_MS: Final = 7 * 86_400_000
_STEP: Final = 200


class EasyDoor(NamedTuple):
    """A door at which 100 guesses hit with a higher probability than the site allows."""

    door: str
    codes: int
    odds: Fraction


def easy_doors(conn: Connection, site: SiteConfig) -> list[EasyDoor]:
    """The doors whose typed codes are easier to guess than ``codes.guess``."""
    known = known_at_doors(conn, site.site, {door.agent for door in site.doors})
    found = [EasyDoor(door, sum(each.values()), odds(each)) for door, each in sorted(known.items())]
    return [each for each in found if each.odds > Fraction(site.codes.guess)]


def needing_offline(
    conn: Connection, site: SiteConfig, now: int, among: Collection[str] | None = None
) -> list[str]:
    """Bookings (of ``among``, if given) for which an offline code has to be told now, the next first: their
    doors open within two hours, and one that could check such a code lacks the grant.
    """
    params: dict[str, Any] = {
        "site": site.site,
        "spaces": sorted(plan_of(site).spaces),
        "soon": now + DUE_MS,
        "over": now - round(site.rules.tail_s * 1000),
    }
    if among is not None:
        params["among"] = sorted(among)
    query = _near(among is not None)
    if query.prepared.first(conn, params) is None:
        return []
    near = {row.booking: row for row in conn.execute(query.statement, params)}
    reports = codes_on_doors(conn, site, list(near), now)
    holding = select(agents.c.agent).where(agents.c.site == site.site, agents.c.grants_epoch.is_not(None))
    with_keys = set(conn.execute(holding).scalars())
    agent_of = {door.door: door.agent for door in site.doors}

    def lacks(booking: Row[Any], report: DoorReport) -> bool:
        on_its_way = report.reason in _ON_ITS_WAY and now < max(booking.created, booking.updated) + SETTLES_MS
        return not report.held and not on_its_way and agent_of[report.door] in with_keys

    return [
        name
        for name, row in near.items()
        if any(lacks(row, report) for report in reports[name]) and _is_untold(conn, site, row, now)
    ]


class _Near(NamedTuple):
    """Bookings that open soon, with the time at which their code was made."""

    statement: Select[*tuple[Any, ...]]
    prepared: Prepared


@lru_cache(maxsize=2)
def _near(among: bool) -> _Near:
    main = and_(
        credentials.c.site == bookings.c.site,
        credentials.c.booking == bookings.c.booking,
        credentials.c.purpose == MAIN,
        credentials.c.rests_until.is_(None),
    )
    made = (
        select(bookings, credentials.c.created)
        .join(credentials, main)
        .where(
            bookings.c.site == bindparam("site"),
            bookings.c.status == "confirmed",
            bookings.c.withheld.is_(None),
            bookings.c.space.in_(bindparam("spaces", expanding=True)),
            bookings.c.start <= bindparam("soon"),
            bookings.c.end > bindparam("over"),
            bookings.c.booking.in_(bindparam("among", expanding=True)) if among else true(),
        )
        .order_by(bookings.c.start)
    )
    return _Near(made, Prepared(made))


def _is_untold(conn: Connection, site: SiteConfig, booking: Row[Any], now: int) -> bool:
    own = living(conn, site.site, booking=booking.booking)
    told = {offline_windows(each) for each in own if each.purpose == OFFLINE}
    return any(part not in told for part in due(pieces(times_of(site, booking)), booking.start, now))


def without_credential(
    conn: Connection, site: SiteConfig, now: int, among: Collection[str] | None = None
) -> list[str]:
    """Rights (of ``among``, if given) that count and have no credential, or a token that lasts less than a
    week; cards are told by hand.
    """
    params: dict[str, Any] = {"site": site.site, "now": now, "week": now + _WEEK_MS}
    if among is not None:
        params["among"] = sorted(among)
    return [str(right) for (right,) in _lacking(among is not None).all(conn, params)]


@lru_cache(maxsize=2)
def _lacking(among: bool) -> Prepared:
    has = (
        select(credentials.c.grant)
        .where(
            credentials.c.site == rights.c.site,
            credentials.c.right == rights.c.right,
            credentials.c.rests_until.is_(None),
            (credentials.c.kind != TOKEN) | (credentials.c.end > bindparam("week")),
        )
        .exists()
    )
    query = select(rights.c.right).where(
        rights.c.site == bindparam("site"),
        rights.c.kind.in_(("code", "staff-code", TOKEN)),
        rights.c.ended.is_(None),
        rights.c.valid_until > bindparam("now"),
        ~has,
        rights.c.right.in_(bindparam("among", expanding=True)) if among else true(),
    )
    return Prepared(query.limit(_STEP))
