"""Closed usage records worked out from what is stored, and again when late data have come.

Reading and replaying are done by readers, a quarter of an hour at a time; the writer only puts the record
down, if nothing has touched it meanwhile."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, Row, bindparam, func, select, update

from pleintemps_contract.errors import ContractError
from pleintemps_contract.logs import line
from pleintemps_gateway.privacy.finding import GONE
from pleintemps_gateway.reconcile.records import Settled, UsageState
from pleintemps_gateway.reconcile.replay import Case, Replay
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.glance import Glance
from pleintemps_gateway.store.prepared import Prepared
from pleintemps_gateway.store.schema import bookings, usage
from pleintemps_gateway.store.writer import Writer

from .facts import case_of, facts_between, first_facts
from .housekeeping import KEEP_SAMPLES_MS
from .late import LATE_MS, REST_MS
from .reopened import BOOKING_CHANGED, FIELDS, LATE_DATA, NEIGHBOUR_CHANGED, keep_trace
from .site import SiteMemory

LOOK_MS: Final = 5_000
PIECE_MS: Final = 15 * 60_000
AT_ONCE: Final = 20
"""Records of one look."""
AGAIN_MS: Final = 3_600_000
"""When a record that could not be worked out is tried again."""
FAULTS: Final = (msgspec.MsgspecError, ContractError, ValueError, LookupError, ArithmeticError)
"""What may be wrong with what is stored of one record."""
_BOOKED: Final = ("space", "booked_from", "booked_to", "planned_to")
_DUE: Final = (
    select(usage)
    .where(usage.c.site == bindparam("site"), usage.c.due <= bindparam("now"))
    .order_by(usage.c.due)
    .limit(AT_ONCE)
)
_WAITING: Final = Prepared(_DUE)

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Settler:
    """Of one site. :meth:`run` from a task of its own."""

    def __init__(self, memory: SiteMemory, engine: Engine, writer: Writer) -> None:
        self._memory = memory
        self._site = memory.config
        self._engine = engine
        self._writer = writer
        self._glance = Glance(writer, memory.world, usage.name)

    async def run(self) -> int:
        """Work out what is due; how many records were put down."""
        done = 0
        if not self._glance.is_due():
            return done
        for row in await asyncio.to_thread(self._due):
            try:
                done += await self._settle(row)
            except FAULTS as error:  # of this record: the others go on
                _log.error(line("usage-not-settled", booking=row.booking, error=type(error).__name__))
                later = self._memory.world.now() + AGAIN_MS
                await self._write(partial(self._wait, row=row, due=later))
        late, now = self._memory.late, self._memory.world.now()
        if not late.waits:
            return done
        for space in await asyncio.wrap_future(self._writer.call(lambda: late.take_open(now))):
            for row in await asyncio.to_thread(self._read, lambda conn, name=space: self._open(conn, name)):
                try:
                    await self._go_on(row)
                except FAULTS as error:
                    _log.error(line("usage-not-settled", booking=row.booking, error=type(error).__name__))
        return done

    def _read(self, job: Callable[[Connection], T]) -> T:
        with self._engine.connect() as conn:
            return job(conn)

    async def _write(self, job: Callable[[Connection], T]) -> T:
        found: T = await asyncio.wrap_future(self._writer.submit(job, site=self._site.site))
        return found

    # --- reading --------------------------------------------------------------------------------------

    def _due(self) -> list[Row[Any]]:
        mine = {"site": self._site.site, "now": self._memory.world.now()}
        if not _WAITING.finds(self._engine, mine):
            return []
        return self._read(lambda conn: list(conn.execute(_DUE, mine).all()))

    def _open(self, conn: Connection, space: str) -> list[Row[Any]]:
        mine = (usage.c.site == self._site.site) & (usage.c.space == space) & usage.c.closed_at.is_(None)
        return list(conn.execute(select(usage).where(mine, usage.c.booked_to.is_not(None))).all())

    async def _replayed(self, case: Case, until: int) -> Replay:
        """The case as far as ``until``, or until it is done."""
        replay = Replay(case)
        replay.feed(await asyncio.to_thread(self._read, lambda conn: first_facts(conn, self._site, case)))
        while not replay.done and replay.at < until:
            end = min(replay.at + PIECE_MS, until)
            await asyncio.to_thread(self._piece, replay, case, end)
            if replay.at < end and end == until:
                break  # less than a step is left
        return replay

    def _piece(self, replay: Replay, case: Case, end: int) -> None:
        end -= (end - replay.at) % 5_000
        facts = self._read(lambda conn: facts_between(conn, self._site, case, replay.at, end))
        replay.feed(facts)
        replay.run(end)

    # --- a closed record ------------------------------------------------------------------------------

    async def _settle(self, row: Row[Any]) -> int:
        now = self._memory.world.now()
        case = await asyncio.to_thread(self._read, lambda conn: case_of(conn, self._site, row))
        record: Settled | None
        if case is None:
            record = None if row.settled_at is not None else _as_lived(row)
        elif case.booking.end + case.margins.tail > now and case.cancelled_at is None:
            await self._write(
                lambda conn: self._wait(conn, row, case.booking.end + case.margins.tail + REST_MS)
            )
            return 0
        elif case.cancelled_at is not None and case.cancelled_at <= case.booking.start:
            record = _as_lived(row, case)
        elif case.begin < now - KEEP_SAMPLES_MS:
            record = None if row.settled_at is not None else _as_lived(row, case)
        else:
            replay = await self._replayed(case, min(case.latest, now - LATE_MS))
            if not replay.done:
                await self._write(lambda conn: self._wait(conn, row, now + REST_MS))
                return 0
            record = replay.record()
        return await self._write(lambda conn: self._store(conn, row, record))

    def _wait(self, conn: Connection, row: Row[Any], due: int) -> None:
        conn.execute(update(usage).where(self._same(row)).values(due=due))

    def _same(self, row: Row[Any]) -> Any:
        """The row, unless something has touched it since it was read."""
        return (usage.c.site == row.site) & (usage.c.booking == row.booking) & (usage.c.due == row.due)

    def _store(self, conn: Connection, row: Row[Any], record: Settled | None) -> int:
        """Put a record down: the first time as it is, later with a trace of the one it replaces."""
        now = self._memory.world.now()
        current = conn.execute(select(usage).where(self._same(row))).first()
        if current is None:
            return 0
        other = NEIGHBOUR_CHANGED if self._memory.late.is_beside(row.booking) else LATE_DATA
        erased = self._is_gone(conn, row.booking)
        if record is None or (erased and current.settled_at is not None):
            self._wait_for_nothing(conn, row)
            return 0
        if erased:
            record = msgspec.structs.replace(record, evidence="", opened_at=None)
        new = {name: value for name, value in msgspec.to_builtins(record).items() if name != "booking"}
        old = {name: current._mapping[name] for name in FIELDS}
        revision = current.revision
        if current.settled_at is not None:
            if old == new:
                self._wait_for_nothing(conn, row)
                return 0
            own = any(old[name] != new[name] for name in _BOOKED)
            own |= UsageState.CANCELLED.value in (old["state"], new["state"]) and old["state"] != new["state"]
            reason = BOOKING_CHANGED if own else other
            keep_trace(conn, current, now, reason)
            revision += 1
            _log.info(line("usage-corrected", site=row.site, booking=row.booking, reason=reason))
        last = conn.scalar(select(func.max(usage.c.settled_at)).where(usage.c.site == row.site))
        values = new | {"revision": revision, "settled_at": max(now, (last or 0) + 1), "due": None}
        conn.execute(update(usage).where(self._same(row)).values(**values))
        record_change(conn, row.site, "usage", row.booking, now)
        return 1

    def _wait_for_nothing(self, conn: Connection, row: Row[Any]) -> None:
        conn.execute(update(usage).where(self._same(row)).values(due=None))

    def _is_gone(self, conn: Connection, booking: str) -> bool:
        """Whether its people were erased, or it is too old to be told who they were."""
        mine = (bookings.c.site == self._site.site) & (bookings.c.booking == booking)
        uid = conn.scalar(select(bookings.c.uid).where(mine))
        return uid is None or str(uid).startswith(GONE)

    # --- a record that is open ------------------------------------------------------------------------

    async def _go_on(self, row: Row[Any]) -> None:
        now = self._memory.world.now()
        case = await asyncio.to_thread(self._read, lambda conn: case_of(conn, self._site, row))
        if case is None or case.begin < now - KEEP_SAMPLES_MS or case.booking.start - case.margins.lead > now:
            return
        replay = await self._replayed(case, now - LATE_MS)
        found = replay.open_usage()
        if found is not None:
            await self._write(lambda _conn: self._memory.engine.on_corrected(found))


def _as_lived(row: Row[Any], case: Case | None = None) -> Settled:
    """The record as the rules saw it happen, where nothing is stored of its time any more."""
    start = row.booked_from if case is None else case.booking.start
    end = row.booked_to if case is None else case.booking.end
    return Settled(
        booking=row.booking,
        space=row.space,
        state=UsageState(row.state),
        since=row.since,
        arrived_at=row.arrived_at,
        left_at=row.left_at,
        occupied_ms=row.occupied_ms,
        unknown_ms=row.unknown_ms,
        overstay_ms=row.overstay_ms,
        closed_at=row.closed_at,
        booked_from=row.since if start is None else start,
        booked_to=row.since if end is None else end,
        planned_to=None if case is None else case.planned_to,
        opened_at=None if case is None else case.opened_at,
        shared_ms=0,
        loud_ms=None,
        level_max_db=None,
        left_open=None,
        confidence=None,
        evidence="",
    )
