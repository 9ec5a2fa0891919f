"""What a rule finds at one look."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from pleintemps_gateway.alerts.records import Fact


class Rule(StrEnum):
    """In the order in which they name an alert."""

    PUBLIC = "public"
    LIMIT = "limit"
    EMERGENCE = "emergence"
    RISE = "rise"


class Finding(NamedTuple):
    """``level_db`` is LAeq over ``window_ms`` (of the public rule also LCeq), ``limit_db`` what it may be.

    ``loud`` is True above, False at or below the limit - hysteresis, None between, and with too little
    measured: missing data neither opens nor closes anything. ``early``: the same over the shorter window
    after which the people in the room are warned.
    """

    rule: Rule
    level_db: float | None
    limit_db: float
    window_ms: int
    loud: bool | None
    early: bool | None
    facts: Mapping[str, Fact] = MappingProxyType({})


def judged(excess_db: float | None, hysteresis_db: float) -> bool | None:
    """Whether what exceeds its limit by ``excess_db`` is loud."""
    if excess_db is None or -hysteresis_db < excess_db <= 0:
        return None
    return excess_db > 0
