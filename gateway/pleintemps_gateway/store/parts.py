"""A group of jobs, part by part: who waits for the store waits for what one part writes, not for all.

A part is what is written by itself, a site. Its jobs run in their order and it is put down at once after
them; the transaction then ends if somebody waits, and what is left goes on in the next one. A job
that is of no part may touch any: no job passes it.
"""

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from typing import Any, Final, NamedTuple, Protocol

from sqlalchemy import Connection

from .answer import Answer

WANTED_EACH: Final = 32
"""Jobs of a part between two looks whether somebody waits."""


class Job(NamedTuple):
    """A function of one transaction, and who waits for it. ``site`` is the one without which it is nothing;
    ``part`` the only one whose memory it touches, if it is one."""

    run: Callable[[Connection], Any]
    future: "Future[Any] | Answer"
    site: str | None = None
    urgent: bool = False
    patient: bool = False
    part: str | None = None


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


class Parts(Protocol):
    """A memory whose parts are written one by one; all calls come from the writer's thread."""

    def begin_parts(self, conn: Connection) -> None:
        """The transaction begins."""

    def flush_part(self, conn: Connection, part: str) -> None:
        """Write what the jobs of ``part`` have gathered, once a transaction. One that is unknown is none."""

    def end_parts(self, conn: Connection) -> None:
        """The commit follows."""

    def prepare(self) -> None:
        """The commit is under way and may still fail: make ready what is to be said. Not always called."""

    def say(self, between: Callable[[], None]) -> None:
        """All of it is on disk: act on it, and call ``between`` often, which may do another transaction."""

    def stirred(self) -> Collection[str]:
        """The parts that hold what is not written."""

    def due(self) -> Collection[str]:
        """These, and those whose time has come; who has waited longest comes first."""


class Passage:
    """One transaction's way through a group. ``begun`` are the jobs that ran, with their ``results``, and
    ``again`` the urgent ones that did not.

    ``waits`` says whether somebody waits who should not; ``come`` takes jobs that are to be done now.
    """

    def __init__(
        self,
        parts: Parts,
        group: Iterable[Job],
        run: Callable[[Job, Connection], Any],
        waits: Callable[[], bool],
        come: Callable[[], list[Job]],
    ) -> None:
        self.begun: list[Job] = []
        self.again: list[Job] = []
        self.results: list[Any] = []
        self.is_whole = False
        """Whether nothing that was due is left."""
        self._group = list(group)
        self._done: set[int] = set()
        self._parts = parts
        self._run = run
        self._waits = waits
        self._come = come
        self._flushed: set[str] = set()

    @property
    def rest(self) -> list[Job]:
        """The jobs of the group that were not begun, also where it failed."""
        return [job for job in self._group if id(job) not in self._done]

    def go(self, conn: Connection, *, owing: bool) -> None:
        """Until the end, or until somebody waits. One that is ``owing`` begins with a part whose time has
        come and which has no job."""
        self._parts.begin_parts(conn)
        self._hurry(conn)
        if not self.begun:
            stopped = self._work(conn, owing=owing)
            self._hurry(conn)
            self.is_whole = not (stopped or self.rest)
        self._parts.end_parts(conn)

    def go_first(self, conn: Connection) -> None:
        """The group is of urgent jobs: all of them, and nothing else."""
        self._parts.begin_parts(conn)
        jobs = self.rest
        for job in jobs:
            self._take(job, conn)
        for part in dict.fromkeys(job.part for job in jobs):
            self._flush(conn, *(self._parts.stirred() if part is None else (part,)))
        self._parts.end_parts(conn)

    def _work(self, conn: Connection, *, owing: bool) -> bool:
        """Whether it ended because somebody waits."""
        if owing:
            busy = {job.part for job in self.rest}
            self._flush(conn, *[part for part in self._parts.due() if part not in busy][:1])
        stopped = self._work_off(conn)
        if self.rest or stopped:
            return stopped
        for part in self._parts.due():
            if self._waits():
                return True
            self._flush(conn, part)
        return False

    def _work_off(self, conn: Connection) -> bool:
        """What is of no part at the beginning, then part by part up to the next of that kind."""
        rest = self.rest
        general = [job.part is None for job in rest]
        first = general.index(False) if False in general else len(general)
        for place in range(first):
            self._take(rest[place], conn)
            if self._waits():
                first = place + 1
                break
        stopped = first > 0 and self._waits()
        until = general.index(True, first) if True in general[first:] else len(general)
        jobs: dict[str | None, list[Job]] = {}
        for job in rest[first:until]:
            jobs.setdefault(job.part, []).append(job)
        for part, mine in jobs.items():
            if stopped:
                break
            if part is not None and part not in self._flushed:
                self._turn(conn, part, mine)
                stopped = self._waits()
        if first:
            self._flush(conn, *self._parts.stirred())
        return stopped

    def _turn(self, conn: Connection, part: str, jobs: list[Job]) -> None:
        """The jobs of one part, all or until somebody waits."""
        for done, job in enumerate(jobs, 1):
            self._take(job, conn)
            if done % WANTED_EACH == 0 and self._waits():
                break
        self._flush(conn, part)

    def _hurry(self, conn: Connection) -> None:
        """Whatever they look for was written before this transaction began: they go out with it."""
        parts: dict[str, list[Job]] = {}
        for job in self._come():
            if job.part is None or job.part in self._flushed:
                self.again.append(job)
            else:
                parts.setdefault(job.part, []).append(job)
        for part, jobs in parts.items():
            for job in jobs:
                self._take(job, conn)
            self._flush(conn, part)

    def _take(self, job: Job, conn: Connection) -> None:
        self._done.add(id(job))
        self.begun.append(job)
        self.results.append(self._run(job, conn))

    def _flush(self, conn: Connection, *parts: str) -> None:
        for part in parts:
            if part not in self._flushed:
                self._flushed.add(part)
                self._parts.flush_part(conn, part)
