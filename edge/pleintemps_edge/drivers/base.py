"""What a driver is: it observes, or it moves a lock. One file each, one registration each.

A driver emits observations stamped with the World's time at the moment of measurement; it never decides.
It mends itself: a port that vanishes is reported once as ``error``, reopened with growing pauses, and
reported once as ``ok`` again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pleintemps_contract.agent_messages import Health, PanelState
from pleintemps_contract.onvif import LockPhysicalState
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
class CodeTyped:
    """A whole code that the reader has collected by itself (a keypad of a lock, a buffering terminal)."""

    device: str
    code: str
    monotonic: int


@dataclass(frozen=True, slots=True)
class CardRead:
    """A card in canonical text: ``w26:FACILITY:NUMBER``, ``w34:FACILITY:NUMBER`` or ``raw:BITS:HEX``."""

    device: str
    card: str
    monotonic: int


@dataclass(frozen=True, slots=True)
class TokenRead:
    """The text of a QR code or NFC tag, as it was read: hostile until its signature is proved."""

    device: str
    text: str
    monotonic: int


@dataclass(frozen=True, slots=True)
class LockReported:
    """What a lock says of its bolt: a change, the first report, and the answer to a movement."""

    device: str
    state: LockPhysicalState
    monotonic: int


@dataclass(frozen=True, slots=True)
class FireChanged:
    """The fire panel's contact, or its loop is cut (``active``); once at start."""

    device: str
    active: bool
    monotonic: int


@dataclass(frozen=True, slots=True)
class TamperChanged:
    """A housing was opened, or is closed again; once at start."""

    device: str
    active: bool
    monotonic: int


@dataclass(frozen=True, slots=True)
class LockdownPressed:
    """Somebody has pressed the attack button."""

    device: str
    monotonic: int


@dataclass(frozen=True, slots=True)
class PanelReported:
    """What the building's own alarm panel says of itself; ``ready`` is whether it could be set now."""

    device: str
    state: PanelState
    ready: bool
    monotonic: int


@dataclass(frozen=True, slots=True)
class HealthChanged:
    device: str
    health: Health
    detail: str


Observation = (
    Sampled
    | ContactChanged
    | KeyPressed
    | CodeTyped
    | CardRead
    | TokenRead
    | ExitRequested
    | Unreadable
    | LockReported
    | FireChanged
    | TamperChanged
    | LockdownPressed
    | PanelReported
    | HealthChanged
)
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
    """Something that a door controller moves. Made secured, or idle if the context says so; no pulse on the
    way. A lock that reports itself is a :class:`Driver` as well. One that does not obey raises LockError.
    """

    @property
    def device(self) -> str: ...

    @property
    def confirms(self) -> bool:
        """Whether every movement is answered by a :class:`LockReported`."""

    @property
    def frees_when_idle(self) -> bool:
        """Whether the door can be opened from outside while nothing is energised (fail-safe)."""

    def release(self) -> None:
        """Let the door be opened."""

    def secure(self) -> None:
        """Keep the door shut."""

    def idle(self) -> None:
        """Energise nothing, whatever that means for the door: fire, or a cut loop."""

    def close(self) -> None:
        """Give the pin back, secured, or idle if that was the last wish."""


class Feedback(StrEnum):
    """What a reader tells the person in front of it, by light and by sound."""

    KEY = "key"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    WAIT = "wait"
    NO_TRUSTED_TIME = "no-trusted-time"
    PRE_ALARM = "pre-alarm"
    QUIET = "quiet"
    """Ends a pre-alarm."""


class Reader(Protocol):
    """A driver that can also show something. Readers without light and sound do not have this."""

    @property
    def device(self) -> str: ...

    def show(self, feedback: Feedback) -> None:
        """Begin to show ``feedback``; a newer one ends it."""


class Panel(Protocol):
    """The building's own intrusion alarm. State comes from its :class:`PanelReported` only."""

    @property
    def device(self) -> str: ...

    def set(self) -> None:
        """Ask the panel to arm."""

    def unset(self) -> None:
        """Ask the panel to disarm."""


class Signal(Protocol):
    """A light or sign that warns the people in a room. Made dark."""

    @property
    def device(self) -> str: ...

    def warn(self, on: bool) -> None:
        """Light it, or make it dark; raises LockError if the output does not obey."""


class Building(Protocol):
    """The building's own MQTT broker, for locks that speak MQTT themselves. On the event loop only."""

    @property
    def online(self) -> bool: ...

    def subscribe(self, topic: str, take: Callable[[str, bytes, bool], None]) -> None:
        """Call ``take(topic, payload, retained)`` for each message below the filter ``topic``, now and after
        each reconnect.
        """

    def watch(self, take: Callable[[bool], None]) -> None:
        """Call ``take(online)`` at each change of the line, and once now."""

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send with QoS 1, never retained; False while there is no line: nothing is kept for later, a late
        command is worse than none.
        """
