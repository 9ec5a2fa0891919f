"""The engine as a whole: repeatable, restartable, quiet when nothing happens."""

import random
from functools import cache
from itertools import pairwise

import pytest
from msgspec.structs import replace

from pleintemps_contract.agent_messages import (
    AccessRefused,
    DeviceHealth,
    DoorAlarmChanged,
    Health,
    RefusalReason,
)
from pleintemps_contract.onvif import DoorAlarm
from pleintemps_contract.units import Quantity
from pleintemps_gateway.engine import (
    Alert,
    AlertOpened,
    AlertResolved,
    AlertUpdated,
    OccupancyChanged,
    Output,
    RecentSeries,
    SiteEngine,
    Snapshot,
    SpaceNow,
    UsageChanged,
)

from .building import HOUR, METER, MINUTE, NOON, PIR, RADAR, REED, SECOND, Day, booking, series, with_rules

INFOS = [PIR, RADAR, METER, REED, series("yard-pir", Quantity.MOTION, "yard")]


def a_day_of_life(day: Day, seed: int, minutes: int, restart_at: int | None = None) -> list[Output]:
    """Random but repeatable life: people, noise, faults, bookings."""
    chance = random.Random(seed)
    bookings = [booking(NOON + n * 40 * MINUTE, NOON + (n * 40 + 30) * MINUTE, str(n)) for n in range(1, 6)]
    day.engine.on_bookings(bookings)
    day.say("hall-pir", 0)
    for minute in range(minutes):
        if minute == restart_at:
            restart(day)
            day.engine.on_bookings(bookings)
        roll = chance.random()
        if roll < 0.15:
            day.say("hall-radar", chance.choice([0, 0, 1, 2, 3]))
        elif roll < 0.3:
            if "hall-pir" in day.held:
                day.say("hall-pir", chance.choice([0, 1]))
        elif roll < 0.4:
            day.say("hall-meter", chance.choice([40.0, 60.0, 90.0]))
        elif roll < 0.45:
            day.say("hall-reed", chance.choice([0, 1]))
        elif roll < 0.5:
            day.event(AccessRefused(door="hall", reason=RefusalReason.UNKNOWN))
        elif roll < 0.55:
            health = chance.choice([Health.OK, Health.ERROR])
            day.event(DeviceHealth(device="hall-pir", health=health))
            if health is Health.OK:
                day.say("hall-pir", 0)
            else:
                day.mute("hall-pir")
        elif roll < 0.6:
            day.event(DoorAlarmChanged(door="hall", alarm=chance.choice(list(DoorAlarm))))
        elif roll < 0.65:
            day.say("yard-pir", chance.choice([0, 1]))
        day.run(MINUTE)
    return day.outputs


def restart(day: Day) -> None:
    """A new engine from what the old one put out, as the store would hold it."""
    alerts: dict[str, Alert] = {}
    for output in day.outputs:
        if isinstance(output, AlertOpened | AlertUpdated | AlertResolved):
            alerts[output.alert.alert] = output.alert
    told: dict[str, list[tuple[int, float]]] = {}
    for name, at, value in day.told:
        if at >= day.now - 2 * HOUR:
            told.setdefault(name, []).append((at, value))
    snapshot = Snapshot(
        spaces=list({row.space: row for row in day.of(SpaceNow)}.values()),
        usage=list({row.booking: row for row in day.of(UsageChanged)}.values()),
        alerts=[alert for alert in alerts.values() if alert.resolved is None],
        occupancy=day.of(OccupancyChanged),
        series=[
            RecentSeries(agent="entrance", info=info, samples=told.get(info.series, [])) for info in day.infos
        ],
        heard={"entrance": day.now},
    )
    day.engine = SiteEngine(day.site, day.now, day.new_id)
    day.engine.restore(snapshot)
    day.engine.on_series("entrance", day.infos)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_inputs_give_the_same_outputs(seed: int) -> None:
    assert a_day_of_life(Day(INFOS), seed, 60) == a_day_of_life(Day(INFOS), seed, 60)


@cache
def straight_life(seed: int) -> list[Output]:
    return a_day_of_life(Day(INFOS, tick_ms=2 * SECOND), seed, 180)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 20))])
@pytest.mark.parametrize("restart_at", [37, 95])
def test_a_restart_repeats_and_loses_no_alert_usage_or_state(seed: int, restart_at: int) -> None:
    straight = straight_life(seed)
    broken = a_day_of_life(Day(INFOS, tick_ms=2 * SECOND), seed, 180, restart_at)

    def story(outputs: list[Output]) -> list[object]:
        found: list[object] = []
        for output in outputs:
            if isinstance(output, AlertOpened):
                found.append(("opened", output.alert.subject, output.alert.opened))
            elif isinstance(output, AlertResolved):
                found.append(("resolved", output.alert.subject, output.alert.resolved))
            elif isinstance(output, OccupancyChanged):
                found.append((output.space, output.state, output.since))
            elif isinstance(output, UsageChanged) and output.closed_at is not None:
                found.append(output)
        return found

    for one, two in zip(story(broken), story(straight), strict=True):
        assert one == two


def test_a_quiet_site_says_little() -> None:
    day = Day([PIR])
    day.say("hall-pir", 0)
    day.run(10 * MINUTE)
    day.outputs.clear()
    day.run(10 * MINUTE)
    rows = day.of(SpaceNow)
    assert {type(output) for output in day.outputs} == {SpaceNow}
    assert {row.space for row in rows} == {"hall"}
    assert len(rows) <= 60
    assert all(later.at - row.at >= 10 * SECOND for row, later in pairwise(rows))


def test_time_that_goes_back_is_taken_as_standing_still() -> None:
    day = Day([PIR])
    day.say("hall-pir", 1)
    day.run(MINUTE)
    assert day.engine.tick(day.now - HOUR) == []


def test_a_series_that_moved_to_another_space_leaves_the_first() -> None:
    day = Day([RADAR], with_rules(unexpected_after_s=31_000))
    day.say("hall-radar", 1)
    day.run(MINUTE)
    day.engine.on_series("entrance", [replace(RADAR, space="class")])
    day.say("hall-radar", 1)
    day.run(MINUTE)
    last = {row.space: row.state.value for row in day.of(SpaceNow)}
    assert last == {"hall": "unknown", "class": "occupied", "yard": "unknown"}
