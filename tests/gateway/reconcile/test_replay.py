"""A record worked out from stored facts: the same whatever the order and the pieces in which they came."""

from collections.abc import Sequence
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_gateway.bookings.site_calendar import SiteCalendar
from pleintemps_gateway.engine import Booking, UsageState
from pleintemps_gateway.noise.hours import NoiseHours
from pleintemps_gateway.reconcile.records import Settled
from pleintemps_gateway.reconcile.replay import (
    Case,
    DoorTold,
    Facts,
    FaultTold,
    NoiseRule,
    Replay,
    Sample,
)
from pleintemps_gateway.reconcile.usage import Margins
from tests.gateway.rules.building import METER, MINUTE, NOON, PIR, SECOND, SITE, booking
from tests.support.laws import examples

MARGINS = Margins(15 * MINUTE, 15 * MINUTE, 15 * MINUTE, 15 * MINUTE, 5 * MINUTE)
NOISE = NoiseRule(5 * MINUTE, 0.5, lambda _at: 75.0)
PIR_KEY, METER_KEY = "entrance/hall-pir", "entrance/hall-meter"


def minute(at: float) -> int:
    return NOON + round(at * MINUTE)


def motion(
    *spans: tuple[float, float], until: float = 120, silent: tuple[float, float] = (0, 0)
) -> list[Sample]:
    """A PIR every 30 s from two hours before NOON, high and low in turns within ``spans``."""
    found = []
    for count, at in enumerate(range(minute(-120), minute(until), 30 * SECOND)):
        if minute(silent[0]) <= at < minute(silent[1]):
            continue
        there = any(minute(start) <= at < minute(end) for start, end in spans)
        found.append(Sample(at, PIR_KEY, "a" * 32, count + 1, float(there and count % 2 == 0)))
    return found


def level(*spans: tuple[float, float]) -> list[Sample]:
    return [
        Sample(
            at, METER_KEY, "a" * 32, 0, 85.0 if any(minute(s) <= at < minute(e) for s, e in spans) else 50.0
        )
        for at in range(minute(-120), minute(120), 5 * SECOND)
    ]


def case(
    mine: Booking, *others: Booking, opened_at: int | None = None, cancelled_at: int | None = None
) -> Case:
    infos = {PIR_KEY: PIR, METER_KEY: METER}
    return Case(mine, others, MARGINS, NOISE, infos, opened_at=opened_at, cancelled_at=cancelled_at)


def settle(
    asked: Case, samples: Sequence[Sample], **facts: Sequence[DoorTold] | Sequence[FaultTold]
) -> Settled:
    replay = Replay(asked)
    replay.feed(Facts(samples, **facts))  # type: ignore[arg-type]
    assert replay.run(asked.latest)
    return replay.record()


HOUR_LONG = booking(NOON, minute(60))


def test_an_hour_as_it_should_be() -> None:
    record = settle(case(HOUR_LONG), motion((-5, 50)))
    assert record.state is UsageState.ENDED
    assert record.arrived_at is not None and abs(record.arrived_at - minute(-5)) <= MINUTE
    assert record.left_at is not None and 0 <= record.left_at - minute(50) <= 8 * MINUTE
    assert 50 * MINUTE <= record.occupied_ms <= 58 * MINUTE
    assert (record.unknown_ms, record.overstay_ms, record.shared_ms) == (0, 0, 0)
    assert record.confidence is not None and record.confidence > 0.8
    assert record.evidence.startswith("came=hall-pir motion;went=")
    assert (record.loud_ms, record.level_max_db) == (None, None)


def test_nobody_and_nothing_known_are_not_the_same() -> None:
    nobody = settle(case(HOUR_LONG), motion())
    assert (nobody.state, nobody.occupied_ms, nobody.unknown_ms) == (UsageState.NO_SHOW, 0, 0)
    unknown = settle(case(HOUR_LONG), motion(silent=(-100, 120)))
    assert (unknown.state, unknown.unknown_ms) == (UsageState.ENDED, 60 * MINUTE)
    assert (unknown.arrived_at, unknown.occupied_ms, unknown.confidence) == (None, 0, 0.0)


def test_loud_minutes_and_the_highest_level_are_of_the_booked_time() -> None:
    record = settle(case(HOUR_LONG), motion((0, 60)) + level((-60, -30), (20, 30)))
    assert record.level_max_db == 85.0
    assert record.loud_ms is not None and 9 * MINUTE <= record.loud_ms <= 16 * MINUTE
    quiet = settle(case(HOUR_LONG), motion((0, 60)) + level())
    assert (quiet.loud_ms, quiet.level_max_db) == (0, 50.0)


def test_presence_is_shared_where_two_bookings_have_the_time() -> None:
    first, second = HOUR_LONG, booking(minute(30), minute(90), "2")
    there = motion((0, 89))
    one, two = settle(case(first, second), there), settle(case(second, first), there)
    assert (one.occupied_ms, one.shared_ms, one.overstay_ms) == (60 * MINUTE, 30 * MINUTE, 0)
    assert (two.occupied_ms, two.shared_ms, two.arrived_at) == (
        60 * MINUTE,
        30 * MINUTE,
        minute(60) - 30 * MINUTE,
    )


def test_who_comes_while_the_group_before_is_on_is_its_own_from_the_start() -> None:
    before, mine = booking(minute(-60), NOON, "9"), HOUR_LONG
    record = settle(case(mine, before), motion((-60, 60)))
    assert record.arrived_at == NOON
    with_code = settle(case(mine, before, opened_at=minute(-10)), motion((-60, -30), (-10, 60)))
    assert with_code.arrived_at is not None and with_code.arrived_at < NOON
    assert with_code.evidence.endswith("code")
    # and what stays after the group before does not count as its overstay once the next one has begun
    former = settle(case(before, mine), motion((-60, 60)))
    assert (former.overstay_ms, former.occupied_ms) == (0, 60 * MINUTE)


def test_people_who_stay_have_overstayed() -> None:
    record = settle(case(HOUR_LONG), motion((0, 80)))
    assert 20 * MINUTE <= record.overstay_ms <= 28 * MINUTE
    assert record.occupied_ms >= 59 * MINUTE


def test_two_neighbours_that_nobody_came_to_disturb_no_record() -> None:
    # each has its alert while the time is lived through again, and both are over before ours is
    empty = [booking(minute(-20), minute(20), name) for name in "78"]
    record = settle(case(HOUR_LONG, *empty), motion())
    assert (record.state, record.occupied_ms) == (UsageState.NO_SHOW, 0)


@pytest.mark.parametrize(
    ("evening", "hours"),
    [
        ("2026-10-24T23:30+02:00", 4),  # the clock is put back: 23:30 to 2:30 of the second time round
        ("2026-03-28T23:30+01:00", 2),  # and forward: 23:30 to 2:30, which is not there
        ("2026-06-10T23:00+02:00", 2),
    ],
)
def test_the_hours_of_a_night_count_as_they_pass(evening: str, hours: int) -> None:
    start = round(datetime.fromisoformat(evening).timestamp() * 1000)
    mine, moved = booking(start, start + hours * 60 * MINUTE), start - NOON
    day = SITE.spaces[0].noise
    quiet = NoiseHours(SiteCalendar(SITE.calendar, "Europe/Paris"), ("22:00", "07:00"), {})
    rule = NoiseRule(
        5 * MINUTE, 0.5, lambda at: min(each.limit_db for each in quiet.limits(day, quiet.at(at)))
    )
    asked = case(mine)._replace(noise=rule)
    there = [
        sample._replace(at=sample.at + moved) for sample in motion((0, 60 * hours), until=60 * hours + 120)
    ]
    heard = [
        Sample(at, METER_KEY, "a" * 32, 0, day.quiet_limit_db + 1)
        for at in range(mine.start - 10 * MINUTE, mine.end, 10 * SECOND)
    ]
    record = settle(asked, there + heard)
    length = hours * 60 * MINUTE
    assert (record.booked_from, record.booked_to, record.unknown_ms) == (mine.start, mine.end, 0)
    assert length - MINUTE <= record.occupied_ms <= length
    assert record.loud_ms == length  # all of it lies in the quiet hours, however the wall clock is set


def test_a_room_is_left_open_when_its_door_is_not_closed_behind_them() -> None:
    there = motion((0, 50))
    opened, closed = DoorTold(minute(50), "hall", True), DoorTold(minute(51), "hall", False)
    assert settle(case(HOUR_LONG), there, doors=[opened]).left_open is True
    assert settle(case(HOUR_LONG), there, doors=[opened, closed]).left_open is False
    assert settle(case(HOUR_LONG), there).left_open is None
    following = booking(minute(50), minute(110), "2")
    assert settle(case(HOUR_LONG, following), there, doors=[opened]).left_open is None


def test_a_cancelled_booking_counts_until_it_was_cancelled() -> None:
    record = settle(case(HOUR_LONG, cancelled_at=minute(20)), motion((0, 60)))
    assert (record.state, record.closed_at, record.booked_to) == (
        UsageState.CANCELLED,
        minute(20),
        minute(60),
    )
    assert 19 * MINUTE <= record.occupied_ms <= 20 * MINUTE


def test_an_ill_sensor_does_not_say_that_nobody_is_there() -> None:
    ill = [FaultTold(minute(-20), "entrance/hall-pir", True)]
    record = settle(case(HOUR_LONG), motion(), faults=ill)
    assert (record.state, record.unknown_ms) == (UsageState.ENDED, 60 * MINUTE)


@pytest.mark.law
@examples(some=6, many=200)
@given(
    start=st.integers(-30, 70),
    length=st.integers(1, 70),
    gap=st.integers(-60, 60),
    data=st.data(),
)
def test_any_order_and_any_pieces_give_the_same_record(
    start: int, length: int, gap: int, data: st.DataObject
) -> None:
    samples = motion((start, start + length), silent=(gap, gap + 30)) + level((10, 25))
    asked = case(HOUR_LONG, booking(minute(60), minute(100), "2"))
    expected = settle(asked, samples)
    mixed = data.draw(st.permutations(samples[:60])) + samples[60:][::-1]
    assert settle(asked, mixed) == expected
    in_pieces = Replay(asked)
    cuts = sorted(data.draw(st.lists(st.integers(-90, 119), max_size=6)))
    before = 0
    for cut in [*map(minute, cuts), minute(120)]:
        in_pieces.feed(Facts([sample for sample in mixed if before < sample.at <= cut]))
        in_pieces.run(cut)
        before = cut
    in_pieces.run(asked.latest)
    assert in_pieces.record() == expected
    assert 0 <= expected.occupied_ms + expected.unknown_ms <= 60 * MINUTE
    assert expected.confidence is not None and 0 <= expected.confidence <= 1
