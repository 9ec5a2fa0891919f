"""What the checks look at, as frozen records. Times are Unix ms."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """``fault``: it does not open. ``schema`` is what it has, ``wanted`` what this program makes of it,
    ``older`` whether this program can bring it there. ``verdict`` is SQLite's, None where it was not asked.
    """

    fault: str = ""
    kind: str = "sqlite"
    schema: str | None = None
    wanted: str = ""
    older: bool = False
    verdict: str | None = None


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """``kept`` is when ingest last kept house for each site, or heard an agent. ``web`` is the answer of
    ``/healthz``, None if nobody listens at ``where``.
    """

    now: int
    kept: tuple[tuple[str, int | None], ...]
    where: str
    web: int | None


@dataclass(frozen=True, slots=True)
class GatewayFacts:
    """One of several gateways: how many sites it holds, when its process joined, when one was last ``moved``
    to it (None: it holds none), its last sign of life; ``alike``: most are configured for the same sites.
    """

    name: str
    sites: int
    joined: int
    moved: int | None
    heard: int
    alive: bool
    alike: bool = True


@dataclass(frozen=True, slots=True)
class GatewaysFacts:
    """By the store's clock; ``unheld`` are sites that nobody holds. Without ``sites`` (SQLite) there is one
    process, which holds all.
    """

    now: int
    sites: int = 0
    gateways: tuple[GatewayFacts, ...] = ()
    unheld: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """One agent: ``todo`` has the words of the page ``/agents``."""

    name: str
    state: str
    version: str
    backlog: int | None
    todo: tuple[str, ...]
    ill: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentsFacts:
    version: str
    agents: tuple[AgentFacts, ...]


@dataclass(frozen=True, slots=True)
class FeedFacts:
    """``good`` is the last good reading, ``poll_s`` None for a feed that is not read any more."""

    name: str
    good: int | None
    poll_s: float | None
    error: str | None
    untold: int


@dataclass(frozen=True, slots=True)
class FeedsFacts:
    now: int
    feeds: tuple[FeedFacts, ...]


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """``failed`` and ``waiting`` (after a failed try) messages of a week: where, how many, the error.
    ``duty`` is the file of who is told of alerts.
    """

    kind: str
    failed: tuple[tuple[str, int, str], ...]
    waiting: tuple[tuple[str, int, str], ...]
    duty: str
    duty_fault: str = ""
    on_duty: int = 0


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """``away`` are folders of back-ups that are not there now."""

    now: int
    last: int | None
    max_age_h: float | None
    late: bool
    away: tuple[str, ...] = ()
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class ConfigFacts:
    """What a configuration may say and should not, or leaves out."""

    keys_fault: str = ""
    demo: bool = False
    web_host: str = "127.0.0.1"
    public_url: str = ""
    delivery: str = "none"
    keyless: tuple[str, ...] = ()
    no_duty_number: tuple[str, ...] = ()
    file_open: bool = False


@dataclass(frozen=True, slots=True)
class UpdateFacts:
    """Rollouts as ``site, version, state, reason``; ``configured`` whether releases are believed at all."""

    configured: bool
    rollouts: tuple[tuple[str, str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """What ``status`` tells besides: agents that are there and that are not, open alerts by rank."""

    version: str
    up: int
    down: int
    alerts: dict[str, int]
