"""What the noise rules say beside alerts: who is to be warned, and what is counted by day."""

from msgspec import Struct


class WarningWanted(Struct, frozen=True, kw_only=True):
    """The people in ``space`` should know that it is too loud since ``since`` (Unix ms).

    ``level_db`` is LAeq at the sensor, an indication, above ``limit_db``. ``booking`` is the booking that is
    on. Said once for each time that it gets loud; a restart does not repeat it.
    """

    space: str
    since: int
    level_db: float
    limit_db: float
    booking: str | None = None


class WarningEnded(Struct, frozen=True, kw_only=True):
    """``space`` is measured quiet again at ``at`` (Unix ms), or was not measured for long (not ``heard``)."""

    space: str
    at: int
    heard: bool = True


class NoiseDay(Struct, frozen=True, kw_only=True):
    """A row of ``noise_days``: a local ``day`` (YYYY-MM-DD) from 7 h to 7 h of the next one.

    ``amplified``: a booking with amplified sound took place. ``day_ms`` and ``night_ms`` are how long the
    noise was there at the neighbour before and from 22 h, as far as ``counted_to``; ``emergence_db`` is the
    highest that was indicated.
    """

    space: str
    day: str
    amplified: bool = False
    day_ms: int = 0
    night_ms: int = 0
    emergence_db: float | None = None
    counted_to: int = 0


class NoiseFigures(Struct, frozen=True, kw_only=True):
    """The noise of a space at a look; part of the row of ``spaces``.

    ``level_db`` is LAeq over the window of ``limit_db``, ``level_coverage`` the measured share of it (0 to
    1). ``level_range`` is 1 where the meter is under its floor, 2 where it was overloaded within the window
    (``level_db`` is then a lower bound). ``background_db`` is the room's own L90, ``emergence_db`` the
    indicated emergence. ``warned_at`` is since when its people are warned.
    """

    level_db: float | None = None
    level_coverage: float | None = None
    level_at: int | None = None
    limit_db: float | None = None
    quiet: bool | None = None
    level_range: int | None = None
    background_db: float | None = None
    emergence_db: float | None = None
    warned_at: int | None = None
