"""An MQTT broker in memory: QoS 1, retained messages, last wills, persistent sessions, and lines that fail.

What it carries is what the contract's topics carry over a real one: MQTT 3.1.1 to the letter where agents and
gateway can tell. Its own time is :data:`LATENCY_S` for each message.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from types import TracebackType
from typing import Final, Protocol, Self

from pleintemps_contract.cores import Delivered, Taken, Will
from pleintemps_contract.topics import PREFIX, gateway_reads
from pleintemps_contract.world import World

from .paths import Path

LATENCY_S: Final = 0.001
TIMEOUT_S: Final = 10.0
"""An agent waits so long for a PUBACK, and for a connection."""
GIVEN_UP_S: Final = 15.0
"""One and a half of an agent's keep-alive of 10 s: the broker says the last will then."""
NOTICED_S: Final = 20.0
"""Two of them: the agent has noticed by itself."""
RETRY_S: Final = 1.0


@lru_cache(maxsize=4096)
def matches(wanted: str, topic: str) -> bool:
    """Whether ``topic`` is below the filter ``wanted`` (MQTT 3.1.1, 4.7)."""
    filters, levels = wanted.split("/"), topic.split("/")
    for place, level in enumerate(filters):
        if level == "#":
            return True
        if place >= len(levels) or level not in ("+", levels[place]):
            return False
    return len(filters) == len(levels)


class Listener(Protocol):
    """Somebody with subscriptions."""

    def wants(self, topic: str) -> bool:
        """Whether one of them is for ``topic``."""

    def deliver(self, message: Delivered) -> None: ...


class MemoryBroker:
    """``up`` false: nobody has a connection. Retained messages and persistent sessions outlive that."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.up = True
        self.retained: dict[str, bytes] = {}
        self.clients: dict[str, MemoryLine] = {}
        self.sessions: list[MemorySession] = []
        self.locks: list[Listener] = []
        """Devices that never lose the broker."""
        self.watchers: list[Callable[[str, bytes], None]] = []
        """Told of everything that is published."""
        self._digest = hashlib.sha256()

    @property
    def digest(self) -> str:
        """SHA-256 over all that was ever published, in order."""
        return self._digest.hexdigest()

    def publish(self, topic: str, payload: bytes, retain: bool) -> None:
        """A message has arrived: keep it if it wants that, and hand it to whoever listens."""
        self._digest.update(b"%d %d %d " % (len(topic), len(payload), retain))
        self._digest.update(topic.encode())
        self._digest.update(payload)
        if retain:
            if payload:
                self.retained[topic] = payload
            else:
                self.retained.pop(topic, None)
        for watcher in self.watchers:
            watcher(topic, payload)
        message = Delivered(topic, payload, False)
        listeners: list[Listener] = [*self.clients.values(), *self.sessions, *self.locks]
        for listener in listeners:
            if listener.wants(topic):
                listener.deliver(message)

    def matching(self, wanted: str) -> list[Delivered]:
        """The retained messages below a filter, in order of their topics."""
        found = sorted(topic for topic in self.retained if matches(wanted, topic))
        return [Delivered(topic, self.retained[topic], True) for topic in found]

    def stop(self) -> None:
        """Off at once: every line breaks, and no last will is said."""
        self.up = False
        for client in list(self.clients.values()):
            client.breaks("connection reset", said=False)
        for session in self.sessions:
            session.breaks()

    def start(self) -> None:
        """On again, with what it had on its disk."""
        self.up = True


class Access:
    """What one agent has of the broker: a way with faults of its own."""

    host = "memory"
    port = 0

    def __init__(self, broker: MemoryBroker, path: Path) -> None:
        self._broker = broker
        self._path = path

    def line(self, identifier: str, will: Will | None, /) -> "MemoryLine":
        """A line that is not yet connected."""
        return MemoryLine(self._broker, self._path, identifier, will)


class MemoryLine:
    """One connection of an agent or of a lock, with a clean session."""

    def __init__(self, broker: MemoryBroker, path: Path, identifier: str, will: Will | None) -> None:
        self._broker = broker
        self._world = broker.world
        self._path = path
        self._identifier = identifier
        self._will = will
        self._loop = asyncio.get_running_loop()
        self._filters: list[str] = []
        self._wants: dict[str, bool] = {}
        self._inbox: deque[Delivered] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._lost: ConnectionError | None = None
        self._unacknowledged: dict[asyncio.Future[None], asyncio.TimerHandle] = {}
        self.dead = False
        """It carries nothing, and nobody has noticed yet."""

    async def __aenter__(self) -> Self:
        await self._world.sleep_until(self._world.monotonic() + 2)
        if not self._broker.up or self._path.broken:
            raise ConnectionRefusedError("connection refused")
        old = self._broker.clients.get(self._identifier)
        if old is not None:  # the same client once more takes over
            old.breaks("taken over")
        self._broker.clients[self._identifier] = self
        self._path.lines.append(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        # in order only where nothing went wrong, and then the will is taken back
        self.breaks("closed", said=kind is not None and not issubclass(kind, asyncio.CancelledError))

    async def subscribe(self, topics: list[tuple[str, int]], /) -> None:
        await self._acknowledged(lambda: self._subscribed([wanted for wanted, _ in topics]))

    def _subscribed(self, wanted: list[str]) -> None:
        self._filters += [each for each in wanted if each not in self._filters]
        self._wants.clear()
        for each in wanted:
            for message in self._broker.matching(each):
                self.deliver(message)

    async def publish(self, topic: str, payload: bytes, /, *, qos: int, retain: bool) -> None:
        await self._acknowledged(lambda: self._broker.publish(topic, payload, retain), topic)

    async def _acknowledged(self, arrive: Callable[[], None], topic: str = "") -> None:
        """Send what ``arrive`` does at the broker and wait for the answer; raises ConnectionError."""
        if self._lost is not None:
            raise self._lost
        done = self._loop.create_future()
        limit = self._loop.call_later(TIMEOUT_S, _fail, done)
        self._unacknowledged[done] = limit

        def there() -> None:
            if self._lost is None and not self.dead:
                arrive()
                if not done.done():
                    done.set_result(None)

        self._path.send(there, LATENCY_S, topic)
        try:
            await done
        finally:
            self._unacknowledged.pop(done, limit).cancel()

    async def next_message(self) -> Delivered:
        while not self._inbox:
            if self._lost is not None:
                raise self._lost
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._inbox.popleft()

    def wants(self, topic: str) -> bool:
        """Whether it has subscribed for ``topic``."""
        if (known := self._wants.get(topic)) is None:
            known = self._wants[topic] = any(matches(wanted, topic) for wanted in self._filters)
        return known

    def deliver(self, message: Delivered) -> None:
        """From the broker's side."""
        self._path.heard(message)
        self._path.send(lambda: self._arrived(message), 0.0, message.topic)

    def _arrived(self, message: Delivered) -> None:
        if self._lost is None and not self.dead:
            self._inbox.append(message)
            self._wake()

    def dies(self) -> None:
        """The line stands and carries nothing, until both ends have noticed one after the other."""
        self.dead = True
        self._loop.call_later(GIVEN_UP_S, self._given_up)
        self._loop.call_later(NOTICED_S, self._noticed)

    def _given_up(self) -> None:
        if self.dead:
            self.gone_at_broker(said=True)

    def _noticed(self) -> None:
        if self.dead:
            self.gone_at_client("no answer")

    def breaks(self, reason: str, *, said: bool = True) -> None:
        """The line is gone on both ends; the last will is ``said`` unless it ended in order."""
        if self._lost is not None:
            return
        self.gone_at_client(reason)
        self.gone_at_broker(said=said)

    def gone_at_client(self, reason: str) -> None:
        """The agent notices."""
        if self._lost is not None:
            return
        self._lost = ConnectionError(reason)
        if self in self._path.lines:
            self._path.lines.remove(self)
        for future in list(self._unacknowledged):
            if not future.done():
                future.set_exception(ConnectionError(reason))
        self._wake()

    def gone_at_broker(self, *, said: bool) -> None:
        """The broker notices, or is told."""
        if self._broker.clients.get(self._identifier) is not self:
            return
        del self._broker.clients[self._identifier]
        if said and self._will is not None and self._broker.up:
            self._broker.publish(self._will.topic, self._will.payload, True)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _fail(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_exception(ConnectionError("timed out"))


class MemorySession:
    """The gateway's session: the broker keeps what it has not acknowledged, and sends it again."""

    failed = False

    def __init__(
        self, broker: MemoryBroker, sites: Sequence[str], take: Taken, connected: Callable[[], None]
    ) -> None:
        self._broker = broker
        self._take = take
        self._connected = connected
        self._loop = asyncio.get_running_loop()
        self._filters = [wanted for site in sites for wanted in gateway_reads(site)]
        self._pages = [f"{PREFIX}/{site}/+/grants/page/+" for site in sites]
        self._held: dict[int, Delivered] = {}
        self._next = 0
        self._generation = 0
        self._online = self._wanted = False

    def start(self) -> None:
        self._wanted = True
        self._loop.call_later(2 * LATENCY_S, self._connect)

    def stop(self) -> None:
        self._wanted = self._online = False
        self._generation += 1

    def inherit(self, before: "MemorySession") -> None:
        """What the broker kept for the gateway process before."""
        self._held = before._held
        self._next = before._next

    def wants(self, topic: str) -> bool:
        """Whether it is subscribed for ``topic``; while it is away too, but for grant pages (QoS 0)."""
        if any(matches(wanted, topic) for wanted in self._filters):
            return True
        return self._online and any(matches(wanted, topic) for wanted in self._pages)

    def deliver(self, message: Delivered) -> None:
        number, self._next = self._next, self._next + 1
        self._held[number] = message
        if self._online:
            self._hand(number, message)

    def publish(self, topic: str, payload: bytes, retained: bool) -> None:
        if self._online:
            self._loop.call_later(LATENCY_S, self._published, topic, payload, retained)

    def _published(self, topic: str, payload: bytes, retained: bool) -> None:
        if self._broker.up:
            self._broker.publish(topic, payload, retained)

    def breaks(self) -> None:
        """The broker went away."""
        if self._online:
            self._online = False
            self._generation += 1
        if self._wanted:
            self._loop.call_later(RETRY_S, self._connect)

    def _connect(self) -> None:
        if not self._wanted or self._online:
            return
        if not self._broker.up:
            self._loop.call_later(RETRY_S, self._connect)
            return
        self._online = True
        self._generation += 1
        waiting = list(self._held.items())
        for number, message in waiting:
            self._hand(number, message)
        self._connected()
        for wanted in (*self._filters, *self._pages):
            for message in self._broker.matching(wanted):
                self.deliver(message)

    def _hand(self, number: int, message: Delivered) -> None:
        generation = self._generation
        future = self._take(*message)
        if future is None:
            self._held.pop(number, None)
            return

        def stored(_done: object) -> None:
            if generation == self._generation and future.exception() is None:
                self._held.pop(number, None)

        future.add_done_callback(stored)


class GatewayAccess:
    """What the gateway has of the broker."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    def session(self, sites: Sequence[str], take: Taken, connected: Callable[[], None]) -> MemorySession:
        made = MemorySession(self._broker, sites, take, connected)
        # a second process takes the session of the first over
        for before in self._broker.sessions:
            before.stop()
            made.inherit(before)
        self._broker.sessions = [made]
        return made
