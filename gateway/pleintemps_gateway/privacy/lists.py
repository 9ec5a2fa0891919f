"""The list of what was erased, as keyed hashes: in the store, beside it, and in every folder of back-ups.

A back-up that is older than an erasure may still hold what was erased. Whoever restores it erases again, by
these marks. Without the gateway's sealing key a mark says nothing of a person.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import Connection, insert, select

from pleintemps_gateway.errors import SettingsError
from pleintemps_gateway.store.schema import erasures

FILE: Final = "erasures.jsonl"


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was erased; ``at`` is Unix ms."""

    site: str
    erasure: str
    kind: str
    mark: str
    at: int


def append(folder: Path, entries: Iterable[Erasure]) -> None:
    """Add ``entries`` to the list in ``folder``, on disk when this returns; raises OSError."""
    text = b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
    if not text:
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        whole = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
        end = whole.rfind(b"\n") + 1  # over a line that was cut short
        os.ftruncate(descriptor, end)
        os.pwrite(descriptor, text, end)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(folder: Path) -> list[Erasure]:
    """The list in ``folder``, empty if there is none; raises SettingsError for one that cannot be read.

    A last line that was cut short belongs to an erasure that was not carried out.
    """
    path = folder / FILE
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    found = []
    for number, text in enumerate(lines, start=1):
        try:
            found.append(msgspec.json.decode(text, type=Erasure))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if not text.endswith(b"\n") and number == len(lines):
                continue
            raise SettingsError(f"{path}: line {number} is no erasure") from error
    return found


def stored(conn: Connection) -> list[Erasure]:
    """The list that is in the store."""
    return [Erasure(**row._asdict()) for row in conn.execute(select(erasures))]


def store(conn: Connection, entries: Iterable[Erasure]) -> None:
    rows = [msgspec.structs.asdict(entry) for entry in entries]
    if rows:
        conn.execute(insert(erasures), rows)
