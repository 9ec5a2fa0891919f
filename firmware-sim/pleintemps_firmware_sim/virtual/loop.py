"""An event loop whose time passes only when there is nothing left to do at the present moment."""

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
_Ts = TypeVarTuple("_Ts")
_US: Final = 1_000_000


class _Idle(selectors.BaseSelector):
    """Waits for nothing: what the loop would sleep is added to its clock. Microseconds, so no sum drifts."""

    def __init__(self) -> None:
        self.now_us = 0
        self._keys: dict[int, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """The loop's own wake-up pipe is all that ever comes, and nobody writes to it."""
        number = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        self._keys[number] = key = selectors.SelectorKey(fileobj, number, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj if isinstance(fileobj, int) else fileobj.fileno())

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing will ever happen again: somebody waits for what nobody does")
        if timeout > 0:
            self.now_us += max(1, math.ceil(timeout * _US - 0.01))
        return []

    def get_map(self) -> dict[int, selectors.SelectorKey]:  # type: ignore[override]
        return self._keys


class VirtualLoop(asyncio.SelectorEventLoop):
    """One thread, no sockets, no waiting. What asks for a thread is done at once, by the loop itself."""

    def __init__(self) -> None:
        self._idle = _Idle()
        super().__init__(self._idle)

    def time(self) -> float:
        return self._idle.now_us / _US

    @property
    def now_us(self) -> int:
        """Microseconds since the loop was made."""
        return self._idle.now_us

    async def until(self, when: float) -> None:
        """Return when :meth:`time` has reached ``when``."""
        done = self.create_future()
        timer = self.call_at(when, _wake, done)
        try:
            await done
        finally:
            timer.cancel()

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """There is no other thread."""
        return self.call_soon(callback, *args, context=context)

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


def _wake(done: "asyncio.Future[None]") -> None:
    if not done.done():
        done.set_result(None)


def run(main: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run`` in virtual time. RuntimeError when all that is left waits for one another."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
