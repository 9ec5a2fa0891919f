"""Serial devices alone, asked by programs that others wrote; orders while they run."""

import asyncio
from pathlib import Path

import minimalmodbus
import pytest
import serial
from aio_ld2410 import LD2410, LightControl, OutPinLevel
from pymodbus.client import AsyncModbusSerialClient

from pleintemps_firmware_sim.devices.alone.registry import carry_out
from pleintemps_firmware_sim.errors import ControlError

from .alone import made, running


def test_aio_ld2410_configures_our_radar(tmp_path: Path) -> None:
    link = tmp_path / "radar"
    radar = made("ld2410", "--link", str(link), "--firmware", "2.44.25070917", "--light", "77")

    async def main() -> None:
        async with running(radar), LD2410(str(link)) as client:
            assert carry_out(radar, "see 250 moving 300 still") == "2 in view"
            while (report := await client.get_next_report()).basic.target_status != 3:
                continue
            assert (report.basic.moving_distance, report.basic.static_distance) == (250, 300)
            async with client.configure():
                assert str(await client.get_firmware_version()) == "2.44.25070917"
                assert (await client.get_bluetooth_address()).hex() == "8f272eb80f65"
                await client.set_bluetooth_mode(False)
                await client.set_bluetooth_password("abcdef")
                await client.set_parameters(
                    moving_max_distance_gate=8, static_max_distance_gate=8, presence_timeout=1
                )
                await client.set_gate_sensitivity(distance_gate=4, moving_threshold=60, static_threshold=70)
                parameters = await client.get_parameters()
                assert parameters.presence_timeout == 1
                assert (parameters.moving_threshold[4], parameters.static_threshold[4]) == (60, 70)
                await client.set_distance_resolution(20)
                assert await client.get_distance_resolution() == 20
                await client.set_light_control(
                    control=LightControl.ABOVE, threshold=50, default=OutPinLevel.LOW
                )
                assert (await client.get_light_control()).threshold == 50
                await client.start_noise_detection(5)
                assert int(await client.get_noise_detection_status()) == 1
                await client.set_engineering_mode(True)
            while (report := await client.get_next_report()).engineering is None:
                continue
            assert report.engineering.photosensitive_value == 77

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_reader_at_another_speed_reads_garbage(tmp_path: Path) -> None:
    link = tmp_path / "radar"

    async def main() -> None:
        async with running(made("ld2410", "--link", str(link))):
            with serial.Serial(str(link), 115_200, timeout=5) as wrong:
                assert b"\xf4\xf3\xf2\xf1" not in await asyncio.to_thread(wrong.read, 40)
                wrong.baudrate = 256_000
                wrong.reset_input_buffer()
                assert b"\xf4\xf3\xf2\xf1" in await asyncio.to_thread(wrong.read, 60)

    asyncio.run(asyncio.wait_for(main(), 20))


def test_minimalmodbus_sets_a_meter_to_another_address_and_speed(tmp_path: Path) -> None:
    link = tmp_path / "meter"
    meter = made("modbus-sound", "--link", str(link), "--model", "m1495", "--delay", "0", "--level", "52.3")

    def configure() -> float:
        client = minimalmodbus.Instrument(str(link), 1)
        client.serial.baudrate = 9_600
        client.serial.timeout = 2
        with client.serial:
            client.write_register(0x07D0, 9, functioncode=6)
            client.write_register(0x07D1, 1, functioncode=6)
            return float(client.read_register(0, 1))

    def read() -> float:
        client = minimalmodbus.Instrument(str(link), 9)
        client.serial.baudrate = 4_800
        client.serial.timeout = 2
        with client.serial:
            return float(client.read_register(0, 1))

    async def main() -> None:
        async with running(meter):
            assert await asyncio.to_thread(configure) == pytest.approx(52.3)
            assert carry_out(meter, "restart") == "ok"
            assert carry_out(meter, "level 92") == "92.0 dB"
            assert await asyncio.to_thread(read) == pytest.approx(92.0)

    asyncio.run(asyncio.wait_for(main(), 20))


def test_pymodbus_sees_each_fault_of_a_meter(tmp_path: Path) -> None:
    link = tmp_path / "meter"
    meter = made("modbus-sound", "--link", str(link), "--model", "s300nois", "--delay", "0")

    async def main() -> None:
        async with running(meter):
            client = AsyncModbusSerialClient(str(link), baudrate=4_800, timeout=0.3, retries=1)
            assert await client.connect()
            try:
                carry_out(meter, "level 200")
                assert (await client.read_holding_registers(0, device_id=1)).registers == [1200]
                assert (await client.read_holding_registers(0, count=2, device_id=1)).exception_code == 2
                carry_out(meter, "except 6 1")
                assert (await client.read_holding_registers(0, device_id=1)).exception_code == 6
                carry_out(meter, "freeze on")
                carry_out(meter, "level 40")
                carry_out(meter, "damage 1")
                assert (await client.read_holding_registers(0, device_id=1)).registers == [1200]
            finally:
                client.close()

    asyncio.run(asyncio.wait_for(main(), 20))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("jump", "no order 'jump': there are see, leave, light"),
        ("see 250", "say: see CM moving"),
        ("see 250 flying", "see: 'flying' is none of moving, still"),
        ("see 25000 moving", "see: '25000' is no whole number from 0 to 1000"),
        ("see 250 moving 300", "see: each distance with moving or still"),
        ("garbage 0", "garbage: '0' is no whole number"),
    ],
)
def test_an_order_that_means_nothing(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ControlError) as refused:
        carry_out(made("ld2410", "--link", str(tmp_path / "radar")), text)
    assert str(refused.value).startswith(says)
