"""An event loop whose time passes only when there is nothing left to do at the present moment."""

import asyncio
import heapq
import itertools
import math
import selectors
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context, copy_context
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack, cast

T = TypeVar("T")
_Ts = TypeVarTuple("_Ts")
_US: Final = 1_000_000
_RESOLUTION_S: Final = 1e-9
"""What is due so soon is due now."""
_MANY: Final = 100
"""Timers that were called off are swept out where there are more, and they are more than half."""


class _Nothing(selectors.BaseSelector):
    """The loop's own wake-up pipe is all that is ever registered, and nobody writes to it."""

    def __init__(self) -> None:
        self._keys: dict[int, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        number = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        self._keys[number] = key = selectors.SelectorKey(fileobj, number, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj if isinstance(fileobj, int) else fileobj.fileno())

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return []

    def get_map(self) -> dict[int, selectors.SelectorKey]:  # type: ignore[override]
        return self._keys


class _Soon:
    """An :class:`asyncio.Handle` without what only its debugging needs."""

    __slots__ = ("args", "callback", "context")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...], context: Context) -> None:
        self.callback: Callable[..., object] | None = callback
        self.args = args
        self.context = context

    def cancel(self) -> None:
        self.callback, self.args = None, ()

    def cancelled(self) -> bool:
        return self.callback is None


class _Timer(_Soon):
    """An :class:`asyncio.TimerHandle` likewise."""

    __slots__ = ("_at", "_loop", "scheduled")

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context,
        at: float,
        loop: "VirtualLoop",
    ) -> None:
        self.callback = callback
        self.args = args
        self.context = context
        self._at = at
        self._loop = loop
        self.scheduled = True

    def when(self) -> float:
        return self._at

    def cancel(self) -> None:
        if self.callback is not None:
            self.callback, self.args = None, ()
            if self.scheduled:
                self._loop.called_off += 1


class VirtualLoop(asyncio.SelectorEventLoop):
    """One thread, no sockets, no waiting. What asks for a thread is done at once, by the loop itself.

    What is due at the same moment comes in the order in which it was asked for, whatever else is to come.
    """

    # the base class keeps its own here, and ends with them
    _ready: deque["_Soon | asyncio.Future[None]"]
    _scheduled: list[tuple[float, int, "_Timer | asyncio.Future[None]"]]
    _stopping: bool
    _closed: bool

    def __init__(self) -> None:
        super().__init__(_Nothing())
        self.now_us = 0
        """Microseconds since the loop was made, so no sum drifts."""
        self.called_off = 0
        """Timers among those to come."""
        self._order = itertools.count()

    def time(self) -> float:
        return self.now_us / _US

    async def until(self, when: float) -> None:
        """Return when :meth:`time` has reached ``when``."""
        if self._closed:
            raise RuntimeError("Event loop is closed")
        # among the timers itself: most that wait here are never called off, and need no call of their own
        done: asyncio.Future[None] = asyncio.Future(loop=self)
        heapq.heappush(self._scheduled, (when, next(self._order), done))
        try:
            await done
        except asyncio.CancelledError:
            self.called_off += 1
            raise

    def call_soon(
        self, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if self._closed:
            raise RuntimeError("Event loop is closed")
        soon = _Soon(callback, args, copy_context() if context is None else context)
        self._ready.append(soon)
        return cast(asyncio.Handle, soon)

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """There is no other thread."""
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        if self._closed:
            raise RuntimeError("Event loop is closed")
        timer = _Timer(callback, args, copy_context() if context is None else context, when, self)
        heapq.heappush(self._scheduled, (when, next(self._order), timer))
        return cast(asyncio.TimerHandle, timer)

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        """Done at once: it takes none of this loop's time."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to who waits
            future.set_exception(error)
        return future

    def _run_once(self) -> None:
        """Everything that is ready now; when there is nothing, time passes until there is."""
        ready = self._ready
        if not ready and not self._stopping:
            self._pass_time()
        self._ripen()
        for _ in range(len(ready)):  # and not what these make ready
            soon = ready.popleft()
            if not isinstance(soon, _Soon):
                if not soon.done():
                    soon.set_result(None)
            elif soon.callback is not None:
                try:
                    soon.context.run(soon.callback, *soon.args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:  # noqa: BLE001 - as every loop does
                    self.call_exception_handler({"message": "Exception in callback", "exception": error})

    def _pass_time(self) -> None:
        """Until the first that is to come."""
        self._sweep()
        if not self._scheduled:
            raise RuntimeError("nothing will ever happen again: somebody waits for what nobody does")
        left = self._scheduled[0][0] - self.now_us / _US
        if left > 0:
            self.now_us += max(1, math.ceil(left * _US - 0.01))

    def _ripen(self) -> None:
        """What is due is ready."""
        timers = self._scheduled
        end = self.now_us / _US + _RESOLUTION_S
        while timers and timers[0][0] < end:
            timer = heapq.heappop(timers)[2]
            if timer.cancelled():
                self.called_off -= 1
            else:
                self._ready.append(timer)
            if isinstance(timer, _Timer):
                timer.scheduled = False

    def _sweep(self) -> None:
        """Timers that were called off go: those at the head, or all where they are most."""
        timers = self._scheduled
        if len(timers) > _MANY and self.called_off / len(timers) > 0.5:
            self._scheduled = kept = []
            for entry in timers:
                timer = entry[2]
                if isinstance(timer, _Timer):
                    timer.scheduled = timer.callback is not None
                    if timer.scheduled:
                        kept.append(entry)
                elif not timer.done():
                    kept.append(entry)
            heapq.heapify(kept)
            self.called_off = 0
            return
        while timers and timers[0][2].cancelled():
            self.called_off -= 1
            gone = heapq.heappop(timers)[2]
            if isinstance(gone, _Timer):
                gone.scheduled = False


def run(main: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run`` in virtual time. RuntimeError when all that is left waits for one another."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
