"""What the Linux kernel says of its clock."""

import ctypes
from typing import Final

# linux/timex.h
_STA_UNSYNC: Final = 0x0040
_TIME_ERROR: Final = 5
_STATUS_OFFSET: Final = 40 if ctypes.sizeof(ctypes.c_long) == 8 else 20
_TIMEX_BYTES: Final = 512


def ntp_synchronised() -> bool:
    """Whether the kernel's clock is disciplined: ``adjtimex(2)`` with no mode set reads STA_UNSYNC and the
    error.
    """
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    # of the libc that is loaded already: the loop of the doors starts no program and waits for no disk
    state = ctypes.CDLL(None).adjtimex(timex)
    status = int.from_bytes(timex.raw[_STATUS_OFFSET : _STATUS_OFFSET + 4], "little", signed=True)
    return state not in (-1, _TIME_ERROR) and not status & _STA_UNSYNC
