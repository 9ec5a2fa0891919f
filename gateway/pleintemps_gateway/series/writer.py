"""From the outbox to the server while the gateway runs: every ``flush_s`` all that waits, oldest first.

While the server is away the lines stay in the outbox and the pause doubles up to a minute. What has waited
is sent in order, but what comes meanwhile goes before it: the present does not wait for the past. A batch
that the server refuses is halved until the lines at fault are alone: those are counted, the rest arrives.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final, Protocol, TypeVar

from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_gateway.config import SeriesConfig
from pleintemps_gateway.errors import LinesRefusedError, SeriesDownError, StoreError

from .outbox import Counts, Outbox, Parcel, pack, unpack
from .sender import Sender
from .sink import SeriesSink

FIRST_PAUSE_MS: Final = 1_000
LONGEST_PAUSE_MS: Final = 60_000
PACK_MS: Final = 500
"""What was added for so long becomes batches of the outbox; it is all that a killed process loses."""
MAX_HALVINGS: Final = 32
"""Searches for lines at fault in one parcel; beyond it a refused part goes as a whole."""
_log = logging.getLogger(__name__)
T = TypeVar("T")


class Send(Protocol):
    """What the writer needs of a Sender."""

    host: str

    def send(self, body: bytes) -> None: ...

    def close(self) -> None: ...


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
        packing = asyncio.ensure_future(self._pack())
        try:
            while True:
                pause = await _in_thread(self.drain)
                await self._world.sleep_until(self._world.monotonic() + pause)
        finally:
            packing.cancel()
            await asyncio.gather(packing, return_exceptions=True)

    async def _pack(self) -> None:
        while True:
            await self._world.sleep_until(self._world.monotonic() + PACK_MS)
            await _in_thread(self.sink.pack)

    def close(self) -> None:
        """After ``run`` has ended. A request still on its way is sent again at the next start."""
        self._closed = True
        self._sender.close()
        self.sink.close()
        self._outbox.close()

    def drain(self) -> int:
        """Deliver what waits, one request after another; returns the milliseconds until the next call."""
        self.sink.pack()
        try:
            waited = self._outbox.newest()
            while (parcel := self._outbox.take(waited) or self._outbox.take()) is not None:
                refused = self._deliver(parcel)
                self._outbox.settle(parcel, written=parcel.lines - refused, refused=refused)
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

    def _deliver(self, parcel: Parcel) -> int:
        """Send ``parcel``; how many of its lines the server refused."""
        try:
            self._sender.send(parcel.body)
        except LinesRefusedError as error:
            refused, reason = self._search(unpack(parcel.body), error)
            if refused and not self._refusing:
                _log.warning(line("series-refused", host=self._sender.host, lines=refused, reason=reason))
            self._refusing = refused > 0
            return refused
        self._refusing = False
        return 0

    def _search(self, lines: list[str], error: LinesRefusedError) -> tuple[int, str]:
        """Send all of the refused ``lines`` but those at fault; how many they are, and the last reason."""
        waiting, halvings, refused, reason = _halves(lines), 1, 0, str(error)
        if not waiting:
            return len(lines), reason
        while waiting:
            chunk = waiting.pop()
            try:
                self._sender.send(pack(chunk))
            except LinesRefusedError as again:
                if len(chunk) == 1 or halvings == MAX_HALVINGS:
                    refused += len(chunk)
                    reason = str(again)
                else:
                    halvings += 1
                    waiting += _halves(chunk)
        return refused, reason


def _halves(lines: list[str]) -> list[list[str]]:
    """The older half last, as it is taken first; nothing of a single line."""
    middle = len(lines) // 2
    return [lines[middle:], lines[:middle]] if middle else []


async def _in_thread(work: Callable[[], T]) -> T:
    """``work`` in a daemon thread: a request that hangs must not hold up the end of the process."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # from here on its result is taken, even if nobody waits for it

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - belongs to who awaits it: the future carries it
            future.set_exception(error)

    threading.Thread(target=run, name="series", daemon=True).start()
    return await asyncio.wrap_future(future)
