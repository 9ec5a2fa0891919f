"""The jobs that wait for the writer: in their order, and in front of them those that are urgent."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from typing import Final

from pleintemps_gateway.errors import StoreBusyError

from .parts import Job

MAX_GROUP: Final = 512
"""Jobs of one transaction."""
PACE_S: Final = 0.1
"""Where groups follow one another sooner, one of patient jobs alone waits so long for company: a commit costs
as much as some batches."""
COMPANY: Final = 16
"""Jobs that are company enough."""

_NUDGE: Final = Job(lambda _conn: None, Future())
"""Wakes the writer: something urgent waits beside the queue."""
_NUDGE.future.set_result(None)


class Waiting:
    """Put from any thread, taken by the writer's alone."""

    def __init__(self, capacity: int) -> None:
        self.urgent: deque[Job] = deque()
        self.left: deque[Job] = deque()
        """Of the group before."""
        self.told = threading.Event()
        """Something urgent has come."""
        self._queue: queue.Queue[Job | None] = queue.Queue(capacity)
        self._pressed = threading.Event()  # something has come that does not wait for company

    def __len__(self) -> int:
        return self._queue.qsize() + len(self.urgent) + len(self.left)

    def put(self, job: Job, wait_s: float) -> None:
        """Wait while the queue is full; raises StoreBusyError."""
        try:
            self._queue.put(job, timeout=wait_s)
        except queue.Full:
            raise StoreBusyError(f"the store took no job for {wait_s} s") from None
        if not job.patient or self._queue.qsize() >= COMPANY:
            self._pressed.set()

    def put_first(self, job: Job) -> None:
        """Never waits."""
        self.urgent.append(job)
        with suppress(queue.Full):  # then the writer is at work
            self._queue.put_nowait(_NUDGE)
        self._pressed.set()
        self.told.set()

    def press(self) -> None:
        """Nobody waits for company."""
        self._pressed.set()

    def end(self) -> None:
        """The end comes after what is queued."""
        self._queue.put(None)
        self._pressed.set()

    def gather(self, *, owing: bool) -> bool:
        """Wait until there is something to do, and take what makes a group; False at the end. One that is
        ``owing`` waits for nothing.
        """
        self._pressed.clear()
        calm = False
        while not (self.left or self.urgent or owing):
            try:
                first = self._queue.get(timeout=None if calm else PACE_S)
            except queue.Empty:
                calm = True
                continue
            if first is None:
                return False
            if first is not _NUDGE:
                self.left.append(first)
        ends = self._fill()
        alone = 0 < len(self.left) < COMPANY and all(job.patient for job in self.left)
        if alone and not (calm or ends or self.urgent):
            self._pressed.wait(PACE_S)
            self._fill()
        return True

    def _fill(self) -> bool:
        """Take what waits, as much as makes a group; whether the end is in it."""
        while not self.urgent and len(self.left) < MAX_GROUP:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._queue.put(None)  # the end comes after this group
                return True
            if job is not _NUDGE:
                self.left.append(job)
        return False

    def group(self) -> list[Job]:
        """Those that are urgent, alone; else what was gathered."""
        return self.hurried() if self.urgent else _all(self.left)

    def hurried(self) -> list[Job]:
        """Those that are urgent."""
        self.told.clear()
        return _all(self.urgent)

    def drop(self, lost: Callable[[Job], bool]) -> list[Job]:
        """Take those of what was gathered that are ``lost``."""
        jobs = _all(self.left)
        self.left.extend(job for job in jobs if not lost(job))
        return [job for job in jobs if lost(job)]

    def rest(self) -> Iterator[Job]:
        """All that there is."""
        yield from (*self.urgent, *self.left)
        while True:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return
            if job is not None:
                yield job


def _all(jobs: deque[Job]) -> list[Job]:
    taken: list[Job] = []
    while jobs:
        taken.append(jobs.popleft())
    return taken
