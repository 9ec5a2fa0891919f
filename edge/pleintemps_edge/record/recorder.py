"""One recording: what the rims tell, and what is looked up once a second, as lines of the file."""

import asyncio
import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, Literal

from pleintemps_contract import recording
from pleintemps_contract.agent_messages import EventsBatch, Health, SamplesBatch, SeriesInfo
from pleintemps_contract.cores import AgentRims
from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.errors import DecodeError, EnvelopeError
from pleintemps_contract.gateway_messages import CredentialKind
from pleintemps_contract.recording import Entry, Worth
from pleintemps_contract.tokens import Token, open_token
from pleintemps_contract.world import World
from pleintemps_edge import __version__
from pleintemps_edge.config import Setup
from pleintemps_edge.drivers import registry
from pleintemps_edge.drivers.base import CardRead, HealthChanged, KeyPressed, Observation
from pleintemps_edge.drivers.wiegand import WiegandConfig
from pleintemps_edge.sensing.wiegand import Edge

from .brokers import TappedBroker
from .ears import BuildingEar, SiteEar
from .keypads import Typing, WiegandTap
from .parts import Parts
from .pins import Seen, TappedFactory
from .sink import FLUSH_MS, Sink
from .veil import Veil
from .wires import Hearing, PortState, TappedWires
from .words import config_of, event_of, samples_of

LEAP_MS: Final = 500
"""More than this between wall and monotonic time since the last look is a leap of the wall clock."""
_PLAIN: Final = frozenset({"ld2410", "ld2450", "modbus_sound"})
"""Whose bytes hold nothing but measurements."""
_CARD: Final = "card:"


class Recorder:
    """Give :meth:`tap` to the agent, then :meth:`begin` with its parts. ``world`` is that of the wires."""

    def __init__(self, setup: Setup, sink: Sink, world: World, wall: Callable[[], int]) -> None:
        self._setup = setup
        self._sink = sink
        self._world = world
        self._wall = wall
        self._began: int | None = None
        self._began_us = 0
        self._ended = False
        self._veil = Veil(world.random_bytes(32))
        self._loop = asyncio.get_running_loop()
        self._parts: Parts | None = None
        self._sent_events = self._sent_samples = 0
        self._clock: tuple[int, bool, str] | None = None
        self._openings: object = None
        self._factory: TappedFactory | None = None
        self._keypads: dict[int, tuple[WiegandTap, int]] = {}
        self._taps: list[WiegandTap] = []
        self._typing: dict[str, Typing] = {}
        self._ports: dict[Path, tuple[str, Hearing]] = {}
        for table in setup.config.devices:
            self._prepare(registry.read(table))

    def _prepare(self, config: registry.DeviceConfig) -> None:
        if isinstance(config, WiegandConfig):
            tap = WiegandTap(config.formats, self._veil, partial(self._pulse, (config.d0, config.d1)))
            self._taps.append(tap)
            self._keypads |= {config.d0: (tap, 0), config.d1: (tap, 1)}
        if config.driver == "osdp":
            self._typing[config.device] = Typing(self._veil)
        hearing = {"token_reader": Hearing.TOKENS}.get(config.driver, Hearing.NOTHING)
        for name in config.ports():
            self._ports[self._setup.base / name] = (
                name,
                Hearing.BYTES if config.driver in _PLAIN else hearing,
            )

    # --- beginning and end ----------------------------------------------------------------------------

    def tap(self, rims: AgentRims) -> AgentRims:
        """``rims`` with ears."""
        self._factory = TappedFactory(rims.pins, self._pin)
        return dataclasses.replace(
            rims,
            broker=TappedBroker(rims.broker, SiteEar(self.now, self.put, self, self._veil)),
            building=TappedBroker(rims.building, BuildingEar(self.now, self.put)),
            wires=TappedWires(rims.wires, self._ports, self),
            pins=self._factory,
        )

    def begin(self, parts: Parts) -> None:
        """The agent is made and starts: this is where the recording begins."""
        self._parts = parts
        self._began = self._world.monotonic()
        self._began_us = 0 if self._factory is None else self._factory.now_us()
        self._sent_events = parts.events.position.next - 1
        self._sent_samples = parts.samples.position.next - 1
        parts.desk.witness = self._shown
        parts.router.witness = self._observed
        config = self._setup.config
        self._sink.begin(
            recording.Header(
                format=recording.FORMAT,
                version=__version__,
                site=config.site,
                agent=config.agent,
                boot=self._veil.identifier(parts.boot),
                begin=self._wall(),
                config=config_of(config),
            )
        )
        series = [SeriesInfo(**dataclasses.asdict(each)) for each in parts.series]
        self.put(recording.Series(t=self.now(), series=series))

    async def run(self) -> None:
        """Write about once a second, until cancelled."""
        while True:
            await self._look()
            await self._sink.flush()
            await self._world.sleep_until(self._world.monotonic() + FLUSH_MS)

    async def end(self) -> None:
        """The last look, while the agent still runs."""
        for tap in self._taps:
            tap.settle(2**62)
        if self._parts is not None:
            self._parts.metering.flush()
        await self._look()
        self.put(recording.End(t=self.now()))
        self._ended = True
        await self._sink.flush()

    def now(self) -> int:
        """Milliseconds since the recording began; 0 before it has."""
        return 0 if self._began is None else self._world.monotonic() - self._began

    def put(self, entry: Entry) -> None:
        """Take one line; how the agent takes its leave is no part of what was asked for."""
        if not self._ended:
            self._sink.put(entry)

    @property
    def keys(self) -> TrustedKeys:
        """That may sign for the gateway now."""
        return self._setup.keys.trusted if self._parts is None else self._parts.desk.trusted

    @property
    def boot(self) -> str:
        """Of the agent that is recorded."""
        return self._parts.boot if self._parts is not None else ""

    # --- once a second --------------------------------------------------------------------------------

    async def _look(self) -> None:
        parts = self._parts
        if parts is None:
            return
        self._look_at_clock(parts)
        self._look_at_rights(parts)
        if self._factory is not None:
            for tap in self._taps:
                tap.settle(self._factory.now_us() - self._began_us)
        # what the line has not carried yet
        while (events := await parts.events.batch(self._sent_events)) is not None:
            self.events(events)
        while (samples := await parts.samples.batch(self._sent_samples)) is not None:
            self.samples(samples)

    def events(self, batch: EventsBatch) -> None:
        """A batch that was sent, or waits."""
        new = [record for record in batch.records if record.seq > self._sent_events]
        if new:
            self._sent_events = new[-1].seq
            records = [event_of(record, self._veil) for record in new if record.boot == self.boot]
            self.put(recording.Events(t=self.now(), records=records))

    def samples(self, batch: SamplesBatch) -> None:
        """A batch that was sent, or waits."""
        if batch.seq > self._sent_samples:
            self._sent_samples = batch.seq
            if batch.boot == self.boot:
                self.put(recording.Samples(t=self.now(), batch=samples_of(batch, self._veil)))

    def _look_at_clock(self, parts: Parts) -> None:
        reading = parts.clock.read()
        offset = reading.at - self.now()
        before = self._clock
        now = (offset, reading.trusted, reading.source)
        if before is None or abs(before[0] - offset) > LEAP_MS or before[1:] != now[1:]:
            self._clock = now
            self.put(
                recording.Clock(t=self.now(), wall=reading.at, trusted=reading.trusted, source=reading.source)
            )

    def _look_at_rights(self, parts: Parts) -> None:
        table = parts.desk.table
        if table is not self._openings:
            self._openings = table
            doors = {door: (list(times), first) for door, (times, first) in table.free_openings.items()}
            self.put(recording.Openings(t=self.now(), grants=table.count, doors=doors))

    # --- what is told ---------------------------------------------------------------------------------

    def _pin(self, seen: Seen) -> None:
        """In whatever thread."""
        self._loop.call_soon_threadsafe(self._take_pin, seen, self.now())

    def _take_pin(self, seen: Seen, at: int) -> None:
        keypad = self._keypads.get(seen.pin)
        us = None if seen.us is None else seen.us - self._began_us
        if keypad is None:
            self.put(recording.Edge(t=at, pin=seen.pin, level=_level(seen.level), us=us, out=seen.out))
        elif us is not None and not seen.level:
            tap, bit = keypad
            tap.take(Edge(us, bit, at))

    def _pulse(self, pins: tuple[int, int], edge: Edge) -> None:
        self.put(recording.Edge(t=edge.seen, pin=pins[edge.bit], level=0, us=edge.at_us))

    def port(self, name: str, state: PortState) -> None:
        """Of a serial port."""
        self.put(recording.Port(t=self.now(), port=name, state=state))

    def bytes(self, name: str, to: bool, data: bytes) -> None:
        """On a serial line, to the agent or from it."""
        self.put(recording.Bytes(t=self.now(), port=name, to=to, data=data))

    def text(self, name: str, text: str) -> None:
        """A reader of texts has read one."""
        token = self._token(text)
        worth = None
        if token is not None:
            worth = Worth(
                id=self._veil.identifier(token.id),
                kind=CredentialKind.CARD,
                doors=token.doors,
                windows=token.windows,
                extended=token.extended,
            )
        self.put(recording.Token(t=self.now(), port=name, right=worth))

    def _token(self, text: str) -> Token | None:
        try:
            return open_token(text, self._setup.config.site, self.keys)
        except (EnvelopeError, DecodeError):
            return None

    def _shown(self, credential: str, worth: list[Worth]) -> None:
        """A code or card was checked."""
        card = credential.removeprefix(_CARD)
        veiled = self._veil.code(credential) if card == credential else _CARD + self._veil.card(card)
        known = [
            Worth(
                id=self._veil.identifier(each.id),
                kind=each.kind,
                doors=each.doors,
                windows=each.windows,
                once=each.once,
                duress=each.duress,
                extended=each.extended,
            )
            for each in worth
        ]
        self.put(recording.Right(t=self.now(), credential=veiled, worth=known))

    def _observed(self, seen: Observation) -> None:
        """Readers whose line is encrypted are recorded by what the agent makes of it."""
        typing = self._typing.get(getattr(seen, "device", ""))
        if typing is None:
            return
        if isinstance(seen, KeyPressed):
            key = typing.key(seen.key, seen.monotonic)
            self.put(recording.Key(t=self.now(), device=seen.device, key=key))
        elif isinstance(seen, CardRead):
            self.put(recording.Card(t=self.now(), device=seen.device, card=self._veil.card(seen.card)))
        elif isinstance(seen, HealthChanged):
            well = seen.health is Health.OK
            self.put(recording.Reader(t=self.now(), device=seen.device, well=well))


def _level(level: int) -> Literal[0, 1]:
    return 1 if level else 0
