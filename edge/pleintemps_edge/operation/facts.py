"""What the agent's checks look at, as frozen records. Times are Unix ms."""

from dataclasses import dataclass

from pleintemps_edge.status import Status


@dataclass(frozen=True, slots=True)
class SetupFacts:
    """``problems`` are those of ``check``."""

    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunFacts:
    """``status`` is what the agent says of itself, None with ``why`` where none answers."""

    installed: str
    status: Status | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class TimeFacts:
    """``source`` and ``trusted`` as the running agent sees them; without it the kernel's word alone."""

    world: str
    synchronised: bool
    source: str | None
    trusted: bool | None


@dataclass(frozen=True, slots=True)
class RtcFacts:
    """``path`` is empty without a chip. ``low`` is its battery or supply, ``off_ms`` its time minus one that
    is right.
    """

    path: str
    doors: int
    answered: bool = True
    runs: bool = True
    low: bool = False
    off_ms: int | None = None


@dataclass(frozen=True, slots=True)
class PiFacts:
    """``flags`` as the Raspberry Pi's firmware tells them, None elsewhere; ``celsius`` of its core."""

    flags: int | None
    celsius: float | None
