"""What the personal page of a booking shows: read from the store with the secret link, nothing else."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from pleintemps_contract.gateway_messages import Window
from pleintemps_gateway.access.on_door import codes_on_doors
from pleintemps_gateway.access.placing import living, times_of
from pleintemps_gateway.access.purposes import MAIN, OFFLINE, ONE_TIME
from pleintemps_gateway.access.vault import link_hash
from pleintemps_gateway.bookings.releasing import obstacle
from pleintemps_gateway.bookings.way import doors_on_way
from pleintemps_gateway.config import DoorConfig, GatewayConfig, SiteConfig
from pleintemps_gateway.delivery.letters import rules_of
from pleintemps_gateway.delivery.messages import Message
from pleintemps_gateway.delivery.reference import reference_of
from pleintemps_gateway.store.schema import alerts, bookings, commands, credentials

from .page_codes import PageCode, code_of, codes_of_booking

UNDO_MS: Final = 5 * 60_000
"""So long "we have left" can be taken back."""
PENDING: Final = ("requested", "sent")
"""Outcomes of a command that will become another one."""
ERASED: Final = "erased"


@dataclass(frozen=True, slots=True)
class WayDoor:
    """A door on the way, and whether it knows the code now; ``reason`` says why not."""

    door: str
    name: str
    held: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Keeping:
    """Whether a booking is wanted: ``stuck`` is why it cannot be kept or taken back (see ``obstacle``).

    ``warned``: its people were asked whether they come; ``left``: they said that they had gone. ``end`` is
    that which was booked (Unix ms).
    """

    stuck: str
    warned: bool
    kept: bool
    released: bool
    left: bool
    erased: bool
    end: int


def keeping_of(conn: Connection, site: SiteConfig, row: Row[Any], now: int) -> Keeping:
    """That of a row of ``bookings``."""
    return Keeping(
        stuck=obstacle(conn, site, row, now) or "",
        warned=row.warned is not None and row.warned >= row.start,
        kept=row.kept is not None and row.kept >= row.start and row.released is None,
        released=row.released is not None,
        left=row._mapping["left"] is not None,
        erased=row.withheld == ERASED,
        end=row.planned_end or row.end,
    )


@dataclass(frozen=True, slots=True)
class Visit:
    """One booking as who holds the link may see it.

    ``phase`` is ``before``, ``open`` (the doors open now), ``after``, ``cancelled``, ``released``,
    ``withheld`` or ``replaced`` (another code was made). Times are Unix ms. ``codes`` is empty where none
    opens anything; ``purpose`` is that of the credential whose link it is, ``main`` for the booking's page.
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
    codes: tuple[PageCode, ...]
    purpose: str
    doors: tuple[WayDoor, ...]
    capacity: int
    people: int | None
    withheld: str
    left: int | None
    called: int | None
    keeping: Keeping
    space: str

    @property
    def zone(self) -> str:
        return self.site.zone

    @property
    def reference(self) -> str:
        return reference_of(self.booking)

    @property
    def opens(self) -> int:
        return self.windows[0].start if self.windows else self.start

    @property
    def closes(self) -> int:
        return self.windows[-1].end if self.windows else self.end

    @property
    def typed(self) -> tuple[PageCode, ...]:
        """The codes that open doors now."""
        return tuple(each for each in self.codes if each.counts and each.code)

    @property
    def digits(self) -> int:
        """So many the codes have that open doors now; 0 if not all have the same number."""
        lengths = {len(each.code) for each in self.typed}
        return lengths.pop() if len(lengths) == 1 else 0

    @property
    def on_every_door(self) -> bool:
        return bool(self.doors) and all(door.held for door in self.doors)

    @property
    def may_open(self) -> bool:
        """Whether the button opens doors now."""
        return self.phase == "open" and bool(self.typed) and bool(self.doors)

    @property
    def may_leave(self) -> bool:
        return self.phase == "open" and self.left is None and self.purpose != ONE_TIME

    @property
    def may_keep(self) -> bool:
        """Whether it is asked for, or can be taken back: "I am coming", "we want it back"."""
        asked = self.keeping.warned and not self.keeping.kept and self.phase == "open" and self.left is None
        return not self.keeping.stuck and (self.phase == "released" or asked)

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
    """The booking that ``link`` shows; None for a link that nobody was given, or of something else.

    Looked up by its hash, so that the time it takes says nothing of the links that there are.
    """
    hashed, sites = link_hash(link), {site.site: site for site in config.sites}
    query = select(credentials).where(credentials.c.site.in_(sites), credentials.c.link_hash == hashed)
    row = conn.execute(query).first()
    if row is None or row.booking is None or not hmac.compare_digest(row.link_hash, hashed):
        return None
    site = sites[row.site]
    mine = (bookings.c.site == site.site) & (bookings.c.booking == row.booking)
    booked = conn.execute(select(bookings).where(mine)).first()
    if booked is None:
        return None
    windows = times_of(site, booked)
    if row.purpose in (OFFLINE, ONE_TIME) and windows:
        windows = [Window(start=row.start, end=row.end)]
    phase = _phase(booked, row, windows, now)
    codes: tuple[PageCode, ...] = ()
    if phase in ("before", "open") and row.purpose == MAIN:
        codes = codes_of_booking(living(conn, site.site, booking=booked.booking), link, windows, now)
    elif phase in ("before", "open"):
        codes = (code_of(row, link, windows, now),)
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
        end=booked.planned_end or booked.end,
        windows=tuple(windows),
        codes=codes,
        purpose=row.purpose,
        doors=tuple(_doors(conn, site, booked, row, now)),
        capacity=space.capacity if space else 0,
        people=booked.people,
        withheld=booked.withheld or "",
        left=booked._mapping["left"],
        called=called_at(conn, site.site, booked.booking),
        keeping=keeping_of(conn, site, booked, now),
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


def called_at(conn: Connection, site: str, booking: str) -> int | None:
    """When the caretaker was called about a booking (Unix ms); None unless that call stands."""
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
