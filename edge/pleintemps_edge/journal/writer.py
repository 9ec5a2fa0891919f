"""One SQLite file, one thread that writes it, group commit.

Jobs run in order. All jobs that wait are done in one transaction, so one sync to disk serves them together.
When the disk refuses, the connection is given up: the file is opened again, what it has is written out and
synced anew, and only if the group is not in it are its jobs run again, with growing pauses. Nobody waits on
this but those who want to.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

from pleintemps_contract.logs import line
from pleintemps_edge.errors import StateError

from .files import FAULTS, close_quietly, mark_of, write_out

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]

MAX_WAITING: Final = 20_000
"""Jobs kept in memory while the disk refuses; what comes then is lost, counted and logged."""
GROUP: Final = 512
_CLOSE_S: Final = 0.5
_PAUSES_S: Final = (0.05, 0.2, 1.0, 5.0)
_LOG: Final = logging.getLogger("journal")


class Opened(NamedTuple):
    """A connection; ``told`` is called in the event loop before anything that was done with it is."""

    connection: sqlite3.Connection
    told: Callable[[], None] | None = None


Reopen = Callable[[Exception, int], Opened]
"""Opens the file after an error, for the n-th time from 1; raises StateError."""


class Moved(NamedTuple):
    """Where to go on writing, and how that is opened again."""

    opened: Opened
    reopen: Reopen | None


class Move(NamedTuple):
    """Another home for what this writer owns."""

    make: Callable[[sqlite3.Connection], Moved]
    future: "asyncio.Future[None]"


class Job(NamedTuple):
    """Work of one transaction, and who waits for it."""

    work: Work
    future: "asyncio.Future[Any]"


class Attempts(NamedTuple):
    """A group of jobs on its way; each try takes it on from the last one."""

    group: list[Job]
    number: int = 0
    results: list[Any] | None = None
    """Those of a commit that failed: whether the file has it is to be seen."""
    error: Exception | None = None


class Writer:
    """The thread that owns one database. ``start`` first, ``close`` last.

    ``trouble`` is called in the event loop with what is wrong with the disk, and with nothing when it works
    again. After :meth:`start` with ``reopen`` None the database is in memory and is never given up.
    """

    def __init__(self, name: str, trouble: Callable[[str], None]) -> None:
        self._name = name
        self._trouble = trouble
        self._jobs: queue.SimpleQueue[Job | Move | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ill = False
        self._full = False
        self._mark = 0
        self.lost = 0
        """Jobs that found the waiting line full."""

    def start(self, connection: sqlite3.Connection, reopen: Reopen | None) -> None:
        """Take ``connection`` over; the caller must not touch it any more."""
        self._connection: sqlite3.Connection | None = connection
        self._reopen = reopen
        self._mark = mark_of(connection)
        self._begin()

    def _begin(self) -> None:
        self._thread = threading.Thread(target=self._run, name=f"writer-{self._name}", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> "asyncio.Future[T]":
        """Run ``work`` in the next transaction; the future is done when that is committed.

        The future fails with StateError only if the agent ends or the waiting line is full.
        """
        future: asyncio.Future[T] = self._future()
        full = self._backlog >= MAX_WAITING
        if full != self._full:
            self._full = full
            _LOG.log(logging.ERROR if full else logging.INFO, line("journal-line-full", now=full))
        if full:
            self.lost += 1
            future.set_exception(StateError(f"{self._name}: {MAX_WAITING} writes are waiting"))
        else:
            self._put(Job(work, future))
        return future

    def move(self, make: Callable[[sqlite3.Connection], Moved]) -> "asyncio.Future[None]":
        """Go on elsewhere after all that was submitted; fails with StateError, and then nothing changes."""
        future: asyncio.Future[None] = self._future()
        self._put(Move(make, future))
        return future

    def _put(self, job: Job | Move) -> None:
        self._jobs.put(job)

    @property
    def _backlog(self) -> int:
        return self._jobs.qsize()

    def _future(self) -> "asyncio.Future[Any]":
        self._loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = self._loop.create_future()
        # whoever does not wait for it must not be told that nobody did
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future

    def close(self) -> None:
        """Do what waits if the disk lets us, then close the file. Blocks for a moment; call it at the end."""
        self._stopping.set()
        self._jobs.put(None)
        self._thread.join(timeout=_CLOSE_S)

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            group: list[Job] = []
            while isinstance(job, Job):
                group.append(job)
                if len(group) >= GROUP or self._jobs.empty():
                    break
                job = self._jobs.get()
            if group:
                self._commit(Attempts(group))
            if isinstance(job, Move):
                self._go(job)
            if job is None:
                if self._connection is not None:
                    self._connection.close()
                return

    def _commit(self, attempts: Attempts) -> None:
        left = self._try(attempts)
        while left is not None:
            if self._stopping.wait(self._pause_s(left)):
                self._give_back(left)
                return
            left = self._try(left)

    @staticmethod
    def _pause_s(attempts: Attempts) -> float:
        return _PAUSES_S[min(attempts.number - 1, len(_PAUSES_S) - 1)]

    def _give_back(self, attempts: Attempts) -> None:
        failure = StateError(f"{self._name}: {attempts.error}")
        self._tell([(job.future, failure) for job in attempts.group])

    def _try(self, attempts: Attempts) -> Attempts | None:
        """One try to commit; what is left to do, or None if it is done and told."""
        group, results, error = attempts.group, attempts.results, attempts.error
        try:
            if self._connection is None and error is not None and self._reopen is not None:
                self._open_again(error, attempts.number, strict=results is not None)
            assert self._connection is not None
            if results is None or mark_of(self._connection) != self._mark:
                results = None
                self._mark += 1
                self._connection.execute("BEGIN IMMEDIATE")
                done = [job.work(self._connection) for job in group]
                self._connection.execute("UPDATE writer SET mark = ?", (self._mark,))
                results = done
                self._connection.execute("COMMIT")
            # else it had been written, and now it is on the disk
        except (*FAULTS, StateError) as caught:
            self._ail(caught)
            self._give_up()
            return Attempts(group, attempts.number + 1, results, caught)
        if self._ill:
            self._ill = False
            _LOG.info(line("disk-works-again", file=self._name))
            self._call(lambda: self._trouble(""))
        self._tell([(job.future, result) for job, result in zip(group, results, strict=True)])
        return None

    def _go(self, move: Move) -> None:
        connection = self._connection
        try:
            if connection is None:
                raise StateError(f"{self._name}: closed")
            moved = move.make(connection)
        except (*FAULTS, StateError) as error:
            self._tell([(move.future, StateError(f"{self._name}: {error}"))])
            return
        close_quietly(connection)
        self._connection, self._reopen = moved.opened.connection, moved.reopen
        self._mark = mark_of(self._connection)
        if moved.opened.told is not None:
            self._call(moved.opened.told)
        self._tell([(move.future, None)])

    def _open_again(self, error: Exception, attempt: int, *, strict: bool) -> None:
        """``strict`` after a failed commit: whether the file has it must be known for certain."""
        assert self._reopen is not None
        opened = self._reopen(error, attempt)
        self._connection = opened.connection
        if opened.told is not None:
            self._call(opened.told)
        if strict and not write_out(self._connection):
            raise StateError(f"{self._name}: a reader is in the way")

    def _ail(self, error: Exception) -> None:
        if not self._ill:
            self._ill = True
            text = str(error)
            _LOG.error(line("disk-refuses", file=self._name, error=text))
            self._call(lambda: self._trouble(text))

    def _give_up(self) -> None:
        """After an error nothing that a connection says is believed; one in memory is all there is."""
        if self._connection is None:
            return
        if self._reopen is not None:
            close_quietly(self._connection)
            self._connection = None
        elif self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _call(self, told: Callable[[], None]) -> None:
        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(told)
        except RuntimeError:  # that loop has ended; nobody listens any more
            _LOG.debug(line("nobody-listens"))

    @staticmethod
    def _tell(outcomes: list[tuple["asyncio.Future[Any]", Any]]) -> None:
        loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
        for future, outcome in outcomes:
            loops.setdefault(future.get_loop(), []).append((future, outcome))
        for loop, mine in loops.items():
            try:
                loop.call_soon_threadsafe(_resolve, mine)
            except RuntimeError:  # that loop has ended; nobody waits any more
                _LOG.debug(line("nobody-waits"))


MakeWriter = Callable[[str, Callable[[str], None]], Writer]
"""Makes a writer for the file of that name; see :class:`Writer`."""


def _resolve(outcomes: list[tuple["asyncio.Future[Any]", Any]]) -> None:
    for future, outcome in outcomes:
        if future.done():
            continue
        if isinstance(outcome, StateError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
