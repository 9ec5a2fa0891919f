"""What the occupancy and noise rules say about a space: rows of the tables ``spaces`` and ``occupancy``."""

from msgspec import Struct

from pleintemps_contract.gateway_messages import Occupancy


class SpaceNow(Struct, frozen=True, kw_only=True):
    """A space as it is believed at ``at``. ``probability`` is that of occupied, absent when unknown.

    ``evidence`` is ``<series> <what>`` with what in motion, quiet, moving, still, moving-and-still, nobody,
    sound, or empty; what is said of noise is as in
    :class:`~pleintemps_gateway.noise.records.NoiseFigures`."""

    space: str
    state: Occupancy
    probability: float | None
    since: int
    at: int
    evidence: str
    evidence_at: int | None
    level_db: float | None
    level_coverage: float | None
    level_at: int | None
    limit_db: float | None
    quiet: bool | None
    level_range: int | None = None
    background_db: float | None = None
    emergence_db: float | None = None
    warned_at: int | None = None


class Learnt(Struct, frozen=True, kw_only=True):
    """What a space has taught by ``at``, as JSON; None: it is to begin anew."""

    space: str
    at: int
    body: str | None


class OccupancyChanged(Struct, frozen=True, kw_only=True):
    """The state of a space changed at ``since``; ``since`` rises strictly within a space."""

    space: str
    since: int
    state: Occupancy
    probability: float | None
    evidence: str
