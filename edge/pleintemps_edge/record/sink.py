"""The file of a recording: gzip, appended to about once a second and readable up to there at any time."""

import asyncio
import logging
import os
import zlib
from collections import deque
from pathlib import Path
from typing import Final

from pleintemps_contract.logs import line
from pleintemps_contract.recording import MAX_LINE, Entry, Gap, Header, encode
from pleintemps_edge.errors import RecordError

FLUSH_MS: Final = 1_000
MAX_WAITING: Final = 16 * 2**20
"""Bytes that wait for a slow disk; more are counted and not written."""
_GZIP: Final = 16 + zlib.MAX_WBITS
_LOG: Final = logging.getLogger("record")


class Sink:
    """``path`` must not exist. ``limit`` is its size in bytes: what comes after is counted as lost.

    Lines are taken at once and written by a thread; a disk that does not follow holds nobody.
    """

    def __init__(self, path: Path, limit: int) -> None:
        """Raises RecordError."""
        self.path = path
        self.lost = 0
        self.size = 0
        self._limit = limit
        self._header: bytes | None = None
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._gap = 0
        self._packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
        self._ended = False
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except OSError as error:
            raise RecordError(f"{path}: {error.strerror or error}") from error

    def begin(self, header: Header) -> None:
        """The first line; what was put before comes behind it."""
        self._header = encode(header)

    def put(self, entry: Entry) -> None:
        """Take one line."""
        text = encode(entry)
        if self._ended or self._bytes + len(text) > MAX_WAITING or len(text) > MAX_LINE:
            self.lost += 1
            self._gap += 1
            return
        if self._gap and not isinstance(entry, Gap):
            gap, self._gap = self._gap, 0
            self.put(Gap(t=entry.t, lines=gap))
        self._waiting.append(text)
        self._bytes += len(text)

    async def flush(self) -> None:
        """Bring what waits to the disk. A disk that refuses ends the recording, not the agent."""
        if self._header is None or self._ended or not self._waiting:
            return
        header, self._header = self._header, b""
        text = header + b"".join(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        try:
            await asyncio.to_thread(self._write, text)
        except OSError as error:
            self._end(error.strerror or str(error))
        else:
            if self.size >= self._limit:
                self._end("as large as it may become")

    def close(self) -> None:
        """Write what waits, and the end of the archive; a recording that never began leaves no file."""
        if self._header is None:
            self.path.unlink(missing_ok=True)
        if not self._ended and self._header is not None:
            self._ended = True
            text = self._header + b"".join(self._waiting)
            try:
                self._all(self._packer.compress(text) + self._packer.flush(zlib.Z_FINISH))
            except OSError as error:
                _LOG.error(line("recording-ended", file=self.path, why=error.strerror or error))
        os.close(self._file)

    def _write(self, text: bytes) -> None:
        self._all(self._packer.compress(text) + self._packer.flush(zlib.Z_SYNC_FLUSH))

    def _all(self, data: bytes) -> None:
        self.size += len(data)
        while data:
            data = data[os.write(self._file, data) :]

    def _end(self, why: str) -> None:
        self._ended = True
        _LOG.error(line("recording-ended", file=self.path, why=why))
