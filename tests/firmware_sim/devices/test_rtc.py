"""The clock chip: its registers, what stops it, what Linux and the agent make of it, its bridge on a port."""

import asyncio
import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
import serial
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_edge.rtc import LinuxRtc, pack_time
from pleintemps_firmware_sim.devices.alone.registry import carry_out
from pleintemps_firmware_sim.devices.ds3231 import STATUS, Ds3231
from pleintemps_firmware_sim.devices.i2c_bridge import I2cBridge
from pleintemps_firmware_sim.devices.kernel_rtc import RD_TIME, SET_TIME, KernelRtc

from .alone import made, running

T0 = int(datetime(2026, 11, 23, 21, 5, 9, tzinfo=UTC).timestamp()) * 1_000
SECOND = 1_000
DAY = 86_400 * SECOND


def registers(chip: Ds3231, now: int, start: int = 0, count: int = 7) -> bytes:
    chip.write(bytes((start,)), now)
    found = chip.read(count, now)
    assert found is not None
    return found


def test_the_time_in_its_registers() -> None:
    chip = Ds3231(T0, 0)
    assert registers(chip, 0)[:3] + registers(chip, 0)[4:] == bytes.fromhex("090521 231126")
    assert registers(chip, 51 * SECOND)[:2] == b"\x00\x06"
    assert registers(chip, DAY)[4:5] == b"\x24"


def test_setting_it_by_its_registers_in_both_ways_of_hours() -> None:
    chip = Ds3231(T0, 0)
    chip.write(bytes.fromhex("00 595923 03 310299"), 0)
    assert registers(chip, 0)[4:] == bytes.fromhex("010100"), "no such day: where a chip begins"
    chip.write(bytes.fromhex("00 595923 03 311299"), 0)
    assert registers(chip, SECOND) == bytes.fromhex("000000 04 018100"), "into the next century"
    chip.write(bytes.fromhex("02 72"), 2 * SECOND)
    assert registers(chip, 2 * SECOND)[2] == 0x72, "12 in the evening is noon"
    assert registers(chip, 2 * SECOND + 43_200 * SECOND)[2] == 0x52


def test_the_flag_can_be_cleared_and_not_set() -> None:
    chip = Ds3231(T0, 0)
    chip.write(bytes((STATUS, 0x88)), 0)
    assert not chip.stopped
    chip.stop()
    assert registers(chip, 0, STATUS, 1)[0] & 0x80
    chip.write(bytes((STATUS, 0x08)), 0)
    assert not chip.stopped


def test_a_battery_carries_it_through_and_without_one_it_forgets() -> None:
    chip = Ds3231(T0, 0)
    chip.supply(False, 0)
    assert chip.read(1, 0) is None and not chip.write(b"\0", 0), "the bus is dead"
    chip.supply(True, DAY)
    assert (chip.time(DAY), chip.stopped) == (T0 + DAY, False)
    chip.battery(False, DAY)
    chip.supply(False, DAY)
    chip.supply(True, 2 * DAY)
    assert chip.stopped
    assert registers(chip, 2 * DAY)[4:] == bytes.fromhex("010100")


def test_it_drifts() -> None:
    chip = Ds3231(T0, 0, ppm=20.0)
    assert chip.time(10 * DAY) - (T0 + 10 * DAY) == pytest.approx(17_280, abs=1)


def test_temperature_to_a_quarter_of_a_degree() -> None:
    chip = Ds3231(T0, 0)
    chip.warm(-10.25)
    assert registers(chip, 0, 0x11, 2) == b"\xf5\xc0"


@given(st.integers(946_684_800, 4_102_444_799))
def test_linux_and_the_agent_mean_the_same_time(second: int) -> None:
    kernel = KernelRtc(Ds3231(second * SECOND, 0), lambda: 0)
    assert kernel.ioctl(RD_TIME) == pack_time(second * SECOND)


@given(st.binary(max_size=19), st.integers(0, DAY))
def test_whatever_is_written_it_still_has_a_time(data: bytes, later: int) -> None:
    chip = Ds3231(T0, 0)
    chip.write(data, 0)
    datetime.fromtimestamp(chip.time(later) / 1_000, UTC)
    assert len(registers(chip, later, 0, 40)) == 40


def test_the_agents_reader_on_a_chip_that_stops(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chip = Ds3231(T0, 0)
    kernel = KernelRtc(chip, lambda: 0)
    path = tmp_path / "rtc0"
    path.touch()
    monkeypatch.setattr(fcntl, "ioctl", lambda _, request, argument=b"": kernel.ioctl(request, argument))
    rtc = LinuxRtc(path)
    assert (rtc.read().at, rtc.read().flags) == (T0, None)
    chip.stop()
    assert (rtc.read().at, rtc.read().answered) == (None, True)
    assert rtc.set(T0 + DAY)
    assert rtc.read().at == T0 + DAY
    with pytest.raises(OSError, match="Inappropriate"):
        kernel.ioctl(SET_TIME + 100)


def test_the_bridge_reads_writes_and_says_who_does_not_answer() -> None:
    bridge = I2cBridge({0x68: Ds3231(T0, 0)}, 0)
    assert bridge.transmit(0) == b"OK"
    bridge.receive(b"S\xd0\x01\x00S\xd1\x07P", 1)
    assert bridge.transmit(1)[4:] == bytes.fromhex("231126")
    bridge.receive(b"S\xa0\x01\x00P" + b"R\x0aP", 2)
    assert bridge.transmit(2) == b"\xf1"
    bridge.receive(b"S\xd0\x02\x0e", 3)
    bridge.receive(b"\x04PR\x0aP", 4)
    assert bridge.transmit(4) == b"\xf0"
    bridge.receive(b"S\xd0\x02", 5)
    bridge.receive(b"R\x0aP", 700)
    assert bridge.transmit(700) == b"\xf0", "what was begun is forgotten after 655 ms"


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_the_bridge_survives_garbage(chunks: list[bytes]) -> None:
    bridge = I2cBridge({0x68: Ds3231(T0, 0)}, 0)
    for chunk in chunks:
        bridge.receive(chunk, 1)
    bridge.receive(b"R\x0aP", 5_000)
    assert bridge.transmit(5_000)[-1] in (0xF0, 0xF1)


def test_a_program_reads_the_chip_through_a_port(tmp_path: Path) -> None:
    link = tmp_path / "i2c"
    chip = made("rtc", "--link", str(link), "--off", "86400")

    def read() -> bytes:
        with serial.Serial(str(link), 9_600, timeout=5) as port:
            port.write(b"S\xd0\x01\x0fS\xd1\x01P")
            return bytes(port.read(1))

    async def main() -> None:
        async with running(chip):
            assert (await asyncio.to_thread(read))[0] & 0x80 == 0
            assert carry_out(chip, "time").endswith("UTC, oscillator never stopped, runs")
            carry_out(chip, "battery off")
            assert carry_out(chip, "supply off").endswith("oscillator has stopped, stands")
            assert carry_out(chip, "supply on").startswith("2000-01-01 00:00:00")

    asyncio.run(asyncio.wait_for(main(), 20))
    assert not os.path.lexists(link)
