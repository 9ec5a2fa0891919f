"""One writer with group commit.

One thread owns the write connection. It takes jobs (functions of a Connection), runs as many as wait in
one transaction and resolves their futures after the commit. If one fails, the group is rolled back and its
jobs run again, each in a transaction of its own: the one that fails again harms only itself.

A ``Fence`` stands before every transaction where several gateways share a store: what is not ours any more is
not written.

A ``Memory`` keeps state beside the store (what was seen, what rules believe). It puts its rows down once a
group (``flush``), acts on what is durable (``committed``), and reads everything anew after a roll-back.
"""

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from pleintemps_contract.errors import ContractError
from pleintemps_contract.logs import line
from pleintemps_gateway.errors import (
    DeposedError,
    GatewayError,
    LostSiteError,
    StoreBusyError,
    StoreError,
)

from .answer import Answer
from .changes import take_noted
from .engine import IDLE_MS, Turn, write_transaction

T = TypeVar("T")
MAX_GROUP: Final = 512
"""Jobs of one transaction."""
WANTED_EACH: Final = 16
"""Jobs of a group between two looks whether another process waits to write; the group then ends."""
PACE_S: Final = 0.1
"""Where groups follow one another sooner, one of patient jobs alone waits so long for company: a commit costs
as much as some batches."""
COMPANY: Final = 16
"""Jobs that are company enough."""
JOB_FAULTS: Final = (
    SQLAlchemyError,
    GatewayError,
    ContractError,
    OSError,
    ValueError,
    LookupError,
    ArithmeticError,
)
"""What a job may raise and harm only itself; anything else is our own mistake and ends the writer."""

_log = logging.getLogger(__name__)


class Memory(Protocol):
    """State in memory that goes with the store; all calls come from the writer's thread."""

    def flush(self, conn: Connection) -> None:
        """Write what the group's jobs have gathered; the commit follows."""

    def committed(self) -> None:
        """The group is on disk."""

    def reload(self, conn: Connection) -> None:
        """The group is undone: forget what is not stored. DeposedError if the rows are not ours now."""


class Fence(Protocol):
    """Which sites are ours, at every moment; all calls come from the writer's thread."""

    def begin(self) -> None:
        """A group begins: sites may come and go now, and until the next one no more."""

    def check(self, conn: Connection) -> None:
        """The transaction begins: let go of the sites that are another's, and hold the others to its end."""

    def holds(self, site: str) -> bool:
        """Whether ``site`` is ours."""


class Job(NamedTuple):
    """A function of one transaction, who waits for it, and the site that it is about, if it is one."""

    run: Callable[[Connection], Any]
    future: "Future[Any] | Answer"
    site: str | None = None
    urgent: bool = False
    patient: bool = False


_NUDGE: Final = Job(lambda _conn: None, Future())
"""Wakes the writer: something urgent waits beside the queue."""
_NUDGE.future.set_result(None)


class Writer:
    """Runs jobs in order of submission. ``sites`` are those whose rows the jobs may write; with a ``fence``
    they change in its ``begin``.
    """

    alone = False
    """Whether nobody else writes into this store."""

    def __init__(
        self,
        engine: Engine,
        sites: Collection[str],
        *,
        memory: Memory | None = None,
        fence: Fence | None = None,
        capacity: int = 2048,
    ) -> None:
        self._engine = engine
        self._sites = sites
        self._fence = fence
        self._memory = memory
        self._queue: queue.Queue[Job | None] = queue.Queue(capacity)
        self._failure: StoreError | DeposedError | None = None
        self._group: list[Job] = []
        self._ended = threading.Event()
        self._noted: set[str] = set()
        self._urgent: deque[Job] = deque()
        self._left: deque[Job] = deque()
        self._pressed = threading.Event()  # something has come that does not wait for company
        self._line = Turn(engine, None if fence is None else IDLE_MS)
        self._begin()

    def _begin(self) -> None:
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def failure(self) -> StoreError | DeposedError | None:
        """What ended the writer, if something did: the process must then be started anew."""
        return self._failure if self._ended.is_set() else None

    @property
    def waiting(self) -> int:
        """Jobs that are not begun."""
        return self._queue.qsize() + len(self._urgent) + len(self._left)

    def submit(
        self,
        job: Callable[[Connection], T],
        *,
        wait_s: float = 30.0,
        site: str | None = None,
        urgent: bool = False,
    ) -> "Future[T]":
        """Queue ``job``; its future is resolved after the commit. Waits while the queue is full.

        An ``urgent`` one does not wait: the group that is under way ends with its present job, and the next
        one is of urgent ones alone. A job may run twice (its first run is then rolled back). Raises
        StoreBusyError, or StoreError when the writer has ended. The future has LostSiteError if ``site`` is
        not ours when the job's turn has come.
        """
        future: Future[T] = Future()
        if self._ended.is_set():
            raise StoreError("the store's writer has ended")
        future.set_running_or_notify_cancel()  # who waits may give up, the job is done all the same
        if urgent:
            self._put_first(Job(job, future, site, urgent))
        else:
            self._put(Job(job, future, site), wait_s)
        if self._ended.is_set():
            self._refuse_rest()
        return future

    def hand(
        self,
        job: Callable[[Connection], object],
        answer: Answer,
        *,
        wait_s: float = 30.0,
        patient: bool = False,
    ) -> None:
        """As :meth:`submit`, for who is told by ``answer``; a ``patient`` one may wait for company."""
        if self._ended.is_set():
            raise StoreError("the store's writer has ended")
        self._put(Job(job, answer, patient=patient), wait_s)
        if self._ended.is_set():
            self._refuse_rest()

    def _put(self, job: Job, wait_s: float) -> None:
        try:
            self._queue.put(job, timeout=wait_s)
        except queue.Full:
            raise StoreBusyError(f"the store took no job for {wait_s} s") from None
        if not job.patient or self._queue.qsize() >= COMPANY:
            self._pressed.set()

    def _put_first(self, job: Job) -> None:
        self._urgent.append(job)
        with suppress(queue.Full):  # then the writer is at work
            self._queue.put_nowait(_NUDGE)
        self._pressed.set()

    def call(self, work: Callable[[], T]) -> "Future[T]":
        """Run ``work``, which touches the memory and not the store, between two groups or in one."""
        return self.submit(lambda _conn: work())

    def close(self) -> None:
        """Run what is queued, then end the thread."""
        if not self._ended.is_set():
            self._queue.put(None)
            self._pressed.set()
        self._thread.join()

    def _work(self) -> None:
        # When memory cannot be read anew, or the fault is our own, the thread ends: never retry and go on;
        # whoever supervises us starts a new process from what is stored.
        self._failure = StoreError("the store's writer has failed")
        try:
            self._run_groups()
            self._failure = None
        except (StoreError, DeposedError) as error:
            self._failure = error
            _log.error(line("writer-ended", detail=error))
        finally:
            self._line.close()
            self._ended.set()
            self._refuse_rest()

    def _run_groups(self) -> None:
        """Until the end that :meth:`close` puts into the queue."""
        while (group := self._next_group()) is not None:
            self._group = group
            if self._fence is not None:
                self._fence.begin()
            self._run_group(group)

    def _next_group(self) -> list[Job] | None:
        """Those that are urgent, alone; else what is left of the group before, and what waits."""
        self._pressed.clear()
        calm = False
        while not (self._left or self._urgent):
            try:
                first = self._queue.get(timeout=None if calm else PACE_S)
            except queue.Empty:
                calm = True
                continue
            if first is None:
                return None
            if first is not _NUDGE:
                self._left.append(first)
        ends = self._gather()
        alone = len(self._left) < COMPANY and all(job.patient for job in self._left)
        if alone and not (calm or ends or self._urgent):
            self._pressed.wait(PACE_S)
            self._gather()
        group: list[Job] = []
        wanted = self._urgent or self._left
        while wanted:
            group.append(wanted.popleft())
        return group

    def _gather(self) -> bool:
        """Take what waits, as much as makes a group; whether the end is in it."""
        while not self._urgent and len(self._left) < MAX_GROUP:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._queue.put(None)  # the end comes after this group
                return True
            if job is not _NUDGE:
                self._left.append(job)
        return False

    def _run_group(self, group: list[Job]) -> None:
        done = self._attempt(group)
        if done is not None:
            self._left.extendleft(reversed(group[len(done) :]))
            self._resolve(group[: len(done)], done)
            return
        for job in group:
            self._run_alone(job)

    def _attempt(self, group: list[Job]) -> list[Any] | None:
        """Results after the commit, of as many jobs as came in; nothing if it was rolled back."""
        try:
            with write_transaction(self._engine, self._sites, self._line) as conn:
                if self._fence is not None:
                    self._fence.check(conn)
                results = self._run_jobs(group, conn)
                if self._memory is not None:
                    self._memory.flush(conn)
                self._noted = take_noted(conn)
        except JOB_FAULTS as error:
            _log.warning(line("group-rolled-back", jobs=len(group), error=type(error).__name__))
            self._restore()
            return None
        return results

    def _run_alone(self, job: Job) -> None:
        try:
            with write_transaction(self._engine, self._sites, self._line) as conn:
                if self._fence is not None:
                    self._fence.check(conn)
                result = self._run_job(job, conn)
                if self._memory is not None:
                    self._memory.flush(conn)
                self._noted = take_noted(conn)
        except JOB_FAULTS as error:
            self._restore()
            job.future.set_exception(error)
            return
        self._resolve([job], [result])

    def _run_jobs(self, group: list[Job], conn: Connection) -> list[Any]:
        results: list[Any] = []
        for job in group:
            results.append(self._run_job(job, conn))
            hurried = bool(self._urgent) and not job.urgent
            if hurried or (len(results) % WANTED_EACH == 0 and self._line.is_wanted()):
                break
        return results

    def _run_job(self, job: Job, conn: Connection) -> Any:
        if self._fence is not None and job.site is not None and not self._fence.holds(job.site):
            return LostSiteError(f"site {job.site!r} is another gateway's")
        return job.run(conn)

    def _restore(self) -> None:
        if self._memory is None:
            return
        try:
            with self._engine.connect() as conn:
                self._memory.reload(conn)
        except SQLAlchemyError as error:
            raise StoreError("the store cannot be read after a roll-back") from error

    def _resolve(self, group: list[Job], results: list[Any]) -> None:
        if self._memory is not None:
            self._memory.committed()
        for job, result in zip(group, results, strict=True):
            if isinstance(result, LostSiteError):
                job.future.set_exception(result)
            else:
                job.future.set_result(result)

    def _refuse_rest(self) -> None:
        for unfinished in (*self._group, *self._urgent, *self._left):
            self._refuse(unfinished)
        while True:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return
            if job is not None:
                self._refuse(job)

    def _refuse(self, job: Job) -> None:
        if not job.future.done():
            job.future.set_exception(StoreError("the store's writer has ended"))
