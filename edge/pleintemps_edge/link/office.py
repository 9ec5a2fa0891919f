"""What the gateway's messages do at the agent, one method for each kind; answers go to ``respond``."""

import logging
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from pleintemps_contract.agent_messages import (
    CommandRefusal,
    CommandResult,
    Event,
    GrantsHeld,
    JournalPosition,
    Response,
    Stream,
)
from pleintemps_contract.gateway_messages import (
    Announcement,
    Command,
    Config,
    GrantsManifest,
    GrantsPage,
    Receipt,
)
from pleintemps_contract.logs import line
from pleintemps_contract.topics import Channel
from pleintemps_contract.world import World
from pleintemps_edge.access.desk import Desk
from pleintemps_edge.clock import Clock
from pleintemps_edge.door import Commanded
from pleintemps_edge.journal.events import EventJournal
from pleintemps_edge.journal.samples import SampleJournal
from pleintemps_edge.keeper import Keeper

from .commands import PANEL_ACTIONS, SIGNAL_ACTIONS, CommandGuard
from .delivery import Delivery
from .inbox import Inbox, Opened, Reason, Refused
from .keyring import KeyRing
from .outbox import Outbox
from .refusals import Refusals
from .settings import Settings

_EPOCH: Final = "epoch"
_KEYS: Final = "keys"
_LOG: Final = logging.getLogger("link")


class Streams(Protocol):
    """The sending side of the line."""

    events: Outbox
    samples: Outbox

    def wake(self) -> None:
        """There may be something to send."""

    def begin_anew(self, journal: JournalPosition) -> None:
        """This journal goes on from here."""

    def rebirth(self) -> None:
        """Something that the birth tells has changed."""


class Carrier(Protocol):
    """What carries out the commands of one intrusion panel, or of one warning signal."""

    def command(self, command: Command, then: Callable[[], None]) -> CommandRefusal | None:
        """Why not, or None; ``then`` is called when it is done."""


class Office:
    """Gateway messages in; doors, grants, journals and answers out. ``world`` is that of the network."""

    def __init__(
        self,
        *,
        inbox: Inbox,
        boot: str,
        world: World,
        clock: Clock,
        doors: Mapping[str, Keeper],
        desk: Desk,
        events: EventJournal,
        samples: SampleJournal,
        streams: Streams,
        respond: Callable[[Response], None],
        panels: Mapping[str, Carrier],
        signals: Mapping[str, Carrier],
        receipted: Callable[[], None],
    ) -> None:
        """``inbox`` comes with the keys of the key folder; ``receipted`` hears of every new receipt."""
        self._inbox = inbox
        self._world = world
        self._clock = clock
        self._doors = doors
        self._panels = panels
        self._signals = signals
        self._events = events
        self._samples = samples
        self._streams = streams
        self._respond = respond
        self._receipted = receipted
        self._guard = CommandGuard(boot, doors, panels, signals)
        self._refusals = Refusals()
        self._gateway: tuple[int, int] | None = None
        self._announced_at = (-1, -1)
        self._receipt_at = (-1, -1)
        kept = events.state(_EPOCH)
        inbox.epoch = int(kept) if kept is not None and kept.isdigit() else 0
        self._ring = KeyRing(inbox.keys, events.state(_KEYS))
        if self._ring.unusable:
            _LOG.error(line("kept-keys-unusable"))
        inbox.keys = self._ring.trusted
        streams.begin_anew(events.position)
        streams.begin_anew(samples.position)
        self._grants = Delivery(world, desk, events, respond, self._refuse)
        self._settings = Settings(doors, events, respond, self._refuse)

    @property
    def held(self) -> GrantsHeld | None:
        """The grants in force, for the birth."""
        return self._grants.held

    @property
    def keys(self) -> list[str]:
        """The ids of the keys that may sign for the gateway, for the birth."""
        return self._ring.kids

    def receive(self, topic: str, payload: bytes, retained: bool) -> None:
        """Take one message off the line; whatever it is, it harms itself only."""
        before = self._inbox.epoch
        found = self._inbox.open(topic, payload, retained)
        if self._inbox.epoch != before:
            self._events.append([], {_EPOCH: b"%d" % self._inbox.epoch})
        if isinstance(found, Refused):
            self._refuse(found.channel, found.reason)
            self._explain(found)
        elif found is not None:
            self._take(found)

    def next_due(self) -> int | None:
        """When :meth:`tick` has something to do next, monotonic ms of the network's world."""
        times = (self._refusals.next_due(), self._grants.next_due())
        return min((at for at in times if at is not None), default=None)

    def tick(self) -> None:
        """Report refusals of minutes that are over, and a manifest whose pages did not come."""
        records: list[Event] = list(self._refusals.due(self._world.monotonic()))
        if records:
            self._events.append(records)
        self._grants.tick()

    def _refuse(self, channel: str, reason: str) -> None:
        record = self._refusals.refuse(channel, reason, self._world.monotonic())
        if record is not None:
            _LOG.warning(line("message-refused", channel=channel, reason=reason))
            self._events.append([record])

    def _explain(self, found: Refused) -> None:
        """Answer what the gateway has signed and nobody can read."""
        if found.version is None:
            return
        if found.channel == Channel.CONFIG:
            self._settings.undecodable(found.version, found.detail)
        elif found.channel == Channel.MANIFEST:
            self._grants.undecodable(found.version, found.detail)

    def _take(self, found: Opened) -> None:
        message = found.message
        if isinstance(message, Command):
            self._command(message, found.fault)
        elif found.fault is Reason.OLD_EPOCH and self._is_held(found):
            return  # left on the broker by an earlier reign, and long in force here
        elif found.fault is not None:
            self._refuse(found.topic.channel.value, found.fault)
        elif isinstance(message, Receipt):
            self._receipt(message)
        elif isinstance(message, GrantsPage):
            self._grants.page(found.topic.tail, found.body)
        elif isinstance(message, GrantsManifest):
            self._grants.manifest(message)
        elif isinstance(message, Config):
            self._settings.configure(message, found.body)
        elif isinstance(message, Announcement):
            self._announced(message, found.signer)

    def _is_held(self, found: Opened) -> bool:
        message = found.message
        if isinstance(message, GrantsManifest):
            return self._grants.is_held(message)
        return isinstance(message, Config) and self._settings.is_held(message)

    # --- commands -----------------------------------------------------------------------------------

    def _command(self, command: Command, fault: Reason | None) -> None:
        reading = self._clock.read()
        refusal = self._guard.judge(command, fault, reading.at if reading.trusted else None)
        if refusal is None:
            refusal = self._carry_out(command)
            _LOG.info(
                line(
                    "command",
                    door=command.door,
                    action=command.action.value,
                    refusal=refusal.value if refusal else "none",
                )
            )
        if refusal is not None:
            self._refuse("command", refusal.value)
            self._respond(CommandResult(id=command.id, refusal=refusal))

    def _carry_out(self, command: Command) -> CommandRefusal | None:
        done = CommandResult(id=command.id)
        if command.action in PANEL_ACTIONS:
            return self._panels[command.door].command(command, lambda: self._respond(done))
        if command.action in SIGNAL_ACTIONS:
            return self._signals[command.door].command(command, lambda: self._respond(done))
        event = Commanded(command.action, command.id)
        reason = self._doors[command.door].happen(event, then=lambda: self._respond(done))
        return None if reason is None else CommandRefusal(reason.value)

    # --- receipts and the gateway itself ------------------------------------------------------------

    def _receipt(self, receipt: Receipt) -> None:
        if receipt.time is not None:
            self._clock.answer(receipt.time.nonce, receipt.time.now)
        events = receipt.stream is Stream.EVENTS
        position = self._events.position if events else self._samples.position
        outbox = self._streams.events if events else self._streams.samples
        if receipt.journal != position.journal:
            self._refuse("receipt", Reason.FOREIGN_JOURNAL)
        elif receipt.through >= position.next:
            self._refuse("receipt", Reason.BEYOND_JOURNAL)
        elif receipt.through > outbox.reached:
            self._refuse("receipt", Reason.BEYOND_SENT)
        else:
            self._heard_of(receipt, position.first)
            if outbox.on_receipt(receipt.through, self._world.monotonic()):
                if events:
                    self._events.forget(receipt.through)
                else:
                    self._samples.forget(receipt.through)
                self._streams.wake()

    def _heard_of(self, receipt: Receipt, first: int) -> None:
        """The gateway is there, unless this is an old receipt that somebody plays again."""
        at = (receipt.epoch, receipt.revision)
        if at > self._receipt_at and receipt.through + 1 >= first:
            self._receipt_at = at
            self._receipted()

    def _announced(self, announcement: Announcement, signer: str) -> None:
        at = (announcement.epoch, announcement.revision)
        if at < self._announced_at:
            self._refuse("gateway", Reason.OLD_REVISION)
            return
        try:
            kept = self._ring.introduce(announcement, signer)
        except ValueError:
            self._refuse("gateway", Reason.KEYS)
            return
        self._announced_at = at
        if kept is not None:
            self._events.append([], {_KEYS: kept})
            self._use_keys()
        gateway = (announcement.epoch, announcement.started)
        if gateway != self._gateway:
            self._gateway = gateway
            self._streams.events.restart()
            self._streams.samples.restart()
            self._streams.wake()

    def _use_keys(self) -> None:
        changed = self._inbox.keys.kids != self._ring.trusted.kids
        self._inbox.keys = self._ring.trusted
        if changed:
            _LOG.info(line("keys-changed", keys=",".join(self._ring.kids)))
            self._streams.rebirth()
