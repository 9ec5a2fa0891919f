"""What a caretaker sees of people who stand before a door that does not open."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from pleintemps_gateway.access.offline_plan import plan_of
from pleintemps_gateway.access.on_door import codes_on_doors
from pleintemps_gateway.access.placing import times_of
from pleintemps_gateway.config import GatewayConfig, SiteConfig
from pleintemps_gateway.delivery.outbox import contact_of
from pleintemps_gateway.delivery.reference import reference_of
from pleintemps_gateway.store.schema import agents, bookings

from .attempts import Attempt, load_attempts
from .board import Door
from .help_advice import About, Finding, Seen, of_booking, of_door, offline_from
from .tonight import load_doors


@dataclass(frozen=True, slots=True)
class CallDoor:
    """A door on the way: whether it knows the code, how its agent is, what was tried there, what to say.

    ``offline_at``: from then on (Unix ms) it takes an offline code; None while it hears the gateway.
    """

    door: Door
    held: bool
    reason: str
    online: bool
    trusted: bool
    last_seen: int | None
    attempts: tuple[Attempt, ...]
    finding: Finding
    offline_at: int | None

    @property
    def pending(self) -> bool:
        """Whether a command to it is under way."""
        return self.door.asked is not None and self.door.asked.pending


@dataclass(frozen=True, slots=True)
class Call:
    """One booking for who has its people on the telephone. Times are Unix ms, ``closes`` 0 without any.

    ``offline_digits`` is the length of its offline code, 0 where the plan allows none; ``key_safe`` and
    ``duty`` are the site's.
    """

    site: str
    site_name: str
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
    about: About
    doors: tuple[CallDoor, ...]
    offline_digits: int
    key_safe: str
    duty: str

    @property
    def pending(self) -> bool:
        return any(each.pending for each in self.doors)

    @property
    def offline_at(self) -> int | None:
        """From when on an offline code opens every silent door on the way; None if no door is silent."""
        return max((each.offline_at for each in self.doors if each.offline_at is not None), default=None)


def load_call(
    conn: Connection, config: GatewayConfig, site: SiteConfig, booking: str, now: int
) -> Call | None:
    """None for an unknown booking."""
    mine = (bookings.c.site == site.site) & (bookings.c.booking == booking)
    row = conn.execute(select(bookings).where(mine)).first()
    if row is None:
        return None
    windows = times_of(site, row)
    opens, closes = (windows[0].start, windows[-1].end) if windows else (0, 0)
    names = {space.space: space.name for space in site.spaces}
    contact = contact_of(conn, site.site, booking)
    planned = plan_of(site).spaces.get(row.space)
    return Call(
        site=site.site,
        site_name=site.name,
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
        opens=opens,
        closes=closes,
        who=contact.name if contact else "",
        phone=contact.phone if contact else "",
        about=of_booking(row.status, row.withheld or "", opens, closes, now),
        doors=tuple(_doors(conn, config, site, booking, now)),
        offline_digits=planned.digits if planned else 0,
        key_safe=site.about.key_safe,
        duty=site.about.duty,
    )


def _doors(
    conn: Connection, config: GatewayConfig, site: SiteConfig, booking: str, now: int
) -> list[CallDoor]:
    views = load_doors(conn, config, (site.site,), now)
    holders = {each.agent: each for each in conn.execute(select(agents).where(agents.c.site == site.site))}
    of_agent = {door.door: door.agent for door in site.doors}
    found = []
    for report in codes_on_doors(conn, site, [booking], now).get(booking, []):
        holder = holders.get(of_agent[report.door])
        online = holder is not None and holder.presence == "online"
        trusted = holder is not None and bool(holder.clock_trusted)
        last_seen = None if holder is None else holder.last_seen
        tried = load_attempts(conn, site.site, report.door, now)
        view = views[site.site, report.door]
        found.append(
            CallDoor(
                door=view,
                held=report.held,
                reason=report.reason,
                online=online,
                trusted=trusted,
                last_seen=last_seen,
                attempts=tried,
                finding=of_door(Seen(view, report.held, online, trusted, tried)),
                offline_at=offline_from(last_seen, online=online, now=now),
            )
        )
    return found
