"""``samples.db``, opened in whatever state it and its disk are. Nothing is read from a damaged one: no door
stays shut for the sake of measurements.
"""

import logging
import sqlite3
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
    set_aside,
)

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS journal (id TEXT NOT NULL, reserved INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS batches (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
"""
RESERVE: Final = 256
_LOG: Final = logging.getLogger("journal")


class Loaded(NamedTuple):
    """An open journal: ``sizes`` are the batches it holds, ``next`` and ``reserved`` its numbers.

    ``replaced`` says why it was begun in the place of another, ``memory`` that it dies with the process.
    """

    connection: sqlite3.Connection
    journal: str
    next: int
    reserved: int
    sizes: list[tuple[int, int]]
    replaced: str = ""
    memory: bool = False


class SampleFile:
    """``samples.db`` in ``folder``; may be used by one thread at a time."""

    def __init__(self, folder: Path, world: World, connect: Connect = sqlite3.connect) -> None:
        self.path = folder / "samples.db"
        self._connect = connect
        self._world = world

    def open_anyhow(self) -> Loaded:
        """On disk if that is possible, else in memory; never fails for the sake of a disk."""
        error: StateError | None = None
        for patient in (True, True, False):
            try:
                return self.open(patient=patient)
            except StateError as caught:
                error = caught
        _LOG.error(line("journal-in-memory", error=error))
        return self._load(open_memory(SCHEMA), "FULL")._replace(replaced=f"no disk: {error}", memory=True)

    def open(self, *, patient: bool) -> Loaded:
        """On disk, anew if it is damaged; raises StateError if the disk takes no commits.

        Unless ``patient`` a disk that takes other files shows that this one is at fault.
        """
        try:
            return self._load(open_database(self.path, "NORMAL", SCHEMA, self._connect), "NORMAL")
        except StateError as error:
            if is_damage(error) or (not patient and is_blamed(error, self.path.parent)):
                return self.replace(str(error))
            raise

    def replace(self, reason: str) -> Loaded:
        """Move the file aside and begin another; raises StateError."""
        _LOG.error(line("samples-set-aside", error=reason))
        aside = set_aside(self.path, self._world.now())
        try:
            loaded = self._load(open_database(self.path, "NORMAL", SCHEMA, self._connect), "NORMAL")
        except StateError:
            put_back(aside, self.path)
            raise
        return loaded._replace(replaced=f"damaged: {reason}")

    def _load(self, connection: sqlite3.Connection, synchronous: str) -> Loaded:
        try:
            row = connection.execute("SELECT id, reserved FROM journal").fetchone()
            if row is None:
                row = (self._world.new_id(), 1)
                connection.execute("INSERT INTO journal VALUES (?, ?)", row)
            sizes = connection.execute(
                "SELECT seq, length(CAST(body AS BLOB)) FROM batches ORDER BY seq"
            ).fetchall()
            journal, following = row
            sound = isinstance(journal, str) and len(journal) == 32 and isinstance(following, int)
            if not sound or following < 1 or any(size is None for _, size in sizes):
                raise StateError(f"{self.path}: holds values that nobody wrote")
            following = max(following, sizes[-1][0] + 1 if sizes else 1)
            # the first block is synced to the disk before a number of it can be used
            connection.execute("PRAGMA synchronous=FULL")
            set_reserved(connection, following + RESERVE, journal)
            connection.execute(f"PRAGMA synchronous={synchronous}")
        except FAULTS as error:
            close_quietly(connection)
            raise StateError(f"{self.path}: {error}") from error
        except StateError:
            close_quietly(connection)
            raise
        return Loaded(connection, journal, following, following + RESERVE, sizes)


def set_reserved(connection: sqlite3.Connection, reserved: int, journal: str) -> None:
    """Numbers below ``reserved`` may have been used, if ``journal`` is still the one here."""
    connection.execute("UPDATE journal SET reserved = ? WHERE id = ?", (reserved, journal))
