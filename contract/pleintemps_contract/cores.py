"""Agent and gateway as cores that somebody else runs: the entry points of the group ``pleintemps.cores``.

Siblings never import one another. Who runs several of them in one process (virtual time) finds them by this
group and hands each its rims: clock, MQTT line, serial lines, pins. Nothing else of a core differs from the
process that a site runs, and every byte and topic is that of the real wire.

A core runs on one event loop alone: it starts no thread, so the loop's clock is the only time there is.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Protocol, Self

from .errors import CoreError
from .onvif import DoorAction
from .world import World

GROUP: Final = "pleintemps.cores"


class Delivered(NamedTuple):
    """One MQTT message as it came."""

    topic: str
    payload: bytes
    retained: bool


# --- serial lines -------------------------------------------------------------------------------------


class Wire(Protocol):
    """One end of an open serial line. All of it happens on the event loop."""

    def write(self, data: bytes) -> None:
        """Send ``data``; raises OSError if the port has gone."""

    def in_place(self) -> str:
        """Empty, or why the port is no longer the one that was opened."""

    def close(self) -> None: ...


class Wires(Protocol):
    """Opens serial lines."""

    def open(self, port: Path, baud: int, take: Callable[[bytes], None], lost: Callable[[str], None]) -> Wire:
        """Open ``port`` 8N1; ``take`` gets what comes, ``lost`` the reason once the port has gone.

        Raises OSError if it cannot be opened.
        """


# --- MQTT ---------------------------------------------------------------------------------------------


class AgentLine(Protocol):
    """One connection of an agent, used once: MQTT 3.1.1, a clean session. A lost one raises OSError."""

    async def __aenter__(self) -> Self:
        """Connect; raises OSError."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Disconnect without a word: the last will is said where nobody took it back."""

    async def subscribe(self, topics: list[tuple[str, int]], /) -> object:
        """Filters with their QoS; returns once they stand."""

    async def publish(self, topic: str, payload: bytes, /, *, qos: int, retain: bool) -> None:
        """Returns at the broker's PUBACK, which proves nothing."""

    async def next_message(self) -> Delivered:
        """The next message."""


class Will(NamedTuple):
    """What a broker says in the place of somebody who went without a word."""

    topic: str
    payload: bytes


class AgentBroker(Protocol):
    """What an agent's line leads to; ``host`` and ``port`` are for the log."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    def line(self, identifier: str, will: Will | None, /) -> AgentLine:
        """A line that is not yet connected; its last will is of QoS 1 and retained. Raises OSError."""


class Stored(Protocol):
    """Done when the message may be acknowledged, unless it has an exception."""

    def exception(self) -> BaseException | None:
        """Of what is done."""

    def add_done_callback(self, told: Callable[[Any], object], /) -> None:
        """Call ``told`` with this when it is done."""


Taken = Callable[[str, bytes, bool], Stored | None]
"""Takes topic, payload, retain flag."""


class GatewayLine(Protocol):
    """The gateway's persistent session with acknowledgement by hand; what is not acknowledged comes again."""

    failed: bool
    """Set by the owner: the store takes no more messages."""

    def start(self) -> None:
        """Connect, again and again until it works."""

    def stop(self) -> None:
        """Disconnect in order; the broker keeps what comes for us."""

    def publish(self, topic: str, payload: bytes, retained: bool) -> None:
        """Send at QoS 1 if there is a connection."""


class GatewayBroker(Protocol):
    """What the gateway's line leads to."""

    def session(self, sites: Sequence[str], take: Taken, connected: Callable[[], None]) -> GatewayLine:
        """A session that subscribes for ``sites`` and says ``connected`` once the subscriptions stand."""


# --- cores --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgentRims:
    """What an agent touches. ``building`` is the building's own broker; ``pins`` a gpiozero pin factory;
    ``disciplined`` what NTP says of the agent's clock; ``connect`` opens its SQLite files for writing, with
    the arguments of :func:`sqlite3.connect`; ``hear`` gives the samples of a microphone by its device, raw as
    its configuration says, and None starts the program that is configured.
    """

    broker: AgentBroker
    building: AgentBroker
    wires: Wires
    pins: Any
    disciplined: Callable[[], bool]
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect
    hear: Callable[[str], AsyncGenerator[bytes, None]] | None = None


class AgentCore(Protocol):
    """One agent on the configuration that it was made with."""

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop``, as the process does until SIGTERM. Cancelling it is a power cut: nothing is
        said, flushed or held shut any more, and a new core on the same files is the next start.
        """

    @property
    def waiting(self) -> int:
        """Records and batches that have no receipt yet."""

    def rows(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Every row of its journals, as (table, values), in an order that repeats."""


class MakeAgent(Protocol):
    """The entry point ``edge``."""

    def __call__(self, config: Path, world: World, rims: AgentRims) -> AgentCore:
        """Call it inside the event loop. Raises ContractError or the package's own errors."""


class GatewayCore(Protocol):
    """The ingest worker of one gateway, with what its pages would ask of the store."""

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop``. Cancelling it is a crash: a new core on the same store is the next start."""

    def order(self, site: str, door: str, action: DoorAction) -> None:
        """What a caretaker asks of a door on its page."""

    def hear(self) -> None:
        """Somebody tells of a change in a calendar, as a webhook would: all are read at once."""

    def idle(self) -> bool:
        """Whether nothing waits to be stored, sent or worked out."""

    def select(self, table: str) -> list[dict[str, Any]]:
        """All rows of one table, in the order of its key; raises KeyError for one that is not there."""

    def rows(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Every row of the store, as (table, values), in an order that repeats."""


class GatewayMaker(Protocol):
    """The entry point ``gateway``."""

    def prepare(self, config: Path, world: World) -> None:
        """What ``init --demo`` does, with keys drawn from ``world``: never for a real site."""

    def make(self, config: Path, world: World, broker: GatewayBroker) -> GatewayCore:
        """Take the sites over. Call it inside the event loop. Raises the package's errors."""


def load(name: str) -> Any:
    """The core ``edge`` (a :class:`MakeAgent`) or ``gateway`` (a :class:`GatewayMaker`).

    Raises CoreError if it is not installed, or cannot be imported because its extra is not.
    """
    found = entry_points(group=GROUP, name=name)
    if not found:
        raise CoreError(f"no core {name!r} is installed: pip install 'pleintemps[{name}]'")
    try:
        return next(iter(found)).load()
    except ImportError as error:
        raise CoreError(f"the core {name!r} cannot be loaded: {error}") from error
