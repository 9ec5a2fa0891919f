"""The durable outbox and, in the same file, what the agent must know after a restart.

``events.db`` is SQLite in WAL mode with ``synchronous=FULL``: what :meth:`EventJournal.append` has returned
is on disk. Records leave only by :meth:`EventJournal.forget`, on a receipt. The journal's id is made with
its file, numbers never repeat in its life.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from pleintemps_contract.agent_messages import Event, EventRecord, EventsBatch, JournalPosition, Stream
from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_edge.errors import StateError

from .writer import Writer, open_database

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS journal (id TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pages (digest TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""
MAX_RECORDS: Final = 64
MAX_BYTES: Final = 32_768
_LOG: Final = logging.getLogger("journal")


class Stamp(NamedTuple):
    """When a record was made."""

    at: int
    trusted: bool
    monotonic: int
    boot: str


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    """An EventRecord before it has its number."""

    at: int
    trusted: bool
    monotonic: int
    boot: str
    event: Event


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(_Body)


class EventJournal:
    """Open with :meth:`open`, close with :meth:`close`; all methods belong to the event loop."""

    def __init__(
        self, folder: Path, world: World, stamp: Callable[[], Stamp], connection: sqlite3.Connection
    ) -> None:
        self._stamp = stamp
        try:
            self.journal = _journal_id(connection, world)
            low = connection.execute("SELECT min(seq) FROM events").fetchone()[0]
            high = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
            self._state = {
                key: bytes(value) for key, value in connection.execute("SELECT key, value FROM state")
            }
            self._pages = {
                key: bytes(body) for key, body in connection.execute("SELECT digest, body FROM pages")
            }
        except sqlite3.Error as error:
            raise StateError(f"{folder / 'events.db'}: {error}") from error
        self._next = (high[0] if high else 0) + 1
        self._first = low if low is not None else self._next
        self.grown = asyncio.Event()
        self._writer = Writer(folder / "events.db", "FULL", _SCHEMA)
        self._writer.start(connection)

    @classmethod
    def open(cls, folder: Path, world: World, stamp: Callable[[], Stamp]) -> "EventJournal":
        """Open or make ``events.db`` in ``folder``; raises StateError."""
        return cls(folder, world, stamp, open_database(folder / "events.db", "FULL", _SCHEMA))

    @property
    def position(self) -> JournalPosition:
        return JournalPosition(journal=self.journal, stream=Stream.EVENTS, first=self._first, next=self._next)

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
        at, trusted, monotonic, boot = self._stamp()
        rows = [
            (_encoder.encode(_Body(at=at, trusted=trusted, monotonic=monotonic, boot=boot, event=event)),)
            for event in events
        ]
        values = dict(state or {})
        self._state.update(values)

        def work(connection: sqlite3.Connection) -> int:
            last = 0
            for row in rows:
                last = connection.execute("INSERT INTO events (body) VALUES (?)", row).lastrowid or 0
            _put_state(connection, values)
            return last

        future = self._writer.submit(work)
        if rows:
            future.add_done_callback(self._appended)
        return future

    def keep_grants(
        self, manifest: Mapping[str, bytes], pages: Mapping[str, bytes]
    ) -> "asyncio.Future[None]":
        """Replace all pages by ``pages`` and keep ``manifest`` (a state entry) with them, at once."""
        self._state.update(manifest)
        known, self._pages = self._pages, dict(pages)
        gone = [(digest,) for digest in known.keys() - pages.keys()]
        new = [(digest, pages[digest]) for digest in pages.keys() - known.keys()]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM pages WHERE digest = ?", gone)
            connection.executemany("INSERT OR REPLACE INTO pages VALUES (?, ?)", new)
            _put_state(connection, manifest)

        return self._writer.submit(work)

    async def batch(self, after: int) -> EventsBatch | None:
        """The oldest records with a number above ``after``: at most 64 and about 32 KiB; None if there are
        none.
        """

        def work(connection: sqlite3.Connection) -> tuple[int, list[tuple[int, bytes]]]:
            rows = connection.execute(
                "SELECT seq, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (after, MAX_RECORDS)
            ).fetchall()
            low = connection.execute("SELECT min(seq) FROM events").fetchone()[0]
            return int(low or 0), rows

        first, rows = await self._writer.submit(work)
        while rows and _readable(*rows[0]) is None:
            # damaged, or of another version: the gateway counts it as lost, the others go on
            await self._drop(rows[0][0])
            first, rows = await self._writer.submit(work)
        records: list[EventRecord] = []
        size = 0
        for seq, body in rows:
            size += len(body)
            if records and size > MAX_BYTES:
                break
            kept = _readable(seq, body)
            if kept is None:  # it is lost only once it is the oldest, so that it is counted
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
        return EventsBatch(journal=self.journal, first=first, records=records) if records else None

    def forget(self, through: int) -> "asyncio.Future[int]":
        """Delete everything up to ``through``, which the gateway has stored; gives the new first number."""

        def work(connection: sqlite3.Connection) -> int:
            connection.execute("DELETE FROM events WHERE seq <= ?", (through,))
            low = connection.execute("SELECT min(seq) FROM events").fetchone()[0]
            return int(low) if low is not None else 0

        future = self._writer.submit(work)
        future.add_done_callback(self._forgotten)
        return future

    def _drop(self, seq: int) -> "asyncio.Future[None]":
        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM events WHERE seq = ?", (seq,))

        return self._writer.submit(work)

    def close(self) -> None:
        """Write what waits and close the file."""
        self._writer.close()

    def _appended(self, done: "asyncio.Future[int]") -> None:
        if not done.cancelled() and done.exception() is None:
            self._next = max(self._next, done.result() + 1)
            self.grown.set()

    def _forgotten(self, done: "asyncio.Future[int]") -> None:
        if not done.cancelled() and done.exception() is None:
            self._first = max(self._first, done.result() or self._next)


def _readable(seq: int, body: bytes) -> _Body | None:
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        _LOG.error(line("record-unreadable", seq=seq, error=error))
        return None


def _put_state(connection: sqlite3.Connection, values: Mapping[str, bytes]) -> None:
    connection.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", list(values.items()))


def _journal_id(connection: sqlite3.Connection, world: World) -> str:
    row = connection.execute("SELECT id FROM journal").fetchone()
    if row is None:
        row = (world.new_id(),)
        connection.execute("INSERT INTO journal VALUES (?)", row)
    return str(row[0])
