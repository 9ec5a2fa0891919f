"""Which sensors of a room are stuck: a posterior per sensor, from what the sensor itself has shown.

A sensor that works ends its runs: high while no other sensor sees anybody, or silent while others do. How
long such runs last is learnt for each sensor (so a long hold time or a corner of its own is no fault), and
the chance that a working sensor's run lasts ``t`` is that of a Gamma-exponential (Lomax) prediction,
(1 + t / (n m))^-n. A stuck sensor's run never ends. The two make odds with the rate of faults."""

from collections.abc import Mapping, Sequence
from math import log, log1p
from typing import Any, Final, NamedTuple

FAULTS_PER_S: Final = 1 / (100 * 86_400)
"""A sensor sticks once in a hundred days."""
LONGEST_S: Final = 10 * 86_400
"""Beyond this age a run makes a fault no likelier by itself."""
NEVER_SEEN: Final = 0.05
"""Odds that a sensor that was never seen in its other state was mounted or wired wrong."""
OWN_RUNS: Final = 30
"""Among many sensors one is judged for its silence after so many runs of its own: many are seldom used."""
MOST_RUNS: Final = 20.0
"""Runs are less alike than the exponential law says: no more of them sharpen the prediction."""
KEPT_RUNS: Final = 500.0
"""Beyond so many, older ones lose half their weight."""


class Kind(NamedTuple):
    """What a new sensor's runs are like: mean and number of the runs that stand for nothing known, and the
    least mean that is believed."""

    mean_s: float
    runs: float
    least_s: float


LONE_MOTION: Final = Kind(300.0, 2.0, 60.0)
"""High while no other presence sensor tells of anybody."""
LONE_RADAR: Final = Kind(1800.0, 2.0, 1200.0)
UNSEEN: Final = Kind(400.0, 2.0, 60.0)
"""Silent in minutes in which another presence sensor rose; the minutes count, not the time between."""
SAME_LEVEL: Final = Kind(10 * 25.0, 4.0, 25.0)
"""The very same value of a meter while somebody moves."""


class Runs:
    """The runs of one kind that one sensor has ended."""

    __slots__ = ("count", "square", "total")

    def __init__(self, count: float = 0.0, total: float = 0.0, square: float = 0.0) -> None:
        self.count, self.total, self.square = count, total, square

    def learn(self, seconds: float) -> None:
        """One more."""
        if self.count >= KEPT_RUNS:
            self.count, self.total, self.square = self.count / 2, self.total / 2, self.square / 2
        self.count += 1
        self.total += seconds
        self.square += seconds * seconds

    def surprise(self, seconds: float, kind: Kind) -> float:
        """Minus the logarithm of the chance that a run lasts ``seconds``. The mean is that of the run one
        falls into: short ones in plenty do not hide the long."""
        total = self.total + kind.runs * kind.mean_s
        mean = (self.square + 2 * kind.runs * kind.mean_s**2) / (2 * total)
        weight = min(MOST_RUNS, self.count + kind.runs)
        return weight * log1p(seconds / (weight * max(mean, kind.least_s)))


_NONE: Final = Runs()


class FaultMemory:
    """Per sensor the runs high alone, and silent beside others (a meter: the same level)."""

    __slots__ = (
        "high",
        "low",
        "version",
    )

    def __init__(self) -> None:
        self.high: dict[str, Runs] = {}
        self.low: dict[str, Runs] = {}
        self.version = 0
        """Another one whenever something else would be told."""

    def learn(self, of: dict[str, Runs], key: str, seconds: float) -> None:
        """A run of a working sensor has ended."""
        if seconds > 0:
            self.version += 1
            of.setdefault(key, Runs()).learn(seconds)

    def odds(
        self, of: Mapping[str, Runs], key: str, kind: Kind, run_s: float, age_s: float, seen: bool
    ) -> float:
        """Logarithm of the odds that a run of ``run_s``, begun ``age_s`` ago, is that of a stuck sensor.

        ``seen``: the sensor was in its other state before."""
        runs = of.get(key, _NONE)
        prior = FAULTS_PER_S * min(max(age_s, 1.0), LONGEST_S)
        if not seen and not runs.count:
            prior += NEVER_SEEN
        return log(prior) + runs.surprise(run_s, kind)

    def proven(self, key: str) -> bool:
        """Whether the sensor has shown often enough how long it is silent beside others."""
        return self.low.get(key, _NONE).count >= OWN_RUNS

    def kept(self) -> dict[str, Any]:
        """Plain data: per sensor number, sum (s) and sum of squares of its runs."""
        return {
            name: {
                key: [round(runs.count, 3), round(runs.total, 1), round(runs.square, 1)]
                for key, runs in sorted(of.items())
            }
            for name, of in (("high", self.high), ("low", self.low))
        }

    def take(self, kept: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
        """What :meth:`kept` gave."""
        self.high, self.low = (
            {str(key): Runs(*(float(figure) for figure in runs)) for key, runs in kept.get(name, {}).items()}
            for name in ("high", "low")
        )
