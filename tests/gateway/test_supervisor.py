"""A part that fails is started again, ever more slowly; one that cannot work as configured ends all."""

import asyncio
import logging

import pytest

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.supervisor import LONGEST_MS, Pauses, supervise


class Part:
    """A process that lives until it is told how to end."""

    def __init__(self) -> None:
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.terminated = False

    async def wait(self) -> int:
        return await asyncio.shield(self.code)

    def terminate(self) -> None:
        self.terminated = True
        self.code.set_result(0)

    def kill(self) -> None:
        raise AssertionError("it ends when it is asked to")


class Bench:
    """Starts parts and remembers them with the time of their start."""

    def __init__(self) -> None:
        self.world = ManualWorld()
        self.stop = asyncio.Event()
        self.started: list[tuple[int, str, Part]] = []

    async def start(self, part: str) -> Part:
        self.started.append((self.world.monotonic(), part, Part()))
        return self.started[-1][2]

    def run(self, *parts: str, spare: tuple[str, ...] = ()) -> "asyncio.Task[int]":
        return asyncio.create_task(supervise(parts, self.start, self.world, self.stop, spare))

    async def end_last(self, code: int) -> None:
        self.started[-1][2].code.set_result(code)
        await self.world.advance(0)


def test_pauses_grow_to_their_limit_and_start_anew_after_a_minute_of_life() -> None:
    pauses = Pauses()
    assert [pauses.after(10) for _ in range(7)] == [1000, 2000, 4000, 8000, 16_000, 30_000, LONGEST_MS]
    assert [pauses.after(60_000), pauses.after(59_999)] == [1000, 2000]


def test_a_part_that_keeps_failing_says_so_once_and_once_that_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def failing() -> None:
        bench = Bench()
        task = bench.run("web")
        await bench.world.advance(0)
        for pause in (1000, 2000, 4000, 8000):
            await bench.end_last(1)
            await bench.world.advance(pause - 1)
            before = len(bench.started)
            await bench.world.advance(1)
            assert len(bench.started) == before + 1
        assert [message.split()[0] for message in caplog.messages] == ["process-ended"]
        await bench.world.advance(5_000)
        assert [message.split()[0] for message in caplog.messages] == ["process-ended", "process-back"]
        bench.stop.set()
        assert await task == 0
        assert bench.started[-1][2].terminated

    with caplog.at_level(logging.INFO, logger="pleintemps_gateway.supervisor"):
        asyncio.run(failing())


def test_a_mistake_in_the_configuration_ends_all_at_once(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        bench = Bench()
        task = bench.run("ingest", "web")
        await bench.world.advance(0)
        await bench.end_last(2)
        assert await task == 2
        assert [part for _, part, _ in bench.started] == ["ingest", "web"]
        assert bench.started[0][2].terminated

    asyncio.run(story())
    assert caplog.messages == []  # the part has said what is wrong


def test_a_stop_during_a_pause_starts_nothing_more() -> None:
    async def story() -> None:
        bench = Bench()
        task = bench.run("web")
        await bench.world.advance(0)
        await bench.end_last(-9)
        bench.stop.set()
        assert await task == 0
        assert len(bench.started) == 1

    asyncio.run(story())


def test_without_a_spare_part_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    async def one_short() -> None:
        bench = Bench()
        running = bench.run("ingest", "desk", spare=("desk",))
        await bench.world.advance(0)
        ingest, desk = (part for _, _, part in bench.started)
        desk.code.set_result(2)
        await bench.world.advance(LONGEST_MS)
        assert not running.done() and not ingest.terminated and len(bench.started) == 2
        bench.stop.set()
        assert await running == 0 and ingest.terminated

    asyncio.run(one_short())
    assert [record.getMessage() for record in caplog.records] == ["process-missing part=desk code=2"]
