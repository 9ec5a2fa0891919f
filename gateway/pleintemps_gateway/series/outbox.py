"""Lines that wait for the series database: one SQLite file, oldest first, within a disk budget.

``add`` returns when the lines survive the end of this process (WAL, ``synchronous=NORMAL``: a power cut may
take the last moments, which the store still has). When the budget is full the oldest lines go, counted.
"""

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
_SCHEMA_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lines INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE counters (name TEXT PRIMARY KEY, lines INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counters VALUES ('written', 0), ('refused', 0), ('dropped', 0);
"""


class Counts(NamedTuple):
    """Lines since the file was made; ``waiting`` is what it holds now."""

    written: int
    refused: int
    dropped: int
    waiting: int


class Parcel(NamedTuple):
    """The oldest lines, in order; ``last`` is the batch they end with."""

    last: int
    lines: list[str]


class Outbox:
    """One file. Safe to use from several threads; raises StoreError when the file cannot be used."""

    def __init__(self, path: Path, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._lock = threading.Lock()
        self._taken = 0
        with _ours(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=20, isolation_level=None, check_same_thread=False)
            self._path = path
            self._prepare()

    def _prepare(self) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "journal_size_limit=4194304"):
            self._db.execute(f"PRAGMA {pragma}")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            with self._transaction():
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
        elif version != _SCHEMA_VERSION:
            raise StoreError(f"{self._path}: version {version}, this program knows {_SCHEMA_VERSION}")

    def add(self, lines: Sequence[str]) -> int:
        """Keep ``lines`` after all others; returns how many old ones had to go."""
        with _ours(self._path), self._lock, self._transaction():
            for start in range(0, len(lines), MAX_LINES):
                chunk = lines[start : start + MAX_LINES]
                body = zlib.compress("\n".join(chunk).encode(), 1)
                self._db.execute("INSERT INTO batches (lines, body) VALUES (?, ?)", (len(chunk), body))
            return self._drop_oldest()

    def _drop_oldest(self) -> int:
        dropped = 0
        while self._used() > self._budget:
            # what a request carries just now is not dropped: it could be delivered and be counted as lost
            row = self._db.execute(
                "DELETE FROM batches WHERE id = (SELECT min(id) FROM batches WHERE id > ?) RETURNING lines",
                (self._taken,),
            ).fetchone()
            if row is None:
                break
            dropped += row[0]
        self._count("dropped", dropped)
        return dropped

    def _used(self) -> int:
        pages, free, size = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def take(self) -> Parcel | None:
        """The oldest lines, left in place until :meth:`settle`; nothing if none wait."""
        with _ours(self._path), self._lock:
            lines: list[str] = []
            last = 0
            with closing(self._db.execute("SELECT id, lines, body FROM batches ORDER BY id")) as rows:
                for number, count, body in rows:
                    if lines and len(lines) + count > MAX_LINES:
                        break
                    lines += zlib.decompress(body).decode().split("\n")
                    last = number
            self._taken = last
            return Parcel(last, lines) if lines else None

    def settle(self, parcel: Parcel, *, written: int, refused: int) -> None:
        """Forget ``parcel``: so many of its lines are stored there, so many were refused for good."""
        with _ours(self._path), self._lock, self._transaction():
            self._db.execute("DELETE FROM batches WHERE id <= ?", (parcel.last,))
            self._count("written", written)
            self._count("refused", refused)
            self._taken = 0

    def release(self) -> None:
        """The parcel taken last was not delivered: it waits again."""
        with self._lock:
            self._taken = 0

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
