"""What a room had taught when its record's time began: the same whenever it is asked."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pleintemps_gateway.occupancy.memory import FORM
from pleintemps_gateway.reconcile.replay import WARM_MS, Case, Facts, Replay, Sample
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.learnt import DAYS, KEPT, keep, valid_at
from tests.gateway.house import HOUR, House, build
from tests.gateway.rules.building import MINUTE, PIR, series

from .test_replay import HOUR_LONG, MARGINS, NOISE, PIR_KEY, minute, motion

DAY = 24 * HOUR
OLD_KEY, OLD = "entrance/old-pir", series("old-pir", PIR.quantity)


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    made = build(tmp_path, store_url)
    yield made
    made.engine.dispose()


def test_it_is_what_was_taught_by_the_midnight_before(house: House) -> None:
    with write_transaction(house.engine, ["ecole"]) as conn:
        for hour in range(20 * 24):
            keep(conn, "ecole", "hall", 100 * DAY + hour * HOUR, f"{hour}")
            if hour == 8 * 24 + 12:
                early = valid_at(conn, "ecole", "hall", 108 * DAY + 12 * HOUR)
                assert early == str(8 * 24 - 1)
        for day in range(120 - DAYS, 120):  # as long as samples are kept, it is what it was at the time
            assert valid_at(conn, "ecole", "hall", day * DAY + 13 * HOUR) == str((day - 100) * 24 - 1)
        assert valid_at(conn, "ecole", "hall", 100 * DAY) is None
        assert valid_at(conn, "ecole", "class", 119 * DAY) is None
        keep(conn, "ecole", "hall", 120 * DAY + HOUR, None, "a person")
        assert valid_at(conn, "ecole", "hall", 120 * DAY + MINUTE) == str(20 * 24 - 1)
        for hour in range(2, 2 + KEPT):
            keep(conn, "ecole", "hall", 120 * DAY + hour * HOUR, f"after {hour}")
        assert valid_at(conn, "ecole", "hall", 120 * DAY + 9 * HOUR) is None  # it had been reset


def test_a_stuck_sensor_is_judged_by_how_long_the_room_was_known() -> None:
    stuck = [Sample(at, OLD_KEY, "b" * 32, 0, 1.0) for at in range(minute(-120), minute(120), 30_000)]
    body = msgspec.json.encode({"form": FORM, "lived_s": 86_400, "sound": {}, "door": {}}).decode()
    found = []
    for learnt in (None, body):
        asked = Case(HOUR_LONG, (), MARGINS, NOISE, {PIR_KEY: PIR, OLD_KEY: OLD}, learnt=learnt)
        replay = Replay(asked)
        replay.feed(Facts(motion() + stuck))
        assert replay.run(asked.latest)
        found.append(replay.record())
    new, known = found
    assert new.unknown_ms == 60 * MINUTE and new.state != "no-show"
    assert (known.unknown_ms, known.occupied_ms, known.state) == (0, 0, "no-show")


def test_a_sensor_that_may_be_silent_for_hours_is_followed_from_before_that() -> None:
    rare = series("hall-pir", PIR.quantity, max_silence_s=4 * 3600)
    asked = Case(HOUR_LONG, (), MARGINS, NOISE, {PIR_KEY: rare})
    assert asked.begin <= HOUR_LONG.start - MARGINS.lead - 4 * HOUR < HOUR_LONG.start - WARM_MS
    replay = Replay(asked)
    replay.feed(Facts([Sample(minute(-200), PIR_KEY, "a" * 32, 1, 0.0)]))
    assert replay.run(asked.latest)
    assert (replay.record().unknown_ms, replay.record().state) == (0, "no-show")
