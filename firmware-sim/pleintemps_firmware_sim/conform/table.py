"""All requirements, in the order of reports. A module of cases registers its own."""

from typing import Final

from . import (
    cases_around,
    cases_code,
    cases_config,
    cases_door,
    cases_fire,
    cases_line,
    cases_power,
    cases_sensor,
)
from .requirement import Requirement, registered

MODULES: Final = (
    cases_config,
    cases_door,
    cases_code,
    cases_fire,
    cases_line,
    cases_power,
    cases_sensor,
    cases_around,
)
ORDER: Final = (
    "SAFE",
    "SEC",
    "DOOR",
    "CODE",
    "CARD",
    "TOKEN",
    "READ",
    "FIRE",
    "LINE",
    "CMD",
    "POWER",
    "TIME",
    "SER",
    "SENS",
    "RADIO",
    "TAMP",
    "PANEL",
    "SIG",
)
"""Rules about the file come first."""


def requirements() -> list[Requirement]:
    """The table."""
    return sorted(registered().values(), key=lambda each: (ORDER.index(each.id.partition("-")[0]), each.id))
