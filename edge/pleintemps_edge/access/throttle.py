"""How often codes may be tried at one door. Pure; a door has no user name, so the count is the door's.

An attempt is counted before it is checked and forgiven by a success. From the fifth wrong one each is
followed by a wait of 30 s, doubling up to 5 min; at the end of a wait one attempt is always admitted. The
count survives a restart, which begins its wait anew. Commands, exits and tokens never pass here.
"""

from dataclasses import dataclass
from typing import Final

FREE_ATTEMPTS: Final = 5
FIRST_WAIT_MS: Final = 30_000
LONGEST_WAIT_MS: Final = 300_000


@dataclass(frozen=True, slots=True)
class Throttle:
    """``wrong`` attempts since the last success; none is admitted before ``until`` (monotonic ms)."""

    wrong: int = 0
    until: int = 0


def wait_ms(wrong: int) -> int:
    """The wait after the ``wrong``-th wrong attempt in a row."""
    if wrong < FREE_ATTEMPTS:
        return 0
    return min(FIRST_WAIT_MS << min(wrong - FREE_ATTEMPTS, 8), LONGEST_WAIT_MS)


def attempt(throttle: Throttle, now: int) -> tuple[Throttle, bool]:
    """Count an attempt at monotonic ``now``; False if it comes within a wait, and then it is not counted."""
    if now < throttle.until:
        return throttle, False
    wrong = throttle.wrong + 1
    return Throttle(wrong, now + wait_ms(wrong)), True


def restore(wrong: int, now: int) -> Throttle:
    """After a restart, from the count that was kept."""
    return Throttle(wrong, now + wait_ms(wrong))
