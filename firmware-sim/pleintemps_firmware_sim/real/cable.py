"""The network between one agent and the broker: it can be pulled, go dead without a word, and be slow."""

import asyncio
import contextlib
from typing import Final

from pleintemps_contract.world import World

_CHUNK: Final = 65_536


class Cable:
    """Listens on a loopback port and carries bytes to the broker's. ``world`` is the true clock."""

    def __init__(self, port: int, broker_port: int, world: World) -> None:
        self.port = port
        self._broker_port = broker_port
        self._world = world
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._pulled = False
        self._dead = False
        self._late_ms = 0

    async def start(self) -> None:
        """Plug it in."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Take it away, with all it carries."""
        if self._server is not None:
            self._server.close()
        self._hang_up()
        await asyncio.gather(*self._calls, return_exceptions=True)

    def pull(self, pulled: bool) -> None:
        """While pulled, what stands breaks and nothing new comes about."""
        self._pulled = pulled
        if pulled:
            self._hang_up()

    def go_dead(self, dead: bool) -> None:
        """While dead, connections stand and nothing arrives; what was swallowed never does."""
        self._dead = dead
        if not dead:
            self._hang_up()

    def slow(self, late_ms: int) -> None:
        """Everything arrives so late, in order."""
        self._late_ms = late_ms

    def _hang_up(self) -> None:
        for call in self._calls:
            call.cancel()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.current_task()
        if self._pulled or call is None:
            writer.close()
            return
        self._calls.add(call)
        forth: asyncio.StreamWriter | None = None
        pumps: set[asyncio.Task[None]] = set()
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self._broker_port)
            pumps = {
                asyncio.create_task(self._pump(reader, forth)),
                asyncio.create_task(self._pump(back, writer)),
            }
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except (OSError, asyncio.CancelledError):
            return  # no broker there, or the cable was pulled: either way the caller is hung up on
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for end in (forth, writer):
                if end is not None:
                    end.close()
            self._calls.discard(call)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        queue: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        sending = asyncio.create_task(self._send(queue, writer))
        try:
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(_CHUNK):
                    queue.put_nowait((self._world.monotonic() + self._late_ms, data))
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, queue: "asyncio.Queue[tuple[int, bytes]]", writer: asyncio.StreamWriter) -> None:
        while True:
            due, data = await queue.get()
            await self._world.sleep_until(due)
            if self._dead:
                continue
            writer.write(data)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
