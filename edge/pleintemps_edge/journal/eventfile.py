"""``events.db``, opened in whatever state it and its disk are.

A damaged file is moved aside and what can still be read of it goes into a new one, a journal with an id of
its own. Where the disk takes no commits a journal in memory begins, with what the file still tells.
"""

import hashlib
import logging
import re
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_edge.errors import StateError

from .files import (
    FAULTS,
    Connect,
    close_quietly,
    is_blamed,
    is_damage,
    open_database,
    open_memory,
    put_back,
    reader,
    rows_around_damage,
    rows_until_damage,
    set_aside,
)

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS journal (id TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pages (digest TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""
_TAIL: Final = 50_000
"""Records behind the damage that are carried over: as many as memory has room for."""
_MOVED: Final = "moved-home"
"""State entry: which journal in memory was moved here last, and the last number before it."""
_ID: Final = re.compile(r"[0-9a-f]{32}\Z")
_LOG: Final = logging.getLogger("journal")


class Loaded(NamedTuple):
    """An open journal. ``replaced`` says why it was begun in the place of another, number 1 is then free
    for the record of it; ``memory`` that it dies with the process.
    """

    connection: sqlite3.Connection
    journal: str
    first: int
    next: int
    state: dict[str, bytes]
    pages: dict[str, bytes]
    replaced: str = ""
    memory: bool = False


class EventFile:
    """``events.db`` in ``folder``. ``readable`` tells a record that can be sent from one that cannot.

    May be used by one thread at a time.
    """

    def __init__(
        self,
        folder: Path,
        world: World,
        readable: Callable[[bytes], bool],
        connect: Connect = sqlite3.connect,
    ) -> None:
        self.path = folder / "events.db"
        self._connect = connect
        self._world = world
        self._readable = readable

    def open_anyhow(self) -> Loaded:
        """On disk if that is possible, else in memory; never fails for the sake of a disk."""
        error: StateError | None = None
        for patient in (True, True, False):
            try:
                return self.open(patient=patient)
            except StateError as caught:
                error = caught
        _LOG.error(line("journal-in-memory", error=error))
        return self.open_in_memory(str(error))

    def open(self, *, patient: bool) -> Loaded:
        """On disk, rescued if it is damaged; raises StateError if the disk takes no commits.

        Unless ``patient`` a disk that takes other files shows that this one is at fault.
        """
        try:
            return self._load(open_database(self.path, "FULL", SCHEMA, self._connect))
        except StateError as error:
            if is_damage(error) or (not patient and is_blamed(error, self.path.parent)):
                return self.rescue(str(error))
            raise

    def rescue(self, reason: str) -> Loaded:
        """Set the file aside and begin a new one with what it still tells; raises StateError."""
        _LOG.error(line("journal-damaged", file=self.path.name, error=reason))
        aside = set_aside(self.path, self._world.now())
        connection = None
        try:
            connection = open_database(self.path, "FULL", SCHEMA, self._connect)
            connection.execute("BEGIN IMMEDIATE")
            self._carry_over(aside, connection)
            connection.execute("COMMIT")
            return self._load(connection)._replace(replaced=f"damaged: {reason}")
        except (*FAULTS, StateError) as error:
            if connection is not None:
                close_quietly(connection)
            put_back(aside, self.path)
            if isinstance(error, StateError):
                raise
            raise StateError(f"{self.path}: {error}") from error

    def open_in_memory(self, reason: str) -> Loaded:
        """A journal in memory with the access state that the file tells; raises StateError."""
        try:
            connection = open_memory(SCHEMA)
            with reader(self.path) as old:
                if old is not None:
                    put_state(connection, state_of(old))
                    put_pages(connection, pages_of(old))
            _leave_room(connection)
            return self._load(connection)._replace(replaced=f"no disk: {reason}", memory=True)
        except FAULTS as error:
            raise StateError(f"{self.path}: {error}") from error

    def _carry_over(self, aside: Path, connection: sqlite3.Connection) -> None:
        _leave_room(connection)
        with reader(aside) as old:
            if old is None:
                return
            put_state(connection, state_of(old))
            put_pages(connection, pages_of(old))
            bodies = (body for body in _bodies(old) if self._readable(body))
            connection.executemany("INSERT INTO events (body) VALUES (?)", ((body,) for body in bodies))

    def _load(self, connection: sqlite3.Connection) -> Loaded:
        """Everything but the records; raises StateError, also for values that can only be damage."""
        try:
            row = connection.execute("SELECT id FROM journal").fetchone()
            if row is None:
                row = (self._world.new_id(),)
                connection.execute("INSERT INTO journal VALUES (?)", row)
            low, following = limits(connection)
            state = {
                key.decode(): value
                for key, value in connection.execute("SELECT CAST(key AS BLOB), value FROM state")
            }
            pages = pages_of(connection)
            listed = connection.execute("SELECT count(*) FROM pages").fetchone()[0]
        except FAULTS as error:
            close_quietly(connection)
            raise StateError(f"{self.path}: {error}") from error
        whole = all(isinstance(value, bytes) for value in state.values()) and listed == len(pages)
        if not isinstance(row[0], str) or not _ID.match(row[0]) or not 1 <= low <= following or not whole:
            close_quietly(connection)
            raise StateError(f"{self.path}: holds values that nobody wrote")
        return Loaded(connection, row[0], low, following, state, pages)


def limits(connection: sqlite3.Connection) -> tuple[int, int]:
    """The oldest number held and the next to be given."""
    low = connection.execute("SELECT min(seq) FROM events").fetchone()[0]
    high = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    following = (high[0] if high and isinstance(high[0], int) else 0) + 1
    return (low if low is not None else following), following


def state_of(connection: sqlite3.Connection) -> dict[str, bytes]:
    """The state entries that can be read."""
    found = rows_around_damage(connection, "state", "CAST(key AS BLOB), value", "key")
    return {
        key.decode(): value
        for key, value in found.values()
        if isinstance(key, bytes) and isinstance(value, bytes) and _is_text(key)
    }


def pages_of(connection: sqlite3.Connection) -> dict[str, bytes]:
    """The grant pages that are what their names say."""
    found = rows_around_damage(connection, "pages", "CAST(digest AS BLOB), body", "digest")
    return {
        hashlib.sha256(body).hexdigest(): body
        for digest, body in found.values()
        if isinstance(body, bytes) and hashlib.sha256(body).hexdigest().encode() == digest
    }


def put_state(connection: sqlite3.Connection, values: Mapping[str, bytes]) -> None:
    connection.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", list(values.items()))


def put_pages(connection: sqlite3.Connection, pages: Mapping[str, bytes]) -> None:
    connection.executemany("INSERT OR REPLACE INTO pages VALUES (?, ?)", list(pages.items()))


def move_home(memory: sqlite3.Connection, home: sqlite3.Connection) -> None:
    """Put what a journal in memory holds into the one on disk, in one transaction.

    A commit that fails may be on the disk all the same: from where it has begun is kept with it, and the next
    try begins there again. Nothing of it was sent: home is not told of before a move has succeeded.
    """
    journal = memory.execute("SELECT id FROM journal").fetchone()[0].encode()
    home.execute("BEGIN IMMEDIATE")
    last = limits(home)[1] - 1
    tried = home.execute("SELECT value FROM state WHERE key = ?", (_MOVED,)).fetchone()
    if tried is not None and tried[0].startswith(journal):
        last = int(tried[0].split()[1])
        home.execute("DELETE FROM events WHERE seq > ?", (last,))
        home.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'events'", (last,))
    put_state(home, state_of(memory))
    put_state(home, {_MOVED: b"%s %d" % (journal, last)})
    pages = pages_of(memory)
    if pages:
        home.execute("DELETE FROM pages")
        put_pages(home, pages)
    home.executemany(
        "INSERT INTO events (body) VALUES (?)",
        memory.execute("SELECT body FROM events ORDER BY seq"),
    )
    home.execute("COMMIT")


def _leave_room(connection: sqlite3.Connection) -> None:
    """Number 1 is for the record that says why this journal was begun."""
    connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', 1)")


def _bodies(old: sqlite3.Connection) -> Iterator[bytes]:
    last = 0
    for seq, body in rows_until_damage(old, "SELECT seq, CAST(body AS BLOB) FROM events ORDER BY seq"):
        last = seq
        yield body
    tail: deque[bytes] = deque()
    for seq, body in rows_until_damage(old, "SELECT seq, CAST(body AS BLOB) FROM events ORDER BY seq DESC"):
        if seq <= last or len(tail) >= _TAIL:
            break
        tail.appendleft(body)
    yield from tail


def _is_text(key: bytes) -> bool:
    try:
        key.decode()
    except UnicodeDecodeError:
        return False
    return True
