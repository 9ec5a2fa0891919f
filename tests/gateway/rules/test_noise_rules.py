"""Noise rules through the engine: who is warned, who is called, by which rule, and what is kept."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from pleintemps_contract.agent_messages import SeriesInfo
from pleintemps_contract.units import Quantity
from pleintemps_gateway.bookings.calendar_config import DayType
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.engine import (
    AlertKind,
    AlertOpened,
    AlertResolved,
    AlertUpdated,
    NoiseDay,
    RecentSeries,
    SiteEngine,
    Snapshot,
    SpaceNow,
    WarningEnded,
    WarningWanted,
)
from pleintemps_gateway.noise.neighbour import OCTAVES
from pleintemps_gateway.noise.settings import LimitConfig, MeasurementConfig, NoiseConfig, ResidualConfig

from .building import HOUR, METER, MINUTE, NOON, PIR, SECOND, SITE, Day, booking, only, series

BANDS = [series(f"hall-{quantity.value.lower()}", quantity, device="hall-meter") for quantity in OCTAVES]
RANGE = series("hall-range", Quantity.RANGE, device="hall-meter")
LCEQ = series("hall-lceq", Quantity.LCEQ, device="hall-meter")
HERTZ = ("125", "250", "500", "1000", "2000", "4000")
QUIETLY = dict.fromkeys(HERTZ, 15.0) | {"global": 20.0}
MEASURED = MeasurementConfig(
    date=date(2026, 5, 1),
    by="Cabinet Octave",
    difference_db=dict.fromkeys(HERTZ, 45.0),
    residual_db=ResidualConfig(day=dict.fromkeys(HERTZ, 25.0) | {"global": 30.0}, night=QUIETLY),
)
NIGHT = int(datetime(2026, 9, 21, 23, tzinfo=ZoneInfo("Europe/Paris")).timestamp() * 1000)


def site(**noise: object) -> SiteConfig:
    keys = {"window_s": 60, "warn_first_s": 0, "rise_db": 0} | noise
    return replace(SITE, spaces=[replace(SITE.spaces[0], noise=NoiseConfig(**keys))])  # type: ignore[arg-type]


def play(day: Day, level: float) -> None:
    """Each octave of the hall at ``level``."""
    for info in BANDS:
        day.say(info.series, level)


def row(day: Day) -> SpaceNow:
    return [row for row in day.of(SpaceNow) if row.space == "hall"][-1]


def again(day: Day, infos: list[SeriesInfo]) -> Day:
    """The day as a gateway goes on that was started again with what the last one stored."""
    later = Day((), day.site, day.now)
    later.ids = 1000
    later.held = dict(day.held)
    later.infos = infos
    later.engine = SiteEngine(day.site, day.now, later.new_id)
    days = {found.day: found for found in day.of(NoiseDay)}
    recent = [
        RecentSeries(
            agent="entrance",
            info=info,
            samples=[(at, value) for name, at, value in day.told if name == info.series],
        )
        for info in infos
    ]
    rows = {row.space: row for row in day.of(SpaceNow)}
    updated = {output.alert.alert: output.alert for output in day.of(AlertUpdated)}
    alerts = [updated.get(alert.alert, alert) for alert in day.standing()]
    snapshot = Snapshot(
        spaces=list(rows.values()), alerts=alerts, series=recent, noise_days=list(days.values())
    )
    later.engine.restore(snapshot)
    return later


# --- who is warned --------------------------------------------------------------------------------------


def test_the_room_is_warned_first_and_somebody_is_called_if_it_stays_loud() -> None:
    day = Day([METER], site(warn_first_s=300))
    day.engine.on_bookings([booking(NOON - HOUR, NOON + HOUR)])
    day.say("hall-meter", 90)
    day.run(2 * MINUTE)
    warning = only(day.of(WarningWanted))
    assert (warning.space, warning.limit_db, warning.booking) == ("hall", 75, booking(0, 1).booking)
    assert warning.level_db == pytest.approx(90, abs=0.1)
    assert not day.standing()
    assert row(day).warned_at == warning.since
    day.run(5 * MINUTE)
    alert = only(day.standing())
    assert alert.facts["warned_at"] == warning.since
    assert alert.opened - warning.since >= 5 * MINUTE
    day.say("hall-meter", 50)
    day.run(5 * MINUTE)
    assert only(day.of(WarningEnded)).space == "hall"
    resolved = only(day.of(AlertResolved)).alert
    normal = resolved.facts["normal_db"]
    assert isinstance(normal, float)
    assert normal <= 73
    assert row(day).warned_at is None
    assert len(day.of(WarningWanted)) == 1


def test_a_room_that_heeds_its_warning_calls_nobody() -> None:
    day = Day([METER], site(warn_first_s=300))
    day.say("hall-meter", 90)
    day.run(2 * MINUTE)
    day.say("hall-meter", 50)
    day.run(10 * MINUTE)
    assert len(day.of(WarningWanted)) == len(day.of(WarningEnded)) == 1
    assert not day.of(AlertOpened)


def test_a_shorter_window_warns_sooner_than_it_calls() -> None:
    day = Day([METER], site(window_s=600, warn_window_s=30, warn_first_s=60, min_coverage=0.5))
    day.say("hall-meter", 60)
    day.run(10 * MINUTE)
    day.say("hall-meter", 77)
    day.run(MINUTE)
    warned = only(day.of(WarningWanted))
    assert warned.since <= day.now
    assert not day.of(AlertOpened)
    day.run(10 * MINUTE)
    opened = only(day.of(AlertOpened)).alert
    assert opened.opened > warned.since + 3 * MINUTE


def test_a_restart_warns_nobody_twice_and_calls_at_the_same_time() -> None:
    infos = [METER]
    day = Day(infos, site(warn_first_s=300))
    day.say("hall-meter", 90)
    day.run(2 * MINUTE)
    later = again(day, infos)
    for each in (day, later):
        each.outputs = []
        each.run(6 * MINUTE)
    assert not later.of(WarningWanted)
    first, second = only(day.of(AlertOpened)).alert, only(later.of(AlertOpened)).alert
    assert second.opened == first.opened
    assert second.facts == first.facts
    for each in (day, later):
        each.outputs = []
        each.say("hall-meter", 40)
        each.run(6 * MINUTE)
    assert [end.at for end in day.of(WarningEnded)] == [end.at for end in later.of(WarningEnded)]
    assert only(later.of(WarningEnded)).space == "hall"


def test_missing_data_ends_no_warning() -> None:
    day = Day([METER], site(warn_first_s=300))
    day.say("hall-meter", 90)
    day.run(2 * MINUTE)
    day.mute("hall-meter")
    day.run(14 * MINUTE)
    assert not day.of(WarningEnded)
    assert not day.of(AlertOpened)


def test_an_alert_that_nobody_takes_is_repeated_a_few_times() -> None:
    day = Day([METER], site(remind_after_s=300, remind_max=2))
    day.say("hall-meter", 90)
    day.run(30 * MINUTE)
    told = [output.alert.facts.get("reminders", 0) for output in day.of(AlertUpdated)]
    assert max(told) == 2  # type: ignore[type-var]
    assert len(day.of(AlertOpened)) == 1


def test_an_alert_that_somebody_has_taken_is_not_repeated() -> None:
    day = Day([METER], site(remind_after_s=300))
    day.say("hall-meter", 90)
    day.run(MINUTE)
    day.engine.on_acknowledged(only(day.standing()).alert, day.now, "Sam")
    day.run(30 * MINUTE)
    assert not any("reminders" in output.alert.facts for output in day.of(AlertUpdated))


# --- limits ---------------------------------------------------------------------------------------------


def test_the_limit_is_that_of_the_day_and_the_hour() -> None:
    rows = [
        LimitConfig(days=[DayType.SCHOOL_DAY], from_="12:00", to="13:00", limit_db=60),
        LimitConfig(days=[DayType.WEEKEND], from_="12:00", to="13:00", limit_db=30),
    ]
    day = Day([METER], site(limits=rows))
    day.say("hall-meter", 65)
    day.run(10 * MINUTE)
    assert only(day.standing()).facts["limit_db"] == 60
    assert row(day).limit_db == 60
    day.run(55 * MINUTE)
    assert not day.standing()
    assert row(day).limit_db == 75


def test_all_limits_of_an_hour_count_each_over_its_own_window() -> None:
    rows = [LimitConfig(limit_db=70, window_s=600), LimitConfig(limit_db=85, window_s=30)]
    day = Day([METER], site(limits=rows))
    day.say("hall-meter", 60)
    day.run(11 * MINUTE)
    day.say("hall-meter", 88)
    day.run(20 * SECOND)
    facts = only(day.of(AlertOpened)).alert.facts
    assert (facts["limit_db"], facts["window_s"]) == (70, 600)
    assert row(day).limit_db == 70


def test_too_loud_for_children_is_told_before_any_other_rule() -> None:
    day = Day([METER, LCEQ], site(children=True, limit_db=90))
    day.say("hall-meter", 93)
    day.say("hall-lceq", 100)
    day.run(15 * MINUTE)
    assert only(day.standing()).facts["rule"] == "limit"
    day.say("hall-lceq", 106)
    day.run(15 * MINUTE)
    facts = day.of(AlertUpdated)[-1].alert.facts
    assert (facts["rule"], facts["weighting"], facts["children"]) == ("public", "C", True)
    assert facts["level_db"] == pytest.approx(106, abs=1)
    assert facts["limit_db"] == 104


def test_an_overloaded_meter_is_a_lower_bound_and_closes_nothing() -> None:
    day = Day([METER, RANGE], site())
    day.say("hall-range", 0)
    day.say("hall-meter", 90)
    day.run(3 * MINUTE)
    day.say("hall-range", 2)
    day.say("hall-meter", 60)
    day.run(5 * MINUTE)
    assert day.subjects() == ["noise:hall"]
    assert row(day).level_range == 2
    day.say("hall-range", 1)
    day.run(3 * MINUTE)
    assert not day.standing()
    assert row(day).level_range == 1


# --- background -----------------------------------------------------------------------------------------


def test_a_rise_above_the_background_counts_in_quiet_hours_without_a_booking() -> None:
    day = Day([METER], site(rise_db=20), now=NIGHT)
    day.say("hall-meter", 35)
    day.run(40 * MINUTE)
    assert row(day).background_db == pytest.approx(35, abs=0.5)
    day.say("hall-meter", 58)  # below the limit of quiet hours
    day.run(5 * MINUTE)
    facts = only(day.standing()).facts
    assert facts["rule"] == "rise"
    assert facts["background_db"] == pytest.approx(35, abs=0.5)
    day.engine.on_bookings([booking(day.now, day.now + HOUR)])
    day.run(2 * MINUTE)
    assert not day.standing()
    later = again(day, [METER])
    later.run(MINUTE)
    assert row(later).background_db == pytest.approx(35, abs=0.5)


def test_what_a_booking_was_heard_to_do_is_no_rise_after_its_end() -> None:
    day = Day([METER], site(rise_db=20, window_s=900, quiet_limit_db=90, limit_db=90), now=NIGHT)
    day.say("hall-meter", 35)
    day.run(40 * MINUTE)
    held = booking(day.now, day.now + 20 * MINUTE)
    day.engine.on_bookings([held])
    day.say("hall-meter", 80)
    day.run(20 * MINUTE)
    day.say("hall-meter", 36)
    later = again(day, [METER])
    later.engine.on_bookings([held])
    for each in (day, later):
        each.run(20 * MINUTE)
        assert not each.of(AlertOpened)


def test_by_day_nothing_is_held_against_the_background() -> None:
    day = Day([METER, PIR], site(rise_db=20))
    day.say("hall-pir", 0)
    day.say("hall-meter", 35)
    day.run(70 * MINUTE)
    assert row(day).background_db == pytest.approx(35, abs=0.5)
    day.say("hall-meter", 65)
    day.run(5 * MINUTE)
    assert not day.of(AlertOpened)


# --- emergence ------------------------------------------------------------------------------------------


def test_emergence_at_the_neighbour_is_indicated_and_judged() -> None:
    day = Day([METER, *BANDS], site(measurement=MEASURED, limit_db=120, quiet_limit_db=120), now=NIGHT)
    day.say("hall-meter", 60)
    play(day, 50)
    day.run(3 * MINUTE)
    assert row(day).emergence_db is not None
    assert not day.of(AlertOpened)
    play(day, 75)
    day.run(3 * MINUTE)
    facts = only(day.standing()).facts
    assert facts["rule"] == "emergence"
    assert facts["measured_on"] == "2026-05-01"
    assert facts["night"] is True
    noise = only(list({found.day: found for found in day.of(NoiseDay)}.values()))
    assert noise.day == "2026-09-21"
    assert noise.day_ms == 0
    assert noise.night_ms > 0
    play(day, 30)
    day.run(5 * MINUTE)
    assert not day.standing()


def test_emergence_below_the_floor_is_not_sought() -> None:
    quiet = replace(MEASURED, difference_db=dict.fromkeys(HERTZ, 70.0), dwelling=True)
    day = Day([METER, *BANDS], site(measurement=quiet, limit_db=140, quiet_limit_db=140), now=NIGHT)
    day.say("hall-meter", 60)
    play(day, 85)  # 85 - 70 = 15 dB an octave: about 22 dB(A) there
    day.run(5 * MINUTE)
    assert not day.of(AlertOpened)
    assert row(day).emergence_db is not None


def test_without_octaves_or_a_measurement_there_is_no_emergence() -> None:
    for infos, noise in (([METER], site(measurement=MEASURED)), ([METER, *BANDS], site())):
        day = Day(infos, noise)
        for info in infos:
            day.say(info.series, 70)
        day.run(3 * MINUTE)
        assert row(day).emergence_db is None
        assert not day.of(NoiseDay)


def test_durations_go_on_after_a_restart_and_count_no_moment_twice() -> None:
    infos = [METER, *BANDS]
    day = Day(infos, site(measurement=MEASURED), now=NIGHT)
    day.say("hall-meter", 60)
    play(day, 80)
    day.run(4 * MINUTE)
    later = again(day, infos)
    for each in (day, later):
        each.run(5 * MINUTE)
    whole, parts = day.of(NoiseDay)[-1], later.of(NoiseDay)[-1]
    assert abs(whole.night_ms - parts.night_ms) <= 65 * SECOND
    assert parts.night_ms <= day.now - NIGHT


def test_amplified_sound_has_limits_of_its_own_and_its_days_are_counted() -> None:
    day = Day([METER, *BANDS], site(measurement=MEASURED, limit_db=120, quiet_limit_db=120), now=NIGHT)
    day.engine.on_bookings([replace(booking(NIGHT, NIGHT + HOUR), amplified=True)])
    day.say("hall-meter", 60)
    play(day, 63)  # 4 dB or so: allowed for a short noise, not for an amplified one
    day.run(3 * MINUTE)
    facts = only(day.standing()).facts
    assert facts["amplified"] is True
    assert facts["emergence_limit_db"] == 3
    assert facts["correction_db"] == 0
    assert any(found.amplified for found in day.of(NoiseDay))


def test_amplified_sound_that_becomes_habitual_is_something_to_watch() -> None:
    day = Day([METER], site(), now=NIGHT)
    days = [NoiseDay(space="hall", day=f"2026-09-{number:02}", amplified=True) for number in (3, 10, 15)]
    day.engine.restore(Snapshot(noise_days=days))
    day.engine.on_series("entrance", [METER])
    day.run(MINUTE)
    assert not day.standing()
    day.engine.on_bookings([replace(booking(day.now, day.now + HOUR), amplified=True)])
    day.run(MINUTE)
    alert = only(day.standing())
    assert alert.kind is AlertKind.AMPLIFIED_HABIT
    assert alert.facts == {"days_year": 4, "days_month": 4}
