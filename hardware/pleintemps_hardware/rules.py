"""All rules that a kit's profile must keep, and the check of a profile against them."""

from typing import Final

from . import board
from .board import Board
from .checks import pins, power, safety
from .checks.wiring import Problem, Rule, Wiring
from .kit import Profile, built

RULES: Final[tuple[Rule, ...]] = (*pins.RULES, *safety.RULES, *power.RULES)


def check(profile: Profile, on: Board | None = None) -> list[Problem]:
    """What every way to build ``profile`` breaks, in the order of the rules, each once.

    ``on`` is its board; None looks it up. Raises ConfigError for a board that there is not.
    """
    on = on or board.load(profile.board)
    wirings = [Wiring.of(built(profile, variant), on) for variant in profile.variants]
    found = [
        Problem(rule.name, what, rule.todo) for rule in RULES for each in wirings for what in rule.find(each)
    ]
    return list(dict.fromkeys(found))
