"""Carrying the release rule out: what it must know is gathered, what it says is done."""

import logging
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, func, select

from pleintemps_contract.agent_messages import AccessGranted
from pleintemps_contract.logs import line
from pleintemps_contract.onvif import DoorPhysicalState
from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.bookings import releasing
from pleintemps_gateway.bookings.way import doors_on_way
from pleintemps_gateway.config import ReleaseConfig
from pleintemps_gateway.reconcile.records import UsageState
from pleintemps_gateway.reconcile.release import Action, Booked, Known, Sight, decide
from pleintemps_gateway.store.schema import bookings, credentials, deliveries, doors, events, usage

from .site import SiteMemory

LOOK_MS: Final = 10_000
"""Between two looks at the bookings that are on."""
CLOCK_MS: Final = 5_000
"""Wall time that runs off monotonic time by more has leapt."""
_GRANTED: Final = str(AccessGranted.__struct_config__.tag)

_log = logging.getLogger(__name__)


class Releaser:
    """Watches one site. What has been said stands in the store; after a start agents must be heard anew."""

    def __init__(self, memory: SiteMemory, desk: CodeDesk) -> None:
        self._memory = memory
        self._site = memory.config
        self._desk = desk
        self._heard: dict[str, int] = {}
        self._looked: tuple[int, int] | None = None
        self._steady_since = 0

    def is_due(self) -> bool:
        """Whether the site has the rule and was not looked at within ``LOOK_MS``."""
        if self._site.rules.release is None:
            return False
        return self._looked is None or self._desk.world.monotonic() >= self._looked[1] + LOOK_MS

    def look(self, conn: Connection) -> None:
        """One transaction of the writer."""
        rule, world = self._site.rules.release, self._desk.world
        if rule is None:
            return
        now, monotonic = world.now(), world.monotonic()
        if self._looked is not None and abs(now - self._looked[0] - (monotonic - self._looked[1])) > CLOCK_MS:
            self._steady_since = now
            self._heard.clear()
        self._looked = (now, monotonic)
        rooms = {space.space for space in self._site.spaces if space.bookable and space.kind == "room"}
        sights = {space: self._sight(space, now) for space in sorted(rooms)}
        for row in self._on(conn, now):
            if row.space in rooms:
                self._judge(conn, rule, row, sights[row.space], now)

    def _on(self, conn: Connection, now: int) -> Sequence[Row[Any]]:
        """Bookings that are on and whole, with the state of their usage."""
        mine = (bookings.c.site == self._site.site) & (bookings.c.status == "confirmed")
        on = mine & (bookings.c.start <= now) & (bookings.c.end > now) & bookings.c.released.is_(None)
        measured = (usage.c.site == bookings.c.site) & (usage.c.booking == bookings.c.booking)
        query = select(bookings, usage.c.state.label("usage")).join(usage, measured, isouter=True)
        return conn.execute(query.where(on).order_by(bookings.c.start, bookings.c.booking)).all()

    def _sight(self, space: str, now: int) -> Sight:
        agents = {door.agent for door in doors_on_way(self._site.doors, space)}
        estimate, sound, heard = self._memory.engine.sight(space, agents)
        if not heard:
            self._heard.pop(space, None)
            return Sight(estimate, sound, None, self._steady_since)
        return Sight(estimate, sound, self._heard.setdefault(space, now), self._steady_since)

    def _judge(self, conn: Connection, rule: ReleaseConfig, row: Row[Any], sight: Sight, now: int) -> None:
        booked = Booked(row.space, row.start, row.end, row.group, row.warned, row.kept, row.left)
        known = Known(
            UsageState(row.usage) if row.usage else None,
            opened=self._is_opened(conn, row),
            reachable=self._desk.outbox.reaches(conn, self._site.site, row.booking),
            told=self._told(conn, row),
            door_closed=self._is_closed(conn, row.space),
        )
        decision = decide(rule, booked, known, sight, now)
        if decision.action is Action.NOTHING:
            return
        _log.info(line("release", site=self._site.site, booking=row.booking, action=decision.action.value))
        if decision.action is Action.WARN:
            until = now + round((rule.release_after_s - rule.warn_after_s) * 1000)
            releasing.warn(conn, self._site, self._desk, row, until)
        elif decision.action is Action.TELL:
            releasing.note_unreachable(conn, self._site, self._desk, row.booking)
        else:
            releasing.release(conn, self._site, self._desk, row, decision.why.value)

    def _is_opened(self, conn: Connection, row: Row[Any]) -> bool:
        """Whether a code of the booking opened a door since its lead began."""
        mine = (credentials.c.site == self._site.site) & (credentials.c.booking == row.booking)
        own = {str(grant) for grant in conn.scalars(select(credentials.c.grant).where(mine))}
        since = row.start - round(self._site.rules.lead_s * 1000)
        granted = (events.c.site == self._site.site) & (events.c.at >= since) & (events.c.type == _GRANTED)
        bodies = [str(body) for body in conn.scalars(select(events.c.body).where(granted))]
        bodies += [event["body"] for event in self._memory.pending.events if event["type"] == _GRANTED]
        return any(msgspec.json.decode(body, type=AccessGranted).grant in own for body in bodies)

    def _told(self, conn: Connection, row: Row[Any]) -> int | None:
        """When the warning had gone out by one channel at least."""
        if row.warned is None:
            return None
        mine = (deliveries.c.site == self._site.site) & (deliveries.c.booking == row.booking)
        sent = mine & (deliveries.c.template == "release-warning") & (deliveries.c.state == "sent")
        first = select(func.min(deliveries.c.done)).where(sent, deliveries.c.created >= row.warned)
        found = conn.execute(first).scalar_one_or_none()
        return None if found is None else int(found)

    def _is_closed(self, conn: Connection, space: str) -> bool:
        """Whether the space has doors here and each says that it is closed."""
        names = [door.door for door in self._site.doors if space in (door.from_, door.to)]
        mine = (doors.c.site == self._site.site) & doors.c.door.in_(names)
        states = {
            row.door: row.physical for row in conn.execute(select(doors.c.door, doors.c.physical).where(mine))
        }
        return bool(names) and all(states.get(name) == DoorPhysicalState.CLOSED.value for name in names)
