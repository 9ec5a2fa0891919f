"""The writer of a journal without a thread: where the event loop's time is not the machine's."""

import asyncio
from collections import deque

from .files import close_quietly
from .writer import GROUP, Attempts, Job, Move, Writer


class InlineWriter(Writer):
    """As :class:`Writer`, with every group committed by the loop itself, in its next turn.

    Pauses after a fault are the loop's time too.
    """

    def _begin(self) -> None:
        self._waiting: deque[Job | Move] = deque()
        self._turn: asyncio.Handle | None = None
        self._left: Attempts | None = None

    def _put(self, job: Job | Move) -> None:
        if self._stopping.is_set():
            return
        self._waiting.append(job)
        if self._turn is None:
            self._turn = asyncio.get_running_loop().call_soon(self._work)

    @property
    def _backlog(self) -> int:
        return len(self._waiting)

    def _work(self) -> None:
        self._turn = None
        if self._left is not None:
            self._left = self._try(self._left)
        while self._left is None and self._waiting:
            job = self._waiting.popleft()
            if isinstance(job, Move):
                self._go(job)
                continue
            group = [job]
            while self._waiting and len(group) < GROUP and isinstance(job := self._waiting[0], Job):
                group.append(job)
                self._waiting.popleft()
            self._left = self._try(Attempts(group))
        if self._left is not None and not self._stopping.is_set():
            self._turn = asyncio.get_running_loop().call_later(self._pause_s(self._left), self._work)

    def close(self) -> None:
        self._stopping.set()
        if self._turn is not None:
            self._turn.cancel()
        self._work()
        if self._left is not None:
            self._give_back(self._left)
        self.abandon()

    def abandon(self) -> None:
        """Let go of the file as a power cut does: what was not committed is gone."""
        self._stopping.set()
        if self._turn is not None:
            self._turn.cancel()
        if self._connection is not None:
            close_quietly(self._connection)
            self._connection = None
