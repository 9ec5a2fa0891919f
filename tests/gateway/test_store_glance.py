"""Who looks at a table rests while it cannot have changed, and looks at the same moments all the same."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from pleintemps_firmware_sim.virtual.loop import run
from pleintemps_firmware_sim.virtual.worlds import VirtualWorld
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import migrate, open_engine
from pleintemps_gateway.store.glance import Glance
from pleintemps_gateway.store.inline import InlineWriter

STEP_MS = 1_000
END_MS = 60_000


def looks(url: str, writes: list[tuple[int, str]], resting: bool) -> tuple[list[int], int]:
    """When one looked, and how often it was asked."""

    async def story() -> tuple[list[int], int]:
        world = VirtualWorld(10**12, 1, "test")
        engine = open_engine(url)
        writer = InlineWriter(engine, ["a"])
        glance = Glance(writer, world, "alerts")
        seen: list[int] = []
        asked = 0

        async def look() -> None:
            nonlocal asked
            while True:
                asked += 1
                if glance.is_due():
                    seen.append(world.monotonic())
                if resting:
                    await glance.rest(STEP_MS)
                else:
                    await world.sleep_until(world.monotonic() + STEP_MS)

        def change(table: str) -> None:
            def job(conn: Connection) -> None:
                record_change(conn, "a", table, "x", world.now())

            writer.submit(job)

        looking = asyncio.create_task(look())
        for at, table in writes:
            asyncio.get_running_loop().call_at(at / 1000, change, table)
        await world.sleep_until(END_MS)
        looking.cancel()
        writer.close()
        engine.dispose()
        return seen, asked

    return run(story())


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = f"sqlite:///{tmp_path_factory.mktemp('glance') / 'store.db'}"
    migrate(made)
    return made


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.integers(0, END_MS), st.sampled_from(["alerts", "spaces"])), max_size=6))
def test_who_rests_looks_at_the_same_moments(url: str, writes: list[tuple[int, str]]) -> None:
    rested, asked = looks(url, writes, resting=True)
    assert (rested, END_MS // STEP_MS) == looks(url, writes, resting=False)
    assert asked <= len(rested) + 2 * len(writes)


def test_where_nothing_stands_nobody_looks_until_the_table_changes(url: str) -> None:
    async def story() -> list[int]:
        world = VirtualWorld(10**12, 1, "test")
        engine = open_engine(url)
        writer = InlineWriter(engine, ["a"])
        standing: list[str] = []
        glance = Glance(writer, world, "alerts", lambda: bool(standing))
        seen: list[int] = []

        async def look() -> None:
            while True:
                if glance.is_due():
                    seen.append(world.monotonic())
                await glance.rest(STEP_MS)

        def change(conn: Connection) -> None:
            record_change(conn, "a", "alerts", "x", world.now())

        looking = asyncio.create_task(look())
        await world.sleep_until(30_500)
        standing.append("x")
        writer.submit(change)
        await world.sleep_until(45_500)
        standing.clear()
        writer.submit(change)
        await world.sleep_until(END_MS)
        looking.cancel()
        writer.close()
        engine.dispose()
        return seen

    assert run(story()) == [31_000, 41_000]
