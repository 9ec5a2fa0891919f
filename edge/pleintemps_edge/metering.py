"""From measurements to batches on disk: collected, said again as long as they hold, flushed in time."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from pleintemps_contract.world import World

from .clock import Reading
from .drivers.base import Sampled, SeriesSpec
from .journal.collector import Collector
from .journal.samples import SampleJournal
from .waiting import Signal

STEP_MS: Final = 1_000
"""A clock that is off by more than before has stepped."""


class Metering:
    """The series of one agent. ``run`` until the end, then ``flush``."""

    def __init__(
        self,
        specs: Sequence[SeriesSpec],
        samples: SampleJournal,
        world: World,
        read: Callable[[], Reading],
        boot: str,
    ) -> None:
        """``read`` gives the time that the agent believes."""
        self._samples = samples
        self._world = world
        self._read = read
        self._boot = boot
        self._collector = Collector.of(specs)
        self._collected = Signal()
        self._awaited: int | None = None
        self._time = read()
        self._offset = self._time.at - world.monotonic()

    def take(self, seen: Sampled) -> None:
        """Take one measurement of a driver."""
        # drivers stamp with the machine's clock: what we believe instead may be the gateway's
        reading = self._now()
        at = max(0, seen.at + reading.at - self._world.now())
        self._collector.add(seen if at == seen.at else replace(seen, at=at), self._world.monotonic())
        self._wake()

    def set_health(self, device: str, well: bool) -> None:
        """While ``device`` is not well its states are not said again."""
        self._collector.set_health(device, well)
        self._wake()

    def _wake(self) -> None:
        """Only for what is due earlier than :meth:`run` waits for."""
        due = self._collector.next_due()
        if due is not None and (self._awaited is None or due < self._awaited or self._collector.full):
            self._collected.set()

    async def run(self) -> None:
        """Flush in time until cancelled."""
        while True:
            self._collected.clear()
            now = self._world.monotonic()
            self._collector.beat(self._now().at, now)
            if self._collector.is_due(now):
                self.flush()
            self._awaited = self._collector.next_due()
            await self._collected.wait_until(self._world, self._awaited)

    def flush(self) -> None:
        """Hand what was collected to the journal."""
        base, columns = self._collector.take()
        if columns:
            self._samples.append(self._boot, base, self._time.trusted, columns)

    def _now(self) -> Reading:
        """The time now. A batch is of one time: what was collected leaves at a step or a change of trust."""
        reading = self._read()
        offset = reading.at - self._world.monotonic()
        if reading.trusted is not self._time.trusted or abs(offset - self._offset) > STEP_MS:
            self.flush()
            self._offset = offset
        self._time = reading
        return reading
