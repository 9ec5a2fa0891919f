"""Offline codes as the site's plan allows them: which spaces, how many digits, which quarter hours. Pure.

The codes of a space have one length at all doors: that which the most crowded door on its way needs.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from pleintemps_contract.gateway_messages import Window
from pleintemps_contract.offline import (
    DAY_QUARTERS,
    LONGEST_QUARTERS,
    QUARTER_MS,
    OfflineWindow,
    covering,
    digits_for,
)
from pleintemps_gateway.bookings.way import all_ways
from pleintemps_gateway.config import SiteConfig

from .weeks import AHEAD_DAYS

DUE_MS: Final = 2 * 3_600_000
"""So long before a booking every door on its way is checked."""
KEY_DAYS: Final = AHEAD_DAYS + 8
"""Days of keys from the Monday before yesterday: a code that is valid now may have begun yesterday."""
_LONGEST_MS: Final = LONGEST_QUARTERS * QUARTER_MS
_DAY_MS: Final = DAY_QUARTERS * QUARTER_MS
_MONDAY: Final = 3  # 1970-01-01 was a Thursday


class SpacePlan(NamedTuple):
    """The doors on the way to a space, and the digits of its offline codes."""

    doors: tuple[str, ...]
    digits: int


class Plan(NamedTuple):
    """Offline codes by space. ``refused`` spaces have none: too many lie behind the door that is named."""

    spaces: dict[str, SpacePlan]
    refused: dict[str, str]


def plan_of(site: SiteConfig) -> Plan:
    """What the site's plan allows."""
    led = all_ways(site.doors)
    ways = {
        space.space: tuple(door.door for door in led.get(space.space, ()))
        for space in site.spaces
        if space.bookable
    }
    crowded = _behind(ways)
    refused = {
        space: next(door for door in doors if digits_for(crowded[door]) is None)
        for space, doors in ways.items()
        if any(digits_for(crowded[door]) is None for door in doors)
    }
    ways = {space: doors for space, doors in ways.items() if doors and space not in refused}
    behind = _behind(ways)
    lengths = {door: digits_for(count) for door, count in behind.items()}
    spaces = {
        space: SpacePlan(doors, max(length for door in doors if (length := lengths[door]) is not None))
        for space, doors in ways.items()
    }
    return Plan(spaces, refused)


def _behind(ways: dict[str, tuple[str, ...]]) -> dict[str, int]:
    """How many spaces lie behind each door."""
    counts: dict[str, int] = {}
    for doors in ways.values():
        for door in doors:
            counts[door] = counts.get(door, 0) + 1
    return counts


def first_day(now: int) -> int:
    """The first UTC day of published keys (days since 1970): it changes once a week."""
    yesterday = max(0, now // _DAY_MS - 1)
    return max(0, yesterday - (yesterday + _MONDAY) % 7)


def pieces(windows: Iterable[Window]) -> list[OfflineWindow]:
    """Quarter hours of the offline codes for a booking, in order: one for each window, and for each further
    12 hours of it one more.
    """
    found: list[OfflineWindow] = []
    for window in windows:
        start = window.start // QUARTER_MS * QUARTER_MS
        while start < window.end:
            end = min(window.end, start + _LONGEST_MS)
            found.append(covering(start, end))
            start = found[-1].end * QUARTER_MS
    return found


def due(parts: Sequence[OfflineWindow], start: int, now: int) -> list[OfflineWindow]:
    """Those that are not over and whose doors have to be checked by now; ``start`` is the booking's own."""
    return [
        part
        for part in parts
        if max(part.start * QUARTER_MS, start if part is parts[0] else 0) <= now + DUE_MS
        and part.end * QUARTER_MS > now
    ]
