"""The World: manual, simulated, and the parts that do not need real time to pass."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pleintemps_contract.clockconfig import ClockConfig, open_world
from pleintemps_contract.errors import ClockError, ConfigError
from pleintemps_contract.simclock import Anchor, SimulatedWorld
from pleintemps_contract.world import ManualWorld, SystemWorld, World


def test_manual_time_wakes_sleepers_in_order() -> None:
    world = ManualWorld(now=1_000)
    woken: list[tuple[str, int]] = []

    async def sleeper(name: str, until: int) -> None:
        await world.sleep_until(until)
        woken.append((name, world.monotonic()))

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for name, until in (("late", 300), ("early", 100), ("early too", 100), ("past", 0)):
                group.create_task(sleeper(name, until))
            await world.advance(1_000)

    asyncio.run(main())
    assert woken == [("past", 0), ("early", 100), ("early too", 100), ("late", 300)]
    assert (world.now(), world.monotonic()) == (2_000, 1_000)


def test_a_wall_step_leaves_monotonic_time_alone() -> None:
    world = ManualWorld(now=1_000)
    world.step_wall(-900)
    assert (world.now(), world.monotonic()) == (100, 0)


def test_chance_repeats_with_its_seed_and_only_then() -> None:
    worlds = [ManualWorld(seed=seed) for seed in (1, 1, 2)]
    draws = [(world.new_id(), world.random_bytes(3), world.random_below(10**9)) for world in worlds]
    assert draws[0] == draws[1] != draws[2]


def test_the_real_world_moves_forward() -> None:
    world: World = SystemWorld()
    start = world.monotonic()
    asyncio.run(world.sleep_until(start + 5))
    assert world.monotonic() >= start + 5
    assert len(world.new_id()) == 32
    assert world.new_id() != world.new_id()


class Clock:
    """The smallest server of the simulated clock."""

    def __init__(self, path: Path, first: bytes) -> None:
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(os.fspath(path))
        self._listener.listen()
        self._first = first
        self._connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        self._connection, _ = self._listener.accept()
        self._connection.sendall(self._first)

    def send(self, line: bytes) -> None:
        self._thread.join(5)
        assert self._connection is not None
        self._connection.sendall(line)

    def close(self) -> None:
        self._listener.close()
        if self._connection:
            self._connection.close()


def anchor(monotonic: int = 0, speed: float = 0.0) -> bytes:
    return (
        msgspec.json.encode(Anchor(host_ns=0, now=5_000 + monotonic, monotonic=monotonic, speed=speed))
        + b"\n"
    )


@pytest.fixture
def paused(tmp_path: Path) -> Iterator[Clock]:
    clock = Clock(tmp_path / "clock", anchor())
    yield clock
    clock.close()


def test_a_simulated_clock_is_followed(paused: Clock) -> None:
    world = SimulatedWorld(paused.path)
    assert (world.source, world.now(), world.monotonic()) == ("simulated", 5_000, 0)

    async def main() -> None:
        sleeper = asyncio.create_task(world.sleep_until(60_000))
        await asyncio.sleep(0)
        paused.send(anchor(monotonic=60_000))
        await asyncio.wait_for(sleeper, 10)

    asyncio.run(main())
    assert (world.now(), world.monotonic()) == (65_000, 60_000)


def test_simulated_monotonic_time_never_goes_back(paused: Clock) -> None:
    world = SimulatedWorld(paused.path)

    async def main() -> None:
        sleeper = asyncio.create_task(world.sleep_until(9_000))
        await asyncio.sleep(0)
        paused.send(anchor(monotonic=9_000) + anchor(monotonic=1_000))
        await asyncio.wait_for(sleeper, 10)

    asyncio.run(main())
    assert world.monotonic() == 9_000


def test_an_anchor_counts_at_its_speed() -> None:
    assert Anchor(host_ns=10**9, now=0, monotonic=0, speed=120.0).elapsed(2 * 10**9) == 120_000
    assert Anchor(host_ns=10**9, now=0, monotonic=0, speed=120.0).elapsed(0) == 0


def test_no_clock_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ClockError, match="no simulated clock at"):
        SimulatedWorld(tmp_path / "absent")


def test_a_clock_that_speaks_nonsense_is_one_clear_error(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock", b"good morning\n")
    with pytest.raises(ClockError, match="no simulated clock at"):
        SimulatedWorld(clock.path)
    clock.close()


def test_a_simulated_clock_goes_with_demo_keys_only(paused: Clock) -> None:
    config = ClockConfig(source="simulated", socket=paused.path.name)
    with pytest.raises(ConfigError, match="demo keys only"):
        open_world(config, paused.path.parent, "production")
    assert open_world(config, paused.path.parent, "demo").source == "simulated"
    assert open_world(ClockConfig(), paused.path.parent, "production").source == "system"
    with pytest.raises(ConfigError, match=r"clock\.socket"):
        open_world(ClockConfig(source="simulated"), paused.path.parent, "demo")
