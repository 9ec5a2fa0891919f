"""Alerts: opened once per subject, resolved by their own rule."""

import pytest

from pleintemps_contract.agent_messages import (
    AccessRefused,
    DeviceHealth,
    DeviceInfo,
    DoorAlarmChanged,
    DoorInfo,
    DoorPhysicalChanged,
    Health,
    MessageRefused,
    RefusalReason,
)
from pleintemps_contract.onvif import DoorAlarm, DoorMode, DoorPhysicalState, LockPhysicalState
from pleintemps_gateway.alerts.book import MAX_SUBJECT, AlertBook
from pleintemps_gateway.alerts.records import RANKS, AlertKind, AlertState, Rank
from pleintemps_gateway.engine import AlertOpened, AlertResolved, AlertUpdated, Ignored

from .building import HOUR, MINUTE, NOON, PIR, SECOND, Day, only


def test_every_kind_has_a_rank() -> None:
    assert set(RANKS) == set(AlertKind)
    urgent = {kind.value for kind, rank in RANKS.items() if rank is Rank.ALERT}
    assert urgent == {
        "noise",
        "door-forced-open",
        "unexpected-presence",
        "duress",
        "fire",
        "fire-input",
        "tamper",
        "lock-fault",
        "panel-alarm",
        "help",
        "store-restored",
        "agent-stolen",
    }


def test_one_alert_per_subject_and_a_new_one_after_it_is_resolved() -> None:
    ids = iter("abc")
    book = AlertBook(lambda: next(ids))
    first = book.open(AlertKind.FEED_FAULT, "town", 1, {"feed": "town", "error": "x"})
    assert book.open(AlertKind.FEED_FAULT, "town", 2, {"feed": "town", "error": "y"}) is first
    book.resolve(AlertKind.FEED_FAULT, "town", 3)
    book.resolve(AlertKind.FEED_FAULT, "town", 4)
    assert book.open(AlertKind.FEED_FAULT, "town", 5, {}).alert == "b"
    assert [type(output) for output in book.take()] == [AlertOpened, AlertResolved, AlertOpened]
    assert book.take() == []


def test_a_long_subject_is_cut_and_still_found() -> None:
    book = AlertBook(lambda: "a")
    alert = book.open(AlertKind.BAD_MESSAGES, "x" * 300, 1, {})
    assert len(alert.subject) == MAX_SUBJECT
    book.resolve(AlertKind.BAD_MESSAGES, "x" * 300, 2)
    assert book.get(AlertKind.BAD_MESSAGES, "x" * 300) is None


def forced(day: Day) -> None:
    day.event(DoorAlarmChanged(door="hall", alarm=DoorAlarm.FORCED_OPEN))


def closes(day: Day) -> None:
    day.event(DoorPhysicalChanged(door="hall", state=DoorPhysicalState.CLOSED))
    day.event(DoorAlarmChanged(door="hall", alarm=DoorAlarm.NORMAL))


def acknowledges(day: Day) -> None:
    alert = only([output.alert for output in day.of(AlertOpened)])
    day.engine.on_acknowledged(alert.alert, day.now, "marie", "seen")


@pytest.mark.parametrize("order", [(closes, acknowledges), (acknowledges, closes)])
def test_a_forced_door_stays_until_closed_and_acknowledged(order: tuple[object, object]) -> None:
    day = Day()
    forced(day)
    day.run(SECOND)
    alert = only(day.standing())
    assert (alert.subject, alert.door, alert.agent, alert.facts) == (
        "door-forced-open:hall",
        "hall",
        "entrance",
        {"door": "hall"},
    )
    order[0](day)  # type: ignore[operator]
    day.run(HOUR)
    assert day.subjects() == ["door-forced-open:hall"]
    order[1](day)  # type: ignore[operator]
    day.run(SECOND)
    assert not day.standing()
    resolved = only(day.of(AlertResolved)).alert
    assert (resolved.state, resolved.acknowledged_by, resolved.comment) == (
        AlertState.RESOLVED,
        "marie",
        "seen",
    )


def test_a_door_held_open_is_over_when_it_closes() -> None:
    day = Day()
    day.event(DoorAlarmChanged(door="hall", alarm=DoorAlarm.OPEN_TOO_LONG))
    day.run(SECOND)
    assert day.subjects() == ["door-open-too-long:hall"]
    closes(day)
    day.run(SECOND)
    assert not day.standing()


def test_a_birth_shows_the_doors_as_they_are() -> None:
    day = Day()
    day.event(DoorAlarmChanged(door="hall", alarm=DoorAlarm.OPEN_TOO_LONG))
    day.run(SECOND)
    info = DoorInfo(
        door="hall",
        mode=DoorMode.LOCKED,
        physical=DoorPhysicalState.CLOSED,
        lock=LockPhysicalState.LOCKED,
        alarm=DoorAlarm.NORMAL,
    )
    day.engine.on_doors("entrance", [info], day.now)
    day.run(SECOND)
    assert not day.standing()


def refuse(day: Day, reason: RefusalReason = RefusalReason.UNKNOWN, at: int | None = None) -> None:
    day.event(AccessRefused(door="hall", reason=reason), at)


def test_a_record_of_many_refusals_counts_as_many() -> None:
    day = Day()
    day.event(AccessRefused(door="hall", reason=RefusalReason.UNKNOWN, count=4))
    day.run(SECOND)
    assert not day.standing()
    day.event(AccessRefused(door="hall", reason=RefusalReason.EXPIRED, count=2**40))
    day.run(SECOND)
    alert = only(day.standing())
    assert alert.facts["count"] == 1_000


def test_five_refused_codes_in_ten_minutes_and_then_peace() -> None:
    day = Day()
    for _ in range(4):
        refuse(day)
        day.run(MINUTE)
    assert not day.standing()
    refuse(day)
    day.run(SECOND)
    assert only(day.standing()).facts == {"door": "hall", "count": 5}
    refuse(day)
    day.run(SECOND)
    assert day.of(AlertUpdated)[-1].alert.facts["count"] == 6
    day.run(9 * MINUTE)
    assert day.subjects() == ["code-attempts:hall"]
    day.run(2 * MINUTE)
    assert not day.standing()


def test_five_refused_codes_in_an_hour_are_people_who_mistype() -> None:
    day = Day(tick_ms=10 * SECOND)
    for _ in range(6):
        refuse(day)
        day.run(5 * MINUTE)
    assert not day.of(AlertOpened)


def test_a_throttled_code_is_an_alert_at_once_a_refused_mode_is_none() -> None:
    day = Day()
    for _ in range(9):
        refuse(day, RefusalReason.DOOR_MODE)
        refuse(day, at=NOON - HOUR)  # history that arrives late
    day.run(SECOND)
    assert not day.standing()
    refuse(day, RefusalReason.THROTTLED)
    day.run(SECOND)
    assert day.subjects() == ["code-attempts:hall"]


def test_an_agent_that_was_never_heard_is_silent() -> None:
    day = Day()
    day.alive = False
    day.run(119 * SECOND)
    assert not day.standing()
    day.run(2 * SECOND)
    alert = only(day.standing())
    assert (alert.subject, alert.facts) == ("agent-silent:entrance", {"last_seen": NOON})


def test_an_agent_falls_silent_and_comes_back() -> None:
    day = Day()
    day.run(MINUTE)
    heard = day.now
    day.alive = False
    day.run(3 * MINUTE)
    assert only(day.standing()).facts == {"last_seen": heard}
    day.engine.on_agent("entrance", True, day.now)
    day.run(SECOND)
    assert not day.standing()


def test_a_last_will_is_believed_after_a_moment() -> None:
    day = Day()
    day.run(MINUTE)
    day.alive = False
    day.engine.on_agent("entrance", False, day.now)
    day.run(10 * SECOND)
    assert not day.standing()
    day.run(6 * SECOND)
    assert day.subjects() == ["agent-silent:entrance"]
    day.engine.on_samples("entrance", {})
    day.run(SECOND)
    assert not day.standing()


def test_a_device_falls_ill_and_recovers() -> None:
    day = Day([PIR])
    day.event(DeviceHealth(device="hall-pir", health=Health.ERROR, detail="no such pin"))
    day.run(SECOND)
    alert = only(day.standing())
    assert alert.subject == "device-fault:entrance/hall-pir"
    assert alert.facts == {"device": "hall-pir", "detail": "no such pin"}
    day.engine.on_devices(
        "entrance", [DeviceInfo(device="hall-pir", driver="pir", health=Health.OK)], day.now
    )
    day.run(SECOND)
    assert not day.standing()


def test_a_device_that_only_starts_is_no_fault() -> None:
    day = Day([PIR])
    starting = [DeviceInfo(device="hall-pir", driver="pir", health=Health.SILENT)]
    day.engine.on_devices("entrance", starting, day.now)
    day.run(8 * SECOND)
    assert not day.standing()
    day.engine.on_devices("entrance", starting, day.now)  # told again: the time goes on
    day.run(3 * SECOND)
    assert only(day.standing()).facts == {"device": "hall-pir", "detail": "silent"}
    day.event(DeviceHealth(device="hall-pir", health=Health.OK))
    day.engine.on_devices("entrance", starting, day.now)
    day.event(DeviceHealth(device="hall-pir", health=Health.OK))
    day.run(20 * SECOND)
    assert not day.standing()


def test_bad_messages_are_shown_until_none_came_for_a_while() -> None:
    day = Day()
    day.engine.on_refusal("pleintemps/v1/saint-aubin/x/events", "$.first: missing", 3, day.now)
    day.event(MessageRefused(channel="command", reason="retained", count=2))
    day.event(MessageRefused(channel="command", reason="retained", count=1))
    day.run(SECOND)
    found = {alert.subject: alert.facts for alert in day.standing()}
    assert found == {
        "bad-messages:pleintemps/v1/saint-aubin/x/events": {
            "source": "pleintemps/v1/saint-aubin/x/events",
            "reason": "$.first: missing",
            "count": 3,
        },
        "bad-messages:entrance/command": {"source": "entrance/command", "reason": "retained", "count": 2},
    }
    assert day.of(AlertUpdated)[-1].alert.facts["count"] == 3
    day.run(16 * MINUTE)
    assert not day.standing()


def test_a_calendar_that_cannot_be_read_and_then_can() -> None:
    day = Day()
    day.engine.on_feed("town", "404", day.now)
    day.run(SECOND)
    assert only(day.standing()).facts == {"feed": "town", "error": "404"}
    day.engine.on_feed("town", None, day.now)
    day.run(SECOND)
    assert not day.standing()


def test_values_that_no_rule_can_use_are_counted_and_harm_nothing_else() -> None:
    day = Day([PIR])
    day.engine.on_samples(
        "entrance",
        {
            "hall-pir": [(NOON, 7.0), (NOON, 0.5), (NOON + HOUR, 1.0), (NOON + 1, 1.0)],
            "nobody": [(NOON, 1.0), (NOON + 1, 1.0)],
        },
    )
    day.run(SECOND)
    found = {(output.source, output.reason): output.count for output in day.of(Ignored)}
    assert found == {
        ("entrance/hall-pir", "not a value of motion"): 2,
        ("entrance/hall-pir", "time is ahead of the gateway's clock"): 1,
        ("entrance/nobody", "series was not announced"): 2,
    }
    day.run(SECOND)
    assert len(day.of(Ignored)) == 3
