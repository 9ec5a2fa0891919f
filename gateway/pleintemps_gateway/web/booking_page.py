"""What the personal page of a booking shows: read from the store with the secret link, nothing else."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, Row, select

from pleintemps_contract.gateway_messages import Window
from pleintemps_gateway.access.on_door import codes_on_doors, rights_on_doors
from pleintemps_gateway.access.placing import times_of
from pleintemps_gateway.access.purposes import OFFLINE, ONE_TIME, TOKEN
from pleintemps_gateway.access.vault import decrypt_code, link_hash
from pleintemps_gateway.bookings.way import doors_on_way
from pleintemps_gateway.config import DoorConfig, GatewayConfig, SiteConfig
from pleintemps_gateway.delivery.letters import rules_of
from pleintemps_gateway.delivery.messages import Message
from pleintemps_gateway.delivery.reference import reference_of, spaced
from pleintemps_gateway.store.schema import alerts, bookings, commands, credentials, rights

UNDO_MS: Final = 5 * 60_000
"""So long "we have left" can be taken back."""
PENDING: Final = ("requested", "sent")
"""Outcomes of a command that will become another one."""


@dataclass(frozen=True, slots=True)
class WayDoor:
    """A door on the way, and whether it knows the code now; ``reason`` says why not."""

    door: str
    name: str
    held: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Visit:
    """One booking, or a recurring right, as who holds the link may see it.

    ``phase`` is ``before``, ``open`` (the doors open now), ``after``, ``cancelled``, ``released``,
    ``withheld``, ``replaced`` (another code was made) or ``right``. Times are Unix ms. ``code`` is empty
    where it opens nothing.
    """

    site: SiteConfig
    booking: str
    grant: str
    phase: str
    title: str
    place: str
    start: int
    end: int
    windows: tuple[Window, ...]
    code: str
    label: str
    purpose: str
    doors: tuple[WayDoor, ...]
    capacity: int
    people: int | None
    withheld: str
    left: int | None
    called: int | None
    spaces: tuple[str, ...] = ()
    space: str = ""

    @property
    def zone(self) -> str:
        return self.site.zone

    @property
    def reference(self) -> str:
        return reference_of(self.booking) if self.booking else ""

    @property
    def shown_code(self) -> str:
        return spaced(self.code)

    @property
    def opens(self) -> int:
        return self.windows[0].start if self.windows else self.start

    @property
    def closes(self) -> int:
        return self.windows[-1].end if self.windows else self.end

    @property
    def may_open(self) -> bool:
        """Whether the button opens doors now."""
        return self.phase == "open" and bool(self.code) and bool(self.doors)

    @property
    def may_leave(self) -> bool:
        return self.phase == "open" and self.left is None and self.purpose != ONE_TIME

    def may_return(self, now: int) -> bool:
        """Whether "we have left" can still be taken back."""
        return self.left is not None and now < self.left + UNDO_MS and self.phase in ("open", "after")

    def rules(self, language: str) -> list[str]:
        space = next((known for known in self.site.spaces if known.space == self.space), None)
        return rules_of(self.site, space, language)

    def message(self) -> Message:
        """The booking for its calendar file, without any secret."""
        return Message(
            site=self.site.site,
            booking=self.booking,
            title=self.title,
            space=self.space,
            start=self.start,
            end=self.end,
            opens=self.opens,
            closes=self.closes,
            doors=[door.door for door in self.doors],
        )

    def door(self, name: str) -> DoorConfig | None:
        """The door on the way called ``name``."""
        known = {door.door for door in self.doors}
        return next((door for door in self.site.doors if door.door == name and name in known), None)


def find_visit(conn: Connection, config: GatewayConfig, link: str, now: int) -> Visit | None:
    """What ``link`` shows; None for a link that nobody was given.

    Looked up by its hash, so that the time it takes says nothing of the links that there are.
    """
    hashed, sites = link_hash(link), {site.site: site for site in config.sites}
    query = select(credentials).where(credentials.c.site.in_(sites), credentials.c.link_hash == hashed)
    row = conn.execute(query).first()
    if row is None or not hmac.compare_digest(row.link_hash, hashed):
        return None
    site = sites[row.site]
    code = "" if row.rests_until is not None else _code(row, link)
    if row.booking is not None:
        return _of_booking(conn, site, row, code, now)
    return None if row.right is None else _of_right(conn, site, row, code, now)


def _code(row: Row[Any], link: str) -> str:
    try:
        return decrypt_code(row.site, row.grant, link, bytes(row.encrypted_code))
    except InvalidTag:
        return ""  # kept, but not for this link: erased


def _of_booking(conn: Connection, site: SiteConfig, row: Row[Any], code: str, now: int) -> Visit | None:
    mine = (bookings.c.site == site.site) & (bookings.c.booking == row.booking)
    booked = conn.execute(select(bookings).where(mine)).first()
    if booked is None:
        return None
    windows = times_of(site, booked)
    if row.purpose in (OFFLINE, ONE_TIME) and windows:
        windows = [Window(start=row.start, end=row.end)]
    phase = _phase(booked, row, windows, now)
    spaces = {space.space: space for space in site.spaces}
    space = spaces.get(booked.space)
    return Visit(
        site=site,
        booking=booked.booking,
        grant=row.grant,
        phase=phase,
        title=booked.title,
        place=space.name if space else booked.space,
        start=booked.start,
        end=booked.end,
        windows=tuple(windows),
        code=code if phase in ("before", "open") else "",
        label=row.label or "",
        purpose=row.purpose,
        doors=tuple(_doors(conn, site, booked, row, now)),
        capacity=space.capacity if space else 0,
        people=booked.people,
        withheld=booked.withheld or "",
        left=booked._mapping["left"],
        called=_called(conn, site.site, booked.booking),
        space=booked.space,
    )


def _phase(booked: Row[Any], row: Row[Any], windows: Sequence[Window], now: int) -> str:
    if booked.status != "confirmed":
        return "cancelled"
    if booked.released is not None and (
        not windows or windows[-1].end <= now or booked.end <= booked.released
    ):
        return "released"
    if booked.withheld is not None:
        return "withheld"
    if not windows or windows[-1].end <= now:
        return "after"
    if row.rests_until is not None:
        return "replaced"
    return "open" if any(window.start <= now < window.end for window in windows) else "before"


def _doors(conn: Connection, site: SiteConfig, booked: Row[Any], row: Row[Any], now: int) -> list[WayDoor]:
    names = {door.door: door.name for door in site.doors}
    if row.purpose == OFFLINE:
        # computed at the door: nothing has to be held there
        return [WayDoor(door.door, door.name, True, "") for door in doors_on_way(site.doors, booked.space)]
    reports = codes_on_doors(conn, site, [booked.booking], now).get(booked.booking, [])
    return [WayDoor(each.door, names[each.door], each.held, each.reason) for each in reports]


def _of_right(conn: Connection, site: SiteConfig, row: Row[Any], code: str, now: int) -> Visit | None:
    right = conn.execute(
        select(rights).where(rights.c.site == site.site, rights.c.right == row.right)
    ).first()
    if right is None:
        return None
    over = right.ended is not None or right.valid_until <= now
    named = {space.space: space.name for space in site.spaces}
    names = {door.door: door.name for door in site.doors}
    reports = rights_on_doors(conn, site, [right.right], now).get(right.right, [])
    spaces = msgspec.json.decode(right.spaces, type=list[str])
    return Visit(
        site=site,
        booking="",
        grant=row.grant,
        phase="after" if over else ("replaced" if row.rests_until is not None else "right"),
        title="",
        place=site.name,
        start=right.valid_from,
        end=right.valid_until,
        windows=(),
        code="" if over or row.kind == TOKEN else code,
        label="",
        purpose=row.kind,
        doors=tuple(WayDoor(each.door, names[each.door], each.held, each.reason) for each in reports),
        capacity=0,
        people=None,
        withheld="",
        left=None,
        called=None,
        spaces=tuple(named.get(space, space) for space in spaces),
    )


def _called(conn: Connection, site: str, booking: str) -> int | None:
    mine = (alerts.c.site == site) & (alerts.c.kind == "help") & (alerts.c.booking == booking)
    unresolved = select(alerts.c.opened).where(mine, alerts.c.state != "resolved")
    return conn.execute(unresolved.order_by(alerts.c.opened.desc()).limit(1)).scalar_one_or_none()


def asked_by_link(conn: Connection, visit: Visit, command: str) -> Row[Any] | None:
    """The row of a command that this page asked for."""
    mine = (commands.c.site == visit.site.site) & (commands.c.command == command)
    row = conn.execute(select(commands).where(mine)).first()
    return row if row is not None and row.user == user_of(visit) else None


def user_of(visit: Visit) -> str:
    """Who a command of the page is from, in the history of a door: a booking, never a person."""
    return f"#{visit.reference}"
