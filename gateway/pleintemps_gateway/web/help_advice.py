"""What to tell people who stand outside: one finding for the booking, one for each door. Pure.

The first rule that fits is the answer; the order is that of what keeps a door shut.
"""

from typing import Final, Literal, NamedTuple

from pleintemps_contract.onvif import DoorMode

from .attempts import GRANTED, NOT_USED, Attempt
from .board import Door

ALONE_MS: Final = 15 * 60_000
"""A door takes offline codes once it has heard nothing of the gateway for so long."""

About = Literal["", "cancelled", "withheld", "early", "over"]
Finding = Literal[
    "fire",
    "emergency",
    "unlocked",
    "open",
    "silent-held",
    "silent",
    "clock",
    "throttled",
    "wrong",
    "early",
    "late",
    "other-door",
    "used",
    "interlock",
    "unreadable",
    "withdrawn",
    "not-used",
    "accepted",
    "lacks",
    "nothing",
]
_REFUSALS: Final[dict[str, Finding]] = {
    "unknown-credential": "wrong",
    "not-yet": "early",
    "expired": "late",
    "wrong-door": "other-door",
    "throttled": "throttled",
    "no-trusted-time": "clock",
    "door-mode": "emergency",
    "unreadable": "unreadable",
    "already-used": "used",
    "interlock": "interlock",
    "fire": "fire",
    "denied": "withdrawn",
    "bad-token": "withdrawn",
    GRANTED: "accepted",
    NOT_USED: "not-used",
}
_SHUT: Final = frozenset({DoorMode.BLOCKED.value, DoorMode.LOCKED_DOWN.value})
_FREE: Final = frozenset({DoorMode.UNLOCKED.value, DoorMode.LOCKED_OPEN.value})


class Seen(NamedTuple):
    """What is known of one door on the way."""

    door: Door
    held: bool
    online: bool
    trusted: bool
    attempts: tuple[Attempt, ...]


def of_booking(status: str, withheld: str, opens: int, closes: int, now: int) -> About:
    """What is the matter with the booking itself; times are Unix ms, ``closes`` 0 without any."""
    if status != "confirmed":
        return "cancelled"
    if withheld:
        return "withheld"
    if closes and now >= closes:
        return "over"
    return "early" if opens and now < opens else ""


def of_door(seen: Seen) -> Finding:
    """Why this door is shut for them, as far as it can be known from here."""
    door = seen.door
    if seen.online:
        if door.fire:
            return "fire"
        if door.mode in _SHUT:
            return "emergency"
        if door.mode in _FREE:
            return "unlocked"
        if door.look in ("open", "too-long", "forced"):
            return "open"
    else:
        return "silent-held" if seen.held else "silent"
    if not seen.trusted:
        return "clock"
    if seen.attempts:
        return _REFUSALS.get(seen.attempts[0].what, "wrong")
    return "nothing" if seen.held else "lacks"


def offline_from(last_seen: int | None, *, online: bool, now: int) -> int | None:
    """From when on the door takes an offline code (Unix ms); None while it hears the gateway."""
    if online:
        return None
    return now if last_seen is None else max(now, last_seen + ALONE_MS)
