"""The store's writer without a thread: where the event loop's time is not the machine's."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from sqlalchemy import Engine

from pleintemps_gateway.errors import DeposedError, StoreError

from .parts import Job, Memory
from .waiting import MAX_GROUP
from .writer import Writer

T = TypeVar("T")
GROUP_S: Final = 0.02
"""So long a group waits for company, as it does in life while the commit before it is under way."""


class InlineWriter(Writer):
    """As :class:`Writer`, with every group run by the loop itself, of the only process on its store."""

    alone = True

    def __init__(self, engine: Engine, sites: Collection[str], *, memory: Memory | None = None) -> None:
        self._jobs: deque[Job] = deque()
        self._turn: asyncio.TimerHandle | None = None
        self.changed: Counter[str] = Counter()
        """Groups that have changed a table, by its name."""
        self.written = asyncio.Event()
        """Set after each group."""
        self._followers: dict[str, set[asyncio.Future[bool]]] = {}
        super().__init__(engine, sites, memory=memory)

    def _begin(self) -> None:
        return

    @property
    def waiting(self) -> int:
        return len(self._jobs)

    def call(self, work: Callable[[], T]) -> "Future[T]":
        future: Future[T] = Future()
        future.set_result(work())
        return future

    def _resolve(self, group: list[Job], results: list[Any]) -> None:
        self.changed.update(self._noted)
        for table in self._noted & self._followers.keys():
            for follower in self._followers[table]:
                _tell(follower, True)
        super()._resolve(group, results)

    async def news(self, table: str, within_ms: int) -> bool:
        """Whether a group changes ``table`` in so many milliseconds of the loop; returns at once then."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[bool] = loop.create_future()
        late = loop.call_later(within_ms / 1000, _tell, told, False)
        followers = self._followers.setdefault(table, set())
        followers.add(told)
        try:
            return await told
        finally:
            late.cancel()
            followers.discard(told)

    def _put_first(self, job: Job) -> None:
        self._put(job, 0)

    def _put(self, job: Job, wait_s: float) -> None:
        self._jobs.append(job)
        if self._turn is None:
            self._turn = asyncio.get_running_loop().call_later(GROUP_S, self._work_off)

    def end(self) -> None:
        """Nothing is let go: its time stands still until all is done."""

    def close(self) -> None:
        if self._turn is not None:
            self._turn.cancel()
        while self._jobs and not self._ended.is_set():
            self._work_off()
        self._line.close()
        self._ended.set()

    def abandon(self) -> None:
        """Forget what waits, as a crash does."""
        if self._turn is not None:
            self._turn.cancel()
        self._fail(StoreError("the store's writer was abandoned"))

    def _work_off(self) -> None:
        self._turn = None
        self._group = [self._jobs.popleft() for _ in range(min(len(self._jobs), MAX_GROUP))]
        try:
            self._run_group(self._group)
        except (StoreError, DeposedError) as error:
            self._fail(error)
            return
        self._group = []
        self.written.set()
        if self._jobs and self._turn is None:
            self._turn = asyncio.get_running_loop().call_later(0, self._work_off)

    def _fail(self, error: StoreError | DeposedError) -> None:
        self._failure = error
        self._line.close()
        self._ended.set()
        self._group += self._jobs
        self._jobs.clear()
        self._refuse_rest()


def _tell(follower: "asyncio.Future[bool]", changed: bool) -> None:
    if not follower.done():
        follower.set_result(changed)
