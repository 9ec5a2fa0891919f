"""The hours of the past, put down as they end and put right when something about them has come late.

Readers work them out; the writer puts them down, and what has become due meanwhile is due again."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine

from pleintemps_contract.logs import line
from pleintemps_gateway.matrix import store
from pleintemps_gateway.matrix.hours import Found, Told, timeline
from pleintemps_gateway.matrix.lanes import HOUR_MS, Hour, hour_of
from pleintemps_gateway.matrix.store import Due, Place
from pleintemps_gateway.reconcile.records import Booking
from pleintemps_gateway.reconcile.replay import Case, Replay
from pleintemps_gateway.store.learnt import valid_at
from pleintemps_gateway.store.writer import Writer

from .facts import facts_between, first_facts, margins_of, noise_of, series_of
from .hours import REST_MS
from .settling import FAULTS, PIECE_MS
from .site import SiteMemory

LOOK_MS: Final = 60_000
AT_ONCE: Final = 168
"""Hours that are due, of one look; those that are replayed cost a tenth of a second each."""
STRETCH_MS: Final = 28 * 24 * HOUR_MS
"""So much of a space is put down at once."""
SPACES: Final = 100
"""Spaces of one transaction."""

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Stretch(NamedTuple):
    """Hours of one space, from ``first`` to ``last``."""

    place: Place
    first: int
    last: int


def _worked_out(conn: Connection, stretch: Stretch) -> dict[int, Hour]:
    return store.worked_out(conn, *stretch)


class HourKeeper:
    """Of one site. :meth:`run` from a task of its own."""

    def __init__(self, memory: SiteMemory, engine: Engine, writer: Writer) -> None:
        self._memory = memory
        self._book = memory.hours
        self._site = memory.config
        self._engine = engine
        self._writer = writer
        self._compared = False

    async def run(self) -> int:
        """Put down what has ended and what is due; how many hours."""
        if not self._compared:
            await self._compare()
        return await self._go_on() + await self._again()

    async def _read(self, job: Callable[[Connection], T]) -> T:
        def read() -> T:
            with self._engine.connect() as conn:
                return job(conn)

        return await asyncio.to_thread(read)

    async def _write(self, job: Callable[[Connection], T]) -> T:
        found: T = await asyncio.wrap_future(self._writer.submit(job, site=self._site.site))
        return found

    async def _compare(self) -> None:
        """Bookings that changed while nobody followed them."""
        changes = await self._read(partial(store.moved, site=self._site.site))
        for start in range(0, len(changes), 500):
            names = [change.booking for change in changes[start : start + 500]]
            await self._write(partial(self._count, names=names))
        self._compared = True

    def _count(self, conn: Connection, names: list[str]) -> None:
        self._book.moved(conn, names, self._memory.world.now())

    # --- hours that have ended ------------------------------------------------------------------------

    async def _go_on(self) -> int:
        count = 0
        places = list(self._book.places.values())
        for start in range(0, len(places), SPACES):
            while stretches := await self._write(partial(self._claim, places=places[start : start + SPACES])):
                found = [await self._read(partial(_worked_out, stretch=each)) for each in stretches]
                await self._write(partial(self._put, stretches=stretches, found=found))
                count += sum(map(len, found))
        return count

    def _claim(self, conn: Connection, places: Sequence[Place]) -> list[Stretch]:
        """What is to be worked out next. What is written of it from now on makes it due again."""
        stretches = []
        for place in places:
            until = hour_of(self._memory.world.now() - REST_MS, place.shift)
            through = self._book.through.get(place.space)
            if through is None and (oldest := store.oldest(conn, place)) is not None:
                through = hour_of(oldest, place.shift)
            if through is not None and through < until:
                stretches.append(Stretch(place, through, min(until, through + STRETCH_MS)))
        for stretch in stretches:
            self._book.through[stretch.place.space] = stretch.last
        return stretches

    def _put(self, conn: Connection, stretches: Sequence[Stretch], found: Sequence[dict[int, Hour]]) -> None:
        for stretch, rows in zip(stretches, found, strict=True):
            # after a roll-back nobody has noted what was written meanwhile: it is claimed again
            if self._book.through.get(stretch.place.space) == stretch.last:
                store.put(conn, stretch.place, rows)
                store.put_through(conn, stretch.place, stretch.last)

    # --- hours that are due anew ----------------------------------------------------------------------

    async def _again(self) -> int:
        count = 0
        now = self._memory.world.now()
        for due in await self._read(partial(store.dues, site=self._site.site, now=now, most=AT_ONCE)):
            place = self._book.places.get(due.space)
            pieces: list[Found] = []
            if place is not None and due.replay:
                try:
                    pieces = await self._replayed(due)
                except FAULTS as error:  # of these hours: they stay as they were believed
                    _log.error(line("hours-not-replayed", space=due.space, error=type(error).__name__))
            await self._write(partial(self._put_again, place=place, due=due, pieces=pieces))
            count += (due.last - due.first) // HOUR_MS
        return count

    def _put_again(self, conn: Connection, place: Place | None, due: Due, pieces: list[Found]) -> None:
        if place is not None:
            store.correct(conn, place, pieces)
            last = min(due.last, self._book.through.get(place.space, 0))
            if due.first < last:
                store.put(conn, place, store.worked_out(conn, place, due.first, last))
        store.done(conn, self._site.site, due)

    async def _replayed(self, due: Due) -> list[Found]:
        """Who was there, worked out from the stored samples in the order of their time."""
        last = min(due.last, self._memory.world.now())
        case = await self._read(partial(self._case, due=due, last=last))
        if case is None:
            return []
        replay = Replay(case)
        replay.feed(await self._read(partial(first_facts, config=self._site, case=case)))
        while replay.at < last:
            end = min(replay.at + PIECE_MS, last)
            facts = await self._read(
                partial(facts_between, config=self._site, case=case, start=replay.at, end=end)
            )
            replay.feed(facts)
            if replay.run(end) or replay.at < end:
                break
        told = [Told(since, state.value) for since, state in replay.presence()]
        return timeline(due.first, last, told, ())

    def _case(self, conn: Connection, due: Due, last: int) -> Case | None:
        """As if somebody had booked these hours."""
        space = next((each for each in self._site.spaces if each.space == due.space), None)
        if space is None:
            return None
        whole = Booking(booking="", space=due.space, title="", start=due.first, end=last, people=None)
        case = Case(
            booking=whole,
            others=[],
            margins=margins_of(self._site),
            noise=noise_of(self._site, space),
            series=series_of(conn, self._site.site, due.space),
        )
        return case._replace(learnt=valid_at(conn, self._site.site, due.space, case.begin))
