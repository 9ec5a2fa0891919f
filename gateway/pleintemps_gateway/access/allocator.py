"""Drawing codes: random, without weak patterns, distinct from the codes that live or rest at the site, and
long enough for a stated probability of a lucky guess.

**Odds.** ``known`` codes of one length at a door, ``TRIES`` guesses: at most ``TRIES * known / strong`` (the
union bound), where ``strong`` counts the codes of this length that can be drawn at all. Every code counts
that a door knows, valid now or not (docs/decisions.md, 17), and head-room for those that are still to come.
"""

from collections.abc import Callable, Mapping
from datetime import date
from fractions import Fraction
from typing import Final

from pleintemps_contract.offline import TRIES
from pleintemps_contract.world import World
from pleintemps_gateway.errors import CodesExhaustedError

MIN_DIGITS: Final = 8
MAX_DIGITS: Final = 12
_DRAWS: Final = 200
_RUN: Final = 5
_UP: Final = "0123456789" * 3
_DOWN: Final = _UP[::-1]
_DATES: Final = 3 * 200 * 366


def is_weak(code: str) -> bool:
    """True for a code that people guess first: one digit again and again, repeated blocks, runs, dates.

    A run is at least 5 neighbours up or down, over the end as well (8901 goes on); a date is that of a day
    from 1900 to 2099 in any usual order within the first or last 8 digits.
    """
    return _repeats(code) or _runs(code) or any(_is_date(part) for part in (code[:8], code[-8:]))


def _repeats(code: str) -> bool:
    length = len(code)
    if any(digit * (length - 2) in code for digit in set(code)):
        return True
    blocks = (block for block in range(1, length // 2 + 1) if length % block == 0)
    return any(code == code[:block] * (length // block) for block in blocks)


def _runs(code: str) -> bool:
    pieces = (code[at : at + _RUN] for at in range(len(code) - _RUN + 1))
    return any(piece in _UP or piece in _DOWN for piece in pieces)


def _is_date(digits: str) -> bool:
    if len(digits) != 8:
        return False
    orders = (
        (digits[:4], digits[4:6], digits[6:]),
        (digits[4:], digits[2:4], digits[:2]),
        (digits[4:], digits[:2], digits[2:4]),
    )
    for year, month, day in orders:
        if "1900" <= year <= "2099":
            try:
                date(int(year), int(month), int(day))
            except ValueError:
                continue
            return True
    return False


def strong_codes(digits: int) -> int:
    """At least so many codes of ``digits`` digits are not weak: each pattern is counted by itself, overlaps
    twice.
    """
    same = 10 * 3 * 100
    blocks = sum(10**block for block in range(1, digits // 2 + 1) if digits % block == 0)
    runs = (digits - _RUN + 1) * 20 * 10 ** (digits - _RUN)
    dates = _DATES * 10 ** (digits - 8) * (1 if digits == 8 else 2)
    return int(10**digits - same - blocks - runs - dates)


def odds(known: Mapping[int, int], tries: int = TRIES) -> Fraction:
    """The probability that ``tries`` guesses hit, at a door that knows ``known[digits]`` codes of each
    length: that of the length which is easiest to guess.
    """
    chances = (Fraction(tries * count, strong_codes(digits)) for digits, count in known.items())
    return max(chances, default=Fraction())


def digits_for(known: int, guess: float, least: int = MIN_DIGITS) -> int:
    """Digits of the next code at a door that knows ``known`` codes already, so that one of ``TRIES`` guesses
    hits with a probability of at most ``guess``; a quarter more codes may come. 12 if that is not enough.
    """
    expected = known + known // 4 + 1
    lengths = range(least, MAX_DIGITS + 1)
    return next((count for count in lengths if odds({count: expected}) <= Fraction(guess)), MAX_DIGITS)


def draw(world: World, digits: int, taken: Callable[[str], bool]) -> str:
    """A code of ``digits`` digits that is not weak and of which ``taken`` says no.

    Raises CodesExhaustedError after 200 draws: the length is then too short for the number of codes.
    """
    for _ in range(_DRAWS):
        code = str(world.random_below(10**digits)).zfill(digits)
        if not is_weak(code) and not taken(code):
            return code
    raise CodesExhaustedError(f"no free code of {digits} digits was found; set codes.digits higher")
