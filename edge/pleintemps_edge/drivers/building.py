"""The line to the building's own MQTT broker, for locks that speak MQTT themselves.

MQTT 3.1.1, QoS 1, a clean session: what is said while there is no line is lost, and so it must be, because a
late command to a lock is worse than none.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

import aiomqtt

from pleintemps_contract.cores import AgentBroker, AgentLine, Will
from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_edge.link.client import Client

FIRST_PAUSE_MS: Final = 250
LONGEST_PAUSE_MS: Final = 5_000
KEEPALIVE_S: Final = 5
"""A line that hangs is noticed within twice as long."""
FAREWELL_S: Final = 0.3
_LOG: Final = logging.getLogger("building")

Take = Callable[[str, bytes, bool], None]


@dataclass(frozen=True, slots=True)
class BuildingBroker:
    """Where the building's broker is; ``user`` empty is an anonymous line."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)

    def line(self, identifier: str, _will: Will | None) -> Client:
        """A line that is not yet connected; locks wait for no last word of ours."""
        return Client(
            self.host,
            self.port,
            identifier=identifier,
            username=self.user or None,
            password=self.password or None,
            clean_session=True,
            keepalive=KEEPALIVE_S,
            timeout=KEEPALIVE_S,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )


class BuildingLine:
    """One connection for all locks of this agent. ``world`` is that of the network: real time."""

    def __init__(self, broker: AgentBroker, name: str, world: World) -> None:
        """``name`` begins the client id."""
        self._broker = broker
        self._identifier = f"{name}-{world.new_id()[:8]}"
        self._world = world
        self._takers: list[tuple[str, Take]] = []
        self._watchers: list[Callable[[bool], None]] = []
        self._client: AgentLine | None = None
        self._sending: set[asyncio.Task[Any]] = set()
        self._broken = asyncio.Event()
        self._pause_ms = FIRST_PAUSE_MS
        self._down = False

    @property
    def online(self) -> bool:
        return self._client is not None

    def subscribe(self, topic: str, take: Take) -> None:
        """Call ``take(topic, payload, retained)`` for each message below the filter ``topic``.

        A publication after this call is answered no sooner than the subscription holds.
        """
        self._takers.append((topic, take))
        if self._client is not None:
            # even where the topic is known already: the newcomer wants its retained messages too
            self._start(self._client.subscribe([(topic, 1)]))

    def watch(self, take: Callable[[bool], None]) -> None:
        """Call ``take(online)`` at each change of the line, and once now."""
        self._watchers.append(take)
        take(self.online)

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send with QoS 1, never retained; False while there is no line, and then it is forgotten."""
        if self._client is None:
            return False
        self._start(self._client.publish(topic, payload, qos=1, retain=False))
        return True

    async def run(self) -> None:
        """Keep the line until cancelled; what was published before the end still goes out."""
        while True:
            try:
                # a task of its own: Python 3.11 leaves one that a TaskGroup has interrupted marked as being
                # cancelled for ever
                await asyncio.create_task(self._connect())
            except* (aiomqtt.MqttError, OSError) as error:
                self._lost(error)
            pause = FIRST_PAUSE_MS + self._world.random_below(self._pause_ms)
            self._pause_ms = min(self._pause_ms * 2, LONGEST_PAUSE_MS - FIRST_PAUSE_MS)
            await self._world.sleep_until(self._world.monotonic() + pause)

    def _lost(self, error: BaseException) -> None:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if not self._down:
            self._down = True
            _LOG.warning(line("building-down", broker=self._broker.host, port=self._broker.port, error=error))

    async def _connect(self) -> None:
        client = self._broker.line(self._identifier, None)
        async with client:
            await self._serve(client)

    async def _serve(self, client: AgentLine) -> None:
        self._pause_ms = FIRST_PAUSE_MS
        self._down = False
        self._broken = asyncio.Event()
        self._client = client
        _LOG.info(line("building-up", broker=self._broker.host, port=self._broker.port))
        for topic in dict.fromkeys(topic for topic, _ in self._takers):
            self._start(client.subscribe([(topic, 1)]))
        try:
            await self._listen(client)
        except asyncio.CancelledError:
            # the agent ends: its last word to a lock was to hold the door shut
            if self._sending:
                await asyncio.wait(self._sending, timeout=FAREWELL_S)
            raise
        finally:
            self._client = None
            for task in self._sending:
                task.cancel()

    async def _listen(self, client: AgentLine) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._receive(client))
                group.create_task(self._mind())
                self._tell(True)
        except* (aiomqtt.MqttError, OSError):
            self._client = None
            self._tell(False)
            raise

    def _start(self, sending: Coroutine[Any, Any, object]) -> None:
        """Hand over in order, for tasks begin in order; nothing waits for the acknowledgement of another."""
        task = asyncio.get_running_loop().create_task(sending)
        self._sending.add(task)
        task.add_done_callback(self._sent)

    def _sent(self, task: "asyncio.Task[Any]") -> None:
        self._sending.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._broken.set()

    async def _mind(self) -> None:
        """A broker that acknowledges nothing is no broker."""
        await self._broken.wait()
        raise aiomqtt.MqttError("the broker does not acknowledge")

    def _tell(self, online: bool) -> None:
        for watcher in self._watchers:
            watcher(online)

    async def _receive(self, client: AgentLine) -> None:
        while True:
            message = await client.next_message()
            for topic, take in self._takers:
                if aiomqtt.Topic(message.topic).matches(topic):
                    take(message.topic, message.payload, message.retained)
