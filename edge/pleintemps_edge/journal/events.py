"""The durable outbox and, in the same file, what the agent must know after a restart.

``events.db`` is SQLite in WAL mode with ``synchronous=FULL``: what :meth:`EventJournal.append` has returned
is on disk. Records leave only by :meth:`EventJournal.forget`, on a receipt. The journal's id is made with
its file, numbers never repeat in its life.

Where the disk takes no commits at the start, a journal in memory with an id of its own keeps the door going:
it holds the newest :data:`MAX_IN_MEMORY` records and says by ``first`` what is gone. Once the disk works and
nothing is on its way, all of it moves to the file there, whose journal goes on.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from pleintemps_contract.agent_messages import (
    Event,
    EventRecord,
    EventsBatch,
    Health,
    JournalPosition,
    JournalReplaced,
    StorageInfo,
    Stream,
)
from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_edge.errors import StateError
from pleintemps_edge.waiting import Signal

from .eventfile import EventFile, Loaded, limits, move_home, put_pages, put_state
from .files import FAULTS, Connect, close_quietly, is_blamed, is_damage
from .writer import MakeWriter, Moved, Opened, Writer

MAX_RECORDS: Final = 64
MAX_BYTES: Final = 32_768
MAX_IN_MEMORY: Final = 20_000
"""Records of a journal in memory, some 8 MB; the oldest go first."""
HOME_S: Final = 10.0
"""Real time between two looks whether the disk works again."""
_PATIENCE: Final = 2
"""So often in a row a file may fail on a disk that takes others."""
_LOG: Final = logging.getLogger("journal")


class Stamp(NamedTuple):
    """When a record was made."""

    at: int
    trusted: bool
    monotonic: int
    boot: str


MakeStamp = Callable[[], Stamp]


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    """An EventRecord before it has its number."""

    at: int
    trusted: bool
    monotonic: int
    boot: str
    event: Event


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(_Body)
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError)


class EventJournal:
    """Open with :meth:`open`, close with :meth:`close`; all methods belong to the event loop.

    ``on_change`` is called when :attr:`storage` has changed, ``on_replaced`` when another journal goes on in
    the place of this one: :attr:`position` is then that of the other.
    """

    def __init__(
        self, file: EventFile, loaded: Loaded, stamp: MakeStamp, writer: MakeWriter = Writer
    ) -> None:
        self._file = file
        self._stamp = stamp
        self._state = loaded.state
        self._pages = loaded.pages
        self._trouble = ""
        self._strikes = 0
        self._promises: list[asyncio.Future[None]] = []
        self._moving = False
        self._home: asyncio.TimerHandle | None = None
        self.grown = Signal()
        self.on_change: Callable[[], None] = lambda: None
        self.on_replaced: Callable[[], None] = lambda: None
        self._take(loaded)
        self._writer = writer(file.path.name, self._troubled)
        self._writer.start(loaded.connection, None if loaded.memory else self._reopen)

    @classmethod
    def open(
        cls,
        folder: Path,
        world: World,
        stamp: MakeStamp,
        writer: MakeWriter = Writer,
        connect: Connect = sqlite3.connect,
    ) -> "EventJournal":
        """Open or make ``events.db``; a disk or a file that fails is told by :attr:`storage`."""
        file = EventFile(folder, world, _is_readable, connect)
        return cls(file, file.open_anyhow(), stamp, writer)

    def _take(self, loaded: Loaded) -> None:
        self.journal = loaded.journal
        self._first, self._next = loaded.first, loaded.next
        self._memory = loaded.replaced if loaded.memory else ""
        self._notice = loaded.replaced
        self._handed = self._receipted = 0

    @property
    def position(self) -> JournalPosition:
        return JournalPosition(journal=self.journal, stream=Stream.EVENTS, first=self._first, next=self._next)

    @property
    def storage(self) -> list[StorageInfo]:
        """How the disk is, for the birth."""
        detail = self._memory or self._trouble
        if self._writer.lost:
            detail = f"{self._writer.lost} writes lost. {detail}"
        health = Health.ERROR if detail else Health.OK
        return [StorageInfo(stream=Stream.EVENTS, health=health, detail=detail[:200])]

    def state(self, key: str) -> bytes | None:
        """What was kept under ``key``."""
        return self._state.get(key)

    def pages(self) -> Mapping[str, bytes]:
        """The grant pages that are kept, body by digest."""
        return self._pages

    def append(
        self, events: Sequence[Event], state: Mapping[str, bytes] | None = None
    ) -> "asyncio.Future[int]":
        """Keep ``events`` and ``state`` in one transaction; the future is done when they are on disk."""
        self._explain()
        rows = self._bodies(events)
        values = dict(state or {})
        self._state.update(values)
        keep = MAX_IN_MEMORY if self._memory else None

        def work(connection: sqlite3.Connection) -> int:
            last = 0
            for row in rows:
                last = connection.execute("INSERT INTO events (body) VALUES (?)", row).lastrowid or 0
            if keep is not None:
                connection.execute("DELETE FROM events WHERE seq <= ?", (last - keep,))
            put_state(connection, values)
            return last

        future = self._writer.submit(work)
        if rows:
            future.add_done_callback(self._appended)
        return future

    def keep_grants(
        self, manifest: Mapping[str, bytes], pages: Mapping[str, bytes]
    ) -> "asyncio.Future[None]":
        """Replace all pages by ``pages`` and keep ``manifest`` (a state entry) with them, at once.

        The future is done when they would survive a restart.
        """
        self._state.update(manifest)
        known, self._pages = self._pages, dict(pages)
        gone = [(digest,) for digest in known.keys() - pages.keys()]
        new = [(digest, pages[digest]) for digest in pages.keys() - known.keys()]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM pages WHERE digest = ?", gone)
            connection.executemany("INSERT OR REPLACE INTO pages VALUES (?, ?)", new)
            put_state(connection, manifest)

        future = self._writer.submit(work)
        if not self._memory:
            return future
        # in force, but not yet kept: that is true once it is on a disk
        promise: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._promises.append(promise)
        return promise

    async def batch(self, after: int) -> EventsBatch | None:
        """The oldest records with a number above ``after``: at most 64 and about 32 KiB; None if there are
        none.
        """

        def work(connection: sqlite3.Connection) -> tuple[int, list[tuple[int, bytes]]]:
            rows = connection.execute(
                "SELECT seq, CAST(body AS BLOB) FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
                (after, MAX_RECORDS),
            ).fetchall()
            low = connection.execute("SELECT min(seq) FROM events").fetchone()[0]
            if (rows and not low <= rows[0][0]) or any(two[0] <= one[0] for one, two in pairwise(rows)):
                raise sqlite3.DatabaseError("records are out of order")
            return int(low or 0), rows

        journal = self.journal
        if self._moving:
            return None
        first, rows = await self._writer.submit(work)
        while rows and _readable(*rows[0]) is None:
            # damaged, or of another version: the gateway counts it as lost, the others go on
            await self._drop(rows[0][0], after)
            first, rows = await self._writer.submit(work)
        records: list[EventRecord] = []
        size = 0
        for seq, body in rows:
            kept = _readable(seq, body)
            if kept is None or (records and seq != records[-1].seq + 1):
                break  # what is missing counts as lost only once it is the oldest
            size += len(body)
            if records and size > MAX_BYTES:
                break
            records.append(
                EventRecord(
                    seq=seq,
                    at=kept.at,
                    trusted=kept.trusted,
                    monotonic=kept.monotonic,
                    boot=kept.boot,
                    event=kept.event,
                )
            )
        # another journal may have taken over meanwhile, or may be about to
        if not records or journal != self.journal or self._moving:
            return None
        self._handed = max(self._handed, records[-1].seq)
        return EventsBatch(journal=journal, first=first, records=records)

    def forget(self, through: int) -> "asyncio.Future[int]":
        """Delete everything up to ``through``, which the gateway has stored; gives the new first number."""

        journal = self.journal

        def work(connection: sqlite3.Connection) -> int:
            # a receipt of the journal before says nothing of this one's numbers
            connection.execute(
                "DELETE FROM events WHERE seq <= ? AND (SELECT id FROM journal) = ?", (through, journal)
            )
            low = connection.execute("SELECT min(seq) FROM events").fetchone()[0]
            return int(low) if low is not None else 0

        self._receipted = max(self._receipted, through)
        future = self._writer.submit(work)
        future.add_done_callback(lambda done: self._forgotten(done, journal))
        return future

    def _drop(self, seq: int, after: int) -> "asyncio.Future[None]":
        journal = self.journal

        def work(connection: sqlite3.Connection) -> None:
            if connection.execute("SELECT id FROM journal").fetchone() != (journal,):
                return
            connection.execute("DELETE FROM events WHERE seq = ?", (seq,))
            left = connection.execute(
                "SELECT seq FROM events WHERE seq > ? ORDER BY seq", (after,)
            ).fetchone()
            if left == (seq,):
                raise sqlite3.DatabaseError("a record cannot be deleted")

        return self._writer.submit(work)

    def close(self) -> None:
        """Write what waits and close the file."""
        if self._home is not None:
            self._home.cancel()
        self._writer.close()

    def _bodies(self, events: Sequence[Event]) -> list[tuple[bytes]]:
        at, trusted, monotonic, boot = self._stamp()
        return [
            (_encoder.encode(_Body(at=at, trusted=trusted, monotonic=monotonic, boot=boot, event=event)),)
            for event in events
        ]

    def _appended(self, done: "asyncio.Future[int]") -> None:
        if not done.cancelled() and done.exception() is None:
            self._next = max(self._next, done.result() + 1)
            if self._memory:
                self._first = max(self._first, self._next - MAX_IN_MEMORY)
            self.grown.set()

    def _forgotten(self, done: "asyncio.Future[int]", journal: str) -> None:
        if not done.cancelled() and done.exception() is None and journal == self.journal:
            self._first = max(self._first, done.result() or self._next)

    # --- when the disk fails ------------------------------------------------------------------------

    def _explain(self) -> None:
        """Begin a journal that took the place of another with the record of why."""
        if not self._notice:
            return
        notice = JournalReplaced(stream=Stream.EVENTS, reason=self._notice[:200])
        self._notice = ""
        (body,) = self._bodies([notice])[0]

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR IGNORE INTO events (seq, body) VALUES (1, ?)", (body,))

        self._first = 1
        self._writer.submit(work)
        if self._memory:
            self._look_later()

    def _troubled(self, trouble: str) -> None:
        self._trouble = trouble
        self.on_change()

    def _reopen(self, error: Exception, attempt: int) -> Opened:
        """In the writer's thread: the same file, or a new one in the place of a damaged one."""
        blamed = is_blamed(error, self._file.path.parent)
        self._strikes = self._strikes + 1 if blamed and attempt > 1 else int(blamed)
        if is_damage(error) or self._strikes > _PATIENCE:
            loaded = self._file.rescue(str(error))
        else:
            loaded = self._file.open(patient=True)
        return Opened(loaded.connection, (lambda: self._replaced(loaded)) if loaded.replaced else None)

    def _replaced(self, loaded: Loaded) -> None:
        """Another journal goes on; what is known of doors and grants stays what it is."""
        self._take(loaded)
        self._state = {**loaded.state, **self._state}
        self._pages = self._pages or loaded.pages
        self._explain()
        state, pages = dict(self._state), dict(self._pages)

        def work(connection: sqlite3.Connection) -> None:
            put_state(connection, state)
            put_pages(connection, pages)

        self._writer.submit(work)
        self.on_replaced()
        self.on_change()
        self.grown.set()

    def _look_later(self) -> None:
        self._home = asyncio.get_running_loop().call_later(HOME_S, self.go_home)

    def go_home(self) -> None:
        """From memory to the disk if that works again and no record is on its way to the gateway.

        What was sent under this journal's id must be receipted under it, or it would be stored twice.
        """
        if not self._memory or self._moving:
            return
        if self._handed > self._receipted:
            self._look_later()
            return
        self._moving = True
        self._writer.move(self._move_home).add_done_callback(self._moved)

    def _move_home(self, memory: sqlite3.Connection) -> Moved:
        home = self._file.open(patient=True)
        try:
            move_home(memory, home.connection)
            first, following = limits(home.connection)
        except FAULTS as error:
            close_quietly(home.connection)
            raise StateError(f"{self._file.path}: {error}") from error
        loaded = home._replace(first=first, next=following)
        return Moved(Opened(home.connection, lambda: self._at_home(loaded)), self._reopen)

    def _at_home(self, loaded: Loaded) -> None:
        self._moving = False
        _LOG.info(line("journal-on-disk", journal=loaded.journal))
        promises, self._promises = self._promises, []
        for promise in promises:
            if not promise.done():
                promise.set_result(None)
        self._replaced(loaded)

    def _moved(self, done: "asyncio.Future[None]") -> None:
        if done.cancelled() or done.exception() is not None:
            self._moving = False
            self._look_later()
            self.grown.set()


def _readable(seq: int, body: bytes | None) -> _Body | None:
    try:
        return _decode(body)
    except _UNREADABLE as error:
        _LOG.error(line("record-unreadable", seq=seq, error=error))
        return None


def _is_readable(body: bytes | None) -> bool:
    try:
        _decode(body)
    except _UNREADABLE:
        return False
    return True


def _decode(body: bytes | None) -> _Body:
    """Raises one of ``_UNREADABLE``: damaged, or of another version."""
    if body is None:
        raise msgspec.DecodeError("nothing there")
    return _decoder.decode(body)
