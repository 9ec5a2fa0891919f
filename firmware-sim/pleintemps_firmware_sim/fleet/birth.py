"""What a light agent says of itself at every connect. Pure."""

from collections.abc import Mapping
from typing import Final

from pleintemps_contract import __version__
from pleintemps_contract import agent_messages as a
from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.onvif import DoorAlarm, DoorMode, DoorPhysicalState, LockPhysicalState

from .plan import SERIES, door_of, series_of

MAX_SILENCE_S: Final = 90
_DRIVERS: Final = {"level": "modbus_sound", "motion": "pir", "radar": "ld2410"}


def birth(
    boot: str,
    nonce: str,
    now: int,
    doors: Mapping[str, DoorMode],
    journals: list[a.JournalPosition],
    held: a.GrantsHeld | None,
    keys: TrustedKeys | None,
) -> a.Birth:
    """The birth at ``now`` (Unix ms); ``doors`` are the modes of the doors of its spaces."""
    return a.Birth(
        boot=boot,
        version=__version__,
        at=now,
        clock=a.ClockSource.NTP,
        clock_trusted=True,
        nonce=nonce,
        devices=[
            a.DeviceInfo(device=series_of(space, end), driver=_DRIVERS[end], health=a.Health.OK)
            for space in doors
            for end, _, _ in SERIES
        ],
        doors=[
            a.DoorInfo(
                door=door_of(space),
                mode=mode,
                physical=DoorPhysicalState.CLOSED,
                lock=LockPhysicalState.LOCKED,
                alarm=DoorAlarm.NORMAL,
            )
            for space, mode in doors.items()
        ],
        series=[
            a.SeriesInfo(
                series=series_of(space, end),
                device=series_of(space, end),
                space=space,
                quantity=quantity,
                kind=kind,
                max_silence_s=MAX_SILENCE_S,
            )
            for space in doors
            for end, quantity, kind in SERIES
        ],
        journals=journals,
        grants=held,
        keys=sorted(keys.kids) if keys is not None else [],
    )
