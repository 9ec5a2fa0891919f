"""Lines that wait for the series database: one SQLite file, oldest first, within a disk budget.

A batch is compressed once, as the request will carry it. ``add`` returns when the batches survive the end of
this process (WAL, ``synchronous=NORMAL``: a power cut may take the last moments, which the store still has).
When the budget is full the oldest readings go, and only after all of them what the rules made of them (a
hundredth of the lines): counted.
"""

import gzip
import sqlite3
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from pleintemps_gateway.errors import StoreError

MAX_LINES: Final = 5_000
"""Lines of one stored batch, and of one request unless a single batch is all that waits."""
_SCHEMA_VERSION: Final = 2
_FIRST: Final = """
CREATE TABLE batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lines INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE counters (name TEXT PRIMARY KEY, lines INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counters VALUES ('written', 0), ('refused', 0), ('dropped', 0);
"""
# a table whose sum and oldest rows are found without its bodies: they may be millions of pages
_SECOND: Final = """
ALTER TABLE batches RENAME TO old;
CREATE TABLE batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lines INTEGER NOT NULL,
    readings INTEGER NOT NULL,
    body BLOB NOT NULL
);
INSERT INTO batches SELECT id, lines, 1, body FROM old;
DROP TABLE old;
CREATE INDEX batches_kept ON batches (readings DESC, id, lines);
"""
_STEPS: Final = (_FIRST, _SECOND)
_LEVEL: Final = 1
"""Of gzip: 0.24 us a line and 8.6 bytes; level 9 takes 4.5 us for 6.2 bytes."""
_GZIP: Final = b"\x1f\x8b"
_EITHER: Final = 47
"""zlib's word for a body with either head, its own (written until version 1) or that of gzip."""


class Counts(NamedTuple):
    """Lines since the file was made; ``waiting`` is what it holds now."""

    written: int
    refused: int
    dropped: int
    waiting: int


class Batch(NamedTuple):
    """``lines`` lines as one gzip body; ``readings``: as received, what goes first when the disk is full."""

    lines: int
    readings: bool
    body: bytes


class Parcel(NamedTuple):
    """Lines in order, as one gzip body: the batches ``first`` to ``last``."""

    first: int
    last: int
    lines: int
    body: bytes


def pack(lines: Sequence[str]) -> bytes:
    """Lines as the body of a request."""
    return gzip.compress("\n".join(lines).encode(), _LEVEL, mtime=0)


def unpack(body: bytes) -> list[str]:
    """What :func:`pack` was given."""
    return zlib.decompress(body, _EITHER).decode().split("\n")


class Outbox:
    """One file. Safe to use from several threads; raises StoreError when the file cannot be used."""

    def __init__(self, path: Path, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._lock = threading.Lock()
        self._taken = (0, 0)
        with _ours(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=20, isolation_level=None, check_same_thread=False)
            self._path = path
            self._prepare()

    def _prepare(self) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "journal_size_limit=4194304"):
            self._db.execute(f"PRAGMA {pragma}")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > _SCHEMA_VERSION:
            raise StoreError(f"{self._path}: version {version}, this program knows {_SCHEMA_VERSION}")
        if version < _SCHEMA_VERSION:
            with self._transaction():
                for statement in "".join(_STEPS[version:]).split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")

    def add(self, batches: Sequence[Batch], lost: int = 0) -> int:
        """Keep ``batches`` after all others; returns how many old lines had to go for them.

        ``lost`` lines never came so far: they count as dropped.
        """
        with _ours(self._path), self._lock, self._transaction():
            self._db.executemany("INSERT INTO batches (lines, readings, body) VALUES (?, ?, ?)", batches)
            dropped = self._drop_oldest()
            self._count("dropped", dropped + lost)
            return dropped

    def _drop_oldest(self) -> int:
        dropped = 0
        while self._used() > self._budget:
            # what a request carries just now is not dropped: it could be delivered and be counted as lost
            row = self._db.execute(
                "DELETE FROM batches WHERE id = (SELECT id FROM batches WHERE id NOT BETWEEN ? AND ? "
                "ORDER BY readings DESC, id LIMIT 1) RETURNING lines",
                self._taken,
            ).fetchone()
            if row is None:
                break
            dropped += row[0]
        return dropped

    def has_room(self) -> bool:
        """Whether a tenth of the budget is free."""
        with _ours(self._path), self._lock:
            return self._used() < self._budget * 0.9

    def _used(self) -> int:
        pages, free, size = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def newest(self) -> int:
        """The number of the batch that was added last; 0 if none waits."""
        with _ours(self._path), self._lock:
            return int(self._db.execute("SELECT coalesce(max(id), 0) FROM batches").fetchone()[0])

    def take(self, after: int = 0) -> Parcel | None:
        """The oldest lines beyond the batch ``after``, left in place until :meth:`settle`; None if none wait.

        One parcel at a time: the one before is settled or released.
        """
        with _ours(self._path), self._lock:
            bodies: list[bytes] = []
            first = last = lines = 0
            wanted = "SELECT id, lines, body FROM batches WHERE id > ? ORDER BY id"
            with closing(self._db.execute(wanted, (after,))) as rows:
                for number, count, body in rows:
                    if lines and lines + count > MAX_LINES:
                        break
                    first, last, lines = first or number, number, lines + count
                    bodies.append(body)
            self._taken = (first, last)
        return Parcel(first, last, lines, _joined(bodies)) if lines else None

    def settle(self, parcel: Parcel, *, written: int, refused: int) -> None:
        """Forget ``parcel``: so many of its lines are stored there, so many were refused for good."""
        with _ours(self._path), self._lock, self._transaction():
            self._db.execute("DELETE FROM batches WHERE id BETWEEN ? AND ?", (parcel.first, parcel.last))
            self._count("written", written)
            self._count("refused", refused)
            self._taken = (0, 0)

    def release(self) -> None:
        """The parcel taken last was not delivered: it waits again."""
        with self._lock:
            self._taken = (0, 0)

    def counts(self) -> Counts:
        with _ours(self._path), self._lock:
            return _counts(self._db)

    def close(self) -> None:
        with _ours(self._path), self._lock:
            self._db.close()

    def _count(self, name: str, lines: int) -> None:
        if lines:
            self._db.execute("UPDATE counters SET lines = lines + ? WHERE name = ?", (lines, name))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:  # a full disk has rolled back already
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _joined(bodies: list[bytes]) -> bytes:
    # not one after the other, as gzip allows: some servers read the first member only
    if len(bodies) == 1 and bodies[0].startswith(_GZIP):
        return bodies[0]
    return pack([line for body in bodies for line in unpack(body)])


def look(path: Path) -> Counts | None:
    """The counts of another process's outbox; None if there is none, or it cannot be read now."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=1)) as db:
            return _counts(db)
    except sqlite3.Error:
        return None


def _counts(db: sqlite3.Connection) -> Counts:
    counters = dict(db.execute("SELECT name, lines FROM counters"))
    (waiting,) = db.execute("SELECT coalesce(sum(lines), 0) FROM batches").fetchone()
    return Counts(counters["written"], counters["refused"], counters["dropped"], waiting)


@contextmanager
def _ours(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path}: {error}") from error
