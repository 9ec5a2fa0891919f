"""Which credential is on which door when: the rows of ``grants``. Every function runs inside
``write_transaction``.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, and_, bindparam, delete, func, insert, or_, select, true, update

from pleintemps_contract.gateway_messages import Window
from pleintemps_contract.offline import QUARTER_MS, OfflineWindow, code_id
from pleintemps_gateway.bookings.calendars import calendar_of
from pleintemps_gateway.bookings.way import by_agent, doors_on_way
from pleintemps_gateway.bookings.windows import windows_of
from pleintemps_gateway.config import DoorConfig, SiteConfig
from pleintemps_gateway.store.changes import record_change, record_changes
from pleintemps_gateway.store.prepared import Prepared
from pleintemps_gateway.store.schema import bookings, credentials, grants, rights

from .offline_plan import pieces
from .purposes import MAIN, OFFLINE, ONE_TIME, TOKEN
from .right_rule import doors_of, schedule_name

UNPUBLISHED: Final = 2**53
"""Epoch of a grant that no manifest holds yet as it is now."""
PAGE_GRANTS: Final = 64
"""Grants of one page; a grant keeps its page."""
PAGE_WEIGHT: Final = 56_000
"""Bytes that the grants of one page take at most: with its envelope it stays below the wire's 64 KiB."""
REST_MS: Final = 90 * 86_400_000
"""Freed digits are not drawn again for 90 days."""
MAX_WINDOWS: Final = 256
_GRANT_WEIGHT: Final = 400
"""Bytes of a grant besides its doors, names at their longest, with one window or schedule."""
_STEP: Final = 200


class Placed(NamedTuple):
    """What one agent should hold of a credential: doors and windows, or a schedule."""

    doors: str
    start: int
    end: int
    windows: str | None = None
    schedule: str | None = None

    @property
    def weight(self) -> int:
        """At most so many bytes on a page, where a window takes 46, here 30."""
        several = 0 if self.windows is None else 2 * len(self.windows)
        return _GRANT_WEIGHT + len(self.doors) + several


def times_of(site: SiteConfig, booking: Row[Any]) -> list[Window]:
    """When the doors open for a row of ``bookings``, in order: never for one that may have no code."""
    if booking.status != "confirmed" or booking.withheld is not None:
        return []
    return windows_of(site, calendar_of(site), booking)


def booking_row(conn: Connection, site: str, booking: str) -> Row[Any] | None:
    mine = (bookings.c.site == site) & (bookings.c.booking == booking)
    return conn.execute(select(bookings).where(mine)).first()


def living(conn: Connection, site: str, *, booking: str = "", right: str = "") -> list[Row[Any]]:
    """The living credentials of a booking or a right, in the order in which they were made."""
    owner = credentials.c.booking == booking if booking else credentials.c.right == right
    mine = (credentials.c.site == site) & owner & credentials.c.rests_until.is_(None)
    order = (credentials.c.created, credentials.c.grant)
    return list(conn.execute(select(credentials).where(mine).order_by(*order)).all())


def live_grant(conn: Connection, site: str, booking: str) -> str | None:
    """The grant of the booking's main code, if it has one."""
    found = [row.grant for row in living(conn, site, booking=booking) if row.purpose == MAIN]
    return str(found[0]) if found else None


def place(conn: Connection, site: SiteConfig, booking: str, now: int) -> None:
    """Make the rows of ``grants`` what the booking wants now: after issue, move, cancellation, end.

    Its codes keep their digits; offline codes for other times than its own are withdrawn.
    """
    row = booking_row(conn, site.site, booking)
    times = [] if row is None else times_of(site, row)
    doors = doors_on_way(site.doors, row.space) if row is not None else []
    space = "" if row is None else row.space
    for credential in living(conn, site.site, booking=booking):
        if credential.purpose == OFFLINE:
            index = credential._mapping["index"]
            if credential.grant not in {code_id(site.site, space, part, index) for part in pieces(times)}:
                withdraw(conn, site, credential, now)
            continue
        own = times
        if credential.purpose == ONE_TIME:
            own = [Window(start=credential.start, end=credential.end)]
        _settle(conn, site.site, credential.grant, _at_doors(doors, own, now), now)


def place_right(conn: Connection, site: SiteConfig, right: str, now: int) -> None:
    """As :func:`place`, for a recurring right: after issue, a change of its rule or spaces, its end.

    Tokens that were made before the last change are withdrawn: they say something else.
    """
    mine = (rights.c.site == site.site) & (rights.c.right == right)
    row = conn.execute(select(rights).where(mine)).first()
    wanted: dict[str, Placed] = {}
    if row is not None and row.ended is None and row.valid_until > now:
        for group in by_agent(doors_of(site, row)):
            doors = msgspec.json.encode(sorted(group.doors)).decode()
            name = schedule_name(row)
            wanted[group.agent] = Placed(doors, row.valid_from, row.valid_until, schedule=name)
    for credential in living(conn, site.site, right=right):
        if credential.kind != TOKEN:
            _settle(conn, site.site, credential.grant, wanted, now)
        elif not wanted or (row is not None and credential.created < row.updated):
            withdraw(conn, site, credential, now)


def place_rights(conn: Connection, site: SiteConfig, now: int, after: str, limit: int) -> str | None:
    """:func:`place_right` for the next ``limit`` rights that count, in the order of their ids, so that they
    follow a site whose doors have changed; from where to go on, None after the last one.
    """
    counts = (rights.c.site == site.site) & rights.c.ended.is_(None) & (rights.c.valid_until > now)
    query = select(rights.c.right).where(counts, rights.c.right > after).order_by(rights.c.right)
    found = [str(right) for right in conn.execute(query.limit(limit)).scalars()]
    for right in found:
        place_right(conn, site, right, now)
    return found[-1] if len(found) == limit else None


def _at_doors(doors: Iterable[DoorConfig], times: list[Window], now: int) -> dict[str, Placed]:
    ahead = [window for window in times if window.end > now][:MAX_WINDOWS]
    if not ahead:
        return {}
    several = None
    if len(ahead) > 1:
        several = msgspec.json.encode([(window.start, window.end) for window in ahead]).decode()
    start, end = ahead[0].start, ahead[-1].end
    return {
        group.agent: Placed(msgspec.json.encode(group.doors).decode(), start, end, several)
        for group in by_agent(doors)
    }


def _settle(conn: Connection, site: str, grant: str, wanted: Mapping[str, Placed], now: int) -> None:
    mine = (grants.c.site == site) & (grants.c.grant == grant)
    held = {row.agent: row for row in conn.execute(select(grants).where(mine))}
    changed = []
    for agent in sorted(held.keys() | wanted.keys()):
        values, there = wanted.get(agent), held.get(agent)
        if values is None:
            conn.execute(delete(grants).where(mine, grants.c.agent == agent))
        elif there is None:
            page = _free_page(conn, site, agent, grant, values.weight)
            unpublished = {"page": page, "epoch": UNPUBLISHED, "revision": 0}
            key = {"site": site, "agent": agent, "grant": grant}
            conn.execute(insert(grants).values(**key, **values._asdict(), **unpublished))
        elif _placed(there) != values:
            page = there.page
            if values.weight > _placed(there).weight:
                page = _free_page(conn, site, agent, grant, values.weight, page)
            moved = update(grants).where(mine, grants.c.agent == agent)
            conn.execute(moved.values(**values._asdict(), page=page, epoch=UNPUBLISHED, revision=0))
        else:
            continue
        changed.append(("grants", f"{agent}/{grant}"))
    record_changes(conn, site, changed, now)


def _placed(row: Row[Any]) -> Placed:
    return Placed(row.doors, row.start, row.end, row.windows, row.schedule)


def _free_page(conn: Connection, site: str, agent: str, grant: str, weight: int, first: int = 0) -> int:
    """A page of the agent with room for ``grant``: page ``first`` if it has, else the lowest that has."""
    others = (grants.c.site == site) & (grants.c.agent == agent) & (grants.c.grant != grant)
    several = 2 * func.coalesce(func.length(grants.c.windows), 0)
    heavy = func.sum(_GRANT_WEIGHT + func.length(grants.c.doors) + several)
    used = select(grants.c.page, func.count(), heavy).where(others).group_by(grants.c.page)
    full = {
        int(page)
        for page, count, total in conn.execute(used)
        if count >= PAGE_GRANTS or total + weight > PAGE_WEIGHT
    }
    if first not in full:
        return first
    return next(page for page in range(len(full) + 1) if page not in full)


# --- the end ----------------------------------------------------------------------------------------------


def free(conn: Connection, site: SiteConfig, booking: str, now: int) -> None:
    """Take every code of the booking off every door; their digits rest."""
    for credential in living(conn, site.site, booking=booking):
        withdraw(conn, site, credential, now)


def free_right(conn: Connection, site: SiteConfig, right: str, now: int) -> None:
    """As :func:`free`, for a right; its tokens are denied until they end."""
    for credential in living(conn, site.site, right=right):
        withdraw(conn, site, credential, now)


def withdraw(conn: Connection, site: SiteConfig, credential: Row[Any], now: int) -> None:
    """Take one credential off every door; what no grant stands for is denied until its end."""
    name = credential.grant
    _settle(conn, site.site, name, {}, now)
    own = (credentials.c.site == site.site) & (credentials.c.grant == name)
    conn.execute(update(credentials).where(own).values(rests_until=now + REST_MS))
    record_change(conn, site.site, "credentials", name, now)
    if (credential.purpose == OFFLINE or credential.kind == TOKEN) and credential.end > now:
        agents = dict.fromkeys(door.agent for door in site.doors)
        record_changes(conn, site.site, [("grants", f"{agent}/{name}") for agent in agents], now)


def free_ended(conn: Connection, site: SiteConfig, now: int) -> int:
    """Free the codes of bookings whose doors have closed, one-time codes and rights that are over; forget
    digits that have rested. How many were freed.
    """
    limit = now - round(site.rules.tail_s * 1000)
    booked = and_(bookings.c.site == credentials.c.site, bookings.c.booking == credentials.c.booking)
    entitled = and_(rights.c.site == credentials.c.site, rights.c.right == credentials.c.right)
    own = and_(credentials.c.end <= now, or_(credentials.c.purpose == ONE_TIME, credentials.c.kind == TOKEN))
    # a release can be taken back until the planned end: the digits stay theirs
    last = func.coalesce(bookings.c.planned_end, bookings.c.end)
    booking_over = and_(last <= limit, credentials.c.purpose != ONE_TIME)
    ended = (
        select(credentials)
        .join(bookings, booked, isouter=True)
        .join(rights, entitled, isouter=True)
        .where(credentials.c.site == site.site, credentials.c.rests_until.is_(None))
        .where(or_(booking_over, rights.c.valid_until <= now, own))
        .limit(_STEP)
    )
    found = conn.execute(ended).all()
    for credential in found:
        withdraw(conn, site, credential, now)
    rested = (credentials.c.site == site.site) & (credentials.c.rests_until <= now)
    conn.execute(delete(credentials).where(rested))
    return len(found)


def without_code(
    conn: Connection,
    site: SiteConfig,
    now: int,
    limit: int = _STEP,
    among: Collection[str] | None = None,
) -> list[str]:
    """Confirmed bookings (of ``among``, if given) that may have a code and have none, the nearest first,
    until their doors close.
    """
    params: dict[str, Any] = {"site": site.site, "over": now - round(site.rules.tail_s * 1000), "most": limit}
    if among is not None:
        params["among"] = sorted(among)
    return [str(booking) for (booking,) in _codeless(among is not None).all(conn, params)]


@lru_cache(maxsize=2)
def _codeless(among: bool) -> Prepared:
    has_code = (
        select(credentials.c.grant)
        .where(
            credentials.c.site == bookings.c.site,
            credentials.c.booking == bookings.c.booking,
            credentials.c.purpose == MAIN,
            credentials.c.rests_until.is_(None),
        )
        .exists()
    )
    return Prepared(
        select(bookings.c.booking)
        .where(
            bookings.c.site == bindparam("site"),
            bookings.c.status == "confirmed",
            bookings.c.withheld.is_(None),
            bookings.c.end > bindparam("over"),
            ~has_code,
            bookings.c.booking.in_(bindparam("among", expanding=True)) if among else true(),
        )
        .order_by(bookings.c.start)
        .limit(bindparam("most"))
    )


def offline_windows(credential: Row[*tuple[Any, ...]]) -> OfflineWindow:
    """The quarter hours of a row of ``credentials`` whose purpose is offline."""
    return OfflineWindow(credential.start // QUARTER_MS, credential.end // QUARTER_MS)
