"""What the gateway's messages do at the agent, one method for each kind; answers go to ``respond``."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, Protocol

import msgspec

from pleintemps_contract.agent_messages import (
    CommandRefusal,
    CommandResult,
    ConfigResult,
    Event,
    GrantsHeld,
    ManifestResult,
    Response,
    Stream,
)
from pleintemps_contract.errors import DecodeError
from pleintemps_contract.gateway_messages import (
    Announcement,
    Command,
    Config,
    GrantsManifest,
    GrantsPage,
    Receipt,
)
from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_edge.access.desk import Desk
from pleintemps_edge.access.grants import Assembler, GrantTable, is_newer
from pleintemps_edge.clock import Clock
from pleintemps_edge.door import Commanded, PlanChanged
from pleintemps_edge.journal.events import EventJournal
from pleintemps_edge.journal.samples import SampleJournal
from pleintemps_edge.keeper import Keeper

from .commands import CommandGuard
from .inbox import Inbox, Opened, Reason, Refused
from .outbox import Outbox
from .refusals import Refusals

PAGE_GRACE_MS: Final = 5_000
"""Pages are published before their manifest, but retained messages arrive in any order."""
_EPOCH: Final = "epoch"
_MANIFEST: Final = "manifest"
_CONFIG: Final = "config"
_LOG: Final = logging.getLogger("link")


class Streams(Protocol):
    """The sending side of the line."""

    events: Outbox
    samples: Outbox

    def wake(self) -> None:
        """There may be something to send."""


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
    ) -> None:
        self._inbox = inbox
        self._world = world
        self._clock = clock
        self._doors = doors
        self._desk = desk
        self._events = events
        self._samples = samples
        self._streams = streams
        self._respond = respond
        self._guard = CommandGuard(boot, doors)
        self._refusals = Refusals()
        self._gateway: tuple[int, int] | None = None
        self._config: Config | None = None
        self._assembler = Assembler(dict(events.pages()))
        self._grace_until: int | None = None
        kept = events.state(_EPOCH)
        inbox.epoch = int(kept) if kept is not None and kept.isdigit() else 0
        self._restore()

    @property
    def held(self) -> GrantsHeld | None:
        """The grants in force, for the birth."""
        manifest = self._desk.table.manifest
        if manifest is None:
            return None
        return GrantsHeld(epoch=manifest.epoch, revision=manifest.revision, grants=self._desk.table.count)

    def receive(self, topic: str, payload: bytes, retained: bool) -> None:
        """Take one message off the line; whatever it is, it harms itself only."""
        before = self._inbox.epoch
        found = self._inbox.open(topic, payload, retained)
        if self._inbox.epoch != before:
            self._events.append([], {_EPOCH: b"%d" % self._inbox.epoch})
        if isinstance(found, Refused):
            self._refuse(found.channel, found.reason)
        elif found is not None:
            self._take(found)

    def next_due(self) -> int | None:
        """When :meth:`tick` has something to do next, monotonic ms of the network's world."""
        times = (self._refusals.next_due(), self._grace_until)
        return min((at for at in times if at is not None), default=None)

    def tick(self) -> None:
        """Report refusals of minutes that are over, and a manifest whose pages did not come."""
        now = self._world.monotonic()
        records: list[Event] = list(self._refusals.due(now))
        if records:
            self._events.append(records)
        if self._grace_until is not None and now >= self._grace_until:
            self._grace_until = None
            missing = self._assembler.missing()
            if self._assembler.wanted is not None and missing:
                detail = f"{len(missing)} pages missing: {', '.join(digest[:8] for digest in missing[:8])}"
                self._answer(self._assembler.wanted, False, detail)

    def _refuse(self, channel: str, reason: str) -> None:
        record = self._refusals.refuse(channel, reason, self._world.monotonic())
        if record is not None:
            _LOG.warning(line("message-refused", channel=channel, reason=reason))
            self._events.append([record])

    def _take(self, found: Opened) -> None:
        message = found.message
        if isinstance(message, Command):
            self._command(message, found.fault)
        elif found.fault is Reason.OLD_EPOCH and message in (self._desk.table.manifest, self._config):
            return  # left on the broker by an earlier reign, and long in force here
        elif found.fault is not None:
            self._refuse(found.topic.channel.value, found.fault)
        elif isinstance(message, Receipt):
            self._receipt(message)
        elif isinstance(message, GrantsPage):
            self._assembler.add_page(found.topic.tail, found.body)
            self._assemble()
        elif isinstance(message, GrantsManifest):
            self._manifest(message)
        elif isinstance(message, Config):
            self._configure(message, found.body)
        elif isinstance(message, Announcement):
            self._announced(message)

    # --- commands -----------------------------------------------------------------------------------

    def _command(self, command: Command, fault: Reason | None) -> None:
        reading = self._clock.read()
        refusal = self._guard.judge(command, fault, reading.at if reading.trusted else None)
        if refusal is not None:
            self._refuse("command", refusal.value)
        else:
            event = Commanded(command.action, command.id)
            done = CommandResult(id=command.id)
            if not self._doors[command.door].happen(event, then=lambda: self._respond(done)):
                refusal = CommandRefusal.DOOR_MODE
        if refusal is not None:
            self._respond(CommandResult(id=command.id, refusal=refusal))
        _LOG.info(line("command", door=command.door, action=command.action.value, refusal=refusal or "none"))

    # --- receipts and the gateway itself ------------------------------------------------------------

    def _receipt(self, receipt: Receipt) -> None:
        if receipt.time is not None:
            self._clock.answer(receipt.time.nonce, receipt.time.now)
        events = receipt.stream is Stream.EVENTS
        position = self._events.position if events else self._samples.position
        if receipt.journal != position.journal:
            self._refuse("receipt", Reason.FOREIGN_JOURNAL)
            return
        if receipt.through >= position.next:
            self._refuse("receipt", Reason.BEYOND_JOURNAL)
            return
        outbox = self._streams.events if events else self._streams.samples
        if outbox.on_receipt(receipt.through, self._world.monotonic()):
            if events:
                self._events.forget(receipt.through)
            else:
                self._samples.forget(receipt.through)
            self._streams.wake()

    def _announced(self, announcement: Announcement) -> None:
        gateway = (announcement.epoch, announcement.started)
        if gateway == self._gateway:
            return
        self._gateway = gateway
        self._streams.events.restart()
        self._streams.samples.restart()
        self._streams.wake()

    # --- grants -------------------------------------------------------------------------------------

    def _manifest(self, manifest: GrantsManifest) -> None:
        held = self._desk.table.manifest
        if held is not None and not is_newer(manifest, held):
            if manifest == held:
                self._answer(manifest, True)
            else:
                self._refuse("grants/manifest", Reason.OLD_REVISION)
            return
        if not is_newer(manifest, self._assembler.wanted):
            return
        self._assembler.wanted = manifest
        self._grace_until = self._world.monotonic() + PAGE_GRACE_MS
        self._assemble()

    def _assemble(self) -> None:
        manifest = self._assembler.ready()
        if manifest is None:
            return
        self._grace_until = None
        try:
            table = GrantTable.build(manifest, (self._assembler.pages[digest] for digest in manifest.pages))
        except DecodeError as error:
            self._assembler.wanted = None
            self._answer(manifest, False, error.reason)
            return
        pages = self._assembler.complete(manifest)
        self._desk.table = table
        kept = self._events.keep_grants({_MANIFEST: msgspec.json.encode(manifest)}, pages)
        # the code is on the door once it would survive a restart
        kept.add_done_callback(lambda done: self._kept(done, manifest))
        _LOG.info(line("grants", epoch=manifest.epoch, revision=manifest.revision, grants=table.count))

    def _kept(self, done: "asyncio.Future[None]", manifest: GrantsManifest) -> None:
        if not done.cancelled() and done.exception() is None:
            self._answer(manifest, True)

    def _answer(self, manifest: GrantsManifest, applied: bool, detail: str = "") -> None:
        self._respond(
            ManifestResult(
                epoch=manifest.epoch,
                revision=manifest.revision,
                applied=applied,
                grants=self._desk.table.count,
                detail=detail[:200],
            )
        )

    # --- configuration ------------------------------------------------------------------------------

    def _configure(self, config: Config, body: bytes) -> None:
        held = self._config
        if held is not None and (config.epoch, config.revision) < (held.epoch, held.revision):
            self._refuse("config", Reason.OLD_REVISION)
            return
        unknown = sorted(config.doors.keys() - self._doors.keys())
        if not unknown:
            self._apply(config)
            self._events.append([], {_CONFIG: body})
        detail = f"no such door: {', '.join(unknown)}"[:200] if unknown else ""
        result = ConfigResult(
            epoch=config.epoch, revision=config.revision, applied=not unknown, detail=detail
        )
        self._respond(result)

    def _apply(self, config: Config) -> None:
        self._config = config
        for door, timings in config.doors.items():
            plan = replace(self._doors[door].plan, release_ms=timings.release_ms, open_ms=timings.open_ms)
            self._doors[door].happen(PlanChanged(plan))

    # --- restart ------------------------------------------------------------------------------------

    def _restore(self) -> None:
        """Take up what was in force before the restart."""
        try:
            if (body := self._events.state(_MANIFEST)) is not None:
                manifest = msgspec.json.decode(body, type=GrantsManifest)
                pages = self._events.pages()
                self._desk.table = GrantTable.build(manifest, (pages[digest] for digest in manifest.pages))
            if (body := self._events.state(_CONFIG)) is not None:
                config = msgspec.json.decode(body, type=Config)
                if config.doors.keys() <= self._doors.keys():
                    self._apply(config)
        except (msgspec.MsgspecError, UnicodeDecodeError, DecodeError, KeyError) as error:
            # the gateway's retained messages bring both back
            _LOG.error(line("kept-state-unusable", error=error))
