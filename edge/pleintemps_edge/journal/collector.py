"""From single samples to batches: a state leaves within a second, a level within five; a state that does
not change
is said again before anybody could think it ill. Pure: no clock, no socket, no file."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from pleintemps_contract.agent_messages import Column
from pleintemps_contract.units import SeriesKind
from pleintemps_edge.drivers.base import Sampled, SeriesSpec

FLUSH_MS: Final = {SeriesKind.STATE: 1_000, SeriesKind.LEVEL: 5_000}
_MAX_VALUES: Final = 2_048
"""Flushed early beyond this, so that a batch stays well below 64 KiB."""


@dataclass(slots=True)
class _State:
    """A state series: its last value and when it was last said. ``doubted`` since its device was ill."""

    value: float
    said: int
    every_ms: int
    doubted: bool = False


@dataclass(slots=True)
class Collector:
    """Fed with samples and asked for batches; times are Unix ms (``at``) and monotonic ms (``now``)."""

    specs: dict[str, SeriesSpec]
    _columns: dict[str, tuple[list[int], list[float]]] = field(default_factory=dict)
    _states: dict[str, _State] = field(default_factory=dict)
    _ill: set[str] = field(default_factory=set)
    _due: int | None = None
    _count: int = 0
    _beats: int | None = None
    """When the first state is to be said again; to be found anew where ``_moved``."""
    _moved: bool = False

    @classmethod
    def of(cls, specs: Iterable[SeriesSpec]) -> "Collector":
        return cls({spec.series: spec for spec in specs})

    def add(self, sample: Sampled, now: int) -> None:
        """Take a sample of a known series; a state that merely repeats itself waits for its heartbeat."""
        spec = self.specs[sample.series]
        if spec.kind is SeriesKind.STATE:
            state = self._states.get(sample.series)
            if state is not None and state.value == sample.value and not state.doubted:
                return
            every = spec.max_silence_s * 1000 // 3
            self._states[sample.series] = _State(sample.value, now, every)
            self._moved = True
        self._put(sample, spec.kind, now)

    def set_health(self, device: str, well: bool) -> None:
        """An ill device has no heartbeat: its last value is not said again as if it were true."""
        self._moved = True
        if well:
            self._ill.discard(device)
            return
        self._ill.add(device)
        for series, state in self._states.items():
            if self.specs[series].device == device:
                state.doubted = True

    def beat(self, at: int, now: int) -> None:
        """Say again each state that has been quiet for a third of what its readers would tolerate; where a
        batch leaves anyway, or one has to be said, those that were quiet for half as long go with it.
        """
        beating = self._beating()
        leaves = self.is_due(now) or any(now - state.said >= state.every_ms for _, state in beating)
        for series, state in beating if leaves else ():
            if now - state.said >= state.every_ms // 2:
                state.said, self._moved = now, True
                self._put(Sampled(series, at, state.value), SeriesKind.STATE, now)

    def next_due(self) -> int | None:
        """When :meth:`beat` or :meth:`take` has something to do next, monotonic ms."""
        if self._moved:
            self._beats = min((state.said + state.every_ms for _, state in self._beating()), default=None)
            self._moved = False
        if self._due is None or self._beats is None:
            return self._beats if self._due is None else self._due
        return min(self._beats, self._due)

    def _beating(self) -> list[tuple[str, _State]]:
        return [item for item in self._states.items() if self.specs[item[0]].device not in self._ill]

    @property
    def full(self) -> bool:
        """Whether a batch should leave early."""
        return self._count >= _MAX_VALUES

    def is_due(self, now: int) -> bool:
        return self._due is not None and (now >= self._due or self.full)

    def take(self) -> tuple[int, dict[str, Column]]:
        """``base`` and the columns of everything collected; empty columns if there is nothing."""
        base = min((min(times) for times, _ in self._columns.values()), default=0)
        columns = {
            series: Column(dt=[at - base for at in times], value=values)
            for series, (times, values) in self._columns.items()
        }
        self._columns = {}
        self._due = None
        self._count = 0
        return base, columns

    def _put(self, sample: Sampled, kind: SeriesKind, now: int) -> None:
        times, values = self._columns.setdefault(sample.series, ([], []))
        times.append(sample.at)
        values.append(sample.value)
        self._count += 1
        due = now + FLUSH_MS[kind]
        self._due = due if self._due is None else min(self._due, due)
