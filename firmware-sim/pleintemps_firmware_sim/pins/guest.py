"""A second device on a board that another process holds: it puts its own edges there and hears all others."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from pleintemps_firmware_sim.errors import PinsError

from .board import OnOutput
from .messages import Edge, Snapshot, line


class Guest:
    """Used as a :class:`~.board.Board`; ``on_gone`` is called when the board hangs up."""

    def __init__(self, path: Path, on_output: OnOutput, on_gone: Callable[[], None]) -> None:
        self.gone = False
        self._path = path
        self._on_output = on_output
        self._on_gone = on_gone
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._first: list[tuple[int, int, int]] = []

    async def start(self) -> None:
        """Raises PinsError if there is no board."""
        try:
            reader, self._writer = await asyncio.open_unix_connection(self._path)
            snapshot = msgspec.json.decode(await reader.readline(), type=Snapshot)
        except (OSError, msgspec.MsgspecError) as error:
            raise PinsError(f"no pins at {self._path} to join: {error}") from error
        for pin, level in snapshot.levels.items():
            self._on_output(pin, level, 0)
        self.drive_edges(self._first)
        self._task = asyncio.create_task(self._follow(reader))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()

    def drive_edges(self, edges: Iterable[tuple[int, int, int]]) -> None:
        """Several edges (pin, level, tick) in order; those from before the start are said at the start."""
        if self._writer is None:
            self._first += edges
        else:
            self._writer.write(
                b"".join(line(Edge(pin=pin, level=level, tick=tick)) for pin, level, tick in edges)
            )

    async def _follow(self, reader: asyncio.StreamReader) -> None:
        decoder = msgspec.json.Decoder(Edge)
        with contextlib.suppress(ConnectionError, ValueError, msgspec.MsgspecError):
            async for text in reader:
                edge = decoder.decode(text)
                self._on_output(edge.pin, edge.level, edge.tick)
        self.gone = True
        self._on_gone()
