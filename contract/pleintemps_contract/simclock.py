"""A clock as a device: time taken from a local socket, for simulated buildings only.

The server sends one JSON line at connect and one at every change: an *anchor* that ties the host's
``CLOCK_MONOTONIC`` (nanoseconds, common to all processes of the machine) to simulated time and speed::

    {"host_ns": 5123456789, "now": 1513936181000, "monotonic": 0, "speed": 120.0}

Between two anchors time is computed, so reading the clock costs no round trip.
"""

import asyncio
import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import Final

import msgspec

from .errors import ClockError
from .units import MonotonicMs, UnixMs
from .world import Source, _Secure

_CONNECT_S: Final = 5.0


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """At the host's ``host_ns`` it was ``now`` (Unix ms) and ``monotonic`` (ms); time runs at ``speed``."""

    host_ns: int
    now: UnixMs
    monotonic: MonotonicMs
    speed: float

    def elapsed(self, host_ns: int) -> int:
        """Simulated milliseconds since the anchor."""
        return int(max(0, host_ns - self.host_ns) * self.speed / 1_000_000)


class SimulatedWorld(_Secure):
    """A World whose clock another process runs. If that process goes, time runs on at the last speed."""

    source: Source = "simulated"

    def __init__(self, path: Path) -> None:
        """Connect to the clock's Unix socket and wait for the first anchor; raises ClockError."""
        self._decoder = msgspec.json.Decoder(Anchor)
        self._waiters: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._lock = threading.Lock()
        try:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(_CONNECT_S)
            connection.connect(str(path))
            self._lines = connection.makefile("rb")
            self._anchor = self._decoder.decode(self._lines.readline())
            connection.settimeout(None)
        except (OSError, msgspec.MsgspecError) as error:
            raise ClockError(f"no simulated clock at {path}: {error}") from error
        self._floor = self._anchor.monotonic
        threading.Thread(target=self._follow, name="simulated-clock", daemon=True).start()

    def _follow(self) -> None:
        with contextlib.suppress(OSError, ValueError, msgspec.MsgspecError):
            for line in self._lines:
                anchor = self._decoder.decode(line)
                self.monotonic()  # what was reached stays reached, whatever the new anchor says
                with self._lock:
                    self._anchor = anchor
                    self._floor = max(self._floor, anchor.monotonic)
                    waiters = list(self._waiters)
                for loop, changed in waiters:
                    with contextlib.suppress(RuntimeError):  # that loop has ended
                        loop.call_soon_threadsafe(changed.set)

    def now(self) -> int:
        anchor = self._anchor
        return anchor.now + anchor.elapsed(time.monotonic_ns())

    def monotonic(self) -> int:
        with self._lock:
            anchor = self._anchor
            self._floor = max(self._floor, anchor.monotonic + anchor.elapsed(time.monotonic_ns()))
            return self._floor

    async def sleep_until(self, monotonic: int) -> None:
        changed = asyncio.Event()
        waiter = (asyncio.get_running_loop(), changed)
        with self._lock:
            self._waiters.add(waiter)
        try:
            while (left := monotonic - self.monotonic()) > 0:
                speed = self._anchor.speed
                changed.clear()
                timeout = left / 1000 / speed if speed > 0 else None
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), timeout)
        finally:
            with self._lock:
                self._waiters.discard(waiter)
