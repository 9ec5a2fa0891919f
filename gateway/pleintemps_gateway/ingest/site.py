"""One site in memory: what has arrived, what the rules believe, what is to be written and said.

All calls come from the writer's thread. The state follows the store: after a roll-back it is read anew.
"""

import logging
from collections.abc import Iterator
from itertools import chain
from typing import Final, NamedTuple

from sqlalchemy import Connection

from pleintemps_contract.agent_messages import (
    AccessGranted,
    Availability,
    Birth,
    EventsBatch,
    Presence,
    Response,
    SamplesBatch,
    SignalChanged,
    Stream,
)
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.topics import Channel
from pleintemps_contract.world import World
from pleintemps_gateway.access.vault import Vault
from pleintemps_gateway.bookings.calendars import calendar_of
from pleintemps_gateway.bookings.sources.registry import HORIZON_MS
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.delivery.outbox import Outbox
from pleintemps_gateway.engine import (
    OccupancyChanged,
    Output,
    SiteEngine,
    SpaceNow,
)
from pleintemps_gateway.keys import Peppers
from pleintemps_gateway.series.sink import SeriesSink
from pleintemps_gateway.series.tap import SiteTap
from pleintemps_gateway.signing import Signing
from pleintemps_gateway.store.changes import last_known
from pleintemps_gateway.store.enrolment import stolen_agents
from pleintemps_gateway.updates.standing import halted

from . import signals
from .agents import AgentBook
from .arrivals import Incoming, batch_row, event_row, opened
from .commands import Answered, Asked
from .doors import DoorBook
from .following import Followed, follow
from .gathering import Gathering, work_in
from .hours import HourBook
from .journals import Refused
from .known import KnownAgents
from .late import LateBook
from .marks import JournalBook
from .outputs import persist
from .panels import FOREIGN, PanelBook
from .pending import Pending, ReceiptKey
from .refusals import RefusalCounts
from .series import SeriesBook
from .snapshot import read_bookings, read_snapshot
from .speaker import Message, Speaker
from .warned import warn

_TICK_MS: Final = 1_000
_PATIENCE_MS: Final = 5_000
_CLEANED: Final = "control characters in a text, replaced by blanks"

_log = logging.getLogger(__name__)


class Words(NamedTuple):
    """What is to be said once it is stored; receipts are signed when they are asked for."""

    receipts: Iterator[Message]
    messages: list[Message]


class SiteMemory:
    """Takes messages of one site; ``speaker`` says what is to be signed."""

    def __init__(
        self,
        config: SiteConfig,
        world: World,
        signing: Signing,
        vault: Vault,
        peppers: Peppers,
        epoch: int,
        sink: SeriesSink | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        """Without an ``outbox`` nobody is written to when a room is too loud."""
        self.config = config
        self.site = config.site
        self.world = world
        self.pending = Pending()
        self.refusals = RefusalCounts()
        self._known = KnownAgents(self.site, peppers)
        self.followed = 0
        self._hooked: set[str] = set()
        self.speaker = Speaker(config, world, signing, vault, peppers, epoch)
        self.signing = signing
        self._tap = SiteTap(config, sink)
        self._outbox = outbox
        self.hours = HourBook(config)
        self._reset()

    def _reset(self) -> None:
        calendar = calendar_of(self.config)
        self.engine = SiteEngine(self.config, self.world.now(), self.world.new_id, calendar)
        self.pending = Pending()
        self._tap.reset()
        self.doors = DoorBook(self.config)
        self.panels = PanelBook(self.config)
        self.signals = signals.SignalBook(self.config)
        self.agents = AgentBook(self.site)
        self.journals = JournalBook(self.site)
        self._series = SeriesBook(self.site)
        self._gathering = Gathering()
        self.late = LateBook(self.config)
        self._ticked = 0
        self._outputs: list[Output] = []
        self.flushed = 0
        self._stirred = True
        self._told = True  # of more than readings

    # --- the store ------------------------------------------------------------------------------------

    def reload(self, conn: Connection) -> None:
        """Forget everything and read it anew."""
        self._reset()
        now, site = self.world.now(), self.site
        self.followed = last_known(conn, site)
        self._known.load(conn)
        self.refusals.load(conn, site)
        self.journals.load(conn)
        self.agents.load(conn)
        self._series.load(conn)
        self.doors.load(conn)
        self.panels.load(conn)
        self.signals.load(conn)
        self.hours.load(conn)
        snapshot = read_snapshot(conn, self.config, now)
        self.hours.away(snapshot.spaces, now)
        self.engine.restore(snapshot)
        self._tell_stolen(conn)
        self.engine.on_halted(halted(conn, site))
        self.engine.on_key(self.signing.wanted, len(self.signing.announced) > 1)
        for agent, known in self.agents.rows.items():
            if known["born_at"] is not None:
                self.engine.on_upkeep(agent, self.agents.upkeep(agent), known["born_at"])
        for name, known in self.panels.rows.items():
            self.engine.on_panel(known["agent"], self.panels.info(name), known["asked"], known["at"])
        coming = read_bookings(conn, site, now, HORIZON_MS)
        self.engine.on_bookings(coming)
        self.speaker.reload(conn, coming, snapshot.spaces)

    @property
    def wants(self) -> bool:
        """Whether something is to be written or said, or may be: its last :meth:`flush` is a second ago."""
        return self.stirs or not 0 <= self.world.now() - self.flushed < _TICK_MS

    @property
    def stirs(self) -> bool:
        """Whether something is to be written or said."""
        return bool(self._stirred or self._outputs or self.pending or self.speaker.stirs)

    def flush(self, conn: Connection) -> None:
        """Write what is pending, let the rules judge, write what they say."""
        now = self.flushed = self.world.now()
        self._stirred = False
        self.pending.write_first(conn, self.site)
        self._work_in()
        self._series.flush(self.pending)
        told, self._told = self._told, False
        if told or self.engine.is_due(now) or now >= self._ticked + _TICK_MS:
            self._tick(now)
        outputs, self._outputs = self._outputs, []
        if outputs:
            said = persist(conn, self.site, outputs)
            self._tap.outputs(outputs)
            self.hours.believed(each for each in outputs if isinstance(each, OccupancyChanged))
            for wanted in said.wanted:
                self.panels.asked(wanted.panel, wanted.at, self.pending)
                asked = Asked(wanted.panel, wanted.agent, DoorAction.SET_PANEL.value)
                self.speaker.wanted(conn, wanted.command, asked, wanted.at)
            for warning in said.warnings:
                warn(conn, self.config, self._outbox, warning, self.signals, self.pending, now)
            for item in said.ignored:
                self.refuse(item.source, item.reason, item.count)
            self.pending.changes |= dict.fromkeys(said.changes)
            self.pending.messages += self.speaker.rooms(said.spaces, now)
        for due in self.signals.due(now):
            asked = Asked(due.signal, due.agent, due.action.value)
            self.speaker.wanted(conn, self.world.new_id(), asked, now)
        self.speaker.flush(conn, self.agents, self.pending, now)
        for answered in self.speaker.take_answered():
            self._answered(answered, now)
        self.pending.write(conn, self.site, now)
        for space, (first, last) in self.late.spans.items():
            self.hours.late(space, first, last)
        self.hours.flush(conn, now)
        self.late.flush(conn, now, self._series.silences)

    def judge(self) -> bool:
        """Let the rules judge what time brings, between two groups; whether it is worth one of its own."""
        now = self.world.now()
        if now >= self._ticked + _TICK_MS:
            self._tick(now)
        if self.signals.is_due(now) or self.speaker.is_waiting:
            return True
        # a room that only grows older can wait for the next message of its agent
        older = [output.at for output in self._outputs if isinstance(output, SpaceNow)]
        return len(older) < len(self._outputs) or (bool(older) and now >= older[0] + _PATIENCE_MS)

    def _tick(self, now: int) -> None:
        self._ticked = now
        self._outputs += self.engine.tick(now)

    def _answered(self, answered: Answered, now: int) -> None:
        """What became of a rule's command."""
        name, agent, action = answered.asked
        if action == DoorAction.SET_PANEL:
            if answered.reason:
                self.engine.on_panel_refused(name, agent, answered.reason, now)
            return
        self._signal_heard(name, agent, answered.reason, now)

    def _signal_heard(self, signal: str, agent: str, reason: str, now: int) -> None:
        if (ill := self.signals.answered(signal, reason)) is not None:
            self.engine.on_devices(agent, [signals.device(signal, reason, ill=ill)], now)

    def signed_receipts(self) -> list[Message]:
        """Of what is not on disk yet; not to be said before."""
        return list(self._receipts(self.pending))

    def committed(self, signed: list[Message] | None = None) -> Words:
        """What is to be said now that it is on disk; ``signed``: its receipts, if they were signed before."""
        pending, self.pending = self.pending, Pending()
        self._tap.committed()
        receipts = self._receipts(pending) if signed is None else signed
        return Words(chain(self._answers(pending), receipts), pending.messages)

    def _answers(self, pending: Pending) -> Iterator[Message]:
        for key, nonce in pending.questions:
            yield self.speaker.receipt(key, self.journals.through(key), nonce)

    def _receipts(self, pending: Pending) -> Iterator[Message]:
        for key, through in pending.receipts.items():
            yield self.speaker.receipt(key, through)

    def sign_with(self, signing: Signing) -> None:
        """The gateway's keys have changed."""
        self._stirred = self._told = True
        self.signing = signing
        self.engine.on_key(signing.wanted, len(signing.announced) > 1)
        self.speaker.sign_with(signing)

    def follow(self, conn: Connection) -> Followed:
        """Take notice of what other processes have written since."""
        self._stirred = self._told = True
        found = follow(conn, self.site, self.engine, self.speaker, self.followed, self.world.now())
        self.followed = found.through
        self._hooked |= found.hooked
        if found.trust:
            self._trust(conn)
        self.late.moved(conn, found.bookings, self.world.now())
        self.hours.moved(conn, found.bookings, self.world.now())
        return found

    def _trust(self, conn: Connection) -> None:
        """Agents came or were shut out, or a secret of their doors is another one."""
        self._known.anew(conn)
        self.pending.messages += self.speaker.hold(self._known.peppers)
        self._tell_stolen(conn)

    def _tell_stolen(self, conn: Connection) -> None:
        since = stolen_agents(conn, self.site)
        self.engine.on_stolen(since, {*self._known.peppers, *self.agents.rows, *since})

    # --- messages -------------------------------------------------------------------------------------

    def take(self, conn: Connection, message: Incoming) -> None:
        """One message of this site: stored (once the group is), answered, or refused and counted."""
        self._stirred = True
        topic = message.topic
        if topic.channel is Channel.PAGE:
            self.speaker.page_seen(topic.agent, topic.tail, bool(message.payload))
            return
        if (complaint := self._known.complaint(topic)) is not None:
            self.refuse(*complaint)
            return
        source = f"{topic.agent}/{topic.channel.value}"
        if not message.payload:
            return  # an empty retained payload clears and means nothing
        found = opened(message)
        if isinstance(found, str):
            self.refuse(source, found)
            return
        body, cleaned = found
        if cleaned:
            self.refuse(source, _CLEANED, cleaned)
        if not isinstance(body, SamplesBatch):
            self._told = True
            self._work_in(topic.agent)  # what an agent says counts in its order
        match body:
            case EventsBatch():
                self._events(conn, topic.agent, source, body)
            case SamplesBatch():
                self._samples(topic.agent, source, body, message.payload)
            case Birth():
                self._birth(conn, topic.agent, body, message.retained)
            case Availability():
                self._availability(topic.agent, body)
            case _:
                self._response(conn, topic.agent, body)

    def take_hooked(self) -> set[str]:
        """The feeds of which webhooks have told since the last call."""
        taken, self._hooked = self._hooked, set()
        return taken

    def refuse(self, source: str, reason: str, count: int = 1) -> None:
        """Count a refusal where a caretaker can see it."""
        self._told = True
        now = self.world.now()
        row = self.refusals.add(self.site, source, reason, count, now)
        key = (row["source"], row["reason"])
        self.pending.refusals[key] = row
        self.pending.changes["refusals", f"{key[0]}/{key[1]}"] = None
        self.engine.on_refusal(key[0], key[1], row["count"], now)

    def _events(self, conn: Connection, agent: str, source: str, batch: EventsBatch) -> None:
        sequence = [record.seq for record in batch.records]
        if sequence != list(range(sequence[0], sequence[0] + len(sequence))):
            self.refuse(source, Refused.BACKWARDS)
            return
        key = ReceiptKey(agent, batch.journal, Stream.EVENTS)
        fresh = self._advance(key, source, batch.first, sequence[0], sequence[-1])
        if fresh is None:
            return
        now = self.world.now()
        for record in batch.records:
            if record.seq < fresh:
                continue
            event = record.event
            self.pending.events.append(event_row(self.site, agent, batch.journal, record, now))
            self.pending.changes["events", f"{batch.journal}/{record.seq}"] = None
            complaint = self.doors.take(agent, record, self.pending)
            complaint = complaint or self.panels.take(agent, record, self.pending)
            if complaint := complaint or self.signals.take(agent, record, self.pending):
                self.refuse(source, complaint)
                continue  # stored; but it must not speak for what is another's
            if isinstance(event, SignalChanged) and self.signals.is_as_wanted(event.signal):
                self._signal_heard(event.signal, agent, "", now)
            self._tap.event(record)
            if isinstance(event, AccessGranted):
                booking = self.speaker.booking_of_grant(conn, event.grant)
                if booking is not None:
                    self.engine.on_code_used(booking)
                    self.late.changed({booking})
            self.late.happened(event, record.at, now)
            self.engine.on_event(agent, record)

    def _samples(self, agent: str, source: str, batch: SamplesBatch, payload: bytes) -> None:
        key = ReceiptKey(agent, batch.journal, Stream.SAMPLES)
        fresh = self._advance(key, source, batch.first, batch.seq, batch.seq)
        if fresh is None or fresh > batch.seq:
            return
        readings = self._gathering.add(agent, batch)
        self.pending.batches.append(batch_row(self.site, agent, batch, readings, payload))

    def _work_in(self, agent: str | None = None) -> None:
        now = self.world.now()
        for who, batches in self._gathering.take(agent):
            work_in(who, batches, now, self._series, self.late, self._tap, self.engine)

    def _advance(self, receipt: ReceiptKey, source: str, first: int, start: int, end: int) -> int | None:
        """First fresh sequence number; None if the batch is refused. A receipt follows the commit."""
        fresh = self.journals.advance(receipt, first, start, end, self.pending)
        if isinstance(fresh, str):
            self.refuse(source, fresh)
            return None
        self.agents.seen(receipt.agent, self.pending, self.world.now())
        return fresh

    # --- agents ---------------------------------------------------------------------------------------

    def _availability(self, agent: str, message: Availability) -> None:
        if self.agents.availability(agent, message, self.pending):
            self._present(agent, message.state)

    def _present(self, agent: str, presence: Presence) -> None:
        seen = self.agents.row(agent)["last_seen"]
        seen = self.world.now() if seen is None else seen
        self.engine.on_agent(agent, presence is Presence.ONLINE, seen)

    def _birth(self, conn: Connection, agent: str, birth: Birth, retained: bool) -> None:
        there = self.agents.born(agent, birth, retained, self.pending, self.world.now())
        self._series.born(conn, agent, birth, self.pending)
        self.engine.on_series(agent, birth.series)
        own_doors, devices = self.doors.born(conn, agent, birth, self.pending)
        self.engine.on_devices(agent, devices, birth.at)
        self.engine.on_doors(agent, own_doors, birth.at)
        self.engine.on_upkeep(agent, self.agents.upkeep(agent), birth.at)
        own_panels = self.panels.born(agent, birth, self.pending)
        for info in own_panels:
            self.engine.on_panel(agent, info, None, birth.at)
        for door in birth.doors:
            if not self.doors.belongs(door.door, agent):
                self.refuse(f"{agent}/birth", "a door that is not this agent's in the configuration")
        if len(own_panels) < len(birth.panels):
            self.refuse(f"{agent}/birth", FOREIGN)
        if not self.signals.born(agent, birth, self.pending):
            self.refuse(f"{agent}/birth", signals.FOREIGN)
        if not retained:
            asked = self.journals.question(agent, birth.nonce, birth.journals)
            self.pending.questions.append(asked)
            self.speaker.born(agent, birth.grants, self.agents.row(agent), self.pending)
        if there:
            self._present(agent, Presence.ONLINE)

    def _response(self, conn: Connection, agent: str, response: Response) -> None:
        self.agents.seen(agent, self.pending, self.world.now())
        if (nonce := getattr(response, "nonce", None)) is not None:
            self.pending.questions.append(self.journals.question(agent, nonce, []))
            return
        row = self.agents.row(agent)
        if complaint := self.speaker.answered(conn, agent, response, row, self.pending):
            self.refuse(f"{agent}/response", complaint)
            return
        self.agents.write(agent, self.pending)
