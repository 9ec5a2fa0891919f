"""The agent's status: its socket, what a caretaker should look at, and the command that asks."""

import asyncio
import os
import socket
from pathlib import Path

import msgspec
import pytest

from pleintemps_contract.agent_messages import (
    ClockSource,
    DeviceInfo,
    DoorInfo,
    GrantsHeld,
    Health,
    JournalPosition,
    PanelInfo,
    PanelState,
    SignalInfo,
    StorageInfo,
    Stream,
)
from pleintemps_contract.onvif import DoorAlarm, DoorMode, DoorPhysicalState, LockPhysicalState
from pleintemps_edge.errors import NotRunningError
from pleintemps_edge.status import SOCKET, Status, ask, complaints, describe, telling

WELL = Status(
    site="saint-aubin",
    agent="entrance",
    version="0.1.0",
    boot="b" * 32,
    at=1_700_000_000_000,
    clock=ClockSource.NTP,
    clock_trusted=True,
    line=True,
    doors=[
        DoorInfo(
            door="hall",
            mode=DoorMode.LOCKED,
            physical=DoorPhysicalState.CLOSED,
            lock=LockPhysicalState.LOCKED,
            alarm=DoorAlarm.NORMAL,
        )
    ],
    devices=[DeviceInfo(device="hall-pir", driver="pir", health=Health.OK)],
    panels=[PanelInfo(panel="alarm", state=PanelState.UNSET, ready=True)],
    signals=[SignalInfo(signal="hall-light", on=True)],
    storage=[StorageInfo(stream=Stream.EVENTS, health=Health.OK)],
    journals=[JournalPosition(journal="a" * 32, stream=Stream.EVENTS, first=3, next=10)],
    grants=GrantsHeld(epoch=7, revision=3, grants=40),
)


def test_each_fault_is_a_complaint_of_one_line() -> None:
    replace = msgspec.structs.replace
    door, device, storage, panel = WELL.doors[0], WELL.devices[0], WELL.storage[0], WELL.panels[0]
    assert complaints(WELL) == []
    for status, told in (
        (replace(WELL, clock_trusted=False), "the time is not trusted: codes with a time are refused"),
        (replace(WELL, line=False), "no line to the broker"),
        (
            replace(WELL, storage=[replace(storage, health=Health.ERROR, detail="no disk: full")]),
            "storage of events: no disk: full",
        ),
        (replace(WELL, devices=[replace(device, health=Health.SILENT)]), "device hall-pir: silent"),
        (
            replace(WELL, doors=[replace(door, alarm=DoorAlarm.FORCED_OPEN)]),
            "door hall: DoorForcedOpen",
        ),
        (
            replace(WELL, doors=[replace(door, physical=DoorPhysicalState.FAULT)]),
            "door hall: its contact or its lock cannot be read",
        ),
        (
            replace(WELL, doors=[replace(door, lock=LockPhysicalState.FAULT)]),
            "door hall: its contact or its lock cannot be read",
        ),
        (replace(WELL, doors=[replace(door, fire=True)]), "door hall: fire, or not confirmed as over"),
        (replace(WELL, panels=[replace(panel, state=PanelState.ALARM)]), "panel alarm: alarm"),
    ):
        assert complaints(status) == [told]


def test_a_person_can_read_it() -> None:
    assert describe(WELL).splitlines() == [
        "agent    entrance of saint-aubin, version 0.1.0",
        "clock    ntp, trusted",
        "line     up",
        "door     hall: Locked, Closed, lock Locked",
        "panel    alarm: unset",
        "signal   hall-light: on",
        "device   hall-pir (pir): ok",
        "storage  events: ok",
        "journal  events: 7 waiting",
        "grants   40, revision 3",
    ]
    assert "grants   none" in describe(msgspec.structs.replace(WELL, grants=None))


def test_who_asks_is_told_also_in_a_folder_with_a_long_name(tmp_path: Path) -> None:
    folder = tmp_path / ("long-" * 30)
    folder.mkdir()
    (folder / SOCKET).write_text("left by an agent that was killed")

    async def story() -> None:
        async with telling(folder, lambda: WELL):
            assert (folder / SOCKET).stat().st_mode & 0o777 == 0o600
            assert await asyncio.gather(*(asyncio.to_thread(ask, folder) for _ in range(5))) == [WELL] * 5

    asyncio.run(story())
    assert not (folder / SOCKET).exists()
    with pytest.raises(NotRunningError, match="no agent answers"):
        ask(folder)


def test_a_caller_who_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with telling(tmp_path, lambda: WELL):
            deaf = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            here = Path.cwd()
            os.chdir(tmp_path)
            deaf.connect(SOCKET)
            os.chdir(here)
            assert await asyncio.to_thread(ask, tmp_path) == WELL
            deaf.close()
            assert await asyncio.to_thread(ask, tmp_path) == WELL

    asyncio.run(story())


def test_a_folder_that_takes_no_socket_costs_the_answers_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with telling(tmp_path / "missing", lambda: WELL):
            assert "no-status-socket" in caplog.text

    asyncio.run(story())


def test_an_answer_that_is_none_of_ours_is_no_agent(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError):
        ask(tmp_path / "missing")
