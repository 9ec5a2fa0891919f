"""Words for doors: ONVIF DoorControl (``wsdl/ver10/pacs/doorcontrol.wsdl``)."""

from enum import StrEnum


class DoorMode(StrEnum):
    UNKNOWN = "Unknown"
    LOCKED = "Locked"
    UNLOCKED = "Unlocked"
    ACCESSED = "Accessed"
    BLOCKED = "Blocked"
    LOCKED_DOWN = "LockedDown"
    LOCKED_OPEN = "LockedOpen"


class DoorPhysicalState(StrEnum):
    UNKNOWN = "Unknown"
    OPEN = "Open"
    CLOSED = "Closed"
    FAULT = "Fault"


class LockPhysicalState(StrEnum):
    UNKNOWN = "Unknown"
    LOCKED = "Locked"
    UNLOCKED = "Unlocked"
    FAULT = "Fault"


class DoorAlarm(StrEnum):
    NORMAL = "Normal"
    FORCED_OPEN = "DoorForcedOpen"
    OPEN_TOO_LONG = "DoorOpenTooLong"


class DoorAction(StrEnum):
    """What a command may ask of a door; the last five are not ONVIF's.

    ConfirmFireReset is the person's word after a fire alarm, once the panel is reset. The two of the
    intrusion panel and the two of the warning signal name a panel, a signal in the place of the door.
    """

    ACCESS = "AccessDoor"
    UNLOCK = "UnlockDoor"
    LOCK = "LockDoor"
    BLOCK = "BlockDoor"
    LOCK_DOWN = "LockDownDoor"
    LOCK_DOWN_RELEASE = "LockDownReleaseDoor"
    LOCK_OPEN = "LockOpenDoor"
    LOCK_OPEN_RELEASE = "LockOpenReleaseDoor"
    CONFIRM_FIRE_RESET = "ConfirmFireReset"
    SET_PANEL = "SetIntrusionPanel"
    UNSET_PANEL = "UnsetIntrusionPanel"
    SIGNAL_ON = "SignalOn"
    SIGNAL_OFF = "SignalOff"
