"""Quantities of the wire, with their units and ranges."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta

UnixMs = Annotated[int, Meta(ge=0, le=253_402_300_799_999)]
"""Wall time: milliseconds since 1970 UTC, up to the year 9999."""
MonotonicMs = Annotated[int, Meta(ge=0, le=2**53)]
"""Milliseconds since an arbitrary origin that lives as long as the boot id."""
Seq = Annotated[int, Meta(ge=1, le=2**63 - 1)]
"""Place of a record in its journal's stream; starts at 1 and never repeats."""
Through = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""Last sequence number of a stream that is accounted for; 0 is none."""
Epoch = Annotated[int, Meta(ge=0, le=2**53)]
"""Reign of one gateway over a site; rises at each take-over or restore."""
Revision = Annotated[int, Meta(ge=0, le=2**53)]
"""Version of one message within its epoch."""
Probability = Annotated[float, Meta(ge=0.0, le=1.0)]
Text = Annotated[str, Meta(max_length=200)]
"""A few words for a person; never a code, a name or a secret."""


class Quantity(StrEnum):
    """What a series measures, its unit and its values.

    ``motion``    0 or 1        passive infrared output
    ``radar``     0 to 3        0 nobody, 1 moving, 2 still, 3 moving and still (LD2410 status)
    ``targets``   0 to 3        moving bodies that a tracking radar follows: no count of people, no evidence
    ``contact``   0 or 1        1 is open
    ``level``     dB            level of an uncalibrated meter: an indicator
    ``LAeq``      dB(A)         equivalent level over the series' own interval
    ``LAFmax``    dB(A)         highest fast level over the same interval
    ``LCeq``      dB(C)         equivalent level over the series' own interval
    ``LCpeak``    dB(C)         highest absolute sound pressure over the series' own interval
    ``L10``       dB(A)         fast level exceeded for 10 % of the series' own interval; ``L50``, ``L90`` too
    ``Leq-125``   dB            unweighted equivalent level of the octave around 125 Hz, over the series' own
                                interval; so on up to ``Leq-4000``
    ``range``     0 to 2        0 the meter can measure what it hears, 1 under its floor, 2 overloaded
    """

    MOTION = "motion"
    RADAR = "radar"
    TARGETS = "targets"
    CONTACT = "contact"
    LEVEL = "level"
    LAEQ = "LAeq"
    LAFMAX = "LAFmax"
    LCEQ = "LCeq"
    LCPEAK = "LCpeak"
    L10 = "L10"
    L50 = "L50"
    L90 = "L90"
    LEQ_125 = "Leq-125"
    LEQ_250 = "Leq-250"
    LEQ_500 = "Leq-500"
    LEQ_1000 = "Leq-1000"
    LEQ_2000 = "Leq-2000"
    LEQ_4000 = "Leq-4000"
    RANGE = "range"


OCTAVES: Final[Mapping[int, Quantity]] = {
    125: Quantity.LEQ_125,
    250: Quantity.LEQ_250,
    500: Quantity.LEQ_500,
    1000: Quantity.LEQ_1000,
    2000: Quantity.LEQ_2000,
    4000: Quantity.LEQ_4000,
}
"""Octave bands by nominal centre frequency (Hz), rising."""


class SeriesKind(StrEnum):
    """``state`` holds until the next sample; ``level`` is worth its own interval only."""

    STATE = "state"
    LEVEL = "level"
