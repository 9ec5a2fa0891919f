"""The MQTT session: connect, say who we are, drain the journals, hand over what comes in; again for ever.

MQTT 3.1.1, QoS 1. A PUBACK proves nothing: records leave the journals by the gateway's receipts only.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiomqtt

from pleintemps_contract.agent_messages import (
    Availability,
    Birth,
    ClockSource,
    CommandResult,
    JournalPosition,
    Presence,
    Response,
    Stream,
    TimeRequest,
)
from pleintemps_contract.cores import AgentBroker, AgentLine, Will
from pleintemps_contract.logs import line
from pleintemps_contract.topics import Channel, Topic, agent_reads
from pleintemps_contract.wire import AgentMessage, encode
from pleintemps_contract.world import World
from pleintemps_edge.clock import Clock
from pleintemps_edge.journal.events import EventJournal
from pleintemps_edge.journal.samples import SampleJournal
from pleintemps_edge.waiting import Signal

from .birth import fit
from .client import Client, tls_context
from .office import Office
from .outbox import SPREAD, Outbox

FIRST_PAUSE_MS: Final = 500
LONGEST_PAUSE_MS: Final = 10_000
ASK_TIME_MS: Final = 30_000
"""Between two requests for the gateway's time while ours is not trusted."""
RENEW_TIME_MS: Final = 3_600_000
"""Between two requests while the gateway's time is what we trust: a crystal strays some 50 ms an hour."""
MAX_RESPONSES: Final = 256
MAX_REFUSALS: Final = 64
"""Answers that refuse a command wait only while the line of answers is shorter than this."""
KEEPALIVE_S: Final = 10
"""An idle line that swallows bytes is given up after twice this, and a broker gives us up after 15 s."""
REBIRTH_MS: Final = 1_000
"""Between two births on one line, so that many changes at a time make one."""
MAX_TOLD: Final = 8
_LOG: Final = logging.getLogger("link")


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is; ``key_folder`` holds our certificate if the line is TLS."""

    host: str
    port: int
    key_folder: Path | None = None

    def tls(self) -> ssl.SSLContext | None:
        """Made anew for every connection, so new certificates need no restart; raises OSError."""
        return None if self.key_folder is None else tls_context(self.key_folder)

    def line(self, identifier: str, will: Will | None) -> Client:
        """A line that is not yet connected; raises OSError."""
        return Client(
            self.host,
            self.port,
            identifier=identifier,
            clean_session=True,
            keepalive=KEEPALIVE_S,
            timeout=10,
            tls_context=self.tls(),
            will=None if will is None else aiomqtt.Will(will.topic, will.payload, qos=1, retain=True),
            # an answer right behind a PUBACK must not wait for the broker's delayed acknowledgement
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
            max_inflight_messages=64,
        )


def _give_way() -> None:
    """Raise CancelledError if this task was cancelled and something else was raised in its place."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class Link:
    """One agent's line. ``world`` is that of the network: real time, whatever clock the doors have."""

    def __init__(
        self, broker: AgentBroker, site: str, agent: str, boot: str, world: World, clock: Clock
    ) -> None:
        self._broker = broker
        self._site = site
        self._agent = agent
        self._boot = boot
        self._world = world
        self._clock = clock
        self.events = Outbox()
        self.samples = Outbox()
        self._events_changed = Signal()
        self._samples_changed = Signal()
        self._responses: deque[Response] = deque(maxlen=MAX_RESPONSES)
        self._responded = asyncio.Event()
        self._office_changed = Signal()
        self._birth_changed = asyncio.Event()
        self._client: AgentLine | None = None
        self._pause_ms = FIRST_PAUSE_MS
        self._told: set[str] = set()
        self._trust_told = False

    def wake(self) -> None:
        """There may be something to send."""
        self._events_changed.set()
        self._samples_changed.set()

    @property
    def up(self) -> bool:
        """Whether there is a line to the broker."""
        return self._client is not None

    def begin_anew(self, journal: JournalPosition) -> None:
        """This journal goes on in the place of its stream's last one: its numbers are its own."""
        outbox = self.events if journal.stream is Stream.EVENTS else self.samples
        outbox.begin_anew(journal.next - 1)
        self.wake()

    def rebirth(self) -> None:
        """Something that the birth tells has changed: say it again, once for all changes of a moment."""
        self._birth_changed.set()

    def respond(self, response: Response) -> None:
        """Send ``response`` as soon as there is a line; the oldest go if nobody takes them.

        Who plays old messages again must not push other answers out: what is waiting already does not wait
        twice, and refusals of commands, which are counted elsewhere too, wait in a short line only.
        """
        refusal = isinstance(response, CommandResult) and response.refusal is not None
        if response in self._responses or (refusal and len(self._responses) >= MAX_REFUSALS):
            return
        self._responses.append(response)
        self._responded.set()

    async def run(
        self, office: Office, events: EventJournal, samples: SampleJournal, birth: Callable[[str], Birth]
    ) -> None:
        """Keep the line until cancelled. ``birth`` makes the birth for a nonce."""
        events.grown = self._events_changed
        samples.grown = self._samples_changed
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tick(office))
            while True:
                try:
                    # a task of its own: Python 3.11 leaves one that a TaskGroup has interrupted marked as
                    # being cancelled for ever, and _publish would believe it
                    await asyncio.create_task(self._connect(office, events, samples, birth))
                except* (aiomqtt.MqttError, OSError) as error:
                    self._lost(error)
                _give_way()
                await self._world.sleep_until(self._world.monotonic() + self._next_pause())

    async def farewell(self) -> None:
        """Say that we go, if there is a line to say it on; takes half a second at most."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(aiomqtt.MqttError, OSError, TimeoutError):
                async with asyncio.timeout(0.5):
                    await self._publish(client, Channel.AVAILABILITY, self._availability(Presence.OFFLINE))

    # --- connection ---------------------------------------------------------------------------------

    def _connection(self) -> AgentLine:
        will = Will(str(self._topic(Channel.AVAILABILITY)), encode(self._availability(Presence.OFFLINE)))
        return self._broker.line(f"pleintemps-{self._site}-{self._agent}", will)

    def _topic(self, channel: Channel) -> Topic:
        return Topic(self._site, self._agent, channel)

    def _availability(self, state: Presence) -> Availability:
        return Availability(state=state, boot=self._boot)

    async def _publish(self, client: AgentLine, channel: Channel, message: AgentMessage) -> None:
        topic = self._topic(channel)
        await client.publish(str(topic), encode(message), qos=1, retain=topic.row.retained)
        # asyncio.wait_for of Python 3.11, inside the client, may swallow a cancellation that meets the PUBACK
        _give_way()

    def _lost(self, error: BaseException) -> None:
        self._client = None
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        error = error.__cause__ or error  # the library says only that it is disconnected
        # once for each kind of trouble: a broker that comes back with a bad certificate is another one
        kind = f"{type(error).__name__} {error}"
        if kind not in self._told and len(self._told) < MAX_TOLD:
            self._told.add(kind)
            _LOG.warning(line("line-down", broker=self._broker.host, port=self._broker.port, error=error))

    def _next_pause(self) -> int:
        """Growing, and never the same for two agents that lost one broker."""
        pause = FIRST_PAUSE_MS + self._world.random_below(self._pause_ms)
        self._pause_ms = min(self._pause_ms * 2, LONGEST_PAUSE_MS - FIRST_PAUSE_MS)
        return pause

    async def _connect(
        self, office: Office, events: EventJournal, samples: SampleJournal, birth: Callable[[str], Birth]
    ) -> None:
        async with self._connection() as client:
            await self._serve(client, office, events, samples, birth)

    async def _serve(
        self,
        client: AgentLine,
        office: Office,
        events: EventJournal,
        samples: SampleJournal,
        birth: Callable[[str], Birth],
    ) -> None:
        await client.subscribe([(topic, 1) for topic in agent_reads(self._site, self._agent)])
        # from here on there is something to take back: an end now takes the last will with it
        self._client = client
        await self._publish(client, Channel.AVAILABILITY, self._availability(Presence.ONLINE))
        await self._say_birth(client, birth)
        self._pause_ms = FIRST_PAUSE_MS
        self._told.clear()
        _LOG.info(line("line-up", broker=self._broker.host, port=self._broker.port))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._receive(client, office))
            group.create_task(self._send_events(client, events))
            group.create_task(self._send_samples(client, samples))
            group.create_task(self._send_responses(client))
            group.create_task(self._ask_time())
            group.create_task(self._be_born_again(client, birth))

    # --- what runs while there is a line ------------------------------------------------------------

    async def _receive(self, client: AgentLine, office: Office) -> None:
        while True:
            message = await client.next_message()
            office.receive(message.topic, message.payload, message.retained)
            self._office_changed.set()
            if self._clock.read().trusted is not self._trust_told:
                self.rebirth()  # receipts come all the time: a birth is soon true of the clock again

    async def _send_events(self, client: AgentLine, journal: EventJournal) -> None:
        outbox = self.events
        outbox.restart()
        while True:
            self._events_changed.clear()
            batch = await journal.batch(outbox.sent) if outbox.may_send() else None
            if batch is None:
                await self._wait_for_news(outbox, self._events_changed)
                continue
            # counted before it goes: its receipt may be quicker than its PUBACK
            outbox.on_sent(batch.records[-1].seq, self._world.monotonic())
            await self._publish(client, Channel.EVENTS, batch)

    async def _send_samples(self, client: AgentLine, journal: SampleJournal) -> None:
        outbox = self.samples
        outbox.restart()
        while True:
            self._samples_changed.clear()
            batch = await journal.batch(outbox.sent) if outbox.may_send() else None
            if batch is None:
                await self._wait_for_news(outbox, self._samples_changed)
                continue
            outbox.on_sent(batch.seq, self._world.monotonic())
            await self._publish(client, Channel.SAMPLES, batch)

    async def _wait_for_news(self, outbox: Outbox, changed: Signal) -> None:
        overdue = outbox.overdue_at()
        await changed.wait_until(self._world, overdue)
        if overdue is not None and overdue == outbox.overdue_at() and self._world.monotonic() >= overdue:
            outbox.late(self._world.random_below(SPREAD))

    async def _send_responses(self, client: AgentLine) -> None:
        while True:
            await self._responded.wait()
            self._responded.clear()
            while self._responses:
                response = self._responses[0]
                await self._publish(client, Channel.RESPONSE, response)
                if self._responses[0] is response:  # a full line may have let go of it meanwhile
                    self._responses.popleft()

    async def _be_born_again(self, client: AgentLine, birth: Callable[[str], Birth]) -> None:
        while True:
            await self._world.sleep_until(self._world.monotonic() + REBIRTH_MS)
            await self._birth_changed.wait()
            await self._say_birth(client, birth)

    async def _say_birth(self, client: AgentLine, birth: Callable[[str], Birth]) -> None:
        self._birth_changed.clear()
        said = fit(birth(self._clock.ask()))
        self._trust_told = said.clock_trusted
        await self._publish(client, Channel.BIRTH, said)

    async def _ask_time(self) -> None:
        while True:
            source = self._clock.read().source
            pause = RENEW_TIME_MS if source is ClockSource.GATEWAY else ASK_TIME_MS
            await self._world.sleep_until(self._world.monotonic() + pause)
            if self._clock.read().source in (ClockSource.NONE, ClockSource.GATEWAY):
                self.respond(TimeRequest(nonce=self._clock.ask()))

    async def _tick(self, office: Office) -> None:
        """Runs with and without a line: what was refused is recorded all the same."""
        while True:
            self._office_changed.clear()
            office.tick()
            await self._office_changed.wait_until(self._world, office.next_due())
