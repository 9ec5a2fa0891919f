"""What the rules of one site say, and what they must know after a restart."""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from pleintemps_contract.agent_messages import SeriesInfo

from .alerts.records import Alert, AlertOpened, AlertResolved, AlertUpdated
from .noise.records import NoiseDay, NoiseFigures, WarningEnded, WarningWanted
from .occupancy.marked import Lesson
from .occupancy.records import Learnt, OccupancyChanged, SpaceNow
from .reconcile.panels import PanelWanted
from .reconcile.records import UsageChanged


class Ignored(Struct, frozen=True, kw_only=True):
    """``count`` values of a series (``source`` is ``agent/series``) could not be used since the last tick: a
    refusal."""

    source: str
    reason: str
    count: int
    at: int


Output = (
    SpaceNow
    | OccupancyChanged
    | UsageChanged
    | AlertOpened
    | AlertUpdated
    | AlertResolved
    | PanelWanted
    | WarningWanted
    | WarningEnded
    | NoiseDay
    | Learnt
    | Ignored
)


class RecentSeries(Struct, frozen=True, kw_only=True):
    """A series as it was announced, with its samples (Unix ms, value) of the last half hour or noise
    window."""

    agent: str
    info: SeriesInfo
    samples: Sequence[tuple[int, float]] = ()


class Snapshot(Struct, frozen=True, kw_only=True):
    """What a predecessor left in the store.

    ``spaces`` all rows; ``usage`` rows without ``closed_at`` and those closed within the last days;
    ``alerts`` all that are not resolved; ``occupancy`` the changes since the start (less lead) of the oldest
    open booking, with the one before; ``heard`` each agent's ``last_seen``; ``noise_days`` those of the
    last year; ``learnt`` what each space has taught, as JSON; ``marks`` what its marked hours teach."""

    spaces: Sequence[SpaceNow] = ()
    usage: Sequence[UsageChanged] = ()
    alerts: Sequence[Alert] = ()
    occupancy: Sequence[OccupancyChanged] = ()
    series: Sequence[RecentSeries] = ()
    heard: Mapping[str, int] = {}
    noise_days: Sequence[NoiseDay] = ()
    learnt: Mapping[str, str] = {}
    marks: Mapping[str, Sequence[Lesson]] = {}


def figures_of(row: SpaceNow | None) -> NoiseFigures:
    """What a predecessor knew of the noise of a space."""
    return NoiseFigures() if row is None else msgspec.convert(row, NoiseFigures, from_attributes=True)
