"""A light agent: what it measures, records, sends, hears and answers, in the words of the contract. Pure: it
is told the time, and owns neither socket nor file.
"""

import heapq
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from pleintemps_contract import __version__
from pleintemps_contract import agent_messages as a
from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.errors import IdentifierError, TopicError
from pleintemps_contract.gateway_messages import (
    Announcement,
    Command,
    Config,
    GrantsManifest,
    GrantsPage,
    Receipt,
)
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import GatewayMessage, encode
from pleintemps_contract.world import World

from . import doors, mqtt
from .announced import trusted_after
from .birth import birth
from .days import chance_of
from .doors import After, DoorState
from .figures import Figures
from .inbox import Fault, Gate, Grants
from .journal import Journal
from .patterns import Pace
from .plan import SERIES, AgentPlan, series_of
from .room import Life, Room

PAGE_GRACE_MS: Final = 5_000
"""Pages come before their manifest, but a broker may keep another order."""
_MISTYPED: Final = 20
"""One code of so many is typed wrong at first."""


class Publication(NamedTuple):
    """``stream`` and ``last`` are set for a batch, which the network may lose without harm."""

    head: bytes
    payload: bytes
    retain: bool = False
    stream: a.Stream | None = None
    last: int = 0
    again: bool = False


class LightAgent:
    """``now`` is wall time (Unix ms), ``mono`` monotonic ms. ``keys`` None: no signature is checked."""

    def __init__(
        self,
        plan: AgentPlan,
        place: int,
        *,
        life: Life,
        pace: Pace,
        world: World,
        keys: TrustedKeys | None,
        figures: Figures,
        capacity: int,
        now: int,
    ) -> None:
        self.plan = plan
        self._world = world
        self._figures = figures
        self._pace = pace
        self.boot = world.new_id()
        self.events = Journal(world.new_id(), a.Stream.EVENTS)
        self.samples = Journal(world.new_id(), a.Stream.SAMPLES, capacity)
        self.rooms = [
            Room(life, plan.site, space, place * 64 + number, now) for number, space in enumerate(plan.spaces)
        ]
        self._chance = chance_of(life.seed, plan.agent)
        self._gate = Gate(keys)
        self.grants = Grants()
        self._doors = {room.door: DoorState() for room in self.rooms}
        self._heads = {channel: mqtt.head(self._text(channel)) for channel in _WRITTEN}
        self._templates: dict[int, bytes] = {}
        self._count = 0
        self._coming: list[tuple[int, int, a.Event]] = []
        self._order = 0
        self._started = now
        self._counter = 0
        self._reign: tuple[int, int] | None = None
        self._grace_until: int | None = None
        self._said: list[Publication] = []
        self._record([(0, a.AgentStarted(version=__version__))], now)

    def _text(self, channel: Channel) -> str:
        return str(Topic(self.plan.site, self.plan.agent, channel))

    # --- what it measures -----------------------------------------------------------------------------

    def measure(self, number: int, now: int) -> None:
        """Take reading ``number`` of every sensor; it is committed within the time that its kind allows."""
        self._count += 1
        urgent = False
        for room in self.rooms:
            if now >= room.next_at:
                self._flush(number - 1, self._count - 1, now - int(self._pace.period_ms))
                self._count = 1
                self._live(room, now)
                urgent = True
            elif room.changes(number):
                urgent = True
        if urgent or self._count >= self._pace.flush:
            self._flush(number, self._count, now)
            self._count = 0
        if self._coming and self._coming[0][0] <= now:
            self._take_coming(now)

    def finish(self, number: int, now: int) -> None:
        """Commit what came up to reading ``number``, the last one."""
        self._flush(number, self._count, now)
        self._count = 0

    def _flush(self, number: int, count: int, at: int) -> None:
        """Commit the ``count`` readings up to ``number``, which was taken ``at``."""
        if count < 1:
            return
        template = self._templates.get(count)
        if template is None:
            template = self._templates[count] = self._template(count)
        first = number - count + 1
        values: list[int | bytes] = [at - int((count - 1) * self._pace.period_ms)]
        for room in self.rooms:
            values += room.readings(first, count)
        readings = count * len(self.rooms) * len(SERIES)
        self.samples.add(template % tuple(values), readings)
        self._figures.readings += readings
        self._figures.batches += 1

    def _template(self, count: int) -> bytes:
        times = ",".join(str(int(place * self._pace.period_ms)) for place in range(count))
        columns = ",".join(
            f'"{series_of(room.space, end)}":{{"dt":[{times}],"value":[%b]}}'
            for room in self.rooms
            for end, _, _ in SERIES
        )
        return f'"boot":"{self.boot}","base":%d,"trusted":true,"series":{{{columns}}}}}'.encode()

    # --- who comes and goes ---------------------------------------------------------------------------

    def _live(self, room: Room, now: int) -> None:
        for step in room.advance(now):
            if step.people > 0:
                self._enter(room, now)
            elif step.people < 0:
                self._figures.acts["left"] += 1
                self._record(doors.leave(room.door), now)

    def _enter(self, room: Room, now: int) -> None:
        state, grant = self._doors[room.door], self.grants.valid(room.door, now)
        if grant is not None and not self._chance.random_below(_MISTYPED):
            self._figures.acts["mistyped"] += 1
            self._record(doors.enter(room.door, state, None), now)
        self._figures.acts["came-with-a-code" if grant is not None else "came-without-a-code"] += 1
        self._record(doors.enter(room.door, state, grant), now)

    def _record(self, events: Iterable[After], now: int) -> None:
        for after, event in events:
            self._order += 1
            heapq.heappush(self._coming, (now + after, self._order, event))
        self._take_coming(now)

    def _take_coming(self, now: int) -> None:
        while self._coming and self._coming[0][0] <= now:
            at, _, event = heapq.heappop(self._coming)
            if isinstance(event, a.DoorModeChanged):
                self._doors[event.door] = DoorState(event.mode)
            record = a.EventRecord(
                seq=self.events.next,
                at=at,
                trusted=True,
                monotonic=at - self._started,
                boot=self.boot,
                event=event,
            )
            self.events.add(_encode(record), 1)
            self._figures.events += 1

    def power_cut(self, now: int) -> None:
        """Begin another life: what was committed is still there, what was not yet is not."""
        self.boot = self._world.new_id()
        self._count = 0
        self._counter = 0
        self._coming.clear()
        self._templates.clear()
        self._said.clear()
        self._doors = dict.fromkeys(self._doors, DoorState())
        self._started = now
        for journal in (self.events, self.samples):
            journal.restart()
        self._record([(0, a.AgentStarted(version=__version__))], now)

    # --- what it sends --------------------------------------------------------------------------------

    @property
    def will(self) -> mqtt.Will:
        message = a.Availability(state=a.Presence.OFFLINE, boot=self.boot)
        return mqtt.Will(self._text(Channel.AVAILABILITY), encode(message))

    def available(self, state: a.Presence) -> Publication:
        body = encode(a.Availability(state=state, boot=self.boot))
        return Publication(self._heads[Channel.AVAILABILITY], body, True)

    def connected(self, now: int) -> Iterator[Publication]:
        """What is said first on every line."""
        self.events.restart()
        self.samples.restart()
        yield self.available(a.Presence.ONLINE)
        held = self.grants.held
        message = birth(
            self.boot,
            self._world.new_id(),
            now,
            {room.space: self._doors[room.door].mode for room in self.rooms},
            [self.events.position, self.samples.position],
            a.GrantsHeld(epoch=held.epoch, revision=held.revision, grants=self.grants.count)
            if held is not None
            else None,
            self._gate.keys,
        )
        yield Publication(self._heads[Channel.BIRTH], encode(message), True)

    def outgoing(self, mono: int) -> Iterator[Publication]:
        """What is to be sent at ``mono``: answers first, then what the journals hold."""
        if self._grace_until is not None and mono >= self._grace_until:
            self._grace_until = None
            self._tell_missing()
        if self._said:
            said, self._said = self._said, []
            yield from said
        for journal, channel in ((self.events, Channel.EVENTS), (self.samples, Channel.SAMPLES)):
            head = self._heads[channel]
            for payload, last, again in journal.outgoing(mono):
                yield Publication(head, payload, False, journal.stream, last, again)

    def _respond(self, response: a.Response) -> None:
        self._said.append(Publication(self._heads[Channel.RESPONSE], encode(response)))

    # --- what it hears --------------------------------------------------------------------------------

    def hear(self, text: str, payload: bytes, retained: bool, now: int, mono: int) -> None:
        """Take one message; whatever it is, it harms itself only."""
        if not payload:
            return
        try:
            topic = Topic.parse(text)
        except (TopicError, IdentifierError):
            self._refuse("unknown-topic")
            return
        message = self._gate.open(topic, payload)
        if isinstance(message, str):
            if message != Fault.OLD_EPOCH or topic.channel is not Channel.MANIFEST:
                self._refuse(f"{topic.channel.value}: {message}")
        elif retained and not topic.row.retained:
            self._refuse(f"{topic.channel.value}: {Fault.RETAINED}")
        else:
            self._take(topic, message, now, mono)

    def _refuse(self, reason: str) -> None:
        self._figures.refused[reason] += 1

    def _take(self, topic: Topic, message: GatewayMessage, now: int, mono: int) -> None:
        match message:
            case Receipt():
                self._receipt(message, mono)
            case GrantsPage():
                self.grants.page(topic.tail, message)
                self._apply()
            case GrantsManifest():
                self._manifest(message, mono)
            case Command():
                self._command(message, now)
            case Config():
                self._figures.acts["configurations"] += 1
                self._respond(a.ConfigResult(epoch=message.epoch, revision=message.revision, applied=True))
            case Announcement():
                self._announced(message)
            case _:
                self._refuse("foreign-message")

    def receipted(self, stream: a.Stream, through: int, mono: int) -> bool:
        """Everything of ``stream`` up to ``through`` is stored; False if that was never sent."""
        events = stream is a.Stream.EVENTS
        released = (self.events if events else self.samples).receipt(through, mono)
        if released is None:
            return False
        figures = self._figures
        if events:
            figures.receipted_events += released.counted
        else:
            figures.receipted_readings += released.counted
        figures.waits.update(released.waited)
        return True

    def _receipt(self, receipt: Receipt, mono: int) -> None:
        self._figures.receipts += 1
        journal = self.events if receipt.stream is a.Stream.EVENTS else self.samples
        if receipt.journal != journal.id:
            self._refuse(f"receipt: {Fault.FOREIGN_JOURNAL}")
        elif not self.receipted(receipt.stream, receipt.through, mono):
            self._refuse(f"receipt: {Fault.BEYOND_SENT}")

    def _manifest(self, manifest: GrantsManifest, mono: int) -> None:
        if not self.grants.manifest(manifest):
            self._refuse(f"grants/manifest: {Fault.OLD_REVISION}")
            return
        self._grace_until = mono + PAGE_GRACE_MS
        self._apply()

    def _apply(self) -> None:
        manifest = self.grants.apply()
        if manifest is None:
            return
        self._grace_until = None
        self._figures.acts["manifests"] += 1
        self._answer(manifest, True)

    def _tell_missing(self) -> None:
        wanted, missing = self.grants.wanted, self.grants.missing()
        if wanted is None or not missing:
            return
        self._answer(wanted, False, f"{len(missing)} pages missing")

    def _answer(self, manifest: GrantsManifest, applied: bool, detail: str = "") -> None:
        self._respond(
            a.ManifestResult(
                epoch=manifest.epoch,
                revision=manifest.revision,
                applied=applied,
                grants=self.grants.count,
                detail=detail,
            )
        )

    def _command(self, command: Command, now: int) -> None:
        refusal = self._judge(command, now)
        self._figures.acts["commands" if refusal is None else "commands-refused"] += 1
        if refusal is None:
            self._record(doors.commanded(command), now)
        self._respond(a.CommandResult(id=command.id, refusal=refusal))

    def _judge(self, command: Command, now: int) -> a.CommandRefusal | None:
        if command.boot != self.boot:
            return a.CommandRefusal.FOREIGN_BOOT
        if command.counter <= self._counter:
            return a.CommandRefusal.REPEATED
        self._counter = command.counter
        if command.door not in self._doors:
            return a.CommandRefusal.UNKNOWN_DOOR
        if now >= command.expires:
            return a.CommandRefusal.EXPIRED
        shut = command.action is DoorAction.ACCESS and self._doors[command.door].is_shut
        return a.CommandRefusal.DOOR_MODE if shut else None

    def _announced(self, announcement: Announcement) -> None:
        if self._gate.keys is not None and announcement.keys:
            keys = trusted_after(announcement, self._gate.keys)
            if keys is None:
                self._refuse(f"gateway: {Fault.KEYS}")
                return
            self._gate.keys = keys
        reign = (announcement.epoch, announcement.started)
        if reign != self._reign:
            self._reign = reign
            self.events.restart()
            self.samples.restart()


_WRITTEN: Final = (
    Channel.AVAILABILITY,
    Channel.BIRTH,
    Channel.EVENTS,
    Channel.SAMPLES,
    Channel.RESPONSE,
)
_encode: Final = msgspec.json.Encoder().encode
