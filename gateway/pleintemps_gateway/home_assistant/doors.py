"""A door as Home Assistant is told of it, and what it may ask. Pure."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from pleintemps_contract.onvif import DoorAction, DoorAlarm, DoorPhysicalState, LockPhysicalState

UNKNOWN: Final = "None"
"""What resets an entity to unknown."""
_LOCK: Final[Mapping[str, str]] = {
    LockPhysicalState.LOCKED: "LOCKED",
    LockPhysicalState.UNLOCKED: "UNLOCKED",
    LockPhysicalState.FAULT: "JAMMED",
}
_OPEN: Final[Mapping[str, str]] = {DoorPhysicalState.OPEN: "ON", DoorPhysicalState.CLOSED: "OFF"}
ACTIONS: Final[Mapping[bytes, DoorAction]] = {
    b"LOCK": DoorAction.LOCK,
    b"UNLOCK": DoorAction.UNLOCK,
    b"OPEN": DoorAction.ACCESS,
}


def state_of(row: Mapping[str, Any]) -> bytes:
    """The state of a row of ``doors``, as JSON."""
    return msgspec.json.encode(
        {
            "lock": _LOCK.get(row["lock"], UNKNOWN),
            "open": _OPEN.get(row["physical"], UNKNOWN),
            "alarm": "OFF" if row["alarm"] == DoorAlarm.NORMAL else "ON",
            "mode": row["mode"],
            "fire": row["fire"],
            "at": row["at"],
        }
    )
