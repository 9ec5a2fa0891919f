"""May what is old by the clock be thrown away? Not because the clock has leapt.

Two runs of house-keeping in one process are as far apart as the monotonic clock says, to an hour. Between
two processes at most a week is believed to have passed. Anything else is a leap, and a leap is believed only
after the clock has gone on steadily for a day: time enough for a person, or NTP, to put it right.
"""

from typing import Final, NamedTuple

SLACK_MS: Final = 3_600_000
"""How far wall time and monotonic time may drift apart between two runs."""
GAP_MS: Final = 7 * 86_400_000
"""The most that is believed at once to have passed while no process ran."""
STEADY_MS: Final = 86_400_000
"""So long a leap must last to be believed."""


class Moment(NamedTuple):
    """Unix ms, monotonic ms."""

    wall: int
    monotonic: int

    def leads_to(self, later: "Moment") -> bool:
        """Whether wall time went on as monotonic time did."""
        return abs((later.wall - self.wall) - (later.monotonic - self.monotonic)) <= SLACK_MS


class ClockDoubt:
    """Judges one process's clock; ``stored`` is the wall time that was believed last before, if any was."""

    def __init__(self, stored: int | None) -> None:
        self._stored = stored
        self._believed: Moment | None = None
        self._doubted: Moment | None = None

    def believes(self, wall: int, monotonic: int) -> bool:
        """Whether the clock may be acted upon now."""
        now = Moment(wall, monotonic)
        if not self._follows(now):
            if self._doubted is None or not self._doubted.leads_to(now):
                self._doubted = now
            if now.monotonic - self._doubted.monotonic < STEADY_MS:
                return False
        self._believed, self._doubted = now, None
        return True

    def _follows(self, now: Moment) -> bool:
        if self._believed is not None:
            return self._believed.leads_to(now)
        return self._stored is None or -SLACK_MS <= now.wall - self._stored <= GAP_MS
