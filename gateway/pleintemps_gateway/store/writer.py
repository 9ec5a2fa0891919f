"""One writer with group commit.

One thread owns the write connection. It takes jobs (functions of a Connection), runs as many as wait in
one transaction and resolves their futures after the commit. If one fails, the group is rolled back and its
jobs run again, each in a transaction of its own: the one that fails again harms only itself.

A ``Fence`` stands before every transaction where several gateways share a store: what is not ours any more is
not written.

A ``Memory`` keeps state beside the store (what was seen, what rules believe). It puts its rows down once a
group (``flush``), acts on what is durable (``committed``), and reads everything anew after a roll-back. With
``Parts`` it does so part by part, and a group ends where somebody waits (``parts.py``).
"""

import logging
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from pleintemps_contract.errors import ContractError
from pleintemps_contract.logs import line
from pleintemps_gateway.errors import (
    DeposedError,
    GatewayError,
    LostSiteError,
    StoreError,
)

from . import ahead
from .answer import Answer
from .changes import take_noted
from .engine import IDLE_MS, Turn, write_transaction
from .parts import WANTED_EACH, Fence, Job, Memory, Parts, Passage
from .waiting import Waiting

T = TypeVar("T")
HINT_S: Final = 0.005
"""Who let another process write waits so long to be told of what it wrote, before it goes on."""
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
        parts: Parts | None = None,
        capacity: int = 2048,
        watch: Callable[[], int] | None = None,
    ) -> None:
        """``watch``: see :class:`~.engine.Turn`."""
        self._engine = engine
        self._sites = sites
        self._fence = fence
        self._memory = memory
        self._parts = parts
        self._owing = False  # a group ended before all that was due was written
        self._gave_way = False
        self._is_passing = False
        self.ends = False
        """Whether nothing is taken any more that who handed it will say again."""
        self._waiting = Waiting(capacity)
        self._failure: StoreError | DeposedError | None = None
        self._group: list[Job] = []
        self._ended = threading.Event()
        self._noted: set[str] = set()
        self._line = Turn(engine, None if fence is None else IDLE_MS, watch)
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
        return len(self._waiting)

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
            self._put_first(Job(job, future, site, urgent, part=site))
        else:
            self._put(Job(job, future, site, part=site), wait_s)
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
        part: str | None = None,
    ) -> None:
        """As :meth:`submit`, for who is told by ``answer``; a ``patient`` one may wait for company."""
        if self.ends or self._ended.is_set():
            raise StoreError("the store's writer has ended")
        self._put(Job(job, answer, patient=patient, part=part), wait_s)
        if self._ended.is_set():
            self._refuse_rest()

    def _put(self, job: Job, wait_s: float) -> None:
        self._waiting.put(job, wait_s)

    def _put_first(self, job: Job) -> None:
        self._waiting.put_first(job)

    def call(self, work: Callable[[], T]) -> "Future[T]":
        """Run ``work``, which touches the memory and not the store, between two groups or in one."""
        return self.submit(lambda _conn: work())

    def end(self) -> None:
        """Take nothing that is handed any more, let go of what is not begun of it, and end the group under
        way early; what was submitted is still done. :meth:`close` follows.
        """
        self.ends = True
        self._waiting.press()

    def close(self) -> None:
        """Run what is queued, then end the thread."""
        if not self._ended.is_set():
            self._waiting.end()
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
            if self.ends and not group:
                continue
            if self._fence is not None:
                self._fence.begin()
            self._run_group(group)

    def _next_group(self) -> list[Job] | None:
        """Those that are urgent, alone; else what is left of the group before, and what waits."""
        if not self._waiting.gather(owing=self._owing):
            return None
        if self.ends:
            self._owing = False
            for job in self._waiting.drop(lambda job: isinstance(job.future, Answer)):
                self._refuse(job)
        return self._waiting.group()

    def _run_group(self, group: list[Job]) -> None:
        if self._parts is not None:
            self._pass_through(group, self._parts)
            return
        results: list[Any] = []

        def work(conn: Connection) -> None:
            results.extend(self._run_jobs(group, conn))
            if self._memory is not None:
                self._memory.flush(conn)

        if self._transact(work, len(group)) is None:
            self._waiting.left.extendleft(reversed(group[len(results) :]))
            self._resolve(group[: len(results)], results)
            return
        for job in group:
            self._run_alone(job)

    def _pass_through(self, group: list[Job], parts: Parts) -> None:
        """As far as nobody waits; the rest is left for the next group."""
        passage = Passage(parts, group, self._run_job, self._somebody_waits, self._take_urgent)

        def work(conn: Connection) -> None:
            if group and group[0].urgent:
                passage.go_first(conn)
                return
            if self._gave_way and not self._waiting.urgent:
                self._waiting.told.wait(HINT_S)
            self._gave_way = False
            passage.go(conn, owing=self._owing)
            self._owing = not passage.is_whole

        failed = self._transact(work, len(group), parts.prepare) is not None
        self._waiting.left.extendleft(reversed(passage.rest))
        self._waiting.urgent.extendleft(reversed(passage.again))
        if not failed:
            self._resolve(passage.begun, passage.results)
            return
        for job in passage.begun:
            self._run_alone(job)

    def _run_alone(self, job: Job) -> None:
        results: list[Any] = []

        def work(conn: Connection) -> None:
            if self._parts is not None:
                passage = Passage(self._parts, [job], self._run_job, bool, list)
                passage.go_first(conn)
                results.extend(passage.results)
                return
            results.append(self._run_job(job, conn))
            if self._memory is not None:
                self._memory.flush(conn)

        if (error := self._transact(work)) is None:
            self._resolve([job], results)
        else:
            job.future.set_exception(error)

    def _transact(
        self,
        work: Callable[[Connection], None],
        jobs: int = 0,
        meanwhile: Callable[[], None] | None = None,
    ) -> BaseException | None:
        """Do it in a transaction; why it is undone, if it is. Told of for so many ``jobs``. ``meanwhile`` is
        done while a server commits.
        """
        try:
            with write_transaction(self._engine, self._sites, self._line) as conn:
                if self._fence is not None:
                    self._fence.check(conn)
                work(conn)
                self._noted = take_noted(conn)
                commit = None if meanwhile is None else ahead.leave(conn)
        except JOB_FAULTS as error:
            return self._undone(error, jobs)
        if commit is None or meanwhile is None or not commit.is_under_way:
            return None
        meanwhile()
        try:
            commit.hear()
        except SQLAlchemyError as error:
            self._line.close()
            return self._undone(error, jobs)
        return None

    def _undone(self, error: BaseException, jobs: int) -> BaseException:
        if jobs:
            _log.warning(line("group-rolled-back", jobs=jobs, error=type(error).__name__))
        self._restore()
        return error

    def _somebody_waits(self) -> bool:
        if self._waiting.urgent or self.ends:
            return True
        self._gave_way = self._line.is_wanted()
        return self._gave_way

    def _take_urgent(self) -> list[Job]:
        """Those that have come during the group, of which they are then."""
        taken = self._waiting.hurried()
        self._group += taken
        return taken

    def _run_jobs(self, group: list[Job], conn: Connection) -> list[Any]:
        results: list[Any] = []
        for job in group:
            results.append(self._run_job(job, conn))
            hurried = bool(self._waiting.urgent) and not job.urgent
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
        if self._parts is not None:
            self._parts.say(self._let_pass)
        elif self._memory is not None:
            self._memory.committed()
        for place, (job, result) in enumerate(zip(group, results, strict=True)):
            if isinstance(result, LostSiteError):
                job.future.set_exception(result)
            else:
                job.future.set_result(result)
            if place % WANTED_EACH == 0:
                self._let_pass()

    def _let_pass(self) -> None:
        """Let what is urgent go before what is still to be said."""
        if self._parts is not None and self._waiting.urgent and not self._is_passing:
            self._is_passing = True
            self._pass_through(self._take_urgent(), self._parts)
            self._is_passing = False

    def _refuse_rest(self) -> None:
        for unfinished in (*self._group, *self._waiting.rest()):
            self._refuse(unfinished)

    def _refuse(self, job: Job) -> None:
        if not job.future.done():
            job.future.set_exception(StoreError("the store's writer has ended"))
