"""Between ingest, which must never wait, and the disk, which may: a bounded queue of rows.

Lines are built, compressed and stored by :meth:`SeriesSink.pack`, in a thread of its own. Who adds pays for
an append to a list.
"""

import logging
import threading
from collections.abc import Iterable
from typing import Final

from pleintemps_contract.logs import line
from pleintemps_gateway.errors import StoreError

from .lines import lines_of
from .outbox import MAX_LINES, Batch, Outbox, pack
from .rows import Row, Samples

MAX_QUEUED: Final = 200_000
"""Lines between two calls of ``pack``, at most: several seconds of ten thousand spaces, some 30 MB."""
_log = logging.getLogger(__name__)


class SeriesSink:
    """Rows in, batches of the outbox out. What a failing or too slow disk costs is counted, never raised."""

    def __init__(self, outbox: Outbox, most: int = MAX_QUEUED) -> None:
        self._outbox = outbox
        self._most = most
        self._room = threading.Condition()
        self._queue: list[tuple[str, list[Row]]] = []
        self._queued = 0
        self._shed = 0
        self._closed = False
        self._packing = threading.Lock()
        self._lost = 0
        self._dropped = 0
        self._failing = self._shedding = False

    def add(self, site: str, rows: Iterable[Row]) -> None:
        """Take ``rows`` of ``site`` after their commit, from any thread; never waits.

        When the queue is full they are let go and counted as dropped.
        """
        taken = list(rows)
        lines = sum(map(_weight, taken))
        with self._room:
            if self._fits(lines):
                self._queue.append((site, taken))
                self._queued += lines
            else:
                self._shed += lines

    def add_when_room(self, site: str, rows: Iterable[Row]) -> None:
        """As :meth:`add`, but waits for room: for who tells much at once and is in no hurry."""
        taken = list(rows)
        lines = sum(map(_weight, taken))
        with self._room:
            self._room.wait_for(lambda: self._closed or self._fits(lines))
            self.add(site, taken)

    def pack(self) -> None:
        """Put all that was added so far into the outbox."""
        with self._packing:
            with self._room:
                queue, self._queue = self._queue, []
                lost, self._shed = self._shed, 0
                self._queued = 0
                self._room.notify_all()
            if lost and not self._shedding:
                _log.warning(line("series-queue-full", dropped_lines=lost))
            self._shedding = lost > 0
            if queue or lost:
                batches, unfit = _batches(queue)
                if unfit:
                    _log.warning(line("series-no-lines", rows=unfit))
                self._keep(batches, lost + unfit)

    def close(self) -> None:
        """Put the rest into the outbox; nobody waits any more."""
        with self._room:
            self._closed = True
            self._room.notify_all()
        self.pack()

    def _fits(self, lines: int) -> bool:
        # one that is larger than the queue goes into an empty one
        return not self._queued or self._queued + lines <= self._most

    def _keep(self, batches: list[Batch], lost: int) -> None:
        self._lost += lost
        try:
            dropped = self._outbox.add(batches, self._lost)
            room = not dropped and self._dropped > 0 and self._outbox.has_room()
        except StoreError as error:
            if not self._failing:
                _log.error(line("series-outbox-failed", reason=error))
            self._failing = True
            self._lost += sum(batch.lines for batch in batches)
            return
        if self._failing:
            _log.info(line("series-outbox-back", lost_lines=self._lost))
        self._failing, self._lost = False, 0
        if dropped and not self._dropped:
            _log.warning(line("series-budget-full", dropped_lines=dropped))
        self._dropped += dropped
        if room:
            _log.info(line("series-budget-back", dropped_lines=self._dropped))
            self._dropped = 0


def _weight(row: Row) -> int:
    return len(row.ats) if isinstance(row, Samples) else 1


def _batches(queue: list[tuple[str, list[Row]]]) -> tuple[list[Batch], int]:
    """Readings and what the rules said apart, each in order; and how many rows have a name that no line can
    have."""
    batches: list[Batch] = []
    gathered: dict[bool, list[str]] = {False: [], True: []}
    unfit = 0
    for site, rows in queue:
        for row in rows:
            readings = isinstance(row, Samples)
            lines = gathered[readings]
            try:
                lines += lines_of(site, row)
            except ValueError:
                unfit += 1
            while len(lines) >= MAX_LINES:
                batches.append(Batch(MAX_LINES, readings, pack(lines[:MAX_LINES])))
                del lines[:MAX_LINES]
    batches += [Batch(len(lines), readings, pack(lines)) for readings, lines in gathered.items() if lines]
    return batches, unfit
