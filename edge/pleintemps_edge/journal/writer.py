"""One SQLite file, one thread that writes it, group commit.

Jobs run in order. All jobs that wait are done in one transaction, so one sync to disk serves them together.
When the disk refuses, the file is closed, opened again and the jobs are run again, with growing pauses;
nobody waits on this but those who want to.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from pleintemps_contract.logs import line
from pleintemps_edge.errors import StateError

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]
Job = tuple[Work, asyncio.Future[Any]]

MAX_WAITING: Final = 20_000
"""Jobs kept in memory while the disk refuses; what comes then is lost and logged."""
_GROUP: Final = 512
_CLOSE_S: Final = 0.5
_PAUSES_S: Final = (0.05, 0.2, 1.0, 5.0)
_LOG: Final = logging.getLogger("journal")


def open_database(path: Path, synchronous: Literal["FULL", "NORMAL"], schema: str) -> sqlite3.Connection:
    """Open or make a database in WAL mode; raises StateError that names the file."""
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.executescript(schema)
    except sqlite3.Error as error:
        raise StateError(f"{path}: {error}") from error
    return connection


class Writer:
    """The thread that owns one database. ``start`` first, ``close`` last."""

    def __init__(self, path: Path, synchronous: Literal["FULL", "NORMAL"], schema: str) -> None:
        self._path = path
        self._open: Callable[[], sqlite3.Connection] = lambda: open_database(path, synchronous, schema)
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"writer-{path.stem}", daemon=True)
        self._ill = False
        self._full = False

    def start(self, connection: sqlite3.Connection) -> None:
        """Take ``connection`` over; the caller must not touch it any more."""
        self._connection: sqlite3.Connection | None = connection
        self._thread.start()

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Run ``work`` in the next transaction; the future is done when that is committed.

        The future fails with StateError only if the agent ends or the waiting line is full.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        # whoever does not wait for it must not be told that nobody did
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        full = self._jobs.qsize() >= MAX_WAITING
        if full != self._full:
            self._full = full
            _LOG.log(logging.ERROR if full else logging.INFO, line("journal-line-full", now=full))
        if full:
            future.set_exception(StateError(f"{self._path}: {MAX_WAITING} writes are waiting"))
        else:
            self._jobs.put((work, future))
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
            while job is not None:
                group.append(job)
                if len(group) >= _GROUP or self._jobs.empty():
                    break
                job = self._jobs.get()
            if group:
                self._commit(group)
            if job is None:
                if self._connection is not None:
                    self._connection.close()
                return

    def _commit(self, group: list[Job]) -> None:
        attempt = 0
        while True:
            try:
                if self._connection is None:
                    self._connection = self._open()
                self._connection.execute("BEGIN IMMEDIATE")
                results = [work(self._connection) for work, _ in group]
                self._connection.execute("COMMIT")
            except (sqlite3.Error, StateError) as error:
                if not self._ill:
                    self._ill = True
                    _LOG.error(line("disk-refuses", file=self._path.name, error=error))
                self._reopen_later()
                if self._stopping.wait(_PAUSES_S[min(attempt, len(_PAUSES_S) - 1)]):
                    failure = StateError(f"{self._path}: {error}")
                    self._tell([(future, failure) for _, future in group])
                    return
                attempt += 1
            else:
                break
        if self._ill:
            self._ill = False
            _LOG.info(line("disk-works-again", file=self._path.name))
        self._tell([(future, result) for (_, future), result in zip(group, results, strict=True)])

    def _reopen_later(self) -> None:
        """After an error nothing that this connection says is believed: the file is read again from the
        start.
        """
        if self._connection is not None:
            try:
                self._connection.close()
            except sqlite3.Error as error:
                _LOG.debug(line("close-failed", error=error))
            self._connection = None

    @staticmethod
    def _tell(outcomes: list[tuple[asyncio.Future[Any], Any]]) -> None:
        loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
        for future, outcome in outcomes:
            loops.setdefault(future.get_loop(), []).append((future, outcome))
        for loop, mine in loops.items():
            try:
                loop.call_soon_threadsafe(_resolve, mine)
            except RuntimeError:  # that loop has ended; nobody waits any more
                _LOG.debug(line("nobody-waits"))


def _resolve(outcomes: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, outcome in outcomes:
        if future.done():
            continue
        if isinstance(outcome, StateError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
