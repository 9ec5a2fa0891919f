"""Measurements on their way to the gateway: sent from memory at once, put on disk when nobody takes them.

``samples.db`` is SQLite in WAL mode with ``synchronous=NORMAL``. A batch that is not receipted is committed
within 30 s of real time; a crash may lose those seconds, never a number: numbers are reserved on disk in
blocks, so none is used twice, and what a crash skips counts as lost. When the disk budget is full the
oldest batches go first.
"""

import asyncio
import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from pleintemps_contract.agent_messages import Column, JournalPosition, SamplesBatch, Stream
from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_edge.errors import StateError

from .writer import Writer, open_database

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS journal (id TEXT NOT NULL, reserved INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS batches (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
"""
COMMIT_S: Final = 30.0
RESERVE: Final = 256
_LOG: Final = logging.getLogger("journal")


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    """A SamplesBatch without what changes from one sending to the next."""

    boot: str
    base: int
    trusted: bool
    series: dict[str, Column]


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(_Body)


class SampleJournal:
    """Open with :meth:`open`, close with :meth:`close`; all methods belong to the event loop.

    Keeps at most ``budget`` bytes of batches. ``dropped`` is told how many batches went without a receipt.
    """

    def __init__(
        self,
        folder: Path,
        world: World,
        budget: int,
        dropped: Callable[[int], None],
        connection: sqlite3.Connection,
    ) -> None:
        try:
            row = connection.execute("SELECT id, reserved FROM journal").fetchone()
            if row is None:
                row = (world.new_id(), 1)
                connection.execute("INSERT INTO journal VALUES (?, ?)", row)
            self.journal = str(row[0])
            self._next = int(row[1])
            sizes = connection.execute("SELECT seq, length(body) FROM batches ORDER BY seq").fetchall()
            self._reserved = self._next + RESERVE
            # the first block is synced to the disk before a number of it can be used
            connection.execute("PRAGMA synchronous=FULL")
            _set_reserved(connection, self._reserved)
            connection.execute("PRAGMA synchronous=NORMAL")
        except sqlite3.Error as error:
            raise StateError(f"{folder / 'samples.db'}: {error}") from error
        self._written = self._next - 1
        self._held: OrderedDict[int, int] = OrderedDict((int(seq), int(size)) for seq, size in sizes)
        self._bytes = sum(self._held.values())
        self._young: OrderedDict[int, bytes] = OrderedDict()
        self._budget = budget
        self._dropped = dropped
        self._timer: asyncio.TimerHandle | None = None
        self.grown = asyncio.Event()
        self._writer = Writer(folder / "samples.db", "NORMAL", _SCHEMA)
        self._writer.start(connection)

    @classmethod
    def open(cls, folder: Path, world: World, budget: int, dropped: Callable[[int], None]) -> "SampleJournal":
        """Open or make ``samples.db`` in ``folder``; raises StateError."""
        path = folder / "samples.db"
        try:
            return cls._open(path, world, budget, dropped)
        except StateError as error:
            if not _is_damage(error.__cause__):
                raise
            # no door stays shut for the sake of measurements
            _LOG.error(line("samples-set-aside", error=error))
            _set_aside(path)
        return cls._open(path, world, budget, dropped)

    @classmethod
    def _open(cls, path: Path, world: World, budget: int, dropped: Callable[[int], None]) -> "SampleJournal":
        connection = open_database(path, "NORMAL", _SCHEMA)
        try:
            return cls(path.parent, world, budget, dropped, connection)
        except StateError:
            connection.close()
            raise

    @property
    def position(self) -> JournalPosition:
        return JournalPosition(
            journal=self.journal, stream=Stream.SAMPLES, first=self._first, next=self._next
        )

    @property
    def _first(self) -> int:
        return next(iter(self._held), self._next)

    def append(self, boot: str, base: int, trusted: bool, series: dict[str, Column]) -> None:
        """Give a batch its number and hold it; it can be sent at once."""
        body = _encoder.encode(_Body(boot=boot, base=base, trusted=trusted, series=series))
        seq = self._next
        self._next += 1
        if self._reserved - self._next < RESERVE // 2:
            self._reserve()  # long before they are used: nothing syncs this one
        self._held[seq] = len(body)
        self._young[seq] = body
        self._bytes += len(body)
        self._keep_budget()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(COMMIT_S, self.flush)
        self.grown.set()

    async def batch(self, after: int) -> SamplesBatch | None:
        """The oldest batch with a number above ``after``; None if there is none."""
        while True:
            seq = next((seq for seq in self._held if seq > after), None)
            if seq is None:
                return None
            body = self._young.get(seq)
            if body is None:
                body = await self._writer.submit(partial(_read, seq=seq))
            if body is None:  # receipted or dropped meanwhile
                return None
            try:
                kept = _decoder.decode(body)
                break
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                # damaged, or of another version: the gateway counts it as lost, the others go on
                _LOG.error(line("samples-unreadable", seq=seq, error=error))
                self._bytes -= self._held.pop(seq, 0)
                self._writer.submit(partial(_delete_one, seq=seq))
        return SamplesBatch(
            journal=self.journal,
            first=min(self._first, seq),
            seq=seq,
            boot=kept.boot,
            base=kept.base,
            trusted=kept.trusted,
            series=kept.series,
        )

    def forget(self, through: int) -> None:
        """Let go of what the gateway has stored: everything up to ``through``."""
        gone = []
        for seq in self._held:
            if seq > through:
                break
            gone.append(seq)
        self._let_go(gone)

    def flush(self) -> None:
        """Commit what is in memory only."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        rows = [(seq, body) for seq, body in self._young.items() if seq > self._written]
        if not rows:
            return

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR REPLACE INTO batches VALUES (?, ?)", rows)

        self._written = rows[-1][0]
        # until the disk has them they can still be read from memory
        self._writer.submit(work).add_done_callback(
            lambda done: self._settled(done, [seq for seq, _ in rows])
        )

    def close(self) -> None:
        """Commit what is in memory, give spare numbers back and close the file."""
        self.flush()
        following = self._next
        self._writer.submit(lambda connection: _set_reserved(connection, following))
        self._writer.close()

    def _settled(self, done: "asyncio.Future[None]", written: list[int]) -> None:
        if done.cancelled() or done.exception() is not None:
            return
        for seq in written:
            self._young.pop(seq, None)

    def _reserve(self) -> None:
        self._reserved += RESERVE // 2
        reserved = self._reserved
        self._writer.submit(lambda connection: _set_reserved(connection, reserved))

    def _keep_budget(self) -> None:
        gone: list[int] = []
        spare = self._bytes
        for seq, size in self._held.items():
            # the newest stays, however large
            if spare <= self._budget or len(gone) == len(self._held) - 1:
                break
            spare -= size
            gone.append(seq)
        if gone:
            self._let_go(gone)
            self._dropped(len(gone))

    def _let_go(self, gone: list[int]) -> None:
        """Forget these, the oldest ones, in memory and on disk."""
        for seq in gone:
            self._bytes -= self._held.pop(seq)
            self._young.pop(seq, None)
        if gone and gone[0] <= self._written:
            last = gone[-1]
            self._writer.submit(lambda connection: _delete(connection, last))


def _read(connection: sqlite3.Connection, seq: int) -> bytes | None:
    row = connection.execute("SELECT body FROM batches WHERE seq = ?", (seq,)).fetchone()
    return bytes(row[0]) if row else None


def _delete(connection: sqlite3.Connection, through: int) -> None:
    connection.execute("DELETE FROM batches WHERE seq <= ?", (through,))


def _delete_one(connection: sqlite3.Connection, seq: int) -> None:
    connection.execute("DELETE FROM batches WHERE seq = ?", (seq,))


def _is_damage(error: BaseException | None) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _set_aside(path: Path) -> None:
    try:
        path.replace(path.with_name(f"{path.name}.damaged"))
        for tail in ("-wal", "-shm"):
            path.with_name(path.name + tail).unlink(missing_ok=True)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror or error}") from error


def _set_reserved(connection: sqlite3.Connection, reserved: int) -> None:
    connection.execute("UPDATE journal SET reserved = ?", (reserved,))
