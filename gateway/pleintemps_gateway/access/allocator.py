"""Drawing codes: random, without weak patterns, distinct from the codes that live or rest at the site."""

from collections.abc import Callable
from datetime import date
from typing import Final

from pleintemps_contract.world import World
from pleintemps_gateway.errors import CodesExhaustedError

_TRIES: Final = 200
_RUN: Final = 5
_UP: Final = "0123456789" * 3
_DOWN: Final = _UP[::-1]


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


def draw(world: World, digits: int, taken: Callable[[str], bool]) -> str:
    """A code of ``digits`` digits that is not weak and of which ``taken`` says no.

    Raises CodesExhaustedError after 200 draws: the length is then too short for the number of codes.
    """
    for _ in range(_TRIES):
        code = str(world.random_below(10**digits)).zfill(digits)
        if not is_weak(code) and not taken(code):
            return code
    raise CodesExhaustedError(f"no free code of {digits} digits was found; set codes.digits higher")
