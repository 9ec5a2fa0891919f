"""The battery-backed clock chip: read through Linux, believed only while it has shown that it may be.

It is trusted while its oscillator has never stopped and somebody who knew the time has set or checked it
within 90 days. Every hour it is held against NTP's or the gateway's time; a difference of more than two
seconds is mended where we are permitted to, else said once.
"""

import asyncio
import calendar
import errno
import fcntl
import logging
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from pleintemps_contract.logs import line

MAX_AGE_MS: Final = 90 * 86_400_000
TOLERANCE_MS: Final = 2_000
"""The chip counts whole seconds."""

# linux/rtc.h, struct rtc_time: nine ints, tm_sec tm_min tm_hour tm_mday tm_mon tm_year and three derived ones
_RTC_TIME: Final = struct.Struct("9i")
# _IOR('p', 0x09, struct rtc_time), _IOW('p', 0x0a, struct rtc_time), _IOR('p', 0x13, unsigned int)
_RTC_RD_TIME: Final = 0x8024_7009
_RTC_SET_TIME: Final = 0x4024_700A
_RTC_VL_READ: Final = 0x8004_7013
VL_DATA_INVALID: Final = 1 << 0
"""RTC_VL_DATA_INVALID: the voltage was too low, the oscillator may have stopped."""
VL_BACKUP_EMPTY: Final = 1 << 2
"""RTC_VL_BACKUP_EMPTY: no battery, or an empty one."""
_LOG: Final = logging.getLogger("clock")


@dataclass(frozen=True, slots=True)
class RtcReading:
    """``at`` in Unix ms, whole seconds, or None: the kernel does not give the time of a stopped chip.

    ``flags`` are those of RTC_VL_READ, or None where the chip's driver does not tell. ``answered`` is whether
    the chip could be asked at all.
    """

    at: int | None
    flags: int | None = None
    answered: bool = True


def believed(reading: RtcReading, verified: int | None, floor: int) -> int | None:
    """The chip's time if it may be trusted, Unix ms, as all here: ``verified`` is when it was last right,
    ``floor`` what time is never gone below.
    """
    if reading.at is None or (reading.flags or 0) & (VL_DATA_INVALID | VL_BACKUP_EMPTY):
        return None
    if verified is None or not -TOLERANCE_MS <= reading.at - verified <= MAX_AGE_MS:
        return None
    return reading.at if reading.at >= floor - TOLERANCE_MS else None


def is_right(reading: RtcReading, at: int) -> bool:
    """Whether the chip runs and agrees with ``at``, a time that is trusted."""
    runs = reading.at is not None and not (reading.flags or 0) & (VL_DATA_INVALID | VL_BACKUP_EMPTY)
    return runs and reading.at is not None and abs(reading.at - at) <= TOLERANCE_MS


class RtcDevice(Protocol):
    """What a clock chip can do; both may block for some milliseconds."""

    def read(self) -> RtcReading: ...

    def set(self, at: int) -> bool:
        """Set it to ``at`` (Unix ms); False if that is not permitted or fails."""


class LinuxRtc:
    """``/dev/rtcN``, kept in UTC as Debian does."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> RtcReading:
        """A chip that cannot be read has no time."""
        try:
            device = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            _LOG.debug(line("rtc-unreadable", device=self._path, error=error))
            return RtcReading(None, answered=False)
        try:
            return RtcReading(_read_time(device), _read_flags(device))
        except OSError as error:  # EINVAL: the driver has seen that the oscillator stopped
            _LOG.debug(line("rtc-unreadable", device=self._path, error=error))
            return RtcReading(None, answered=error.errno == errno.EINVAL)
        except (ValueError, OverflowError) as error:  # no day of any calendar
            _LOG.debug(line("rtc-unreadable", device=self._path, error=error))
            return RtcReading(None)
        finally:
            os.close(device)

    def set(self, at: int) -> bool:
        try:
            device = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.ioctl(device, _RTC_SET_TIME, pack_time(at))
        except OSError:
            return False
        finally:
            os.close(device)
        return True


def pack_time(at: int) -> bytes:
    """``at`` (Unix ms) as a ``struct rtc_time``, to the nearest second."""
    second = (at + 500) // 1000
    days, rest = divmod(second, 86_400)
    year, month, day = _civil(days)
    return _RTC_TIME.pack(
        rest % 60, rest // 60 % 60, rest // 3_600, day, month - 1, year - 1900, (days + 4) % 7, 0, 0
    )


def unpack_time(data: bytes) -> int:
    """Unix ms of a ``struct rtc_time``."""
    second, minute, hour, day, month, year, _, _, _ = _RTC_TIME.unpack(data)
    return calendar.timegm((year + 1900, month + 1, day, hour, minute, second)) * 1000


def _civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of a number of days since 1970 (H. Hinnant, "chrono-compatible low-level date
    algorithms", civil_from_days).
    """
    days += 719_468
    era, of_era = divmod(days, 146_097)
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1


def _read_time(device: int) -> int:
    return unpack_time(fcntl.ioctl(device, _RTC_RD_TIME, bytes(_RTC_TIME.size)))


def _read_flags(device: int) -> int | None:
    try:
        return int.from_bytes(fcntl.ioctl(device, _RTC_VL_READ, bytes(4)), "little")
    except OSError as error:
        if error.errno in (errno.ENOTTY, errno.EINVAL):
            return None
        raise


class Rtc:
    """One chip with what is known of it. ``verified`` is when it was last right, as it was kept."""

    def __init__(self, device: RtcDevice, verified: int | None, floor: int, monotonic: int) -> None:
        self._device = device
        self._reported = False
        self.verified = verified
        self.offset: int | None = None
        """Its time minus monotonic time, ms, while it may be trusted."""
        self._take(device.read(), floor, monotonic)

    def _take(self, reading: RtcReading, floor: int, monotonic: int) -> None:
        if not reading.answered and self.offset is not None:
            # the bus was busy or disturbed: what the chip said before is carried on by monotonic time
            reading = RtcReading(self.offset + monotonic)
        at = believed(reading, self.verified, floor)
        self.offset = None if at is None else at - monotonic

    async def check(
        self, true: Callable[[], int | None], floor: Callable[[], int], now: Callable[[], int]
    ) -> bool:
        """Read the chip again; True if it was found right, or set right, by what NTP or the gateway says.

        ``true`` gives such a time (Unix ms) or None, ``now`` monotonic ms.
        """
        reading = await asyncio.to_thread(self._device.read)
        at = true()
        right = at is not None and is_right(reading, at)
        if at is not None and not right:
            right = await asyncio.to_thread(self._device.set, at)
            reading = await asyncio.to_thread(self._device.read)
            if not right and not self._reported:
                _LOG.error(line("rtc-wrong", off_ms=None if reading.at is None else reading.at - at))
        if at is not None:
            self._reported = not right
        if right:
            self.verified = at
        self._take(reading, floor(), now())
        return right


def kept(verified: bytes | None) -> int | None:
    """When the chip was last right, from the state entry that says so."""
    return int(verified) if verified is not None and verified.isdigit() else None
