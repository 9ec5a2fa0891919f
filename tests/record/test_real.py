"""The real agent on pseudo-terminals and simulated pins, recorded by its own command, and replayed."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pleintemps_contract.keyfiles import Identity, save_agent_keys
from pleintemps_contract.recording import Edge, Events, Port
from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim.devices.ld2410 import Ld2410
from pleintemps_firmware_sim.devices.modbus_sound import ModbusSoundMeter
from pleintemps_firmware_sim.devices.pty import SerialDevice
from pleintemps_firmware_sim.devices.wiegand import key_edges
from pleintemps_firmware_sim.pins.board import Board, tick_now
from pleintemps_firmware_sim.replaying.diff import compare
from pleintemps_firmware_sim.replaying.play import play
from pleintemps_firmware_sim.replaying.reading import read
from pleintemps_firmware_sim.virtual.loop import run

from .place import CONFIG

SECONDS = 3


async def _record(folder: Path, nobody_at: int) -> None:
    world = SystemWorld()
    pepper = "A" * 43 + "="
    save_agent_keys(
        folder / "keys",
        Identity(site="school", agent="hall", purpose="demo", pepper=pepper),
        [Ed25519PrivateKey.generate().public_key()],
    )
    nobody = f'[mqtt]\nurl = "mqtt://127.0.0.1:{nobody_at}"\n'
    (folder / "edge.toml").write_text(CONFIG.replace("[[devices]]", f"{nobody}\n[[devices]]", 1))
    board = Board(folder / "pins")
    for pin, level in ((6, 0), (17, 1), (18, 1), (22, 0)):
        board.drive(pin, level)
    await board.start()
    devices = [
        SerialDevice(Ld2410(world.monotonic()), folder / "ports/radar", world),
        SerialDevice(ModbusSoundMeter(delay_ms=5), folder / "ports/meter", world),
    ]
    running = [asyncio.create_task(each.run()) for each in devices]
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "pleintemps-edge"),
        *("record", "--config", str(folder / "edge.toml"), "--out", str(folder / "night.rec")),
        *("--for", str(SECONDS)),
        env=os.environ | {"GPIOZERO_PIN_FACTORY": "pleintemps", "PLEINTEMPS_PINS": str(folder / "pins")},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        # the strike's first level: by then its pins are taken
        await asyncio.wait_for(board.wait_for(lambda each: each.level(5) is not None), 20)
        await world.sleep_until(world.monotonic() + 500)
        board.drive(22, 1)
        for key in "4821#":
            start = tick_now()
            edges = [
                (each.after_ns, 17 if each.line == "d0" else 18, each.level) for each in key_edges(key, 4)
            ]
            await world.sleep_until(world.monotonic() + 200)
            board.drive_edges((pin, level, start + ns) for ns, pin, level in edges)
        board.drive(6, 1)
        assert await asyncio.wait_for(process.wait(), 20) == 0
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if process.returncode is None:
            process.kill()
            await process.wait()
        await board.stop()


@pytest.mark.serial
def test_a_real_agent_recorded_and_replayed_tells_the_same(tmp_path: Path, free_port: int) -> None:
    asyncio.run(_record(tmp_path, free_port))
    recording = read(tmp_path / "night.rec")
    assert not recording.cut
    lines = recording.entries
    kinds = {type(each.event).__name__ for line in lines if isinstance(line, Events) for each in line.records}
    assert {"AccessRefused", "DoorPhysicalChanged"} <= kinds
    assert sum(isinstance(line, Edge) and line.pin in (17, 18) for line in lines) == 4 * 5
    assert {line.port for line in lines if isinstance(line, Port)} == {
        "ports/radar",
        "ports/meter",
        "ports/scanner",
    }
    played = run(play(recording))
    report = compare(played.recorded, played.replayed)
    assert report.events.differences == []
    assert [each for each in report.series if not each.same] == []
