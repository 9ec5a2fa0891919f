"""One line to the broker for one agent, or for several where the broker lets one client speak for many."""

import socket
from collections.abc import Sequence
from enum import Enum
from typing import Final

from pleintemps_contract.agent_messages import Presence, Stream
from pleintemps_contract.topics import agent_reads
from pleintemps_contract.world import World
from pleintemps_firmware_sim.errors import BrokerError

from . import mqtt
from .agent import LightAgent, Publication
from .figures import Figures

KEEPALIVE_S: Final = 30
FIRST_PAUSE_MS: Final = 500
LONGEST_PAUSE_MS: Final = 10_000
_PING_MS: Final = KEEPALIVE_S * 500
_MILLION: Final = 1_000_000
_CHUNK: Final = 1 << 18
_FILTERS: Final = 200
"""Topics of one SUBSCRIBE."""


class Phase(Enum):
    DOWN = "down"
    CONNECTING = "connecting"
    GREETING = "greeting"
    SUBSCRIBING = "subscribing"
    UP = "up"


class Session:
    """Connects, subscribes, introduces its agents, sends and hears; again after each loss. The caller turns
    the crank: :meth:`open` when :attr:`due`, :meth:`on_ready` when the socket is, :meth:`pump` after ticks.
    """

    def __init__(
        self,
        name: str,
        agents: Sequence[LightAgent],
        world: World,
        chance: World,
        figures: Figures,
        *,
        lose: float,
        by_puback: bool,
    ) -> None:
        """``lose``: share (0 to 1) of batches that are lost on their way, by ``chance``. ``by_puback``: the
        broker's acknowledgement counts as the receipt, for a broker without a gateway.
        """
        self.agents = agents
        self.phase = Phase.DOWN
        self.due = 0
        self.sock: socket.socket | None = None
        self.is_watched_for_writing = False
        self._name = name
        self._world = world
        self._chance = chance
        self._figures = figures
        self._lose = round(lose * _MILLION)
        self._by_puback = by_puback
        self._by_prefix = {f"pleintemps/v1/{one.plan.site}/{one.plan.agent}/": one for one in agents}
        self._reader = mqtt.Reader()
        self._out = bytearray()
        self._identifier = 0
        self._flying: dict[int, tuple[LightAgent, Stream, int]] = {}
        self._unanswered = 0
        self._wrote_at = 0
        self._pause_ms = FIRST_PAUSE_MS

    # --- the line -------------------------------------------------------------------------------------

    def open(self, address: tuple[str, int]) -> None:
        """Begin to connect; the socket tells when it can be written. Raises OSError at once or later."""
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.phase = Phase.CONNECTING
        self.sock.connect_ex(address)

    def lose(self) -> None:
        """The line is gone, without a word; the agents try again later, never all at once."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None
        self.phase = Phase.DOWN
        self._out.clear()
        self._flying.clear()
        self._reader = mqtt.Reader()
        self.due = self._world.monotonic() + FIRST_PAUSE_MS + self._world.random_below(self._pause_ms)
        self._pause_ms = min(self._pause_ms * 2, LONGEST_PAUSE_MS - FIRST_PAUSE_MS)

    @property
    def wants_to_write(self) -> bool:
        return bool(self._out) or self.phase is Phase.CONNECTING

    def on_ready(self, readable: bool, writable: bool) -> None:
        """The socket is ready; raises OSError (BrokerError among them) when the line is lost."""
        assert self.sock is not None
        if self.phase is Phase.CONNECTING and writable:
            if code := self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise ConnectionError(code, "cannot connect to the broker")
            will = self.agents[0].will if len(self.agents) == 1 else None
            self._out += mqtt.connect(self._name, KEEPALIVE_S, will)
            self.phase = Phase.GREETING
        if readable:
            data = self.sock.recv(_CHUNK)
            if not data:
                raise ConnectionError("the broker has closed the line")
            self._figures.bytes_in += len(data)
            for packet in self._reader.feed(data):
                self._take(packet)
        if self._out:
            self.flush()

    def flush(self) -> None:
        """Write what waits, as far as it goes."""
        assert self.sock is not None
        try:
            sent = self.sock.send(self._out if len(self._out) <= _CHUNK else self._out[:_CHUNK])
        except BlockingIOError:
            return
        self._figures.bytes_out += sent
        del self._out[:sent]
        self._wrote_at = self._world.monotonic()

    def say_goodbye(self) -> None:
        """Agents that end in order say so."""
        if self.phase is Phase.UP:
            for agent in self.agents:
                self._publish(agent, agent.available(Presence.OFFLINE))
            self._out += mqtt.DISCONNECT

    # --- in -------------------------------------------------------------------------------------------

    def _take(self, packet: mqtt.Message | mqtt.Packet) -> None:
        now, mono = self._world.now(), self._world.monotonic()
        if isinstance(packet, mqtt.Message):
            if packet.identifier:
                self._out += mqtt.puback(packet.identifier)
            self._figures.received += 1
            self._hear(packet, now, mono)
        elif packet.kind == mqtt.PUBACK:
            flown = self._flying.pop(packet.value, None)
            if flown is not None:
                agent, stream, last = flown
                agent.receipted(stream, last, mono)
        elif packet.kind == mqtt.CONNACK:
            if packet.value:
                raise BrokerError(f"the broker refuses us: code {packet.value}")
            self._subscribe()
        elif packet.kind == mqtt.SUBACK:
            self._unanswered -= 1
            if not self._unanswered:
                self._introduce(now)

    def _hear(self, message: mqtt.Message, now: int, mono: int) -> None:
        prefix = "/".join(message.topic.split("/", 4)[:4]) + "/"
        agent = self._by_prefix.get(prefix)
        if agent is not None:
            agent.hear(message.topic, message.payload, message.retained, now, mono)
            self.pump_one(agent, mono)
            return
        site = prefix.split("/")[2]  # what a gateway says to all agents of its site
        for one in self.agents:
            if one.plan.site == site:
                one.hear(message.topic, message.payload, message.retained, now, mono)

    def _subscribe(self) -> None:
        self.phase = Phase.SUBSCRIBING
        every = (one for agent in self.agents for one in agent_reads(agent.plan.site, agent.plan.agent))
        wanted = list(dict.fromkeys(every))
        for start in range(0, len(wanted), _FILTERS):
            self._out += mqtt.subscribe(self._next_identifier(), wanted[start : start + _FILTERS])
            self._unanswered = start // _FILTERS + 1

    def _introduce(self, now: int) -> None:
        self.phase = Phase.UP
        self._pause_ms = FIRST_PAUSE_MS
        self._figures.connects += 1
        for agent in self.agents:
            for publication in agent.connected(now):
                self._publish(agent, publication)
            self.pump_one(agent, self._world.monotonic())

    # --- out ------------------------------------------------------------------------------------------

    def look_after(self, mono: int) -> None:
        """Once in a while: send what is overdue, and show that the line is alive."""
        for agent in self.agents:
            self.pump_one(agent, mono)
        if self.phase is Phase.UP and mono >= self._wrote_at + _PING_MS and not self._out:
            self._out += mqtt.PING

    def pump_one(self, agent: LightAgent, mono: int) -> None:
        if self.phase is Phase.UP:
            for publication in agent.outgoing(mono):
                self._publish(agent, publication)

    def _next_identifier(self) -> int:
        self._identifier = self._identifier % 65_535 + 1
        return self._identifier

    def _publish(self, agent: LightAgent, publication: Publication) -> None:
        figures = self._figures
        figures.messages += 1
        if publication.stream is not None:
            figures.messages_again += publication.again
            if self._lose and self._chance.random_below(_MILLION) < self._lose:
                figures.dropped += 1
                return
        identifier = self._next_identifier()
        if self._by_puback and publication.stream is not None:
            self._flying[identifier] = (agent, publication.stream, publication.last)
        self._out += mqtt.publish(
            publication.head, identifier, publication.payload, retain=publication.retain
        )
