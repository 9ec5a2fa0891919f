"""Devices on pseudo-terminals, read by programs that others wrote."""

import asyncio
from pathlib import Path

import minimalmodbus
import pytest
import serial
from aio_ld2410 import LD2410
from pymodbus.client import AsyncModbusSerialClient

from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim.devices.ld2410 import Ld2410, Scene, Target
from pleintemps_firmware_sim.devices.modbus_sound import ModbusSoundMeter
from pleintemps_firmware_sim.devices.pty import SerialDevice
from pleintemps_firmware_sim.devices.serial_core import SerialCore
from pleintemps_firmware_sim.errors import LinkError


class Plugged:
    """A device that lives as long as the block."""

    def __init__(self, core: SerialCore, link: Path) -> None:
        self.device = SerialDevice(core, link, SystemWorld())
        self._link = link

    async def __aenter__(self) -> SerialDevice:
        self._task = asyncio.create_task(self.device.run())
        while not self._link.is_symlink():
            if self._task.done():
                self._task.result()
            await asyncio.sleep(0)
        return self.device

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def meter_at(level: float) -> ModbusSoundMeter:
    meter = ModbusSoundMeter(delay_ms=5)
    meter.hear(level)
    return meter


def test_aio_ld2410_reads_our_radar(tmp_path: Path) -> None:
    async def scene() -> None:
        core = Ld2410(SystemWorld().monotonic())
        core.see(Scene((Target(150, True), Target(300, False)), light=77))
        async with Plugged(core, tmp_path / "radar"), LD2410(str(tmp_path / "radar")) as client:
            report = await client.get_next_report()
            assert report.basic.target_status == 3
            assert report.basic.moving_distance == 150
            assert report.basic.static_distance == 300
            assert report.engineering is None
            async with client.configure():
                assert str(await client.get_firmware_version()) == "1.07.22091516"
                parameters = await client.get_parameters()
                assert list(parameters.moving_threshold) == [50, 50, 40, 30, 20, 15, 15, 15, 15]
                assert parameters.presence_timeout == 5
                await client.set_engineering_mode(True)
            while (report := await client.get_next_report()).engineering is None:
                continue
            assert report.engineering.photosensitive_value == 77

    asyncio.run(asyncio.wait_for(scene(), 20))


def test_minimalmodbus_reads_our_meter(tmp_path: Path) -> None:
    def read() -> float:
        client = minimalmodbus.Instrument(str(tmp_path / "meter"), 1)
        client.serial.baudrate = 4800
        client.serial.timeout = 2
        try:
            return float(client.read_register(0, 1))
        finally:
            client.serial.close()

    async def scene() -> None:
        async with Plugged(meter_at(52.3), tmp_path / "meter"):
            assert await asyncio.to_thread(read) == pytest.approx(52.3)
            assert await asyncio.to_thread(read) == pytest.approx(52.3), "a second reader finds it as well"

    asyncio.run(asyncio.wait_for(scene(), 20))


def test_pymodbus_reads_our_meter_and_its_exception(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Plugged(meter_at(88.8), tmp_path / "meter"):
            client = AsyncModbusSerialClient(str(tmp_path / "meter"), baudrate=4800, timeout=2)
            assert await client.connect()
            try:
                answer = await client.read_holding_registers(0, count=1, device_id=1)
                assert answer.registers == [888]
                assert (await client.read_holding_registers(16, count=1, device_id=1)).exception_code == 2
            finally:
                client.close()

    asyncio.run(asyncio.wait_for(scene(), 20))


def test_unplugged_is_an_error_for_the_reader_and_plugged_again_is_a_new_port(tmp_path: Path) -> None:
    link = tmp_path / "meter"

    async def scene() -> None:
        async with Plugged(meter_at(60), link) as device:
            port = serial.Serial(str(link), 4800, timeout=10)
            device.link.unplug()
            assert not link.exists()
            with pytest.raises((serial.SerialException, OSError)):
                await asyncio.to_thread(port.read, 1)
            port.close()
            device.link.plug()
            assert link.is_symlink()
        assert not link.is_symlink()

    asyncio.run(asyncio.wait_for(scene(), 20))


def test_a_line_that_nobody_reads_does_not_stop_the_device(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Plugged(meter_at(60), tmp_path / "meter") as device:
            for _ in range(100):
                device.link.write(bytes(1_000))

    asyncio.run(asyncio.wait_for(scene(), 20))


def test_a_file_in_the_links_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "meter").write_text("mine")

    async def scene() -> None:
        with pytest.raises(LinkError, match="meter"):
            await SerialDevice(meter_at(60), tmp_path / "meter", SystemWorld()).run()

    asyncio.run(scene())
    assert (tmp_path / "meter").read_text() == "mine"
