"""Measurements on their way to the gateway: sent from memory at once, put on disk when nobody takes them.

``samples.db`` is SQLite in WAL mode with ``synchronous=NORMAL``. A batch that is not receipted is committed
within 30 s of real time; a crash may lose those seconds, never a number: numbers are reserved on disk in
blocks, so none is used twice, and what a crash skips counts as lost. When the disk budget is full the
oldest batches go first.

While the disk takes no commits, batches stay in memory, the newest :data:`MEMORY_BUDGET` bytes of them; where
it takes none at the start this is a journal of its own until the disk works. A damaged file is moved aside.
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

from pleintemps_contract.agent_messages import (
    Column,
    Health,
    JournalPosition,
    SamplesBatch,
    StorageInfo,
    Stream,
)
from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_edge.waiting import Signal

from .files import Connect, is_blamed, is_damage
from .samplefile import RESERVE, Loaded, SampleFile, set_reserved
from .writer import MakeWriter, Moved, Opened, Writer

COMMIT_S: Final = 30.0
MEMORY_BUDGET: Final = 8 * 2**20
"""Bytes of batches that wait in memory for a disk."""
_PATIENCE: Final = 2
"""So often in a row a file may fail on a disk that takes others."""
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
    ``on_change`` is called when :attr:`storage` has changed, ``on_replaced`` with the reason (none when the
    one before is back) when another journal goes on in the place of this one.
    """

    def __init__(
        self,
        file: SampleFile,
        loaded: Loaded,
        budget: int,
        dropped: Callable[[int], None],
        writer: MakeWriter = Writer,
    ) -> None:
        self._file = file
        self._budget = budget
        self._dropped = dropped
        self._young: OrderedDict[int, bytes] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._trouble = ""
        self._strikes = 0
        self._flushing = self._moving = False
        self.grown = Signal()
        self.on_change: Callable[[], None] = lambda: None
        self.on_replaced: Callable[[str], None] = lambda reason: None
        self._take(loaded)
        self._writer = writer(file.path.name, self._troubled)
        self._writer.start(loaded.connection, None if loaded.memory else self._reopen)

    @classmethod
    def open(
        cls,
        folder: Path,
        world: World,
        budget: int,
        dropped: Callable[[int], None],
        writer: MakeWriter = Writer,
        connect: Connect = sqlite3.connect,
    ) -> "SampleJournal":
        """Open or make ``samples.db``; a disk or a file that fails is told by :attr:`storage`."""
        file = SampleFile(folder, world, connect)
        return cls(file, file.open_anyhow(), budget, dropped, writer)

    def _take(self, loaded: Loaded) -> None:
        self.journal = loaded.journal
        self.replaced = loaded.replaced
        """Why this journal was begun in the place of another; empty if it was not."""
        self._next, self._reserved = loaded.next, loaded.reserved
        self._written = self._next - 1
        self._handed = self._receipted = 0
        self._held: OrderedDict[int, int] = OrderedDict(loaded.sizes)
        self._bytes = sum(self._held.values())
        self._memory = loaded.replaced if loaded.memory else ""

    @property
    def storage(self) -> list[StorageInfo]:
        """How the disk is, for the birth."""
        detail = self._memory or self._trouble
        health = Health.ERROR if detail else Health.OK
        return [StorageInfo(stream=Stream.SAMPLES, health=health, detail=detail[:200])]

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
        self._hold(_encoder.encode(_Body(boot=boot, base=base, trusted=trusted, series=series)))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(COMMIT_S, self.flush)
        self.grown.set()

    def _hold(self, body: bytes) -> None:
        seq = self._next
        self._next += 1
        if self._reserved - self._next < RESERVE // 2 and not self._memory:
            self._reserve()  # long before they are used: nothing syncs this one
        self._held[seq] = len(body)
        self._young[seq] = body
        self._bytes += len(body)
        self._keep_budget()

    async def batch(self, after: int) -> SamplesBatch | None:
        """The oldest batch with a number above ``after``; None if there is none."""
        journal = self.journal
        while True:
            seq = next((seq for seq in self._held if seq > after), None)
            if seq is None or self._moving:
                return None
            body = self._young.get(seq)
            if body is None:
                body = await self._writer.submit(partial(_read, seq=seq))
            # receipted or dropped meanwhile, or another journal has taken over
            if body is None or journal != self.journal or self._moving:
                return None
            try:
                kept = _decoder.decode(body)
                break
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                # damaged, or of another version: the gateway counts it as lost, the others go on
                _LOG.error(line("samples-unreadable", seq=seq, error=error))
                self._bytes -= self._held.pop(seq, 0)
                self._delete([seq])
        self._handed = max(self._handed, seq)
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
        self._receipted = max(self._receipted, through)
        self._let_go(gone)

    def flush(self) -> None:
        """Commit what is in memory only, or look whether the disk works again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._memory:
            self.go_home()
            return
        rows = [(seq, body) for seq, body in self._young.items() if seq > self._written]
        if not rows or self._flushing:
            return
        journal = self.journal

        def work(connection: sqlite3.Connection) -> None:
            # numbers of a journal that has been replaced meanwhile mean nothing in this one
            if connection.execute("SELECT id FROM journal").fetchone() == (journal,):
                connection.executemany("INSERT OR REPLACE INTO batches VALUES (?, ?)", rows)

        self._flushing = True
        before, self._written = self._written, rows[-1][0]
        # until the disk has them they can still be read from memory
        self._writer.submit(work).add_done_callback(
            lambda done: self._settled(done, journal, before, [seq for seq, _ in rows])
        )

    def close(self) -> None:
        """Commit what is in memory, give spare numbers back and close the file."""
        self._flushing = False  # once more, if need be: the agent ends
        if not self._memory:
            self.flush()
            following, journal = self._next, self.journal
            self._writer.submit(lambda connection: set_reserved(connection, following, journal))
        if self._timer is not None:
            self._timer.cancel()
        self._writer.close()

    def _settled(self, done: "asyncio.Future[None]", journal: str, before: int, written: list[int]) -> None:
        self._flushing = False
        if journal != self.journal:
            return
        if done.cancelled() or done.exception() is not None:
            self._written = before
            return
        for seq in written:
            self._young.pop(seq, None)

    def _reserve(self) -> None:
        self._reserved += RESERVE // 2
        reserved, journal = self._reserved, self.journal
        self._writer.submit(lambda connection: set_reserved(connection, reserved, journal))

    def _keep_budget(self) -> None:
        gone: list[int] = []
        spare = self._bytes
        for seq, size in self._held.items():
            # the newest stays, however large
            if spare <= self._budget or len(gone) == len(self._held) - 1:
                break
            spare -= size
            gone.append(seq)
        if (self._memory or self._trouble) and self._young:
            waiting = sum(len(body) for body in self._young.values())
            for seq, body in self._young.items():
                if waiting <= MEMORY_BUDGET or len(gone) == len(self._held) - 1:
                    break
                if seq not in gone:
                    waiting -= len(body)
                    gone.append(seq)
        if gone:
            self._let_go(gone)
            self._dropped(len(gone))

    def _let_go(self, gone: list[int]) -> None:
        """Forget these, in memory and on disk."""
        for seq in gone:
            self._bytes -= self._held.pop(seq)
            self._young.pop(seq, None)
        self._delete([seq for seq in gone if seq <= self._written])

    def _delete(self, gone: list[int]) -> None:
        if not gone or self._memory:
            return
        journal = self.journal

        def work(connection: sqlite3.Connection) -> None:
            if connection.execute("SELECT id FROM journal").fetchone() == (journal,):
                connection.executemany("DELETE FROM batches WHERE seq = ?", ((seq,) for seq in gone))

        self._writer.submit(work)

    # --- when the disk fails ------------------------------------------------------------------------

    def _troubled(self, trouble: str) -> None:
        self._trouble = trouble
        self.on_change()

    def _reopen(self, error: Exception, attempt: int) -> Opened:
        """In the writer's thread: the same file, or a new one in the place of a damaged one."""
        blamed = is_blamed(error, self._file.path.parent)
        self._strikes = self._strikes + 1 if blamed and attempt > 1 else int(blamed)
        if is_damage(error) or self._strikes > _PATIENCE:
            loaded = self._file.replace(str(error))
        else:
            loaded = self._file.open(patient=True)
        return Opened(loaded.connection, (lambda: self._adopt(loaded)) if loaded.replaced else None)

    def _adopt(self, loaded: Loaded) -> None:
        """Another journal goes on with what is in memory and was not sent under the number it had."""
        bodies = [body for seq, body in self._young.items() if seq > self._handed]
        gone = 0 if self._memory else len(self._held) - len(bodies)
        self._young.clear()
        self._take(loaded)
        self._flushing = self._moving = False
        for body in bodies:
            self._hold(body)
        if gone:
            self._dropped(gone)
        self.on_replaced(loaded.replaced)
        self.on_change()
        self.grown.set()

    def go_home(self) -> None:
        """From memory to the disk if that works again and no batch is on its way to the gateway."""
        if self._memory and not self._moving and self._handed <= self._receipted:
            self._moving = True
            self._writer.move(self._move_home).add_done_callback(self._moved)

    def _move_home(self, memory: sqlite3.Connection) -> Moved:
        home = self._file.open(patient=True)
        return Moved(Opened(home.connection, lambda: self._adopt(home)), self._reopen)

    def _moved(self, done: "asyncio.Future[None]") -> None:
        self._moving = False
        self.grown.set()


def _read(connection: sqlite3.Connection, seq: int) -> bytes | None:
    row = connection.execute("SELECT CAST(body AS BLOB) FROM batches WHERE seq = ?", (seq,)).fetchone()
    return row[0] if row else None
