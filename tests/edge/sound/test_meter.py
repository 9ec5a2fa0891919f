"""Time weightings, bursts, peaks, percentiles, merging, and blocks of any size."""

import math
import struct
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleintemps_contract.units import Quantity
from pleintemps_edge.sensing.sound.meter import Meter, exceeded, levels, merged, under_floor
from pleintemps_edge.sensing.sound.session import Session, Sound
from pleintemps_edge.sensing.sound.weighting import a_response, c_response

from .tones import FULL_SCALE, burst, db, frames, known, measured, pink, sine

RATE = 48_000
BURSTS = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.00025)


@pytest.mark.parametrize("seconds", BURSTS)
def test_tone_bursts_respond_as_the_standard_says(seconds: float) -> None:
    found = measured(burst(4_000, seconds), RATE)
    steady = db(a_response(np.array([4_000.0]))[0])
    assert known(found.LAFmax) - steady == pytest.approx(
        10 * math.log10(1 - math.exp(-seconds / 0.125)), abs=0.2
    )
    if seconds >= 0.002:
        assert known(found.LASmax) - steady == pytest.approx(10 * math.log10(1 - math.exp(-seconds)), abs=0.2)
    exposure = known(found.LAeq) + 10 * math.log10(found.seconds)
    assert exposure - steady == pytest.approx(10 * math.log10(seconds), abs=0.2)


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
@pytest.mark.parametrize(
    ("hertz", "cycles", "expected"), [(31.5, 1, 2.5), (500, 1, 3.5), (8_000, 1, 3.4), (500, 0.5, 2.4)]
)
@pytest.mark.parametrize("side", [1, -1])
def test_peaks_of_one_cycle_and_of_half_of_one(
    hertz: float, cycles: float, expected: float, rate: int, side: int
) -> None:
    found = measured(burst(hertz, cycles / hertz, rate) * np.float32(side), rate)
    steady = db(c_response(np.array([float(hertz)]))[0])
    assert known(found.LCpeak) - steady == pytest.approx(expected, abs=0.2)


@pytest.mark.parametrize("hertz", [997.0, 4_001.0, 8_000.0, 9_999.0])
def test_the_peak_of_a_steady_tone_is_that_of_a_sine_between_the_samples_too(hertz: float) -> None:
    found = measured(sine(hertz, 2, RATE), RATE, 8, 12)
    assert known(found.LCpeak) - known(found.LCeq) == pytest.approx(10 * math.log10(2), abs=0.03)


def test_fast_falls_by_34_7_db_a_second_and_slow_by_4_3() -> None:
    meter, found = frames(np.concatenate((sine(1_000, 4, RATE), np.zeros(2 * RATE, np.float32))), RATE)
    fast = [levels(frame, meter, FULL_SCALE).LAFmax for frame in found]
    slow = [levels(frame, meter, FULL_SCALE).LASmax for frame in found]
    assert known(fast[34]) - known(fast[42]) == pytest.approx(34.7, abs=0.1)
    assert known(slow[34]) - known(slow[42]) == pytest.approx(4.34, abs=0.02)


def test_the_fast_maximum_is_that_of_a_filter_run_sample_by_sample() -> None:
    samples = pink(2, RATE)
    found = measured(samples, RATE)
    spectrum = np.fft.rfft(np.concatenate((samples, np.zeros(RATE, np.float32))))
    response = a_response(np.linspace(0, RATE / 2, len(spectrum)))
    weighted = np.fft.irfft(spectrum * response)[: 2 * RATE]
    share, level, highest = 1 - math.exp(-1 / (RATE * 0.125)), 0.0, 0.0
    for square in (weighted**2).tolist():
        level += (square - level) * share
        highest = max(highest, level)
    assert known(found.LAFmax) == pytest.approx(10 * math.log10(highest) + FULL_SCALE, abs=0.05)


def test_percentiles_of_a_level_that_steps() -> None:
    """70 s quiet, 20 s louder, 10 s loud: L10 lies between the two louder ones, L90 is the quiet one."""
    samples = np.concatenate(
        [sine(1_000, seconds, 8_000, amplitude) for amplitude, seconds in ((0.01, 70), (0.1, 18), (1, 12))]
    )
    found = measured(samples, 8_000)
    assert known(found.L10) == pytest.approx(0, abs=0.1)
    assert known(found.L50) == pytest.approx(-40, abs=0.1)
    assert known(found.L90) == pytest.approx(-40, abs=0.1)


@given(st.lists(st.integers(1, 2_199), min_size=1, max_size=300))
def test_percentiles_are_those_of_the_sorted_values(bins: list[int]) -> None:
    histogram = np.bincount(bins, minlength=2_200)
    for percent in (10, 50, 90):
        rank = sorted(bins)[max(0, math.ceil(len(bins) * (1 - percent / 100) - 1e-9) - 1)]
        level = known(exceeded(histogram, percent, 0.0))
        assert rank - 1e-6 <= (level + 200) * 10 <= rank + 1 + 1e-6
    assert known(exceeded(histogram, 10, 0)) >= known(exceeded(histogram, 50, 0))


@settings(deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 2**32 - 1),
    length=st.integers(1, 40_000),
    cuts=st.lists(st.integers(0, 40_000), max_size=20),
    rate=st.sampled_from([8_000, 16_000, 44_100]),
)
def test_the_portions_that_samples_come_in_change_nothing(
    seed: int, length: int, cuts: list[int], rate: int
) -> None:
    samples = np.random.default_rng(seed).uniform(-1, 1, length).astype(np.float32)
    whole, split = Meter(rate), Meter(rate)
    expected = whole.feed(samples) + whole.end()
    edges = sorted({0, length, *(cut for cut in cuts if cut < length)})
    found = [frame for a, b in pairwise(edges) for frame in split.feed(samples[a:b])]
    found += split.end()
    assert sum(frame.length for frame in found) == length
    assert [levels(frame, split, 0.0) for frame in found] == [levels(frame, whole, 0.0) for frame in expected]
    one, other = merged(expected), merged(found)
    assert one is not None and other is not None
    assert levels(one, whole, 0.0) == levels(other, split, 0.0)


@settings(deadline=None, max_examples=15)
@given(cuts=st.lists(st.integers(1, 39), max_size=6))
def test_merging_in_any_steps_gives_the_levels_of_the_whole(cuts: list[int]) -> None:
    meter, found = frames(pink(5, 16_000, seed=3), 16_000)
    total = merged(found)
    edges = sorted({0, len(found), *cuts})
    parts = [merged(found[a:b]) for a, b in pairwise(edges)]
    again = merged([part for part in parts if part is not None])
    assert total is not None and again is not None
    one, other = levels(total, meter, 94.0), levels(again, meter, 94.0)
    assert one.LAeq == pytest.approx(other.LAeq)
    assert one.octaves == pytest.approx(other.octaves)
    assert (one.LAFmax, one.LCpeak, one.L10, one.L50, one.L90) == (
        *(other.LAFmax, other.LCpeak, other.L10, other.L50, other.L90),
    )


def test_levels_are_merged_by_energy() -> None:
    quiet, loud = sine(1_000, 1, 8_000, 0.01), sine(1_000, 1, 8_000)
    found = measured(np.concatenate((quiet, loud)), 8_000)
    assert known(found.LAeq) == pytest.approx(10 * math.log10((1 + 1e-4) / 2), abs=0.02)


def test_frames_are_an_eighth_of_a_second_even_where_samples_do_not_divide() -> None:
    _, found = frames(pink(2, 44_100), 44_100)
    assert [frame.start for frame in found] == [n * 44_100 // 8 for n in range(16)]


def test_an_offset_is_no_sound() -> None:
    samples = sine(1_000, 4, RATE, 0.1)
    plain = measured(samples, RATE, 16, 24)
    shifted = measured(samples + np.float32(0.3), RATE, 16, 24)
    for name in ("LAeq", "LCeq", "LZeq", "LCpeak", "LAFmax"):
        assert getattr(shifted, name) == pytest.approx(getattr(plain, name), abs=0.02)


def test_silence_has_no_level() -> None:
    found = measured(np.zeros(RATE, np.float32), RATE)
    assert (found.LAeq, found.LAFmax, found.LCpeak, found.L90, found.LZeq) == (None,) * 5
    assert set(found.octaves.values()) == {None}


def test_full_scale_is_an_overload_and_little_above_the_own_noise_is_under_the_floor() -> None:
    assert measured(sine(1_000, 1, RATE, 1.0), RATE).overload
    assert not measured(sine(1_000, 1, RATE, 0.9), RATE).overload
    assert under_floor(37.9, 33)
    assert not under_floor(38.0, 33)
    assert under_floor(None, 33)


def test_percentiles_leave_out_the_rise_of_the_filter_unless_there_is_nothing_else() -> None:
    assert known(measured(sine(1_000, 4, RATE), RATE).L90) == pytest.approx(0, abs=0.1)
    assert measured(sine(1_000, 0.5, RATE), RATE).L90 is not None


@pytest.mark.parametrize("value", [0, 1, -1, 2**30, -(2**31)])
def test_a_data_line_that_never_changes_is_silent_and_has_no_level(value: int) -> None:
    session = Session(Sound(16_000, "S32_LE", 1, 0, 123.0, 33.0, level=8, spectrum=16, percentiles=16))
    readings = session.feed(struct.pack("<i", value) * 16_000 * 8)
    assert session.silent_s > 3
    assert readings == []
    heard = session.feed(struct.pack("<80000i", *range(80_000)))
    assert session.silent_s == 0
    assert heard


@settings(deadline=None, max_examples=15)
@given(
    rate=st.sampled_from([16_000, 22_050, 44_100]),
    level=st.sampled_from([1, 8]),
    cuts=st.lists(st.integers(1, 4_000), min_size=1, max_size=30),
)
def test_levels_of_a_session_follow_without_a_gap_whatever_the_portions(
    rate: int, level: int, cuts: list[int]
) -> None:
    """Bytes are cut anywhere, within a sample too: each level speaks for its own frames, none is lost."""
    sound = Sound(rate, "S24_3LE", 2, 1, 123.0, 33.0, level=level, spectrum=80, percentiles=80)
    chance = np.random.default_rng(1)
    data = chance.integers(0, 256, 3 * 6 * rate, np.uint8).tobytes()
    whole, split = Session(sound), Session(sound)
    expected = whole.feed(data)
    found, ends, at = [], [], 0
    while at < len(data):
        for cut in cuts:
            for reading in split.feed(data[at : at + 17 * cut]):
                found.append(reading)
                if reading.quantity is Quantity.LAEQ:
                    ends.append(split.received - reading.lag_ms * rate / 1000)
            at += 17 * cut
    assert [(each.quantity, each.value) for each in found] == [(e.quantity, e.value) for e in expected]
    assert split.received == len(data) // 6
    for number, end in enumerate(ends, start=1):
        assert end == pytest.approx((8 + number * level) * rate / 8, abs=rate / 1000)
