"""Recurrence rules that are followed so many steps and no further.

A rule whose days never come ("30 February") is followed by the library to the year 9999, which takes a
minute for one by the minute. Each advance of a rule adds its interval to a part of its date: an interval that
counts how often it is added bounds them all.
"""

import re
from typing import Any, Final

from recurring_ical_events.selection.name import ComponentsWithName
from recurring_ical_events.series import Series

MAX_STEPS: Final = 200_000
"""Steps that one rule may take: 22 years by the hour, 547 by the day."""
MAX_ALL_STEPS: Final = 2_000_000
"""Steps of all rules of one calendar: some seconds."""
NEVER: Final = "its rule finds no further day"
_WEIGHT: Final = {"YEARLY": 30, "MONTHLY": 4, "WEEKLY": 2}  # a step by the year looks at 366 days
_INTERVAL: Final = re.compile(r"INTERVAL=(\d{1,9})", re.IGNORECASE)
_FREQUENCY: Final = re.compile(r"FREQ=([A-Z]+)", re.IGNORECASE)


class Purse:
    """What is left for all rules of one calendar."""

    def __init__(self, steps: int = MAX_ALL_STEPS) -> None:
        self.left = steps


class Steps:
    """What one rule may spend of a purse."""

    def __init__(self, purse: Purse, weight: int) -> None:
        self._purse = purse
        self._weight = weight
        self._left = MAX_STEPS

    def take(self) -> None:
        """One step; raises ValueError when there is none left."""
        self._left -= self._weight
        self._purse.left -= self._weight
        if self._left < 0 or self._purse.left < 0:
            raise ValueError(NEVER)


class _Counting(int):
    """An interval that takes a step each time it is added."""

    steps: Steps

    def __radd__(self, other: int) -> int:
        self.steps.take()
        return other + int(self)

    def __mul__(self, other: int) -> int:  # weeks are added as seven days
        self.steps.take()
        return int(self) * other


def bounded(purse: Purse) -> ComponentsWithName:
    """Events for ``recurring_ical_events.of(components=[...])`` whose rules spend from ``purse``.

    Reading their occurrences raises ValueError when a rule has gone too far.
    """

    class Rules(Series.RecurrenceRules):  # type: ignore[misc]
        def rrulestr(self, rule_string: str) -> Any:
            rule = super().rrulestr(rule_string)
            given, unit = _INTERVAL.search(rule_string), _FREQUENCY.search(rule_string)
            interval = _Counting(max(1, int(given.group(1))) if given else 1)
            interval.steps = Steps(purse, _WEIGHT.get(unit.group(1).upper() if unit else "", 1))
            counted = rule.replace(interval=interval)
            counted.string, counted.until = rule.string, rule.until
            return counted

    class Bounded(Series):  # type: ignore[misc]
        RecurrenceRules = Rules

    return ComponentsWithName("VEVENT", series=Bounded)
