"""What the batches of a group say, gathered by series: minutes and rules work once a group, not a batch."""

from collections.abc import Iterator, Mapping, Sequence

from pleintemps_contract.agent_messages import SamplesBatch
from pleintemps_gateway.engine import SiteEngine
from pleintemps_gateway.series.tap import SiteTap
from pleintemps_gateway.stretch import Cutter, Stretch, joined

from .late import LATE_MS, LateBook
from .series import SeriesBook


class Gathering:
    """Of one site, between two flushes; the writer's thread alone uses it."""

    def __init__(self) -> None:
        self._parts: dict[str, dict[str, list[Stretch]]] = {}

    def add(self, agent: str, batch: SamplesBatch) -> int:
        """Take a batch whose turn it is in its journal; how many readings it has."""
        parts = self._parts.setdefault(agent, {})
        cutter, readings = Cutter(batch.base), 0
        for name, column in batch.series.items():
            readings += len(column.dt)
            stretch = cutter.cut(column.dt, column.value)
            if (known := parts.get(name)) is None:
                parts[name] = [stretch]
            else:
                known.append(stretch)
        return readings

    def take(self, agent: str | None = None) -> Iterator[tuple[str, Mapping[str, Sequence[Stretch]]]]:
        """What was gathered, of one agent or of all, by agent and series; it is gathered no more."""
        if agent is not None:
            if (parts := self._parts.pop(agent, None)) is not None:
                yield agent, parts
            return
        taken, self._parts = self._parts, {}
        yield from taken.items()


def work_in(
    agent: str,
    parts: Mapping[str, Sequence[Stretch]],
    now: int,
    series: SeriesBook,
    late: LateBook,
    tap: SiteTap,
    engine: SiteEngine,
) -> None:
    """Let everybody have what an agent's series said. What is not sound is left out, but for the rules, which
    judge and count by themselves what they cannot use.
    """
    rounds: list[dict[str, Stretch]] = [{}]
    for name, each in parts.items():
        for place, stretch in enumerate(joined(each)):
            if place == len(rounds):
                rounds.append({})
            rounds[place][name] = stretch
            if (taken := series.take(agent, name, stretch, now)) is not None and taken[1] is not None:
                tap.samples(taken[0], taken[1])
        if (space := series.space_of(agent, name)) is not None:
            old = [part for part in each if part.ats[0] < now - LATE_MS]
            if old:
                first, last = min(part.ats[0] for part in old), max(part.ats[-1] for part in old)
                late.told(space, first, last, now)
    for stretches in rounds:
        engine.on_stretches(agent, stretches)
