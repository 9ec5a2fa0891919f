"""When a door stands unlocked by its schedule: from windows of wall time to what the door is told."""

from collections.abc import Sequence
from dataclasses import dataclass

from pleintemps_contract.gateway_messages import Window

from .states import FreeOpening


@dataclass(frozen=True, slots=True)
class Due:
    """What to tell the door now, and when (monotonic ms) something else is to be told; None is never."""

    event: FreeOpening
    boundary: int | None


def opening(windows: Sequence[Window], first_person: bool, now: int, monotonic: int) -> Due:
    """The free opening at trusted wall time ``now`` (Unix ms) and ``monotonic`` (ms) of the same moment.

    ``windows`` are sorted by their start. Windows that touch or overlap are one.
    """
    end = now
    for window in windows:
        if window.start <= end < window.end:
            end = window.end
    if end > now:
        until = monotonic + end - now
        return Due(FreeOpening(until, first_person), until)
    next_start = min((window.start for window in windows if window.start > now), default=None)
    boundary = None if next_start is None else monotonic + next_start - now
    return Due(FreeOpening(None, first_person), boundary)
