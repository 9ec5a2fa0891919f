"""One real agent process with one door, its pins, and the gateway that hears it."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import aiomqtt

from pleintemps_contract.agent_messages import EventRecord, Stream
from pleintemps_contract.topics import gateway_reads
from pleintemps_firmware_sim.devices.wiegand import key_edges
from pleintemps_firmware_sim.pins.board import Board, tick_now
from tests.edge.actors import SITE, Gateway, until

D0, D1, REED, STRIKE = 23, 24, 22, 27
SIMULATED = 'source = "simulated"\nsocket = "clock"'
"""The ``[clock]`` table of an agent whose time a test runs."""


class Once(dict[tuple[str, int], EventRecord]):
    """Records by journal and number; remembers each number that came again with other content."""

    def __init__(self) -> None:
        super().__init__()
        self.conflicts: list[tuple[EventRecord, EventRecord]] = []

    def __setitem__(self, key: tuple[str, int], record: EventRecord) -> None:
        if self.setdefault(key, record) != record:
            self.conflicts.append((self[key], record))


class CarefulGateway(Gateway):
    """Knows how far it has ever receipted the events; may receipt a part of what it was sent."""

    receipted: int = 0
    keep_back: Callable[[], int] | None = None
    """How many of the newest records it leaves out of the next receipt."""

    async def receipt(self, journal: str, stream: Stream, through: int) -> None:
        if stream is Stream.EVENTS:
            if self.keep_back is not None:
                through = max(0, through - self.keep_back())
            self.receipted = max(self.receipted, through)
        await super().receipt(journal, stream, through)


@contextlib.asynccontextmanager
async def careful_gateway(port: int) -> AsyncIterator[tuple[CarefulGateway, Once]]:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe([(topic, 1) for topic in gateway_reads(SITE)])
        records = Once()
        gateway = CarefulGateway(client, records=records)
        ears = asyncio.create_task(gateway.hear())
        try:
            yield gateway, records
            assert not ears.done(), "the gateway went deaf"
        finally:
            while not ears.done():  # the client may swallow a cancellation that meets a PUBACK
                ears.cancel()
                await asyncio.wait({ears}, timeout=0.1)


class Door:
    """The board that outlives the agent's processes, and its present process."""

    def __init__(self, config: Path, environment: Mapping[str, str]) -> None:
        self.releases: list[int] = []
        """Ticks (ns) at which the strike let go."""
        self._config = config
        self._environment = environment
        self._strike = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.log = config.parent / "agent.log"
        self.board = Board(config.parent / "pins", self._on_output)

    def _on_output(self, pin: int, level: int, tick: int) -> None:
        if pin == STRIKE and level != self._strike:
            self._strike = level
            if level:
                self.releases.append(tick)

    def start(self) -> None:
        environment = {
            **os.environ,
            "GPIOZERO_PIN_FACTORY": "pleintemps",
            "PLEINTEMPS_PINS": str(self._config.parent / "pins"),
            **self._environment,
        }
        command = [str(Path(sys.executable).parent / "pleintemps-edge"), "run", "--config", str(self._config)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    @property
    def pid(self) -> int:
        """Of the present process."""
        assert self._process is not None
        return self._process.pid

    async def serve(self) -> None:
        """Return when the agent holds its pins."""
        async with asyncio.timeout(20):
            await self.board.wait_for(lambda board: board.connected)

    async def kill(self) -> None:
        await self._end(hard=True)

    async def stop(self) -> None:
        await self._end(hard=False)

    async def _end(self, *, hard: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.poll() is None, f"the agent ended by itself:\n{self.log_tail()}"
        if hard:
            process.kill()
        else:
            process.terminate()
        await asyncio.to_thread(process.wait, 10)
        async with asyncio.timeout(5):
            await self.board.wait_for(lambda board: not board.connected)

    def log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    def logged(self, word: str) -> int:
        """How often a line about ``word`` was logged in the life of the door."""
        return self.log.read_text(errors="replace").count(word)

    def press(self, key: str) -> None:
        edges = key_edges(key, 4)
        start = tick_now() - edges[-1].after_ns
        pins = {"d0": D0, "d1": D1}
        self.board.drive_edges([(pins[edge.line], edge.level, start + edge.after_ns) for edge in edges])

    async def type(self, code: str, pause_s: float = 0.035) -> None:
        """A person at the keypad: ``code`` and ``#``."""
        for key in [*code, "#"]:
            self.press(key)
            await asyncio.sleep(pause_s)

    async def contact(self, is_open: bool) -> None:
        """Move the door and wait longer than its contact bounces."""
        self.board.drive(REED, int(is_open))
        await asyncio.sleep(0.1)

    async def enter(self, code: str) -> None:
        """Type ``code``, wait for the strike, go through."""
        before = len(self.releases)
        await self.type(code)
        await until(lambda: len(self.releases) > before, 10)
        await self.contact(True)
        await until(lambda: not self.board.level(STRIKE), 10)
        await self.contact(False)


@contextlib.asynccontextmanager
async def door_of(config: Path, environment: Mapping[str, str] | None = None) -> AsyncIterator[Door]:
    """The pins of ``config``'s door, closed; no process of it outlives the test. ``environment`` is added to
    that of the agent.
    """
    door = Door(config, environment or {})
    await door.board.start()
    try:
        for pin, level in ((D0, 1), (D1, 1), (REED, 0)):
            door.board.drive(pin, level)
        yield door
    finally:
        try:
            await door.kill()
        finally:
            await door.board.stop()
