from pathlib import Path

import pytest
from msgspec.structs import replace

from pleintemps_contract.agent_messages import (
    AgentStarted,
    DoorAlarmChanged,
    Event,
    EventRecord,
    SeriesInfo,
)
from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.onvif import DoorAlarm
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_gateway.alerts.records import (
    Alert,
    AlertKind,
    AlertOpened,
    AlertResolved,
    AlertState,
    AlertUpdated,
    Rank,
)
from pleintemps_gateway.config import DoorConfig, SiteConfig, SpaceConfig
from pleintemps_gateway.occupancy.records import SpaceNow
from pleintemps_gateway.series.lines import render
from pleintemps_gateway.series.outbox import Outbox, unpack
from pleintemps_gateway.series.rows import AlertChange, DoorAlarmState, NoiseWindow, SpaceState
from pleintemps_gateway.series.sink import SeriesSink
from pleintemps_gateway.series.tap import SiteTap
from pleintemps_gateway.series.translate import rows_of_event, rows_of_outputs
from pleintemps_gateway.stretch import Stretch

ALARM = DoorAlarmChanged(door="main", alarm=DoorAlarm.FORCED_OPEN)
AT = 1_700_000_000_000
SITE = SiteConfig(
    site="saint-aubin",
    name="Saint-Aubin",
    spaces=[SpaceConfig(space="yard", name="Cour"), SpaceConfig(space="hall", name="Salle")],
    doors=[DoorConfig(door="main", name="Porte", agent="entrance", from_="yard", to="hall")],
)


def _now(level_db: float | None, level_at: int | None) -> SpaceNow:
    return SpaceNow(
        space="hall",
        state=Occupancy.VACANT,
        probability=0.02,
        since=AT - 60_000,
        at=AT,
        evidence="hall-pir quiet",
        evidence_at=AT - 1000,
        level_db=level_db,
        level_coverage=None,
        level_at=level_at,
        limit_db=65.0,
        quiet=True,
    )


def _alert(state: AlertState, resolved: int | None = None) -> Alert:
    return Alert(
        alert="a" * 32,
        kind=AlertKind.NO_SHOW,
        rank=Rank.WATCH,
        subject="no-show:" + "b" * 32,
        state=state,
        opened=AT,
        facts={"title": "Anniversaire de Camille", "start": AT},
        space="hall",
        booking="b" * 32,
        acknowledged_by="camille",
        comment="vu avec Camille",
        resolved=resolved,
    )


def _record(event: Event) -> EventRecord:
    return EventRecord(seq=1, at=AT, trusted=True, monotonic=0, boot="c" * 32, event=event)


def test_a_space_gives_its_state_and_its_level_each_at_its_own_time() -> None:
    assert rows_of_outputs([_now(60.5, AT - 7000)]) == [
        SpaceState(space="hall", at=AT, state=Occupancy.VACANT, probability=0.02),
        NoiseWindow(space="hall", at=AT - 7000, laeq_db=60.5, limit_db=65.0),
    ]


def test_a_space_without_a_level_gives_none() -> None:
    (row,) = rows_of_outputs([_now(None, None)])
    assert isinstance(row, SpaceState)


def test_an_alert_counts_when_it_opens_and_when_it_is_resolved() -> None:
    outputs = [
        AlertOpened(alert=_alert(AlertState.OPEN)),
        AlertUpdated(alert=_alert(AlertState.ACKNOWLEDGED)),
        AlertResolved(alert=_alert(AlertState.RESOLVED, AT + 5000)),
    ]
    assert rows_of_outputs(outputs) == [
        AlertChange(kind="no-show", at=AT, resolved=False, space="hall"),
        AlertChange(kind="no-show", at=AT + 5000, resolved=True, space="hall"),
    ]


def test_two_devices_of_one_agent_that_fail_together_are_two() -> None:
    opened = _alert(AlertState.OPEN)
    outputs = [
        AlertOpened(
            alert=replace(opened, kind=AlertKind.DEVICE_FAULT, agent="entrance", facts={"device": device})
        )
        for device in ("hall-pir", "hall-meter")
    ]
    assert [row.about for row in rows_of_outputs(outputs) if isinstance(row, AlertChange)] == [
        "entrance/hall-pir",
        "entrance/hall-meter",
    ]


def test_nothing_about_a_person_or_a_booking_is_written() -> None:
    outputs = [AlertOpened(alert=_alert(AlertState.OPEN)), _now(60.0, AT)]
    lines = render("saint-aubin", rows_of_outputs(outputs))
    text = "\n".join(lines)
    assert len(lines) == 3
    for secret in ("b" * 32, "a" * 32, "amille", "Anniversaire"):
        assert secret not in text


def test_a_door_alarm_is_filed_under_the_space_that_the_door_leads_to() -> None:
    assert rows_of_event(SITE, _record(ALARM)) == [
        DoorAlarmState(door="main", space="hall", at=AT, alarm=DoorAlarm.FORCED_OPEN)
    ]


@pytest.mark.parametrize(
    "event", [DoorAlarmChanged(door="unknown", alarm=DoorAlarm.FORCED_OPEN), AgentStarted(version="0")]
)
def test_other_events_give_nothing(event: Event) -> None:
    assert rows_of_event(SITE, _record(event)) == []


SERIES = SeriesInfo(
    series="hall-pir",
    device="pir",
    space="hall",
    quantity=Quantity.MOTION,
    kind=SeriesKind.STATE,
    max_silence_s=60,
)


def _feed(tap: SiteTap) -> None:
    tap.samples("entrance", SERIES, Stretch([AT, AT + 1000], [1.0, 0.0], True, 0.0, 1.0))
    tap.event(_record(ALARM))
    tap.outputs([_now(None, None)])


def test_rows_leave_once_and_only_after_the_commit(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "series.db", 10_000_000)
    sink = SeriesSink(outbox)
    tap = SiteTap(SITE, sink)
    _feed(tap)
    tap.reset()
    tap.committed()
    sink.pack()
    assert outbox.counts().waiting == 0
    _feed(tap)
    sink.pack()
    assert outbox.counts().waiting == 0
    tap.committed()
    tap.committed()
    sink.pack()
    parcel = outbox.take()
    assert parcel is not None
    assert [line.split(",")[0] for line in unpack(parcel.body)] == [
        "door",
        "occupancy",
        "presence",
        "presence",
    ]


def test_a_tap_without_a_sink_gathers_nothing() -> None:
    tap = SiteTap(SITE, None)
    _feed(tap)
    assert tap._rows == []
