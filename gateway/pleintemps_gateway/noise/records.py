"""What the noise rules ask for: the people in a room are warned first, by whatever the building has."""

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
    """``space`` is measured quiet again at ``at`` (Unix ms)."""

    space: str
    at: int
