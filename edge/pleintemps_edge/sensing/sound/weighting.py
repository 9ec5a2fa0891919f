"""Frequency weightings as complex responses, and octave bands as magnitudes.

A and C are the analogue filters of IEC 61672-1:2013 annex E with their phase, which peaks depend on. Octave
bands are centred on 1000 x G^n with G = 10^0.3 (IEC 61260-1:2014).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

F1: Final = 20.598997
F2: Final = 107.65265
F3: Final = 737.86223
F4: Final = 12194.217
A_1000: Final = 10 ** (1.9997 / 20)
C_1000: Final = 10 ** (0.0619 / 20)
G: Final = 10**0.3
STEEPNESS: Final = 5.0
"""Decades of power by which an octave band falls from one octave to the next beyond its edges."""

Response = NDArray[np.complex128]
Hertz = NDArray[np.float64]


def c_response(hertz: Hertz) -> Response:
    """Complex response of C weighting, of magnitude 1 at 1 kHz."""
    s = 1j * hertz
    gain: Response = C_1000 * (F4 / (s + F4)) ** 2 * (s / (s + F1)) ** 2
    return gain


def a_response(hertz: Hertz) -> Response:
    """Complex response of A weighting, of magnitude 1 at 1 kHz."""
    s = 1j * hertz
    band = s / (s + F2) * (s / (s + F3))
    gain: Response = np.asarray(A_1000 / C_1000 * c_response(hertz) * band, np.complex128)
    return gain


def octave_centre(nominal: int) -> float:
    """The exact centre of an octave band in Hz; ``nominal`` is its label, such as 125."""
    return float(1000 * G ** round(np.log(nominal / 1000) / np.log(G)))


def octave_edges(nominal: int) -> tuple[float, float]:
    """Lower and upper edge in Hz, where the band lets half of the power through."""
    centre = octave_centre(nominal)
    return centre / G**0.5, centre * G**0.5


def octave_power(hertz: Hertz, nominal: int) -> Hertz:
    """Power that the band lets through, 0 to 1. Neighbours add up to 1: no power is lost or counted twice."""
    lower, upper = octave_edges(nominal)
    return np.asarray(_above(hertz, lower) - _above(hertz, upper))


def _above(hertz: Hertz, edge: float) -> Hertz:
    with np.errstate(divide="ignore"):
        octaves = np.log(hertz / edge) / np.log(G)
    return np.asarray(1 / (1 + 10 ** np.clip(-STEEPNESS * octaves, -300, 300)))
