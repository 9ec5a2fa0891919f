"""Six sensors of an agent on the bench, with their bytes: motion detectors, radars, sound meters."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim.devices.ld2410 import Ld2410, Scene, Target
from pleintemps_firmware_sim.devices.modbus_sound import ModbusSoundMeter
from pleintemps_firmware_sim.devices.pty import SerialDevice
from pleintemps_firmware_sim.pins.board import Board

PIR_PINS: Final = (17, 18)


def sensors_toml(poll_s: float) -> str:
    """The tables of the six; the sound meters are asked every ``poll_s``."""
    text = ""
    for number, pin in enumerate(PIR_PINS):
        text += f"""
[[devices]]
device = "pir-{number}"
driver = "pir"
space = "hall"
pin = {pin}
warm_up_s = 0
[[devices]]
device = "radar-{number}"
driver = "ld2410"
space = "hall"
port = "radar-{number}"
[[devices]]
device = "sound-{number}"
driver = "modbus_sound"
space = "hall"
port = "sound-{number}"
poll_s = {poll_s}
"""
    return text


@contextlib.asynccontextmanager
async def sensors(folder: Path, board: Board, busy_ms: int) -> AsyncIterator[None]:
    """The devices behind :func:`sensors_toml`; everything they sense changes every ``busy_ms``."""
    world = SystemWorld()
    radars = [Ld2410(world.monotonic()) for _ in PIR_PINS]
    meters = [ModbusSoundMeter(delay_ms=5) for _ in PIR_PINS]
    devices = [SerialDevice(core, folder / f"radar-{number}", world) for number, core in enumerate(radars)]
    devices += [SerialDevice(core, folder / f"sound-{number}", world) for number, core in enumerate(meters)]

    async def change() -> None:
        turn = 0
        while True:
            turn += 1
            for pin in PIR_PINS:
                board.drive(pin, turn % 2)
            for radar in radars:
                radar.see(Scene(targets=(Target(200, moving=True),) if turn % 2 else ()))
            for meter in meters:
                meter.hear(40.0 + turn % 30)
            await world.sleep_until(world.monotonic() + busy_ms)

    tasks = [asyncio.create_task(device.run()) for device in devices]
    tasks.append(asyncio.create_task(change()))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
