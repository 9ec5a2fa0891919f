"""What Linux makes of a DS3231 at ``/dev/rtcN``: ``linux/rtc.h``, as its driver rtc-ds1307 answers.

It gives no time (EINVAL) while the chip says that its oscillator has stopped, clears that when it is set, and
does not tell of batteries (RTC_VL_READ is ENOTTY). The chip counts in UTC.
"""

import calendar
import errno
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from .ds3231 import Ds3231

RD_TIME: Final = 0x8024_7009
SET_TIME: Final = 0x4024_700A
_TIME: Final = struct.Struct("9i")
"""struct rtc_time: second, minute, hour, day, month from 0, year from 1900, and three that are derived."""


class KernelRtc:
    """``now`` gives monotonic ms."""

    def __init__(self, chip: Ds3231, now: Callable[[], int]) -> None:
        self._chip = chip
        self._now = now

    def ioctl(self, request: int, argument: bytes = b"") -> bytes:
        """The call's answer; raises OSError with the kernel's number."""
        if request == RD_TIME:
            return self._read()
        if request == SET_TIME:
            self._set(argument)
            return argument
        raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")

    def _read(self) -> bytes:
        if self._chip.stopped:
            raise OSError(errno.EINVAL, "Invalid argument")
        then = datetime.fromtimestamp(self._chip.time(self._now()) // 1_000, UTC)
        weekday = then.isoweekday() % 7
        fields = (then.second, then.minute, then.hour, then.day, then.month - 1, then.year - 1900)
        return _TIME.pack(*fields, weekday, 0, 0)

    def _set(self, argument: bytes) -> None:
        second, minute, hour, day, month, year, *_ = _TIME.unpack(argument)
        at = calendar.timegm((year + 1900, month + 1, day, hour, minute, second)) * 1_000
        self._chip.set_time(at, self._now())
        self._chip.clear_stopped()
