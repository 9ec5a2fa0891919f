"""What a caretaker sees of people who stand before a door that does not open."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from pleintemps_gateway.access.on_door import codes_on_doors
from pleintemps_gateway.access.placing import times_of
from pleintemps_gateway.config import GatewayConfig, SiteConfig
from pleintemps_gateway.delivery.outbox import contact_of
from pleintemps_gateway.delivery.reference import LENGTH, normalized, reference_of
from pleintemps_gateway.store import reading
from pleintemps_gateway.store.schema import agents, bookings, events

from .board import Door
from .stories import Entry, entries, grants_of
from .tonight import load_doors

ATTEMPTS_MS = 3_600_000
MOST_ATTEMPTS = 5
MOST_FOUND = 20


@dataclass(frozen=True, slots=True)
class CallDoor:
    """A door on the way: whether it knows the code, how its agent is, what was tried there."""

    door: Door
    held: bool
    reason: str
    online: bool
    trusted: bool
    attempts: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One booking for who has its people on the telephone. Times are Unix ms, ``closes`` 0 without any."""

    site: str
    zone: str
    booking: str
    reference: str
    title: str
    place: str
    status: str
    withheld: str
    allowed_by: str
    allowed_for: str
    start: int
    end: int
    opens: int
    closes: int
    who: str
    phone: str
    doors: tuple[CallDoor, ...]


@dataclass(frozen=True, slots=True)
class Found:
    site: str
    zone: str
    booking: str
    title: str
    start: int


def find_bookings(
    conn: Connection, config: GatewayConfig, sites: tuple[str, ...], number: str, now: int
) -> list[Found]:
    """Bookings of ``sites`` with this number, the nearest to ``now`` first; several may share one."""
    wanted = normalized(number)
    if not wanted:
        return []
    zones = {site.site: site.zone for site in config.sites}
    begins = bookings.c.booking.between(wanted, wanted + "g")
    rows = conn.execute(select(bookings).where(bookings.c.site.in_(sites), begins)).all()
    mine = [row for row in rows if row.booking[:LENGTH] == wanted]
    mine.sort(key=lambda row: abs(row.start - now))
    return [Found(row.site, zones[row.site], row.booking, row.title, row.start) for row in mine[:MOST_FOUND]]


def load_call(
    conn: Connection, config: GatewayConfig, site: SiteConfig, booking: str, now: int
) -> Call | None:
    """None for an unknown booking."""
    mine = (bookings.c.site == site.site) & (bookings.c.booking == booking)
    row = conn.execute(select(bookings).where(mine)).first()
    if row is None:
        return None
    windows = times_of(site, row)
    names = {space.space: space.name for space in site.spaces}
    views = load_doors(conn, config, (site.site,), now)
    holders = {each.agent: each for each in conn.execute(select(agents).where(agents.c.site == site.site))}
    of_door = {door.door: door.agent for door in site.doors}
    doors = []
    for report in codes_on_doors(conn, site, [booking], now).get(booking, []):
        holder = holders.get(of_door[report.door])
        doors.append(
            CallDoor(
                door=views[site.site, report.door],
                held=report.held,
                reason=report.reason,
                online=holder is not None and holder.presence == "online",
                trusted=holder is not None and bool(holder.clock_trusted),
                attempts=_attempts(conn, site.site, report.door, now),
            )
        )
    contact = contact_of(conn, site.site, booking)
    return Call(
        site=site.site,
        zone=site.zone,
        booking=booking,
        reference=reference_of(booking),
        title=row.title,
        place=names.get(row.space, row.space),
        status=row.status,
        withheld=row.withheld or "",
        allowed_by=row.override_by or "",
        allowed_for=row.override_reason or "",
        start=row.start,
        end=row.end,
        opens=windows[0].start if windows else 0,
        closes=windows[-1].end if windows else 0,
        who=contact.name if contact else "",
        phone=contact.phone if contact else "",
        doors=tuple(doors),
    )


def _attempts(conn: Connection, site: str, door: str, now: int) -> tuple[Entry, ...]:
    tried = events.c.type.in_(("access-refused", "access-granted"))
    here = (events.c.site == site) & (events.c.door == door) & (events.c.at > now - ATTEMPTS_MS)
    query = select(events).where(here, tried).order_by(events.c.at.desc()).limit(MOST_ATTEMPTS)
    rows = list(conn.execute(query).all())
    grants, _ = grants_of(rows)
    return tuple(entries(rows, reading.grant_titles(conn, site, grants), {}))
