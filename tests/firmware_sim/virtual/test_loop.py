"""Time that passes only when nothing is left to do."""

import asyncio
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_firmware_sim.replaying.pace import PacedLoop
from pleintemps_firmware_sim.virtual.loop import VirtualLoop, run
from pleintemps_firmware_sim.virtual.worlds import VirtualWorld


@given(st.lists(st.integers(0, 10**9), max_size=20))
def test_everybody_wakes_at_the_very_moment_and_in_order(moments: list[int]) -> None:
    async def story() -> list[int]:
        world = VirtualWorld(10**12, 1, "test")
        woken: list[int] = []

        async def sleep(moment: int) -> None:
            await world.sleep_until(moment)
            woken.append(world.monotonic())
            assert world.now() == 10**12 + world.monotonic()

        await asyncio.gather(*map(sleep, moments))
        return woken

    assert run(story()) == sorted(moments)


def test_whoever_waits_for_what_nobody_does_is_told() -> None:
    async def story() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="nothing will ever happen again"):
        run(story())


def test_what_asks_for_a_thread_is_done_at_once() -> None:
    async def story() -> tuple[int, float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        found = await asyncio.to_thread(lambda: 7)
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        return found, loop.time()

    assert run(story()) == (7, 0.0)


def test_a_leap_of_the_wall_clock_moves_nothing_else() -> None:
    async def story() -> tuple[int, int]:
        world = VirtualWorld(0, 1, "test")
        other = VirtualWorld(0, 1, "test")
        assert world.new_id() == other.new_id() != VirtualWorld(0, 1, "other").new_id()
        world.step(-3_600_000)
        await world.sleep_until(1_000)
        return world.now(), world.monotonic()

    assert run(story()) == (-3_599_000, 1_000)


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans(), st.integers(0, 50)), max_size=300))
def test_what_is_called_off_does_not_happen_and_the_rest_does(
    plans: list[tuple[int, bool, int]],
) -> None:
    async def story() -> tuple[list[int], list[int]]:
        loop = asyncio.get_running_loop()
        done: list[int] = []
        expected: list[int] = []
        for number, (moment, off, off_at) in enumerate(plans):
            handle = loop.call_later(moment, done.append, number)
            if off:
                loop.call_later(off_at, handle.cancel)
            if not off or moment < off_at:
                expected.append(number)
            elif moment == off_at:  # either may come first
                loop.call_at(51.0, lambda number=number: done.remove(number) if number in done else None)  # type: ignore[misc]
        await asyncio.sleep(52)
        return sorted(done), expected

    found, expected = run(story())
    assert found == expected


def test_a_callback_that_fails_harms_nobody_else() -> None:
    async def story() -> list[str]:
        loop = asyncio.get_running_loop()
        seen: list[str] = []
        loop.set_exception_handler(lambda _loop, told: seen.append(type(told["exception"]).__name__))
        loop.call_soon(lambda: 1 // 0)
        loop.call_soon(seen.append, "next")
        loop.call_soon(seen.append, "called off").cancel()
        await asyncio.sleep(1)
        return seen

    assert run(story()) == ["ZeroDivisionError", "next"]


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=60))
def test_what_is_due_together_comes_as_it_was_asked_for(plans: list[tuple[int, bool]]) -> None:
    async def story() -> list[tuple[int, int]]:
        loop = asyncio.get_running_loop()
        done: list[tuple[int, int]] = []
        for number, (moment, off) in enumerate(plans):
            handle = loop.call_at(moment, done.append, (moment, number))
            if off:
                handle.cancel()
        await asyncio.sleep(6)
        return done

    assert run(story()) == sorted((moment, number) for number, (moment, off) in enumerate(plans) if not off)


def test_a_speed_is_kept_by_waiting_its_part_of_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    loop = PacedLoop(100.0)
    monkeypatch.setattr(loop, "_never", SimpleNamespace(wait=waited.append))

    async def story() -> None:
        await asyncio.sleep(5)
        await asyncio.sleep(15)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(story())
    assert waited == pytest.approx([0.05, 0.15])
