"""All requirements, in the order of reports. A module of cases registers its own."""

from typing import Final

from . import cases_code, cases_config, cases_door
from .requirement import Requirement, registered

MODULES: Final = (cases_config, cases_door, cases_code)
ORDER: Final = ("SAFE", "SEC", "DOOR", "CODE", "CARD", "READ")
"""Rules about the file come first."""


def requirements() -> list[Requirement]:
    """The table."""
    return sorted(registered().values(), key=lambda each: (ORDER.index(each.id.partition("-")[0]), each.id))
