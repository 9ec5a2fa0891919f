"""How often codes may be tried at one door. Pure; a door has no user name, so the count is the door's.

An attempt is counted before it is checked and forgiven by a success. From the fifth wrong one each is
followed by a wait of 30 s, doubling up to 5 min; at the end of a wait one attempt is always admitted. The
count survives a restart, which begins its wait anew. Commands, exits, cards and tokens never pass here.

A known code that is refused (too early, over, at another door) is no guess: its attempt is given back, and
nothing else is. So it forgives no wrong code, and whoever types one has as many guesses as without it. That
the wait does not come tells an observer that the code exists: as much as he would learn by trying it in its
own time, for the same number of guesses.
"""

from dataclasses import dataclass, replace
from typing import Final

FREE_ATTEMPTS: Final = 5
FIRST_WAIT_MS: Final = 30_000
LONGEST_WAIT_MS: Final = 300_000


@dataclass(frozen=True, slots=True)
class Throttle:
    """``wrong`` attempts since the last success; none is admitted before ``until`` (monotonic ms).

    ``successes`` tells an attempt that was forgiven meanwhile.
    """

    wrong: int = 0
    until: int = 0
    successes: int = 0


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
    return replace(throttle, wrong=wrong, until=now + wait_ms(wrong)), True


def restore(wrong: int, now: int) -> Throttle:
    """After a restart, from the count that was kept."""
    return Throttle(wrong, now + wait_ms(wrong))


def forgive(throttle: Throttle) -> Throttle:
    """After a success."""
    return Throttle(successes=throttle.successes + 1)


def give_back(throttle: Throttle, before: Throttle, counted: Throttle) -> Throttle:
    """``throttle`` as it would be without the attempt that led from ``before`` to ``counted``."""
    if throttle == counted:
        return before
    if throttle.successes != counted.successes:
        return throttle  # forgiven already: nothing of it is left to give back
    # others came after it: theirs stay counted, and the last of them gives the time
    wrong = max(0, throttle.wrong - 1)
    return replace(throttle, wrong=wrong, until=throttle.until - wait_ms(throttle.wrong) + wait_ms(wrong))
