"""After rows went: their bytes. A database keeps what it deleted until somebody writes over it."""

import logging
import sqlite3
from typing import Final

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from pleintemps_contract.logs import line
from pleintemps_gateway.store.schema import metadata

TABLES: Final = (
    "alert_acts",
    "alerts",
    "audit",
    "bookings",
    "calls",
    "commands",
    "contacts",
    "credentials",
    "deliveries",
    "events",
    "groups",
    "hooked",
    "marks",
    "rights",
    "usage",
    "usage_corrections",
)
"""Tables that an erasure touches."""

_log = logging.getLogger(__name__)


def scrub(engine: Engine) -> list[str]:
    """Write the store anew without what was deleted; returns a line for each thing that remains.

    SQLite: VACUUM, then an empty write-ahead log. PostgreSQL: VACUUM FULL of the tables of people, each
    locked meanwhile. Writers wait for as long as it takes to copy the store.
    """
    if engine.dialect.name == "postgresql":
        return _postgresql(engine)
    return _sqlite(engine)


def _sqlite(engine: Engine) -> list[str]:
    pooled = engine.raw_connection()
    try:
        connection = pooled.driver_connection
        if not isinstance(connection, sqlite3.Connection):
            raise TypeError("this is no connection to SQLite")
        try:
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute("VACUUM")
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.OperationalError as error:
            _log.warning(line("not-scrubbed", error=error))
            return [f"deleted bytes in the SQLite file: {error}; run the command again"]
    finally:
        pooled.close()
    if busy:
        return ["deleted bytes in the write-ahead log, until its readers have ended; run the command again"]
    return []


def _postgresql(engine: Engine) -> list[str]:
    assert set(TABLES) <= metadata.tables.keys()
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.execute(text("SET lock_timeout = '20s'"))
            for table in TABLES:
                conn.execute(text(f'VACUUM (FULL) "{table}"'))
            conn.execute(text("RESET lock_timeout"))
    except OperationalError as error:
        _log.warning(line("not-scrubbed", error=type(error).__name__))
        return ["dead rows of PostgreSQL: a table stayed locked; run the command again"]
    return ["PostgreSQL's write-ahead log and its archive, until the server recycles its segments"]
