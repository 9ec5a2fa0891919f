"""SQLite files on disks that fail: how they are opened, judged, set aside, and read row by row."""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

from pleintemps_contract.logs import line
from pleintemps_edge.errors import StateError

Synchronous = Literal["FULL", "NORMAL"]
Connect = Callable[..., sqlite3.Connection]
"""Opens a file as :func:`sqlite3.connect` does."""

KEPT_ASIDE: Final = 3
"""Damaged files that are kept for somebody to look at; older ones go."""
_PROBE_BYTES: Final = 262_144
_MARK: Final = """
CREATE TABLE IF NOT EXISTS writer (mark INTEGER NOT NULL, probe INTEGER NOT NULL) STRICT;
INSERT INTO writer SELECT 0, 0 WHERE NOT EXISTS (SELECT 1 FROM writer);
"""
FAULTS: Final = (sqlite3.Error, UnicodeDecodeError)
"""What a database may raise: Python cannot decode the message that SQLite makes of some damage."""
_PASSING: Final = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERRUPT,
}
_DISK: Final = {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
}
_LOG: Final = logging.getLogger("journal")


def open_database(
    path: Path, synchronous: Synchronous, schema: str, connect: Connect = sqlite3.connect
) -> sqlite3.Connection:
    """Open or make a database in WAL mode and see it take a commit; raises StateError that names the file.

    What an earlier life left in the WAL is written out once more: after a failed sync nobody knows what of
    it is on the disk, although it can be read.
    """
    connection = None
    try:
        connection = connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(schema + _MARK)
        connection.execute("UPDATE writer SET probe = 1 - probe")
        write_out(connection)
        connection.execute(f"PRAGMA synchronous={synchronous}")
    except FAULTS as error:
        if connection is not None:
            close_quietly(connection)
        raise StateError(f"{path}: {error}") from error
    return connection


def open_memory(schema: str) -> sqlite3.Connection:
    """A database that dies with the process."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.executescript(schema + _MARK)
    return connection


def write_out(connection: sqlite3.Connection) -> bool:
    """Copy the WAL into the database and sync that; False if a reader was in the way."""
    busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return not busy


def mark_of(connection: sqlite3.Connection) -> int:
    """The mark of the last group of writes that this file has."""
    return int(connection.execute("SELECT mark FROM writer").fetchone()[0])


def close_quietly(connection: sqlite3.Connection) -> None:
    try:
        connection.close()
    except FAULTS as error:
        _LOG.debug(line("close-failed", error=error))


def is_damage(error: BaseException) -> bool:
    """Whether the database itself is at fault, and no disk could have done this for the moment."""
    code = _code(error)
    return code is not None and code not in _PASSING | _DISK


def is_blamed(error: BaseException, folder: Path) -> bool:
    """Whether the disk refuses this database although it takes and syncs another file."""
    return _code(error) in _DISK and takes_files(folder)


def _code(error: BaseException) -> int | None:
    """SQLite's primary result code; ours for values that nobody wrote is SQLITE_CORRUPT."""
    if isinstance(error, StateError):
        if error.__cause__ is None:
            return sqlite3.SQLITE_CORRUPT
        error = error.__cause__
    if isinstance(error, UnicodeDecodeError):
        return sqlite3.SQLITE_CORRUPT
    if not isinstance(error, sqlite3.Error):
        return None
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def takes_files(folder: Path) -> bool:
    """Whether the disk takes a file of 256 KiB and syncs it."""
    probe = folder / "probe"
    try:
        try:
            with probe.open("wb") as file:
                file.write(bytes(_PROBE_BYTES))
                file.flush()
                os.fsync(file.fileno())
        finally:
            probe.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def set_aside(path: Path, now: int) -> Path:
    """Rename a damaged database and its WAL to ``<name>.damaged-<now>``, keep the newest few; StateError."""
    try:
        while (aside := path.with_name(f"{path.name}.damaged-{now:015d}")).exists():
            now += 1
        if path.exists():
            path.replace(aside)
        wal = _beside(path, "-wal")
        if wal.exists():
            wal.replace(_beside(aside, "-wal"))
        _beside(path, "-shm").unlink(missing_ok=True)
        kept = sorted(path.parent.glob(f"{path.name}.damaged-" + "[0-9]" * 15))
        for old in kept[:-KEPT_ASIDE]:
            for tail in ("", "-wal", "-shm"):
                _beside(old, tail).unlink(missing_ok=True)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror or error}") from error
    return aside


def put_back(aside: Path, path: Path) -> None:
    """Undo :func:`set_aside`, as far as the disk lets us: there was no room for a new file."""
    with contextlib.suppress(OSError):
        aside.replace(path)
        wal = _beside(aside, "-wal")
        if wal.exists():
            wal.replace(_beside(path, "-wal"))


def _beside(path: Path, tail: str) -> Path:
    return path.with_name(path.name + tail)


@contextlib.contextmanager
def reader(path: Path) -> Iterator[sqlite3.Connection | None]:
    """``path`` for reading, on a disk that may take no writing; None if it cannot be read at all.

    In turn: as it is; alone, with the index of the WAL in memory, where the disk has no room for it; and
    without a WAL, on a read-only disk where there is none.
    """
    found = None
    # not with a name that SQLite would make anew
    for how in ("mode=ro", "mode=rw", "mode=ro&immutable=1") if path.is_file() else ():
        connection = None
        try:
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None, timeout=1.0
            )
            if how == "mode=rw":
                connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except FAULTS as error:
            _LOG.debug(line("unreadable", file=path.name, how=how, error=error))
            if connection is not None:
                close_quietly(connection)
            continue
        found = connection
        break
    try:
        yield found
    finally:
        if found is not None:
            close_quietly(found)


def rows_until_damage(connection: sqlite3.Connection, query: str) -> Iterator[tuple[Any, ...]]:
    """The rows of ``query`` up to the first that cannot be read."""
    try:
        yield from connection.execute(query)
    except FAULTS as error:
        _LOG.warning(line("damage", error=error))


def rows_around_damage(
    connection: sqlite3.Connection, table: str, columns: str, key: str
) -> dict[Any, tuple[Any, ...]]:
    """The rows of ``table`` by their first column, read from both ends towards the damage."""
    query = f"SELECT {columns} FROM {table} ORDER BY {key}"  # noqa: S608 - names of our own
    found = {row[0]: row for row in rows_until_damage(connection, query)}
    for row in rows_until_damage(connection, f"{query} DESC"):
        if row[0] in found:
            break
        found[row[0]] = row
    return found
