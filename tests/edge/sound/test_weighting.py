"""Weightings and octave bands, as formulas and as the meter applies them."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from pleintemps_edge.sensing.sound.filters import octaves_of
from pleintemps_edge.sensing.sound.meter import OCTAVES
from pleintemps_edge.sensing.sound.weighting import a_response, c_response, octave_centre, octave_power

from .tones import db, known, measured, pink, sine

RATES = (8_000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000)
BANDS = [1000 * 10 ** (n / 10) for n in range(-15, 11)]
# IEC 61260-1:2014 table 1, class 1: least and most attenuation (dB) at G^x from the centre
MASK = [
    (0, -0.4, 0.4),
    (1 / 8, -0.4, 0.5),
    (1 / 4, -0.4, 0.7),
    (3 / 8, -0.4, 1.4),
    (1 / 2 - 1e-6, -0.4, 5.3),
    (1 / 2 + 1e-6, 1.6, 5.3),
    (1, 16.6, math.inf),
    (2, 40.5, math.inf),
    (3, 60.0, math.inf),
    (4, 70.0, math.inf),
]


def _formula(hertz: float) -> tuple[float, float]:
    """The magnitudes as reference books have them, without complex numbers."""
    f1, f2, f3, f4 = 20.598997, 107.65265, 737.86223, 12194.217
    f = hertz
    a = f4**2 * f**4 / ((f**2 + f1**2) * math.sqrt((f**2 + f2**2) * (f**2 + f3**2)) * (f**2 + f4**2))
    c = f4**2 * f**2 / ((f**2 + f1**2) * (f**2 + f4**2))
    return 20 * math.log10(a) + 1.9997, 20 * math.log10(c) + 0.0619


@pytest.mark.parametrize("hertz", BANDS)
def test_complex_responses_have_the_formulas_magnitude(hertz: float) -> None:
    at = np.array([hertz])
    assert (db(a_response(at)[0]), db(c_response(at)[0])) == pytest.approx(_formula(hertz), abs=1e-3)


def test_the_standards_table_is_met(data_dir: Path) -> None:
    path = data_dir / "noise" / "iec61672_table3.csv"
    if not path.exists():
        pytest.skip(f"no {path}")
    for row in csv.DictReader(path.read_text().splitlines()):
        exact = np.array([1000 * 10 ** (round(10 * math.log10(float(row["nominal_hz"]) / 1000)) / 10)])
        assert db(a_response(exact)[0]) == pytest.approx(float(row["A_db"]), abs=0.06)
        assert db(c_response(exact)[0]) == pytest.approx(float(row["C_db"]), abs=0.06)


@pytest.mark.parametrize("rate", RATES)
def test_tones_are_weighted_as_the_formula_says_at_every_rate(rate: int) -> None:
    for hertz in BANDS[::3] if rate != 48_000 else BANDS:
        if hertz <= min(10_000, 0.45 * rate):
            found = measured(sine(hertz, 2.5, rate), rate, 8, 16)
            assert (found.LAeq, found.LCeq) == pytest.approx(_formula(hertz), abs=0.05)


@pytest.mark.parametrize("nominal", OCTAVES)
@pytest.mark.parametrize(("octaves", "least", "most"), MASK)
def test_octave_bands_lie_within_the_mask(nominal: int, octaves: float, least: float, most: float) -> None:
    for side in (-1, 1):
        hertz = np.array([octave_centre(nominal) * 10 ** (0.3 * side * octaves)])
        power = max(float(octave_power(hertz, nominal)[0]), 1e-30)
        assert least <= -10 * math.log10(power) <= most


@pytest.mark.parametrize("nominal", OCTAVES)
def test_the_meters_octaves_lie_within_the_mask(nominal: int) -> None:
    """Not the formula but the finite filter, with tones: at the centre, the edges and beyond."""
    for octaves, least, most in [MASK[0], MASK[1], MASK[2], MASK[3], *MASK[6:9]]:
        for side in (-1, 1):
            hertz = octave_centre(nominal) * 10 ** (0.3 * side * octaves)
            if 20 < hertz < 20_000:
                found = measured(sine(hertz, 3, 48_000), 48_000, 8, 20)
                level = found.octaves[nominal]
                assert least - 0.02 <= -(-200 if level is None else level) <= most


def test_octaves_add_up_to_the_level_of_what_is_in_them() -> None:
    samples = np.fft.rfft(pink(10, 48_000))
    hertz = np.fft.rfftfreq(480_000, 1 / 48_000)
    inside = np.where((hertz > 110) & (hertz < 4_400), samples, 0)
    found = measured(np.fft.irfft(inside).astype(np.float32), 48_000)
    total = 10 * math.log10(sum(10 ** (known(level) / 10) for level in found.octaves.values()))
    assert total == pytest.approx(known(found.LZeq), abs=0.05)


def test_pink_noise_has_the_same_level_in_each_octave_and_the_a_level_of_its_spectrum() -> None:
    samples = pink(20, 48_000)
    found = measured(samples, 48_000)
    octaves = [known(level) for level in found.octaves.values()]
    assert max(octaves) - min(octaves) < 0.1
    power = np.abs(np.fft.rfft(samples)) ** 2
    weighted = power * np.abs(a_response(np.linspace(0, 24_000, len(power)))) ** 2
    level = known(found.LZeq) + 10 * math.log10(weighted.sum() / power.sum())
    assert known(found.LAeq) == pytest.approx(level, abs=0.02)


def test_bands_that_a_rate_cannot_hold_are_left_out() -> None:
    assert octaves_of(8_000, OCTAVES) == OCTAVES[:-1]
    assert octaves_of(16_000, OCTAVES) == OCTAVES
