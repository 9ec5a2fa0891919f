"""Grants on their way in: pages and manifest until they fit, then all at once onto the doors and the disk."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from pleintemps_contract.agent_messages import GrantsHeld, ManifestResult
from pleintemps_contract.errors import DecodeError
from pleintemps_contract.gateway_messages import GrantsManifest
from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_edge.access.desk import Desk
from pleintemps_edge.access.grants import Assembler, GrantTable, is_newer
from pleintemps_edge.journal.events import EventJournal

from .inbox import Reason

PAGE_GRACE_MS: Final = 5_000
"""Pages are published before their manifest, but retained messages arrive in any order."""
_MANIFEST: Final = "manifest"
_LOG: Final = logging.getLogger("link")


class Delivery:
    """Takes proved pages and manifests; what comes of them goes to ``respond`` and ``refuse``."""

    def __init__(
        self,
        world: World,
        desk: Desk,
        events: EventJournal,
        respond: Callable[[ManifestResult], None],
        refuse: Callable[[str, str], None],
    ) -> None:
        self._world = world
        self._desk = desk
        self._events = events
        self._respond = respond
        self._refuse = refuse
        self._assembler = Assembler(dict(events.pages()))
        self._building: GrantsManifest | None = None
        self._grace_until: int | None = None
        self._restore()

    @property
    def held(self) -> GrantsHeld | None:
        """The grants in force."""
        manifest = self._desk.table.manifest
        if manifest is None:
            return None
        return GrantsHeld(epoch=manifest.epoch, revision=manifest.revision, grants=self._desk.table.count)

    def is_held(self, manifest: GrantsManifest) -> bool:
        return manifest == self._desk.table.manifest

    def next_due(self) -> int | None:
        """When :meth:`tick` has something to say."""
        return self._grace_until

    def tick(self) -> None:
        """Tell the gateway of pages that did not come."""
        if self._grace_until is None or self._world.monotonic() < self._grace_until:
            return
        self._grace_until = None
        missing = self._assembler.missing()
        if self._assembler.wanted is not None and missing:
            detail = f"{len(missing)} pages missing: {', '.join(digest[:8] for digest in missing[:8])}"
            self._answer(self._assembler.wanted, False, detail)

    def page(self, digest: str, body: bytes) -> None:
        """A page whose signature and digest were checked."""
        self._assembler.add_page(digest, body)
        self._assemble()

    def manifest(self, manifest: GrantsManifest) -> None:
        """A manifest whose signature and epoch were checked."""
        held = self._desk.table.manifest
        if held is not None and not is_newer(manifest, held):
            if manifest == held:
                self._answer(manifest, True)
            else:
                self._refuse("grants/manifest", Reason.OLD_REVISION)
        elif is_newer(manifest, self._assembler.wanted):
            self._assembler.wanted = manifest
            self._grace_until = self._world.monotonic() + PAGE_GRACE_MS
            self._assemble()
        elif manifest != self._assembler.wanted:
            self._refuse("grants/manifest", Reason.OLD_REVISION)

    def undecodable(self, version: tuple[int, int], detail: str) -> None:
        """A proved manifest that is none: what is in force stays."""
        epoch, revision = version
        count = self._desk.table.count
        self._respond(
            ManifestResult(epoch=epoch, revision=revision, applied=False, grants=count, detail=detail)
        )

    def _assemble(self) -> None:
        manifest = self._assembler.ready()
        if manifest is None or manifest is self._building:
            return
        self._grace_until = None
        self._building = manifest
        bodies = [self._assembler.pages[digest] for digest in manifest.pages]
        # ten thousand grants take a Pi longer than a door may wait
        built = asyncio.get_running_loop().run_in_executor(None, self._desk.build, manifest, bodies)
        built.add_done_callback(partial(self._built, manifest))

    def _built(self, manifest: GrantsManifest, built: "asyncio.Future[GrantTable]") -> None:
        if built.cancelled() or manifest is not self._building:
            return
        self._building = None
        try:
            table = built.result()
        except DecodeError as error:
            if self._assembler.wanted is manifest:
                self._assembler.wanted = None
            self._answer(manifest, False, error.reason)
            return
        self._apply(manifest, table)

    def _apply(self, manifest: GrantsManifest, table: GrantTable) -> None:
        newer = self._assembler.wanted if self._assembler.wanted is not manifest else None
        here = dict(self._assembler.pages)
        pages = self._assembler.complete(manifest)
        self._assembler.wanted = newer
        for digest in newer.pages if newer is not None else ():
            if digest in here:
                self._assembler.add_page(digest, here[digest])
        self._desk.table = table
        kept = self._events.keep_grants({_MANIFEST: msgspec.json.encode(manifest)}, pages)
        # the code is on the door once it would survive a restart
        kept.add_done_callback(partial(self._kept, manifest))
        _LOG.info(line("grants", epoch=manifest.epoch, revision=manifest.revision, grants=table.count))

    def _kept(self, manifest: GrantsManifest, kept: "asyncio.Future[None]") -> None:
        if not kept.cancelled() and kept.exception() is None:
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

    def _restore(self) -> None:
        """Take up what was in force before the restart."""
        body = self._events.state(_MANIFEST)
        if body is None:
            return
        try:
            manifest = msgspec.json.decode(body, type=GrantsManifest)
            pages = self._events.pages()
            self._desk.table = self._desk.build(manifest, [pages[digest] for digest in manifest.pages])
        except (msgspec.MsgspecError, UnicodeDecodeError, DecodeError, KeyError) as error:
            # the gateway's retained messages bring them back
            _LOG.error(line("kept-grants-unusable", error=error))
