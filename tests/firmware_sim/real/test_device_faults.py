"""Sensors and lines of the real stage that fail: what a program on the other end gets to see."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial

from pleintemps_contract.world import ManualWorld, SystemWorld, World
from pleintemps_firmware_sim.errors import ControlError
from pleintemps_firmware_sim.scenario.building import Building
from pleintemps_firmware_sim.scenario.device_faulting import DeviceFaults
from pleintemps_firmware_sim.scenario.faults import FAULTS, Fault, FaultKind
from pleintemps_firmware_sim.scenario.plan import SAINT_AUBIN, SCHOOL, Plan
from pleintemps_firmware_sim.scenario.script import Chance

HEAD, TAIL = bytes.fromhex("f4f3f2f1"), bytes.fromhex("f8f7f6f5")
Scene = Callable[[Building, DeviceFaults], Awaitable[None]]


def play(folder: Path, scene: Scene, world: World | None = None, plan: Plan = SAINT_AUBIN) -> None:
    """With a world that stands still nothing of the building lives by itself."""

    async def run() -> None:
        building = Building(plan, world or SystemWorld(), sockets=folder, ports=folder)
        faults = DeviceFaults(plan, building, Chance(1, "stage"))
        if world is not None:
            building.wire()
            await scene(building, faults)
            return
        async with building:
            await asyncio.wait_for(scene(building, faults), 20)
        await faults.stop()

    asyncio.run(run())


@contextmanager
def broken(faults: DeviceFaults, kind: FaultKind, target: str, **params: float) -> Iterator[None]:
    fault = Fault(kind, target, params)
    begin, end = faults.acts[kind]
    begin(fault)
    try:
        yield
    finally:
        end(fault)


def test_a_meter_that_is_stuck_or_drifts_hears_the_room_again_when_mended(tmp_path: Path) -> None:
    world = ManualWorld()

    async def scene(building: Building, faults: DeviceFaults) -> None:
        meter = building.room("hall").meter
        assert meter is not None
        true = meter.level
        with broken(faults, FaultKind.STUCK, "hall-meter", value=91):
            building.sense()
            assert meter.level == 91
        with broken(faults, FaultKind.DRIFT, "hall-meter", db_per_h=60):
            world.move(600_000)
            building.sense()
            assert meter.level == pytest.approx(true + 10)
        building.sense()
        assert meter.level == true

    play(tmp_path, scene, world)


def test_a_stuck_radar_sees_one_scene_for_ever(tmp_path: Path) -> None:
    async def scene(building: Building, faults: DeviceFaults) -> None:
        radar = building.room("hall").radar
        assert radar is not None
        with broken(faults, FaultKind.STUCK, "hall-radar", value=1):
            building.sense()
            assert len(radar.scene.targets) == 1
        building.sense()
        assert not radar.scene.targets

    play(tmp_path, scene, ManualWorld())


def test_what_hangs_on_a_pin_loses_its_wire_also_the_fire_contact(tmp_path: Path) -> None:
    async def scene(building: Building, faults: DeviceFaults) -> None:
        fire, door = SCHOOL.fires[0], SCHOOL.doors[0]
        for target, pin, agent in (
            (f"{fire.agent}-fire", fire.pin, fire.agent),
            (f"{door.door}-reed", door.reed_pin, door.agent),
        ):
            with broken(faults, FaultKind.DROPOUT, target):
                assert building.boards[agent].level(pin) == 1
            assert building.boards[agent].level(pin) == 0

    play(tmp_path, scene, ManualWorld(), SCHOOL)


@pytest.mark.parametrize(
    ("kind", "target", "why"),
    [
        (FaultKind.DRIFT, "hall-pir", "measures nothing"),
        (FaultKind.DROPOUT, "hall-lock", "says nothing"),
        (FaultKind.BOUNCE, "hall-meter", "no sensor on a pin"),
        (FaultKind.SPLIT, "hall-reed", "on no serial line"),
    ],
)
def test_what_cannot_suffer_so_is_said_in_one_line(
    tmp_path: Path, kind: FaultKind, target: str, why: str
) -> None:
    async def scene(_building: Building, faults: DeviceFaults) -> None:
        with pytest.raises(ControlError, match=why), broken(faults, kind, target):
            pass

    play(tmp_path, scene, ManualWorld())


def sent_by(building: Building, name: str) -> "asyncio.Queue[bytes]":
    """What a device puts on its line, piece by piece."""
    pieces: asyncio.Queue[bytes] = asyncio.Queue()
    building.device(name).link.on_wire = lambda own, data: pieces.put_nowait(data) if own else None
    return pieces


def test_frames_in_pieces_are_the_frames(tmp_path: Path) -> None:
    async def scene(building: Building, faults: DeviceFaults) -> None:
        with broken(faults, FaultKind.SPLIT, "hall-radar", bytes=5, gap_ms=1):
            pieces, data = sent_by(building, "hall-radar"), b""
            while data.count(TAIL) < 3:
                data += (piece := await pieces.get())
                assert len(piece) <= 5
        assert data.startswith(HEAD)
        assert data.count(HEAD) == 3

    play(tmp_path, scene)


def test_garbage_takes_the_place_of_bytes(tmp_path: Path) -> None:
    async def scene(building: Building, faults: DeviceFaults) -> None:
        with broken(faults, FaultKind.GARBAGE, "hall-radar", share=1):
            frame = await sent_by(building, "hall-radar").get()
            assert HEAD not in frame
        pieces = sent_by(building, "hall-radar")
        while not (await pieces.get()).startswith(HEAD):
            continue

    play(tmp_path, scene)


def test_who_opens_a_line_that_was_plugged_in_anew_reads_the_end_of_a_frame_first(tmp_path: Path) -> None:
    def read(port: str) -> bytes:
        with serial.Serial(port, timeout=5) as line:
            return line.read_until(TAIL) + line.read_until(TAIL) + line.read_until(TAIL)

    async def scene(building: Building, faults: DeviceFaults) -> None:
        with broken(faults, FaultKind.MID_FRAME, "hall-radar"):
            data = await asyncio.to_thread(read, str(tmp_path / "hall-radar"))
        assert not data.startswith(HEAD)
        assert HEAD in data

    play(tmp_path, scene)


def test_every_fault_of_the_catalogue_is_done_by_devices_stage_or_people() -> None:
    on_devices = {kind for kind, row in FAULTS.items() if row.target in ("sensor", "device", "serial")}
    building = Building(SAINT_AUBIN, ManualWorld(), sockets=Path("/nowhere"), ports=Path("/nowhere"))
    assert set(DeviceFaults(SAINT_AUBIN, building, Chance(1)).acts) == on_devices
