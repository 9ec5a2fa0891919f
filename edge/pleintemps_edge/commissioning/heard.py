"""What the self test hears: one type for each thing that can happen, and what happened during one step. Pure.

All ``at`` are monotonic ms of the World; ``us`` is the pins' own clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pleintemps_contract.agent_messages import Health
from pleintemps_edge.drivers.base import Observation

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Observed:
    """A driver has said something."""

    device: str
    what: Observation


@dataclass(frozen=True, slots=True)
class Pulse:
    """An edge of an input pin, before it is debounced; ``line`` is the pin's key in the configuration."""

    device: str
    line: str
    level: int
    us: int


@dataclass(frozen=True, slots=True)
class Bytes:
    """Bytes on a device's serial line, ``sent`` by us or from it."""

    device: str
    sent: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """An order that could not be carried out."""

    device: str
    reason: str


@dataclass(frozen=True, slots=True)
class Looked:
    """A look at the machine: ``value`` as the step wants it, or why there is none."""

    device: str
    value: float | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """The technician has answered."""

    answer: str


Event = Observed | Pulse | Bytes | Refused | Looked | Answered


@dataclass(frozen=True, slots=True)
class Happened:
    at: int
    what: Event


@dataclass(frozen=True, slots=True)
class Heard:
    """One step of ``device``, from ``began`` on. ``before`` is the last that each of its devices had said.

    ``done`` is when what was waited for was there, None if it never was (``overdue``, or it was answered).
    ``strangers`` are other devices of the same driver that a person seems to have moved instead.
    """

    device: str
    began: int
    before: tuple[Observation, ...] = ()
    events: tuple[Happened, ...] = ()
    answer: str = ""
    done: int | None = None
    overdue: bool = False
    ended: int = 0
    strangers: tuple[str, ...] = ()
    health: tuple[Health, str] | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def of(self, kind: type[T], device: str = "") -> list[tuple[int, T]]:
        """The observations of ``kind`` by ``device`` (by default the one under test), with their times."""
        name = device or self.device
        return [
            (each.at, each.what.what)
            for each in self.events
            if isinstance(each.what, Observed)
            and each.what.device == name
            and isinstance(each.what.what, kind)
        ]

    def last(self, kind: type[T], device: str = "") -> T | None:
        """The newest observation of ``kind``, also from before the step."""
        if found := self.of(kind, device):
            return found[-1][1]
        name = device or self.device
        for each in self.before:
            if isinstance(each, kind) and getattr(each, "device", getattr(each, "series", "")) == name:
                return each
        return None

    def events_of(self, kind: type[T]) -> Iterator[tuple[int, T]]:
        """Pulses, bytes and looks of the device under test, with their times."""
        for each in self.events:
            if isinstance(each.what, kind) and getattr(each.what, "device", "") == self.device:
                yield each.at, each.what

    def received(self) -> list[tuple[int, bytes]]:
        """What came over the device's serial line, with the times."""
        return [(at, each.data) for at, each in self.events_of(Bytes) if not each.sent]

    @property
    def refused(self) -> str:
        """Why an order of this step was not carried out."""
        return next((each.reason for _, each in self.events_of(Refused)), "")
