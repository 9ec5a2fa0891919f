"""The tables of noise: present keys go on working, what is not whole is refused with its name."""

from datetime import date

import msgspec
import pytest

from pleintemps_gateway.noise.settings import MeasurementConfig, NoiseConfig, by_octave

OCTAVES = dict.fromkeys(("125", "250", "500", "1000", "2000", "4000"), 40.0)
RESIDUAL = {"day": OCTAVES | {"global": 30.0}, "night": OCTAVES | {"global": 20.0}}
MEASURED = {"date": "2026-05-01", "by": "Octave", "difference_db": OCTAVES, "residual_db": RESIDUAL}


def test_the_keys_that_were_there_still_say_it() -> None:
    found = msgspec.convert({"limit_db": 80, "quiet_limit_db": 70, "window_s": 600}, NoiseConfig)
    assert (found.limit_db, found.quiet_limit_db, found.window_s) == (80, 70, 600)
    assert (found.limits, found.measurement) == ([], None)


def test_a_measurement_has_its_date_and_every_octave() -> None:
    found = msgspec.convert(MEASURED, MeasurementConfig, strict=False)
    assert found.date == date(2026, 5, 1)
    assert by_octave(found.difference_db) == (40,) * 6


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"difference_db": {"125": 40}}, "difference_db has exactly 125, 250, 500, 1000, 2000, 4000"),
        ({"residual_db": {"day": OCTAVES, "night": OCTAVES}}, "residual_db.day has exactly"),
        ({"date": "yesterday"}, "date"),
        ({"by": ""}, "by"),
    ],
)
def test_what_is_not_whole_is_named(changes: dict[str, object], named: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=named):
        msgspec.convert(MEASURED | changes, MeasurementConfig, strict=False)


def test_a_warning_window_is_not_longer_than_the_window() -> None:
    with pytest.raises(msgspec.ValidationError, match="warn_window_s"):
        msgspec.convert({"window_s": 60, "warn_window_s": 61}, NoiseConfig)
