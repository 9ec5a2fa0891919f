"""A wire between two programs that can be cut, can swallow what it carries, and can say things of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from .ports import find_free_port


class Wire:
    """Listens on ``port`` and carries bytes to ``target``.

    ``calls`` counts the callers, ``open`` those that nobody has hung up on; ``first`` holds the first byte
    that each has sent.
    """

    def __init__(self, target: int) -> None:
        self.port = find_free_port()
        self.target = target
        self.calls = 0
        self.open = 0
        self.first: list[bytes] = []
        self._callers: list[asyncio.StreamWriter] = []
        self._dead: set[asyncio.StreamWriter] = set()

    def say(self, data: bytes) -> None:
        """Send ``data`` to the last caller, as if the other end had."""
        self._callers[-1].write(data)

    def swallow(self) -> None:
        """From here on nothing of the last call arrives, in either direction; nobody is told."""
        self._dead.add(self._callers[-1])

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One call, until one end hangs up."""
        self.calls += 1
        self._callers.append(writer)
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        self.open += 1
        pumps = {
            asyncio.create_task(self._pump(reader, forth, writer, note=True)),
            asyncio.create_task(self._pump(back, writer, writer)),
        }
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        for end in (forth, writer):
            end.close()
        self.open -= 1

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        caller: asyncio.StreamWriter,
        note: bool = False,
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                if note:
                    self.first.append(data[:1])
                    note = False
                if caller not in self._dead:
                    writer.write(data)
                    await writer.drain()


@contextlib.asynccontextmanager
async def wire_to(target: int) -> AsyncIterator[Wire]:
    wire = Wire(target)
    server = await asyncio.start_server(wire.carry, "127.0.0.1", wire.port)
    try:
        yield wire
    finally:
        server.close()
