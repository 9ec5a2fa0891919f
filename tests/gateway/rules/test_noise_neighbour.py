"""Emergence as the codes mean it: the ambient level is that of the time when the noise is there."""

from datetime import date, datetime
from math import log10
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_gateway.bookings.calendars import calendar_of
from pleintemps_gateway.noise.days import NoiseDays
from pleintemps_gateway.noise.findings import Finding
from pleintemps_gateway.noise.hours import NoiseHours
from pleintemps_gateway.noise.neighbour import OCTAVES, PRESENT_MS, Neighbour
from pleintemps_gateway.noise.settings import MeasurementConfig, NoiseConfig, ResidualConfig

from .building import MINUTE, SECOND, SITE

HERTZ = ("125", "250", "500", "1000", "2000", "4000")
PARIS = ZoneInfo("Europe/Paris")
NIGHT = int(datetime(2026, 9, 21, 23, tzinfo=PARIS).timestamp() * 1000)
FLAT = dict.fromkeys(HERTZ, 15.0) | {"global": 25.0}
MEASURED = MeasurementConfig(
    date=date(2026, 5, 1),
    by="Cabinet Octave",
    difference_db=dict.fromkeys(HERTZ, 45.0),
    residual_db=ResidualConfig(day=FLAT, night=FLAT),
)
HOURS = NoiseHours(calendar_of(SITE), ("22:00", "07:00"), {})
QUIET = (40.0,) * 6
LOUD = (75.0,) * 6
RHYTHM = 10 * SECOND


class Next:
    """A meter that says its six octaves every ten seconds or so, and what the neighbour would hear of it."""

    def __init__(self, now: int = NIGHT, window_s: float = 900, rhythm: int = RHYTHM) -> None:
        self.now = now
        self.rhythm = rhythm
        self.days = NoiseDays("hall")
        self.rule = Neighbour(NoiseConfig(window_s=window_s, measurement=MEASURED), self.days)
        for quantity in OCTAVES:
            self.rule.series(quantity.value, "mic", quantity, 45)

    def hear(self, levels: tuple[float, ...], seconds: int) -> Finding:
        found = None
        for _ in range(0, seconds * SECOND, self.rhythm):
            self.now += self.rhythm
            for quantity, level in zip(OCTAVES, levels, strict=True):
                self.rule.sample(quantity.value, self.now, level)
            found = self.rule.look(HOURS.at(self.now), HOURS, False)
        assert found is not None
        return found


def test_pauses_do_not_lower_the_ambient_level() -> None:
    """Two minutes of music in a quiet quarter of an hour: as far above the residual as if it went on."""
    steady, broken = Next(), Next()
    whole = steady.hear(LOUD, 900)
    broken.hear(QUIET, 780)
    part = broken.hear(LOUD, 120)
    assert part.facts["overall_db"] == pytest.approx(whole.facts["overall_db"], abs=0.1)
    assert part.loud


def test_a_noise_of_seconds_is_counted_but_calls_nobody() -> None:
    room = Next()
    room.hear(QUIET, 600)
    assert not room.hear(LOUD, 20).loud
    assert room.days.duration_ms("2026-09-21", True) == 20 * SECOND
    assert not room.hear(QUIET, 300).loud


def test_a_noise_that_has_gone_is_over_a_minute_later() -> None:
    room = Next()
    assert room.hear(LOUD, 600).loud
    assert room.hear(QUIET, PRESENT_MS // SECOND).loud
    assert room.hear(QUIET, 10).loud is False


def test_a_bass_that_is_there_in_one_octave_alone_is_there() -> None:
    """At 125 Hz 13 dB above the residual there, and hardly anything in dB(A)."""
    room = Next()
    found = room.hear((73.0, *QUIET[1:]), 600)
    assert found.facts["octave"] == 125
    assert found.facts["overall_db"] < 3  # type: ignore[operator]
    assert found.loud
    assert room.days.duration_ms("2026-09-21", True) > 9 * MINUTE


@pytest.mark.parametrize("text", ["2026-03-28T21:00", "2026-10-24T21:00", "2026-06-10T21:00"])
def test_durations_are_of_day_and_night_in_the_nights_when_clocks_change_too(text: str) -> None:
    start = int(datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp() * 1000)
    hours = {"2026-03-28": 8, "2026-10-24": 10}.get(text[:10], 9)
    room = Next(start, window_s=120, rhythm=40 * SECOND)
    room.hear(LOUD, (hours + 2) * 3600)  # from 21 h to 8 h
    day = text[:10]
    # the first moment stands for one second
    assert room.days.duration_ms(day, False) == pytest.approx(3600 * SECOND, abs=40 * SECOND)
    assert room.days.duration_ms(day, True) == hours * 3600 * SECOND
    later = HOURS.at(room.now).day
    assert room.days.duration_ms(later, False) == pytest.approx(3600 * SECOND, abs=40 * SECOND)


@given(st.lists(st.booleans(), min_size=1, max_size=80))
def test_durations_are_those_of_the_moments_when_it_was_there(heard: list[bool]) -> None:
    room = Next(window_s=60)
    room.hear(QUIET, 10)
    for loud in heard:
        room.hear(LOUD if loud else QUIET, 10)
    assert room.days.duration_ms("2026-09-21", True) == sum(heard) * RHYTHM


@given(st.floats(46, 100), st.integers(7, 60))
def test_a_steady_noise_has_the_emergence_of_the_formula(level: float, moments: int) -> None:
    room = Next(window_s=60)
    found = room.hear((level,) * 6, moments * 10)
    heard = sum(10 ** ((level - 45 + a) / 10) for a in (-16.1, -8.6, -3.2, 0.0, 1.2, 1.0))
    expected = 10 * log10(heard + 10**2.5) - 25
    assert found.facts["overall_db"] == pytest.approx(expected, abs=0.06)
