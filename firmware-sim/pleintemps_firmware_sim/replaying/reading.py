"""A recording from its file, whatever the file holds: bounded in bytes, lines, memory and time."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from pleintemps_contract.errors import RecordingError
from pleintemps_contract.recording import (
    MAX_BYTES,
    MAX_LINE,
    MAX_LINES,
    End,
    Entry,
    Gap,
    Header,
    decode_entry,
    decode_header,
)
from pleintemps_firmware_sim.errors import DatasetError

MAX_MS: Final = 31 * 86_400_000
MAX_SILENCE_MS: Final = 6 * 3_600_000
"""To play time back costs as much whether something was recorded of it or not: a file of a few lines must not
claim a month. An agent asks for the time, says its states again or tries to connect many times an hour.
"""
_CHUNK: Final = 65_536
_GZIP: Final = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Recording:
    """``entries`` in order of time. ``cut``: it has no end, for it was cut short. ``lost`` lines are missing
    because the disk did not follow. ``length`` is that of the recording, ms.
    """

    header: Header
    entries: list[Entry]
    cut: bool
    lost: int
    length: int


def read(path: Path) -> Recording:
    """Read ``path``; raises DatasetError that names the file and, where there is one, the line."""
    try:
        with path.open("rb") as file:
            return _read(file)
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}") from error
    except RecordingError as error:
        raise DatasetError(f"{path}: {error}") from error


def _read(file: BinaryIO) -> Recording:
    lines = _lines(file)
    first = next(lines, None)
    if first is None:
        raise RecordingError("empty, or cut off within its first line")
    header = decode_header(first)
    entries: list[Entry] = []
    lost = 0
    ended = False
    for number, text in enumerate(lines, 2):
        if number > MAX_LINES:
            raise RecordingError(f"more than {MAX_LINES} lines")
        entry = decode_entry(text, number)
        if entry.t > MAX_MS:
            raise RecordingError(f"line {number}: longer than {MAX_MS // 86_400_000} days")
        lost += entry.lines if isinstance(entry, Gap) else 0
        ended = ended or isinstance(entry, End)
        entries.append(entry)
    entries.sort(key=lambda entry: entry.t)
    before = 0
    for entry in entries:
        if entry.t - before > MAX_SILENCE_MS:
            most = f"{MAX_SILENCE_MS // 3_600_000} hours"
            raise RecordingError(
                f"nothing between {before} ms and {entry.t} ms: no agent is silent for more than {most}"
            )
        before = entry.t
    return Recording(header, entries, not ended, lost, before)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Whole lines; the last one counts only if its end is there."""
    rest = b""
    for data in _unpacked(file):
        *whole, rest = (rest + data).split(b"\n")
        for text in whole:
            if len(text) > MAX_LINE:
                raise RecordingError(f"a line of more than {MAX_LINE} bytes")
            yield text
        if len(rest) > MAX_LINE:
            raise RecordingError(f"a line of more than {MAX_LINE} bytes")


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    """The content, a piece at a time; what is cut off ends it, what is damaged raises RecordingError."""
    unpacker = zlib.decompressobj(_GZIP)
    total = 0
    while not unpacker.eof and (packed := unpacker.unconsumed_tail or file.read(_CHUNK)):
        try:
            data = unpacker.decompress(packed, _CHUNK)
        except zlib.error as error:
            raise RecordingError("no gzip file, or damaged" if not total else "damaged within") from error
        total += len(data)
        if total > MAX_BYTES:
            raise RecordingError(f"more than {MAX_BYTES // 2**20} MiB unpacked")
        yield data
