"""What agents of doors that work alone tell: stored, shown, answered, and alerts that end; on both stores."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from pleintemps_contract.agent_messages import (
    AccessGranted,
    CommandExecuted,
    CommandRefusal,
    CommandResult,
    ConfigResult,
    DeviceHealth,
    DoorFireChanged,
    FireInputChanged,
    FreeOpeningChanged,
    Health,
    JournalReplaced,
    LockPhysicalChanged,
    PanelChanged,
    PanelInfo,
    PanelRefused,
    PanelState,
    StorageInfo,
    Stream,
    TamperChanged,
)
from pleintemps_contract.gateway_messages import Command, Config, DoorTimings
from pleintemps_contract.onvif import DoorAction, LockPhysicalState
from pleintemps_contract.topics import Channel
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import (
    agents,
    alerts,
    bookings,
    commands,
    doors,
    events,
    panels,
    refusals,
)

from .house import HOUR, NOW, House, build
from .player import birth
from .test_ingest_site import DOOR, PIR, Site

EXTRA = """
[[sites.panels]]
panel = "alarm"
agent = "entrance"
spaces = ["hall"]
vacant_s = 300
ahead_s = 3600
"""
TIMED = """
[[sites.doors]]
door = "cellar"
name = "Cave"
agent = "entrance"
from = "yard"
to = "hall"
[sites.doors.timings]
release_ms = 8000
"""
GRANT = "f" * 32


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    made = build(tmp_path, store_url, extra=EXTRA + TIMED)
    yield made
    made.engine.dispose()


@pytest.fixture
def site(house: House) -> Site:
    return Site(house)


def standing(site: Site) -> dict[str, dict[str, Any]]:
    return {row["kind"]: row for row in site.rows(alerts) if row["state"] != "resolved"}


def acknowledge(site: Site, alert: str) -> None:
    with write_transaction(site.house.engine, ["ecole"]) as conn:
        values = {"state": "acknowledged", "acknowledged": site.house.world.now(), "acknowledged_by": "anne"}
        conn.execute(update(alerts).where(alerts.c.alert == alert).values(**values))
        record_change(conn, "ecole", "alerts", alert, NOW)


@pytest.mark.parametrize(
    ("kind", "begin", "end"),
    [
        ("fire", DoorFireChanged(door="hall", active=True), DoorFireChanged(door="hall", active=False)),
        (
            "fire-input",
            FireInputChanged(device="loop", active=True),
            FireInputChanged(device="loop", active=False),
        ),
        ("tamper", TamperChanged(device="pad", active=True), TamperChanged(device="pad", active=False)),
        (
            "lock-fault",
            LockPhysicalChanged(door="hall", state=LockPhysicalState.FAULT),
            LockPhysicalChanged(door="hall", state=LockPhysicalState.LOCKED),
        ),
        (
            "panel-alarm",
            PanelChanged(panel="alarm", state=PanelState.ALARM),
            PanelChanged(panel="alarm", state=PanelState.UNSET),
        ),
        (
            "panel-refused",
            PanelRefused(panel="alarm", reason="zone 3 open"),
            PanelChanged(panel="alarm", state=PanelState.SET),
        ),
    ],
)
def test_an_event_raises_its_alert_and_another_ends_it(site: Site, kind: str, begin: Any, end: Any) -> None:
    site.hear(Channel.BIRTH, birth(doors=[DOOR]))
    site.events(1, begin)
    site.wait(1_000)
    assert standing(site).keys() == {kind}
    again = Site(site.house)  # a gateway that starts now knows it
    again.events(2, end)
    again.wait(1_000)
    assert standing(again) == {}
    assert [row["type"] for row in site.rows(events)] == [
        type(event).__struct_config__.tag for event in (begin, end)
    ]


def test_each_use_of_a_duress_code_calls_again_and_says_when_and_where(site: Site) -> None:
    site.events(1, AccessGranted(door="hall", grant=GRANT, duress=True))
    site.wait(1_000)
    alert = standing(site)["duress"]
    assert (alert["rank"], alert["door"], alert["opened"]) == ("alert", "hall", NOW)
    assert json.loads(alert["facts"]) == {"door": "hall", "at": NOW}
    acknowledge(site, alert["alert"])
    site.wait(1_000)
    site.events(2, AccessGranted(door="hall", grant=GRANT, duress=True))
    site.wait(1_000)
    assert [row["state"] for row in site.rows(alerts)].count("open") == 1
    site.wait(HOUR)
    states = sorted(row["state"] for row in site.rows(alerts) if row["kind"] == "duress")
    assert states == ["open", "resolved"]
    site.events(3, AccessGranted(door="hall", grant=GRANT))
    site.wait(1_000)
    assert len([row for row in site.rows(alerts) if row["kind"] == "duress"]) == 2


def test_free_opening_is_history_only(site: Site) -> None:
    site.events(1, FreeOpeningChanged(door="hall", active=True))
    site.wait(1_000)
    assert standing(site) == {}
    assert site.rows(events)[0]["type"] == "free-opening"


def test_a_door_carries_its_fire(site: Site) -> None:
    site.hear(Channel.BIRTH, birth(doors=[DOOR]))
    assert site.rows(doors)[0]["fire"] is False
    site.events(1, DoorFireChanged(door="hall", active=True))
    assert site.rows(doors)[0]["fire"] is True
    site.house.world.move(1_000)
    site.hear(Channel.BIRTH, birth(doors=[DOOR], at=NOW + 1_000))
    site.wait(1_000)
    assert site.rows(doors)[0]["fire"] is False
    assert "fire" not in standing(site)


def test_an_agent_does_not_speak_for_anothers_door(site: Site) -> None:
    site.events(
        1,
        DoorFireChanged(door="class", active=True),
        PanelChanged(panel="alarm", state=PanelState.ALARM),
    )
    site.wait(1_000)
    assert standing(site).keys() == {"bad-messages", "panel-alarm"}
    assert len(site.rows(events)) == 2


def test_storage_and_journals_are_told(site: Site) -> None:
    trouble = [StorageInfo(stream=Stream.EVENTS, health=Health.ERROR, detail="disk full")]
    site.hear(Channel.BIRTH, birth(storage=trouble))
    site.events(1, JournalReplaced(stream=Stream.EVENTS, reason="damaged"))
    site.wait(1_000)
    assert standing(site).keys() == {"storage-fault", "journal-replaced"}
    assert json.loads(standing(site)["storage-fault"]["facts"])["detail"] == "disk full"
    again = Site(site.house)
    again.wait(1_000)
    assert "storage-fault" in standing(again)
    again.hear(Channel.BIRTH, birth())
    acknowledge(again, standing(again)["journal-replaced"]["alert"])
    again.wait(1_000)
    again.wait(HOUR)
    assert standing(again).keys() <= {"agent-silent"}


def test_a_certificate_near_its_end(site: Site) -> None:
    day = 24 * HOUR
    site.hear(Channel.BIRTH, birth(certificate_until=NOW + 31 * day))
    site.wait(1_000)
    assert "certificate-ends" not in standing(site)
    site.wait(day)
    assert json.loads(standing(site)["certificate-ends"]["facts"]) == {"until": NOW + 31 * day}
    site.hear(Channel.BIRTH, birth(certificate_until=NOW + 400 * day))
    site.wait(1_000)
    assert "certificate-ends" not in standing(site)


def test_a_text_with_control_letters_is_cleaned_and_the_batch_lands(site: Site) -> None:
    site.hear(Channel.BIRTH, birth(version="1\0.\x1b[31m0"))
    site.events(
        1,
        PanelRefused(panel="alarm", reason="zone\0 3\n"),
        DeviceHealth(device="pad", health=Health.ERROR, detail="\u202egone\x85"),
        FreeOpeningChanged(door="hall", active=True),
    )
    site.wait(1_000)
    assert site.rows(agents)[0]["version"] == "1 . [31m0"
    assert len(site.rows(events)) == 3
    assert json.loads(standing(site)["panel-refused"]["facts"])["reason"] == "zone  3 "
    assert json.loads(standing(site)["device-fault"]["facts"])["detail"] == " gone "
    counted = {row["source"]: row["count"] for row in site.rows(refusals)}
    assert counted == {"entrance/birth": 1, "entrance/events": 2}


# --- timings ----------------------------------------------------------------------------------------------


def told(site: Site) -> list[Config]:
    return site.heard(Config)


def test_timings_are_said_signed_and_again_at_each_connect(site: Site) -> None:
    site.wait(0)
    (config,) = told(site)
    assert config.doors == {"cellar": DoorTimings(release_ms=8000)}
    assert [retained for topic, _, retained in site.said if topic.endswith("/config")] == [True]
    site.hear(Channel.BIRTH, birth())  # it has not answered
    with write_transaction(site.house.engine, ["ecole"]) as conn:
        site.all.announce(conn)
    site.all.committed()
    assert told(site) == [config] * 3
    row = next(row for row in site.rows(agents) if row["agent"] == "entrance")
    assert (row["config_applied"], row["config_detail"]) == (None, None)
    refused = ConfigResult(epoch=config.epoch, revision=config.revision, applied=False, detail="no such door")
    site.hear(Channel.RESPONSE, refused)
    row = next(row for row in site.rows(agents) if row["agent"] == "entrance")
    assert (row["config_applied"], row["config_detail"]) == (False, "no such door")
    site.hear(Channel.BIRTH, birth())
    assert len(told(site)) == 3


def test_an_answer_to_what_was_never_said_is_refused(site: Site) -> None:
    site.wait(0)
    (config,) = told(site)
    late = ConfigResult(epoch=config.epoch, revision=config.revision + 1, applied=True)
    site.hear(Channel.RESPONSE, late)
    assert "never sent" in site.rows(refusals)[0]["reason"]
    older = ConfigResult(epoch=config.epoch - 1, revision=9, applied=True)  # of a gateway before us
    site.hear(Channel.RESPONSE, older)
    row = next(row for row in site.rows(agents) if row["agent"] == "entrance")
    assert row["config_applied"] is None
    assert len(site.rows(refusals)) == 1


def test_an_agent_that_was_told_once_is_told_of_the_end(tmp_path: Path, store_url: str) -> None:
    (tmp_path / "a").mkdir()
    first = build(tmp_path / "a", store_url, extra=TIMED)
    Site(first).wait(0)
    without = build(tmp_path / "a", store_url, store=False)
    site = Site(without)
    site.wait(0)
    assert [config.doors for config in told(site)] == [{}]
    first.engine.dispose()
    without.engine.dispose()


# --- the intrusion panel ----------------------------------------------------------------------------------


def book(site: Site, start: int, end: int, space: str = "hall") -> None:
    name = f"{start:032x}"
    row: dict[str, Any] = {"site": "ecole", "booking": name, "source": "rest", "uid": name, "space": space}
    row |= {"title": "Yoga", "start": start, "end": end, "status": "confirmed", "updated": NOW}
    with write_transaction(site.house.engine, ["ecole"]) as conn:
        conn.execute(insert(bookings).values(row))
        record_change(conn, "ecole", "bookings", row["booking"], NOW)


def quiet(site: Site, minutes: int, seq: int = 1) -> None:
    """Nobody moves, and the sensor says so."""
    for minute in range(minutes):
        site.samples(seq + minute, site.house.world.now(), (0, 0.0))
        for _ in range(12):
            site.wait(5_000)


def test_the_panel_is_asked_once_after_the_last_booking(site: Site) -> None:
    unset = [PanelInfo(panel="alarm", state=PanelState.UNSET, ready=True)]
    site.hear(Channel.BIRTH, birth(series=[PIR], panels=unset))
    book(site, NOW - HOUR, NOW - 60_000)
    quiet(site, 15)
    (command,) = site.heard(Command)
    assert (command.action, command.door) == (DoorAction.SET_PANEL, "alarm")
    (row,) = site.rows(commands)
    assert (row["user"], row["outcome"]) == ("", "no-answer")
    assert json.loads(standing(site)["panel-refused"]["facts"])["reason"] == "no-answer"
    assert site.rows(panels)[0]["asked"] is not None
    again = Site(site.house)  # it has asked, and remembers
    quiet(again, 10, seq=16)
    assert len(again.rows(commands)) == 1


def test_a_refused_panel_is_an_alert_with_the_reason(site: Site) -> None:
    unset = [PanelInfo(panel="alarm", state=PanelState.UNSET, ready=True)]
    site.hear(Channel.BIRTH, birth(series=[PIR], panels=unset))
    book(site, NOW - HOUR, NOW - 60_000)
    seq = 0
    while not site.heard(Command):
        seq += 1
        assert seq < 30
        site.samples(seq, site.house.world.now(), (0, 0.0))
        for _ in range(12):
            site.wait(5_000)
            if site.heard(Command):
                break
    (command,) = site.heard(Command)
    site.hear(Channel.RESPONSE, CommandResult(id=command.id, refusal=CommandRefusal.DOORS_OPEN))
    site.wait(1_000)
    assert json.loads(standing(site)["panel-refused"]["facts"]) == {"panel": "alarm", "reason": "doors-open"}
    site.events(1, PanelChanged(panel="alarm", state=PanelState.SET))
    site.wait(1_000)
    assert "panel-refused" not in standing(site)
    assert site.rows(panels)[0]["state"] == "set"


def test_a_command_at_a_panel_is_no_event_of_a_foreign_door(site: Site) -> None:
    executed = CommandExecuted(door="alarm", command="c" * 32, action=DoorAction.SET_PANEL)
    site.events(1, executed)
    assert [row["type"] for row in site.rows(events)] == ["command-executed"]
    assert site.rows(refusals) == []
