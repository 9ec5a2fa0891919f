"""From the outbox to the server while the gateway runs: every ``flush_s`` all that waits, oldest first.

While the server is away the lines stay in the outbox and the pause doubles up to a minute. A batch that
the server refuses is halved until the lines at fault are alone: those are counted, the rest arrives.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import Final, Protocol

from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_gateway.config import SeriesConfig
from pleintemps_gateway.errors import LinesRefusedError, SeriesDownError, StoreError

from .lines import render
from .outbox import Counts, Outbox
from .rows import Row
from .sender import Sender

FIRST_PAUSE_MS: Final = 1_000
LONGEST_PAUSE_MS: Final = 60_000
MAX_HALVINGS: Final = 32
"""Searches for lines at fault in one parcel; beyond it a refused part goes as a whole."""
_log = logging.getLogger(__name__)


class Send(Protocol):
    """What the writer needs of a Sender."""

    host: str

    def send(self, lines: list[str]) -> None: ...

    def close(self) -> None: ...


class SeriesSink:
    """Where ingest puts what it has committed. A disk that fails is counted and logged, never raised."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._lost = 0
        self._dropping = False

    def add(self, site: str, rows: Iterable[Row]) -> None:
        """Keep ``rows`` of ``site`` for the series database; call after the commit, from any one thread."""
        lines = render(site, rows)
        if not lines:
            return
        try:
            dropped = self._outbox.add(lines)
        except StoreError as error:
            if not self._lost:
                _log.error(line("series-outbox-failed", reason=error))
            self._lost += len(lines)
            return
        if self._lost:
            _log.info(line("series-outbox-back", lost_lines=self._lost))
            self._lost = 0
        if dropped and not self._dropping:
            _log.warning(line("series-budget-full", dropped_lines=dropped))
        self._dropping = dropped > 0


class SeriesWriter:
    """Owns outbox and sender. ``sink`` takes rows at any time; :meth:`run` delivers them."""

    def __init__(self, outbox: Outbox, sender: Send, world: World, flush_s: float) -> None:
        self.sink = SeriesSink(outbox)
        self._outbox = outbox
        self._sender = sender
        self._world = world
        self._flush_ms = max(1, round(flush_s * 1000))
        self._pause_ms = 0
        self._refusing = False
        self._closed = False

    @classmethod
    def open(cls, config: SeriesConfig, state: Path, world: World) -> "SeriesWriter":
        """The writer of a loaded ``[series]``; its outbox is ``series.db`` in the folder ``state``.

        Raises StoreError if the outbox cannot be used.
        """
        outbox = Outbox(state / "series.db", int(config.budget_mb * 1_000_000))
        return cls(outbox, Sender(config), world, config.flush_s)

    def counts(self) -> Counts:
        return self._outbox.counts()

    async def run(self) -> None:
        """Deliver until cancelled. What is not delivered by then waits in the outbox for the next start."""
        while True:
            pause = await _in_thread(self.drain)
            await self._world.sleep_until(self._world.monotonic() + pause)

    def close(self) -> None:
        """After ``run`` has ended. A request still on its way is sent again at the next start."""
        self._closed = True
        self._sender.close()
        self._outbox.close()

    def drain(self) -> int:
        """Deliver what waits, one request after another; returns the milliseconds until the next call."""
        try:
            while (parcel := self._outbox.take()) is not None:
                refused = self._deliver(parcel.lines)
                self._outbox.settle(parcel, written=len(parcel.lines) - refused, refused=refused)
                if self._pause_ms:
                    _log.info(line("series-back", host=self._sender.host, **self._outbox.counts()._asdict()))
                    self._pause_ms = 0
        except SeriesDownError as error:
            self._outbox.release()
            if not self._pause_ms:
                _log.warning(line("series-down", host=self._sender.host, reason=error))
            self._pause_ms = min(LONGEST_PAUSE_MS, max(FIRST_PAUSE_MS, self._pause_ms * 2))
            return max(self._pause_ms, min(LONGEST_PAUSE_MS, round(error.retry_after_s * 1000)))
        except StoreError as error:
            if not self._pause_ms and not self._closed:
                _log.error(line("series-outbox-failed", reason=error))
            self._pause_ms = LONGEST_PAUSE_MS
            return self._pause_ms
        return self._flush_ms

    def _deliver(self, lines: list[str]) -> int:
        """Send ``lines``; how many of them the server refused."""
        waiting, halvings, refused, reason = [lines], 0, 0, ""
        while waiting:
            chunk = waiting.pop()
            try:
                self._sender.send(chunk)
            except LinesRefusedError as error:
                if len(chunk) == 1 or halvings == MAX_HALVINGS:
                    refused += len(chunk)
                    reason = str(error)
                else:
                    halvings += 1
                    middle = len(chunk) // 2
                    waiting += [chunk[middle:], chunk[:middle]]  # the older half is on top
        if refused and not self._refusing:
            _log.warning(line("series-refused", host=self._sender.host, lines=refused, reason=reason))
        self._refusing = refused > 0
        return refused


async def _in_thread(work: Callable[[], int]) -> int:
    """``work`` in a daemon thread: a request that hangs must not hold up the end of the process."""
    future: Future[int] = Future()
    future.set_running_or_notify_cancel()  # from here on its result is taken, even if nobody waits for it

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - belongs to who awaits it: the future carries it
            future.set_exception(error)

    threading.Thread(target=run, name="series", daemon=True).start()
    return await asyncio.wrap_future(future)
