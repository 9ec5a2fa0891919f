"""Is a code on its doors? Read-only; the page, the API, offline codes and tests ask here."""

from collections.abc import Collection, Iterable
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, select

from pleintemps_gateway.bookings.way import doors_on_way
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.store.schema import agents, bookings, credentials, grants, reigns, rights

from .placing import UNPUBLISHED, times_of
from .purposes import EXTRA, MAIN, OFFLINE, TOKEN
from .right_rule import doors_of

_OURS: Final = (MAIN, EXTRA)


class DoorReport(NamedTuple):
    """Whether the agent of ``door`` holds the codes as they are now.

    If not, ``reason`` is ``cancelled``, ``over``, ``withheld``, ``no-code``, ``not-sent`` (in no manifest
    yet), ``agent-never-seen``, ``agent-silent`` (sent, and the agent is away), ``refused`` (sent, and the
    agent could not apply it) or ``not-confirmed`` (sent, and not answered yet). ``offline``: an offline code
    was told that this door can check.
    """

    door: str
    held: bool
    reason: str
    offline: bool = False


class _Placed(NamedTuple):
    """Where the living credentials of one owner (a booking or a right) are: their rows for each agent."""

    grants: frozenset[str]
    held: dict[str, list[Row[*tuple[Any, ...]]]]
    offline: bool


class _Holder(NamedTuple):
    """What an agent said of its grants. ``foreign``: they are younger than anything that this store knows to
    be said, as after the loss of a store; it refuses ours.
    """

    presence: str
    held: tuple[int, int] | None
    complains: bool
    foreign: bool


def codes_on_doors(
    conn: Connection, site: SiteConfig, booking_ids: Collection[str], now: int
) -> dict[str, list[DoorReport]]:
    """For each known booking, every door on its way from the street; no door if no way leads there.

    A door holds a booking if it holds all its codes but the one-time and offline ones.
    """
    mine = (bookings.c.site == site.site) & bookings.c.booking.in_(booking_ids)
    booked = conn.execute(select(bookings).where(mine)).all() if booking_ids else []
    if not booked:
        return {}
    placed = _placed(conn, site.site, credentials.c.booking, [row.booking for row in booked], now)
    known = _holders(conn, site.site)
    reports: dict[str, list[DoorReport]] = {}
    for row in booked:
        gone, own = _gone(site, row, now), placed.get(row.booking)
        reports[row.booking] = []
        for door in doors_on_way(site.doors, row.space):
            holder = known.get(door.agent)
            reason = gone or _reason(own, door.agent, holder)
            offline = own is not None and own.offline and not gone and _has_keys(holder)
            reports[row.booking].append(DoorReport(door.door, not reason, reason, offline))
    return reports


def rights_on_doors(
    conn: Connection, site: SiteConfig, right_ids: Collection[str], now: int
) -> dict[str, list[DoorReport]]:
    """As :func:`codes_on_doors`, for recurring rights. A token needs nothing on the door."""
    mine = (rights.c.site == site.site) & rights.c.right.in_(right_ids)
    entitled = conn.execute(select(rights).where(mine)).all() if right_ids else []
    if not entitled:
        return {}
    placed = _placed(conn, site.site, credentials.c.right, [row.right for row in entitled], now)
    known = _holders(conn, site.site)
    reports: dict[str, list[DoorReport]] = {}
    for row in entitled:
        gone = "cancelled" if row.ended is not None else ""
        gone = gone or ("over" if row.valid_until <= now else "")
        own = placed.get(row.right)
        reports[row.right] = []
        for door in doors_of(site, row):
            if row.kind == TOKEN:
                reason = gone or ("" if own is not None else "no-code")
            else:
                reason = gone or _reason(own, door.agent, known.get(door.agent))
            reports[row.right].append(DoorReport(door.door, not reason, reason))
    return reports


def _holders(conn: Connection, site: str) -> dict[str, _Holder]:
    mine = select(reigns.c.epoch, reigns.c.revision).where(reigns.c.site == site)
    reign = conn.execute(mine).first()
    said = None if reign is None else (int(reign.epoch), int(reign.revision))
    found = {}
    for row in conn.execute(select(agents).where(agents.c.site == site)):
        held = None
        if row.grants_epoch is not None:
            held = (int(row.grants_epoch), int(row.grants_revision or 0))
        found[row.agent] = _Holder(
            row.presence, held, bool(row.grants_detail), held is not None and said is not None and held > said
        )
    return found


def _placed(conn: Connection, site: str, owner: Any, names: Collection[str], now: int) -> dict[str, _Placed]:
    """By owner, what lives and is not over at ``now``."""
    query = (
        select(
            owner.label("owner"),
            credentials.c.grant,
            credentials.c.purpose,
            credentials.c.end,
            grants.c.agent,
            grants.c.epoch,
            grants.c.revision,
        )
        .join(
            grants,
            (grants.c.site == credentials.c.site) & (grants.c.grant == credentials.c.grant),
            isouter=True,
        )
        .where(credentials.c.site == site, credentials.c.rests_until.is_(None), owner.in_(names))
    )
    found: dict[str, _Placed] = {}
    for row in conn.execute(query):
        if row.end is not None and row.end <= now:
            continue
        own = found.get(row.owner, _Placed(frozenset(), {}, False))
        if row.purpose == OFFLINE:
            own = own._replace(offline=True)
        elif row.purpose in _OURS:
            own = own._replace(grants=own.grants | {row.grant})
            if row.agent is not None:
                own.held.setdefault(row.agent, []).append(row)
        found[row.owner] = own
    return found


def _gone(site: SiteConfig, booking: Row[Any], now: int) -> str:
    if booking.status != "confirmed":
        return "cancelled"
    if booking.withheld is not None:
        return "withheld"
    return "" if any(window.end > now for window in times_of(site, booking)) else "over"


def _reason(own: _Placed | None, agent: str, holder: _Holder | None) -> str:
    rows = [] if own is None else own.held.get(agent, [])
    if own is None or not own.grants or len(rows) < len(own.grants):
        return "no-code"
    return next((reason for row in rows if (reason := _lacks(row, holder))), "")


def _lacks(wanted: Row[*tuple[Any, ...]], holder: _Holder | None) -> str:
    if wanted.epoch == UNPUBLISHED:
        return "not-sent"
    if holder is None or holder.presence == "never":
        return "agent-never-seen"
    if holder.foreign:
        return "refused"
    if (holder.held or (0, 0)) >= (wanted.epoch, wanted.revision):
        return ""
    if holder.presence != "online":
        return "agent-silent"
    return "refused" if holder.complains else "not-confirmed"


def _has_keys(holder: _Holder | None) -> bool:
    return holder is not None and holder.held is not None


def is_on_door(reports: Collection[DoorReport]) -> bool:
    """Whether the code opens every door on the way; False if there is none."""
    return bool(reports) and all(report.held for report in reports)


def first_reason(reports: Iterable[DoorReport]) -> str:
    """Why the code is not on its doors: of the first door that lacks it; ``no-door`` if there is none."""
    found = list(reports)
    return next((report.reason for report in found if not report.held), "" if found else "no-door")


class CodeAtDoor(NamedTuple):
    """A credential that ``door`` should know from ``start`` to ``end`` (Unix ms); ``reason`` says why it does
    not, as of :class:`DoorReport`, and is empty if it does. ``booking`` or ``right`` is whose it is.
    """

    door: str
    grant: str
    kind: str
    purpose: str
    booking: str
    right: str
    start: int
    end: int
    reason: str


def codes_at_doors(conn: Connection, site: SiteConfig, now: int) -> list[CodeAtDoor]:
    """What every door of ``site`` should know now or later, by the hour: what is placed, without tokens and
    computed codes, which stand in no manifest.
    """
    known = _holders(conn, site.site)
    same = (credentials.c.site == grants.c.site) & (credentials.c.grant == grants.c.grant)
    columns = (credentials.c.kind, credentials.c.purpose, credentials.c.booking, credentials.c.right)
    query = (
        select(grants, *columns)
        .join(credentials, same)
        .where(grants.c.site == site.site, grants.c.end > now, credentials.c.rests_until.is_(None))
        .order_by(grants.c.start, grants.c.grant)
    )
    ours = {door.door for door in site.doors}
    found = []
    for row in conn.execute(query):
        reason = _lacks(row, known.get(row.agent))
        for door in msgspec.json.decode(row.doors, type=list[str]):
            if door in ours:
                whose = (row.booking or "", row.right or "")
                found.append(
                    CodeAtDoor(door, row.grant, row.kind, row.purpose, *whose, row.start, row.end, reason)
                )
    return found
