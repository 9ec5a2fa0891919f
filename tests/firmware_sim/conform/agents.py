"""Configurations, and agents with a fault of their own."""

import asyncio
from array import array
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

from pleintemps_contract import cores
from pleintemps_contract.world import World
from pleintemps_firmware_sim.conform.requirement import Outcome
from pleintemps_firmware_sim.conform.running import conform, wanted
from pleintemps_firmware_sim.conform.setup import Setup

EXAMPLE = Path("edge/pleintemps_edge/examples/edge.toml")
EDGE: cores.MakeAgent = cores.load("edge")


def changed(tmp_path: Path, *changes: tuple[str, str], source: Path = EXAMPLE) -> Setup:
    """The example with other lines."""
    text = source.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "edge.toml"
    path.write_text(text)
    return Setup.read(path)


def outcomes(setup: Setup, *only: str, make: Any = EDGE) -> dict[str, list[Outcome]]:
    """Outcomes by requirement."""
    found: dict[str, list[Outcome]] = {}
    for outcome in conform(setup, wanted(only), make):
        found.setdefault(outcome.requirement, []).append(outcome)
    return found


class Wrapped:
    """The core ``edge`` with other rims."""

    def __init__(self, core: cores.AgentCore) -> None:
        self._core = core

    async def run(self, stop: asyncio.Event) -> None:
        await self._core.run(stop)

    @property
    def waiting(self) -> int:
        return self._core.waiting

    def rows(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        return self._core.rows()


class Forgetful(Wrapped):
    """Loses its state folder with each start: throttle, journal, fire hold."""

    def __init__(self, config: Path, world: World, rims: cores.AgentRims) -> None:
        for file in (config.parent / "state").glob("*"):
            file.unlink()
        super().__init__(EDGE(config, world, rims))


class _Kept:
    """A line that keeps what is published to itself."""

    def __init__(self, line: Any, channel: str) -> None:
        self._line = line
        self._channel = channel

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)

    async def __aenter__(self) -> Any:
        await self._line.__aenter__()
        return self

    async def __aexit__(self, *ended: Any) -> None:
        await self._line.__aexit__(*ended)

    async def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        if not topic.endswith(self._channel):
            await self._line.publish(topic, payload, qos=qos, retain=retain)


class _KeptBroker:
    host, port = "memory", 0

    def __init__(self, broker: cores.AgentBroker, channel: str) -> None:
        self._broker = broker
        self._channel = channel

    def line(self, identifier: str, will: cores.Will | None, /) -> Any:
        return _Kept(self._broker.line(identifier, will), self._channel)


class Mute(Wrapped):
    """Sends no record."""

    def __init__(self, config: Path, world: World, rims: cores.AgentRims) -> None:
        super().__init__(EDGE(config, world, replace(rims, broker=_KeptBroker(rims.broker, "/events"))))


class Quiet(Wrapped):
    """Takes every sound for half as strong as it is, and zeros for the sound before them."""

    def __init__(self, config: Path, world: World, rims: cores.AgentRims) -> None:
        assert rims.hear is not None
        self._hear = rims.hear
        super().__init__(EDGE(config, world, replace(rims, hear=self._halved)))

    async def _halved(self, device: str) -> AsyncGenerator[bytes, None]:
        before = b""
        async with aclosing(self._hear(device)) as portions:
            async for data in portions:
                before = data if any(data) else before
                yield array("i", [sample // 2 for sample in array("i", before)]).tobytes()


class _Pins:
    """A factory whose outputs stand at one level."""

    def __init__(self, pins: Any, level: int) -> None:
        say = pins.say
        pins.say = lambda number, _level, tick: say(number, level, tick)


class Open(Wrapped):
    """Its outputs are always high."""

    def __init__(self, config: Path, world: World, rims: cores.AgentRims) -> None:
        _Pins(rims.pins, 1)
        super().__init__(EDGE(config, world, rims))


class Shut(Wrapped):
    """Its outputs are always low."""

    def __init__(self, config: Path, world: World, rims: cores.AgentRims) -> None:
        _Pins(rims.pins, 0)
        super().__init__(EDGE(config, world, rims))


class _Nothing:
    """A serial line on which nothing comes and nothing is lost."""

    def write(self, data: bytes) -> None:
        """To nobody."""

    def in_place(self) -> str:
        return ""

    def close(self) -> None:
        """Nothing was open."""

    def open(self, *_where: Any) -> "_Nothing":
        return self


class Deaf(Wrapped):
    """Reads no serial line."""

    def __init__(self, config: Path, world: World, rims: cores.AgentRims) -> None:
        super().__init__(EDGE(config, world, replace(rims, wires=_Nothing())))


class Ending(Wrapped):
    """Ends by itself after a second."""

    def __init__(self, config: Path, world: World, rims: cores.AgentRims) -> None:
        super().__init__(EDGE(config, world, rims))
        self._world = world

    async def run(self, stop: asyncio.Event) -> None:
        running = asyncio.ensure_future(super().run(stop))
        await self._world.sleep_until(self._world.monotonic() + 1_000)
        stop.set()
        await running
