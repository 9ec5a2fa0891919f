"""The moments of a scenario that have names: which there are, which hang on which."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .file import ScenarioFile
from .nodes import Path
from .times import taken_apart

RUN: Final = ("begin", "end")
LIVED: Final = ("types", "in", "out", "held")
"""Of people, and known only when it happens: the first code typed, in the space, in the street again, left
standing before a door. Only expectations may hang on them.
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """Something with a name of its own: ``parts`` of it are marks as well, it hangs on ``moments``."""

    path: Path
    name: str
    parts: tuple[str, ...]
    lived: tuple[str, ...]
    moments: tuple[tuple[str, str], ...]
    """Key in the file, moment."""


def owners(scenario: ScenarioFile) -> Iterator[Owner]:
    """Everything that has a name, or would have one."""

    def moments(record: object, *keys: str) -> tuple[tuple[str, str], ...]:
        found = ((key, getattr(record, key, None)) for key in keys)
        return tuple((key.rstrip("_"), moment) for key, moment in found if moment is not None)

    for place, booking in enumerate(scenario.bookings):
        times = moments(booking, "from_", "to", "booked")
        yield Owner(("bookings", place), booking.booking, ("start", "end"), (), times)
    for place, people in enumerate(scenario.people):
        times = moments(people, "comes", "leaves")
        if people.booking is not None:
            times = (("booking", f"{people.booking}.start"), *times)
        yield Owner(("people", place), people.who, ("comes", "leaves"), LIVED, times)
    for place, sound in enumerate(scenario.sounds):
        yield Owner(("sounds", place), sound.sound, ("", "over"), (), moments(sound, "from_", "to"))
    for place, act in enumerate(scenario.acts):
        times = moments(act, "at", "from_", "to")
        if (booked := getattr(act, "booking", None)) is not None:
            times = (("booking", f"{booked}.start"), *times)
        yield Owner(("acts", place), act.name or "", ("",), (), times)
    for place, fault in enumerate(scenario.faults):
        yield Owner(("faults", place), fault.name or "", ("", "mended"), (), moments(fault, "at"))
    for place, weather in enumerate(scenario.weather):
        yield Owner(("weather", place), weather.name or "", (), ("", "mended"), ())


def mark(name: str, part: str) -> str:
    """How a moment is written that is ``part`` of ``name``."""
    return f"{name}.{part}" if part else name


def wanted(moment: str) -> str | None:
    """The mark that a moment hangs on; None if it hangs on the clock or the begin."""
    return taken_apart(moment).mark or None
