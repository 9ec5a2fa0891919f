"""The clock chip: its bytes as Linux lays them out, when it is believed, and how it is kept right."""

import asyncio
import datetime
import logging
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import ClockSource
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.clock import CHECK_RTC_MS, Clock
from pleintemps_edge.rtc import (
    MAX_AGE_MS,
    VL_BACKUP_EMPTY,
    VL_DATA_INVALID,
    LinuxRtc,
    Rtc,
    RtcReading,
    believed,
    kept,
    pack_time,
    unpack_time,
)

from .actors import until

T0 = 1_700_000_000_000
DAY = 86_400_000


class Chip:
    """A chip on the bench: runs with the world, may be off, stopped, or not to be set."""

    def __init__(self, world: ManualWorld, off: int = 0, flags: int | None = None) -> None:
        self.world = world
        self.off = off
        self.flags = flags
        self.permitted = True

    def read(self) -> RtcReading:
        return RtcReading((self.world.now() + self.off) // 1000 * 1000, self.flags)

    def set(self, at: int) -> bool:
        if self.permitted:
            self.off, self.flags = at - self.world.now(), 0
        return self.permitted


@given(st.integers(0, 4_102_444_799))
def test_the_kernel_s_record_of_a_time(second: int) -> None:
    packed = pack_time(second * 1000)
    assert unpack_time(packed) == second * 1000
    civil = datetime.datetime.fromtimestamp(second, datetime.UTC)
    fields = struct.unpack("9i", packed)
    assert fields[:6] == (
        civil.second,
        civil.minute,
        civil.hour,
        civil.day,
        civil.month - 1,
        civil.year - 1900,
    )
    assert fields[6] == (civil.weekday() + 1) % 7


def test_when_a_chip_is_believed() -> None:
    now = RtcReading(T0)
    assert believed(now, T0 - 89 * DAY, T0 - DAY) == T0
    assert believed(RtcReading(T0, 0), T0 - MAX_AGE_MS, T0) == T0
    assert believed(RtcReading(None), T0, T0) is None
    for flag in (VL_DATA_INVALID, VL_BACKUP_EMPTY):
        assert believed(RtcReading(T0, flag), T0, T0) is None
    assert believed(RtcReading(T0, 1 << 1), T0, T0) == T0  # a low battery still holds
    assert believed(now, None, 0) is None
    assert believed(now, T0 - MAX_AGE_MS - 1, 0) is None
    assert believed(now, T0 + 2_001, 0) is None
    assert believed(now, T0, T0 + 2_001) is None


def test_what_is_kept_of_it() -> None:
    assert (kept(None), kept(b"12"), kept(b"\xff")) == (None, 12, None)


def test_a_device_that_is_no_clock_has_no_time(tmp_path: Path) -> None:
    for path in (tmp_path / "rtc9", Path("/dev/null")):
        chip = LinuxRtc(path)
        assert chip.read() == RtcReading(None, answered=False)
        assert not chip.set(T0)


@pytest.mark.parametrize(
    "record", [struct.pack("9i", 0, 0, 0, 1, 12, 126, 0, 0, 0), b"\x7f" * 36, b"\xff\xff\xff\x7f" * 9]
)
def test_a_day_of_no_calendar_is_no_time(record: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pleintemps_edge.rtc.fcntl.ioctl", lambda *_: record)
    assert LinuxRtc(Path("/dev/null")).read() == RtcReading(None)


def test_a_chip_that_cannot_be_asked_for_once_takes_no_time_away() -> None:
    async def story() -> None:
        world = ManualWorld(now=T0)
        chip = Chip(world)
        rtc = Rtc(chip, T0, 0, world.monotonic())
        told = RtcReading(None, answered=False)
        chip.read = lambda: told  # type: ignore[method-assign]
        for _ in range(3):
            world.move(45 * DAY - 1)
            await rtc.check(lambda: None, lambda: 0, world.monotonic)
            assert (rtc.offset == T0) is (world.now() - T0 <= MAX_AGE_MS)
        assert Rtc(chip, T0, 0, world.monotonic()).offset is None  # at a start nothing was said before
        rtc = Rtc(Chip(world), world.now(), 0, world.monotonic())
        told = RtcReading(None)  # it answers that it has stopped
        rtc._device = chip
        await rtc.check(lambda: None, lambda: 0, world.monotonic)
        assert rtc.offset is None

    asyncio.run(story())


def test_a_chip_that_was_right_carries_the_doors_through_a_start_without_network() -> None:
    async def story() -> None:
        world = ManualWorld(now=T0)
        chip, told = Chip(world), [True]
        first = Clock(world, 0, lambda: told[0], Rtc(chip, None, 0, world.monotonic()))
        verified: list[int] = []
        checking = asyncio.create_task(first.check_rtc(verified.append))
        await until(lambda: verified)
        checking.cancel()
        assert verified == [T0]
        told[0] = False
        world.move(80 * DAY)
        world.step_wall(-50 * DAY)  # a Pi that has just started believes what it was told last
        chip.off = 50 * DAY
        clock = Clock(world, first.floor, lambda: told[0], Rtc(chip, T0, first.floor, world.monotonic()))
        reading = clock.read()
        assert (reading.at, reading.source) == (T0 + 80 * DAY, ClockSource.RTC)
        world.move(11 * DAY)
        late = Clock(world, first.floor, lambda: told[0], Rtc(chip, T0, first.floor, world.monotonic()))
        assert late.read().source is ClockSource.NONE

    asyncio.run(story())


def test_a_chip_that_is_wrong_is_set_or_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    async def check(rtc: Rtc, world: ManualWorld, true: int | None) -> bool:
        return await rtc.check(lambda: true, lambda: 0, world.monotonic)

    async def story() -> None:
        world = ManualWorld(now=T0)
        chip = Chip(world, off=2_000)
        rtc = Rtc(chip, None, 0, world.monotonic())
        assert rtc.offset is None
        assert not await check(rtc, world, None)
        assert await check(rtc, world, T0) and chip.off == 2_000 and rtc.verified == T0
        chip.off = 7_000
        chip.permitted = False
        assert not await check(rtc, world, T0)
        assert not await check(rtc, world, T0)
        assert caplog.text.count("rtc-wrong") == 1
        chip.permitted = True
        assert await check(rtc, world, T0) and chip.off == 0
        chip.flags = VL_DATA_INVALID
        assert not await check(rtc, world, None)
        assert rtc.offset is None
        assert await check(rtc, world, T0) and rtc.offset == T0

    with caplog.at_level(logging.ERROR):
        asyncio.run(story())


def test_it_is_checked_every_hour_and_every_minute_while_nobody_knows_the_time() -> None:
    async def story() -> None:
        world = ManualWorld(now=T0)
        told = [False]
        clock = Clock(world, 0, lambda: told[0], Rtc(Chip(world), None, 0, world.monotonic()))
        verified: list[int] = []
        checking = asyncio.create_task(clock.check_rtc(verified.append))

        async def pass_time(milliseconds: int) -> None:
            await until(lambda: world._sleepers)
            await world.advance(milliseconds)
            await until(lambda: world._sleepers)  # what was due is done

        await pass_time(CHECK_RTC_MS // 60)
        assert not verified
        told[0] = True
        await pass_time(CHECK_RTC_MS // 60)
        await until(lambda: len(verified) == 1)
        await pass_time(CHECK_RTC_MS - 1)
        assert len(verified) == 1
        await pass_time(1)
        await until(lambda: len(verified) == 2)
        checking.cancel()

    asyncio.run(story())
