"""The simulator's end of the pins: a board of 28 lines that an agent's pin factory connects to."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from pleintemps_contract.logs import line as log_line

from .messages import Edge, Snapshot, line

OnOutput = Callable[[int, int, int], None]
"""Called with pin, level and tick (ns) when the agent drives an output."""

_HANG_UP_S: Final = 1.0
"""For a client that does not read what was said to it."""

_log = logging.getLogger(__name__)


def tick_now() -> int:
    """The host's CLOCK_MONOTONIC in nanoseconds, as the running event loop reads it."""
    return int(asyncio.get_running_loop().time() * 1_000_000_000)


class Board:
    """Levels live here: an agent that starts anew finds them as they are."""

    def __init__(self, path: Path, on_output: OnOutput | None = None) -> None:
        self._path = path
        self._on_output = on_output
        self._levels: dict[int, int] = {}
        self._stuck: dict[int, int] = {}
        """Pins that stand still, and the level that each would have."""
        self._clients: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None
        self._changed = asyncio.Event()
        self.on_input: Callable[[list[tuple[int, int, int]]], None] | None = None
        """Called with the edges (pin, level, tick) of inputs that were driven in one go."""

    @property
    def connected(self) -> bool:
        """An agent holds the pins now."""
        return bool(self._clients)

    def level(self, pin: int) -> int | None:
        """Present level of a pin; None if neither side has ever driven it."""
        return self._levels.get(pin)

    async def start(self) -> None:
        """Listen; a socket file that an earlier run left is replaced."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path)

    async def stop(self) -> None:
        """Hang up and remove the socket; levels stay."""
        if self._server is None:
            return
        self._server.close()
        for client in list(self._clients):
            client.close()
        await self._server.wait_closed()
        # who is still served when the loop ends is cancelled, which asyncio's streams tell as an error
        if self._serving:
            await asyncio.wait(self._serving, timeout=_HANG_UP_S)
        self._server = None
        self._path.unlink(missing_ok=True)

    def drive(self, pin: int, level: int, tick: int | None = None) -> None:
        """Put an input of the agent to ``level``, now or at ``tick``; no edge if it stands there already."""
        self.drive_edges([(pin, level, tick_now() if tick is None else tick)])

    def drive_edges(self, edges: Iterable[tuple[int, int, int]]) -> None:
        """Several edges (pin, level, tick) in order, in one go."""
        text, happened = bytearray(), []
        for pin, level, tick in edges:
            if pin in self._stuck:
                self._stuck[pin] = level
            elif self._levels.get(pin) != level:
                self._levels[pin] = level
                happened.append((pin, level, tick))
                text += line(Edge(pin=pin, level=level, tick=tick))
        if text:
            for client in self._clients:
                client.write(bytes(text))
        if happened and self.on_input is not None:
            self.on_input(happened)

    def stick(self, pin: int, level: int | None) -> None:
        """Hold a pin at ``level`` whatever drives it; None lets go: it then stands as it would by now."""
        if level is None:
            if (would := self._stuck.pop(pin, None)) is not None:
                self.drive(pin, would)
            return
        would = self._stuck.pop(pin, self._levels.get(pin, level))
        self.drive(pin, level)
        self._stuck[pin] = would

    async def wait_for(self, condition: Callable[["Board"], bool]) -> None:
        """Return when ``condition`` holds; it is looked at after every connection and every output."""
        while not condition(self):
            await self._changed.wait()

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (own := asyncio.current_task()) is not None:
            self._serving.add(own)
            own.add_done_callback(self._serving.discard)
        writer.write(line(Snapshot(levels=dict(self._levels))))
        self._clients.add(writer)
        self._notify()
        decoder = msgspec.json.Decoder(Edge)
        try:
            async for text in reader:
                edge = decoder.decode(text)
                self._levels[edge.pin] = edge.level
                for other in self._clients - {writer}:  # devices that share the board
                    other.write(text)
                if self._on_output is not None:
                    self._on_output(edge.pin, edge.level, edge.tick)
                self._notify()
        except (ConnectionError, ValueError) as error:
            _log.warning(log_line("pins-client", error=error))
        finally:
            self._clients.discard(writer)
            self._notify()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
