"""What a driver is: it observes, or it moves a lock. One file each, one registration each.

A driver emits observations stamped with the World's time at the moment of measurement; it never decides.
It mends itself: a port that vanishes is reported once as ``error``, reopened with growing pauses, and
reported once as ``ok`` again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.units import Quantity, SeriesKind


@dataclass(frozen=True, slots=True)
class SeriesSpec:
    """A series that a driver will emit; ``space`` is where it measures."""

    series: str
    device: str
    space: str
    quantity: Quantity
    kind: SeriesKind
    max_silence_s: int


@dataclass(frozen=True, slots=True)
class Sampled:
    """One value of one series, in the series' unit. ``at`` is Unix ms."""

    series: str
    at: int
    value: float


@dataclass(frozen=True, slots=True)
class ContactChanged:
    """A door contact after debouncing, and once at start. ``monotonic`` in ms."""

    device: str
    open: bool
    at: int
    monotonic: int


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """One key of a keypad: ``0``-``9``, ``*`` or ``#``."""

    device: str
    key: str
    monotonic: int


@dataclass(frozen=True, slots=True)
class ExitRequested:
    """Somebody wants out: the inside handle or exit button is pressed (``held``), or let go again."""

    device: str
    held: bool
    monotonic: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A reader sent something that is no key: lost or spare edges are refused, never guessed."""

    device: str
    reason: str
    monotonic: int


@dataclass(frozen=True, slots=True)
class HealthChanged:
    device: str
    health: Health
    detail: str


Observation = Sampled | ContactChanged | KeyPressed | ExitRequested | Unreadable | HealthChanged
Emit = Callable[[Observation], None]
"""Called on the agent's event loop only."""


class Driver(Protocol):
    """Something that observes until it is cancelled."""

    @property
    def device(self) -> str: ...

    @property
    def series(self) -> tuple[SeriesSpec, ...]: ...

    async def run(self, emit: Emit) -> None:
        """Observe until cancelled; releases pins and ports on the way out."""


class Lock(Protocol):
    """Something that a door controller moves. Made secured, without a pulse on the way."""

    @property
    def device(self) -> str: ...

    def release(self) -> None:
        """Let the door be opened."""

    def secure(self) -> None:
        """Keep the door shut."""

    def close(self) -> None:
        """Give the pin back, secured."""
