"""What nobody can know: meters that fall silent while a room is too loud, one of several, rows that wait."""

from msgspec.structs import replace

from pleintemps_contract.units import Quantity
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.engine import AlertOpened, AlertResolved, AlertUpdated, WarningEnded, WarningWanted
from pleintemps_gateway.noise.neighbour import OCTAVES
from pleintemps_gateway.noise.settings import LimitConfig, NoiseConfig

from .building import HOUR, METER, MINUTE, NOON, SECOND, SITE, Day, only, series
from .test_noise_neighbour import MEASURED

FAR = series("hall-far", Quantity.LAEQ)


def site(**noise: object) -> SiteConfig:
    keys = {"window_s": 60, "warn_first_s": 0, "rise_db": 0} | noise
    return replace(SITE, spaces=[replace(SITE.spaces[0], noise=NoiseConfig(**keys))])  # type: ignore[arg-type]


def test_a_warning_whose_meter_is_dead_ends_as_unknown_and_not_as_quiet() -> None:
    day = Day([METER], site())
    day.say("hall-meter", 90)
    day.run(2 * MINUTE)
    day.mute("hall-meter")
    day.run(5 * MINUTE)
    told = day.of(AlertUpdated)[-1].alert.facts
    assert day.now - 5 * MINUTE <= told["unheard_since"] <= day.now - 2 * MINUTE  # type: ignore[operator]
    assert day.subjects() == ["noise:hall"]
    day.run(12 * MINUTE)
    ended = only(day.of(WarningEnded))
    assert not ended.heard
    facts = only(day.of(AlertResolved)).alert.facts
    assert "unheard_since" in facts and "normal_db" not in facts
    day.run(30 * MINUTE)
    assert len(day.of(WarningEnded)) == 1


def test_a_meter_that_is_back_decides_by_what_it_hears() -> None:
    for level, warnings in ((90, 0), (50, 1)):
        day = Day([METER], site())
        day.say("hall-meter", 90)
        day.run(2 * MINUTE)
        day.mute("hall-meter")
        day.run(10 * MINUTE)
        day.say("hall-meter", level)
        day.run(20 * MINUTE)
        assert len(day.of(WarningEnded)) == warnings
        assert "unheard_since" not in day.of(AlertUpdated)[-1].alert.facts
        for ended in day.of(WarningEnded):
            assert ended.heard
            assert "normal_db" in only(day.of(AlertResolved)).alert.facts


def test_a_limit_that_has_just_changed_is_no_missing_measurement() -> None:
    start = NOON + 8 * HOUR + 50 * MINUTE  # 20:50 in Paris
    rows = [
        LimitConfig(from_="20:00", to="21:00", limit_db=70),
        LimitConfig(from_="21:00", to="07:00", limit_db=65),
    ]
    day = Day([METER], site(limits=rows, window_s=1800, min_coverage=0.2), now=start)
    day.say("hall-meter", 90)
    day.run(9 * MINUTE)
    assert day.subjects() == ["noise:hall"]
    day.say("hall-meter", 50)
    day.run(22 * MINUTE)
    assert not any("unheard_since" in found.alert.facts for found in day.of(AlertUpdated))
    assert only(day.of(WarningEnded)).heard
    assert not day.standing()


def test_octaves_that_fall_silent_while_levels_go_on_end_as_unknown_too() -> None:
    bands = [series(f"hall-{q.value.lower()}", q, device="hall-meter") for q in OCTAVES]
    day = Day([METER, *bands], site(measurement=MEASURED, limit_db=120))
    day.say("hall-meter", 60)
    for info in bands:
        day.say(info.series, 85)
    day.run(5 * MINUTE)
    assert only(day.standing()).facts["rule"] == "emergence"
    day.mute(*(info.series for info in bands))
    day.run(12 * MINUTE)
    assert day.subjects() == ["noise:hall"]
    day.run(10 * MINUTE)
    assert not day.standing()
    assert not only(day.of(WarningEnded)).heard


def test_a_loud_meter_that_says_little_hides_none_that_is_loud_all_the_time() -> None:
    day = Day([METER, FAR], site())
    day.say("hall-meter", 80)
    for _ in range(6):  # a sixth of the window: nothing to judge by
        day.tell("hall-far", 95, day.now + SECOND)
        day.run(MINUTE)
    alert = only(day.of(AlertOpened)).alert
    assert alert.facts["level_db"] == 80
    assert day.of(WarningWanted)[0].level_db == 80


def test_a_quiet_meter_does_not_end_what_another_heard_before_it_fell_silent() -> None:
    day = Day([METER, FAR], site(window_s=600))
    day.say("hall-meter", 60)
    day.say("hall-far", 95)
    day.run(10 * MINUTE)
    assert day.subjects() == ["noise:hall"]
    day.mute("hall-far")
    day.run(9 * MINUTE)
    assert day.subjects() == ["noise:hall"]
    day.run(5 * MINUTE)
    assert not day.standing()


def test_a_row_that_has_not_heard_enough_yet_keeps_no_other_rule_alive() -> None:
    rows = [LimitConfig(limit_db=120, window_s=60), LimitConfig(limit_db=120, window_s=7200)]
    day = Day([METER], site(limits=rows, children=True))
    day.say("hall-meter", 97)
    day.run(16 * MINUTE)
    assert only(day.standing()).facts["rule"] == "public"
    day.say("hall-meter", 50)
    day.run(20 * MINUTE)
    assert not day.standing()
    assert only(day.of(WarningEnded)).heard
