"""A word to ingest that another process has written: it looks at once then, not only at its next look.

The row in the store is the truth, and ingest looks by itself all the same. A word names a site and nothing
else: one that is forged causes a look, one that is lost costs the time to the next. SQLite: a datagram to a
socket beside the store, in a folder that is the gateway's own. PostgreSQL: NOTIFY, which goes out with the
commit.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, text

BESIDE_WAKE: Final = "-wake"
"""The end of the socket's name, which begins as that of the store."""
CHANNEL: Final = "pleintemps_wake"
LONGEST: Final = 64
"""Bytes of a word."""
_SITES: Final = "pleintemps_sites"
_NOTIFY: Final = text("SELECT pg_notify(:channel, :site)")


def note(conn: Connection, site: str) -> None:
    """A change of ``site`` was recorded over ``conn``."""
    conn.info.setdefault(_SITES, set()).add(site)


def forget(conn: Connection) -> None:
    """A transaction begins."""
    conn.info.pop(_SITES, None)


def say_within(conn: Connection) -> frozenset[str]:
    """The sites noted in this transaction. PostgreSQL tells who listens, once it is committed."""
    sites = frozenset(conn.info.pop(_SITES, ()))
    if conn.dialect.name == "postgresql":
        for site in sorted(sites):
            conn.execute(_NOTIFY, {"channel": CHANNEL, "site": site})
    return sites


def say_after(engine: Engine, sites: frozenset[str]) -> None:
    """The transaction is committed. Never waits, never fails: nobody may be listening."""
    file = engine.url.database
    if not sites or engine.dialect.name != "sqlite" or not file or file == ":memory:":
        return
    with suppress(OSError), _beside(Path(file)) as path, _datagrams() as own:
        for site in sorted(sites):
            own.sendto(site.encode(), path)


@contextmanager
def listening(file: Path) -> Iterator[socket.socket]:
    """The socket beside the SQLite store ``file``, for who reads words from it; raises OSError."""
    with _datagrams() as own:
        with _beside(file) as path:
            Path(path).unlink(missing_ok=True)
            own.bind(path)
            Path(path).chmod(0o600)
        try:
            yield own
        finally:
            file.with_name(file.name + BESIDE_WAKE).unlink(missing_ok=True)


@contextmanager
def _beside(file: Path) -> Iterator[str]:
    # by way of the folder: the address of a socket has 107 bytes at most
    folder = os.open(file.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{file.name}{BESIDE_WAKE}"
    finally:
        os.close(folder)


def _datagrams() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
