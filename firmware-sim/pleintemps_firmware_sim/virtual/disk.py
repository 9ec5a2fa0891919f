"""An agent's disk that can be full: SQLite's own files and its own error, at the statement that gives it."""

import sqlite3
from collections.abc import Iterable
from typing import Any, Final, Never

_READS: Final = frozenset({"SELECT", "PRAGMA", "BEGIN", "ROLLBACK"})


class Disk:
    """One agent's. While ``full`` nothing of a transaction can be committed; reading works."""

    def __init__(self) -> None:
        self.full = False

    def connect(self, path: Any, **options: Any) -> sqlite3.Connection:
        """As :func:`sqlite3.connect`."""
        return _Connection(self, path, **options)


class _Connection(sqlite3.Connection):
    """What SQLite cannot write it finds out at the commit, and rolls back."""

    def __init__(self, disk: Disk, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._disk = disk

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        self._write(sql)
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        self._write(sql)
        return super().executemany(sql, parameters)

    def executescript(self, sql: str, /) -> sqlite3.Cursor:
        self._write(sql)
        return super().executescript(sql)

    def _write(self, sql: str) -> None:
        if not self._disk.full:
            return
        word = sql.split(maxsplit=1)[0].upper()
        if word == "COMMIT":
            super().execute("ROLLBACK")
            _refuse()
        if word not in _READS and not self.in_transaction:
            _refuse()


def _refuse() -> Never:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    error.sqlite_errorname = "SQLITE_FULL"
    raise error
