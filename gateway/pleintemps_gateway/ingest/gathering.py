"""What the batches of a group say, gathered by series: minutes and rules work once a group, not a batch."""

from collections.abc import Iterator, Sequence
from itertools import chain

from pleintemps_contract.agent_messages import SamplesBatch
from pleintemps_gateway.engine import SiteEngine
from pleintemps_gateway.series.tap import SiteTap
from pleintemps_gateway.stretch import Joiner, Stretch

from .late import LATE_MS, LateBook
from .series import SeriesBook


class Gathering:
    """Of one site, between two flushes; the writer's thread alone uses it."""

    def __init__(self) -> None:
        self._batches: dict[str, list[SamplesBatch]] = {}

    def add(self, agent: str, batch: SamplesBatch) -> int:
        """Take a batch whose turn it is in its journal; how many readings it has."""
        if (known := self._batches.get(agent)) is None:
            self._batches[agent] = [batch]
        else:
            known.append(batch)
        return sum([len(column.dt) for column in batch.series.values()])

    def take(self, agent: str | None = None) -> Iterator[tuple[str, Sequence[SamplesBatch]]]:
        """What was gathered, of one agent or of all, by agent; it is gathered no more."""
        if agent is not None:
            if (batches := self._batches.pop(agent, None)) is not None:
                yield agent, batches
            return
        taken, self._batches = self._batches, {}
        yield from taken.items()


def work_in(
    agent: str,
    batches: Sequence[SamplesBatch],
    now: int,
    series: SeriesBook,
    late: LateBook,
    tap: SiteTap,
    engine: SiteEngine,
) -> None:
    """Let everybody have what an agent's series said. What is not sound is left out, but for the rules, which
    judge and count by themselves what they cannot use.
    """
    held = [(batch.base, batch.series) for batch in batches]
    joiner = Joiner(now - LATE_MS)
    rounds: list[dict[str, Stretch]] = [{}]
    for name in dict.fromkeys(chain.from_iterable([columns for _, columns in held])):
        own = [(base, columns[name]) for base, columns in held if name in columns]
        times, values = [(base, column.dt) for base, column in own], [column.value for _, column in own]
        stretches, span = joiner.join(times, values)
        for place, stretch in enumerate(stretches):
            if place == len(rounds):
                rounds.append({})
            rounds[place][name] = stretch
            if (taken := series.take(agent, name, stretch, now)) is not None and taken[1] is not None:
                tap.samples(agent, taken[0], taken[1])
        if span is not None and (space := series.space_of(agent, name)) is not None:
            late.told(space, *span, now)
    for each_once in rounds:
        engine.on_stretches(agent, each_once)
