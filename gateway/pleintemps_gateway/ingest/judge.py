"""Judging bookings anew when the site's days change, rights when its doors may have, and telling groups whose
papers end.
"""

from datetime import date
from typing import Final

from sqlalchemy import Connection

from pleintemps_gateway.access.placing import place_rights
from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.bookings.calendars import Read, read_calendar
from pleintemps_gateway.bookings.judging import START, settle_some
from pleintemps_gateway.bookings.papers import remind

from .refusals import reason_of
from .site import SiteMemory

_LOOK_MS: Final = 60_000
_STEP: Final = 40
"""Bookings or rights judged at once: no step holds the writer up."""
_SOURCE: Final = "calendar/school-holidays"


class Judge:
    """One site's. Every call of :meth:`run` is one short transaction of the writer."""

    def __init__(self, memory: SiteMemory, desk: CodeDesk) -> None:
        self._memory = memory
        self._desk = desk
        self._read: Read | None = None
        self._day: date | None = None
        self._looked: int | None = None
        self._from: tuple[int, str] | None = None
        self._rights_after: str | None = None

    def is_due(self) -> bool:
        """Whether :meth:`run` has something to do; ask each second."""
        now = self._desk.world.now()
        busy = self._from is not None or self._rights_after is not None
        return busy or self._looked is None or not 0 <= now - self._looked < _LOOK_MS

    def run(self, conn: Connection) -> None:
        """A step of what is due: everything is judged after a start, at each new day and calendar."""
        now = self._desk.world.now()
        if self._from is None and self._rights_after is None:
            self._look(conn, now)
        if self._rights_after is not None:
            self._rights_after = place_rights(conn, self._memory.config, now, self._rights_after, _STEP)
        if self._from is not None:
            self._from = settle_some(conn, self._memory.config, self._desk, self._from, _STEP)

    def _look(self, conn: Connection, now: int) -> None:
        self._looked = now
        read = read_calendar(self._memory.config)
        if read is not self._read:
            self._read, self._day = read, None
            self._memory.engine.on_calendar(read.calendar)
            for item in read.rejected:
                self._memory.refuse(_SOURCE, reason_of(item.reason))
        if (today := read.calendar.day_of(now)) != self._day:
            self._day = today
            self._from, self._rights_after = START, ""
            remind(conn, self._memory.config, self._desk)
