"""The network between one agent and the broker: it can be pulled, go dead without a word, be slow, and bring
messages twice or in another order.
"""

import asyncio
import contextlib
from typing import Final

from pleintemps_contract.world import World
from pleintemps_firmware_sim.scenario.script import Chance

from .packets import Packets, is_message

_CHUNK: Final = 65_536


class Cable:
    """Listens on a loopback port and carries MQTT to the broker's. ``world`` is the true clock.

    Everything is ``late_ms`` late. Messages (MQTT's PUBLISH, both ways) come ``twice``, or are held back by a
    time of chance within ``shuffle_ms``, so that younger ones overtake them.
    """

    def __init__(self, port: int, broker_port: int, world: World, chance: Chance) -> None:
        self.port = port
        self.late_ms = 0
        self.twice = False
        self.shuffle_ms = 0
        self._broker_port = broker_port
        self._world = world
        self._chance = chance
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._pulled = False
        self._dead = False

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
        packets = Packets()
        queue: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        held: set[asyncio.Task[None]] = set()
        sending = asyncio.create_task(self._send(queue, writer))
        try:
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(_CHUNK):
                    for packet in packets.take(data):
                        for _ in range(2 if self.twice and is_message(packet) else 1):
                            due = self._world.monotonic() + self.late_ms
                            if self.shuffle_ms and is_message(packet):
                                due += self._chance.between(0, self.shuffle_ms)
                                task = asyncio.create_task(self._arrive(due, packet, writer))
                                held.add(task)
                                task.add_done_callback(held.discard)
                            else:
                                queue.put_nowait((due, packet))
        finally:
            for task in (sending, *held):
                task.cancel()
            await asyncio.gather(sending, *held, return_exceptions=True)

    async def _send(self, queue: "asyncio.Queue[tuple[int, bytes]]", writer: asyncio.StreamWriter) -> None:
        while True:
            await self._arrive(*await queue.get(), writer)

    async def _arrive(self, due: int, packet: bytes, writer: asyncio.StreamWriter) -> None:
        await self._world.sleep_until(due)
        if self._dead:
            return
        writer.write(packet)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
