"""Many viewers, slow ones, and those that go away: each difference is worked out once, nothing grows."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Engine, event, select

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.live import MOST_OF_SESSION, MOST_STREAMS, Hub, Stream
from pleintemps_gateway.api.serve import GONE_MS, drop_the_gone
from pleintemps_gateway.store.schema import sessions
from pleintemps_gateway.web.fragments import View

from .clients import browser, enter, stream
from .test_live import lit

TOWN = View("fr", ("ecole", "moulin"), may_act=True)


class Viewer:
    """Reads as fast as it can, and remembers what it got."""

    def __init__(self, hub: Hub, token_hash: str, view: View = TOWN) -> None:
        self.frames: list[dict[str, Any]] = []
        self.stream = hub.join(view, token_hash)
        self._came = asyncio.Event()
        self._task = asyncio.create_task(self._read())
        self._hub = hub

    async def _read(self) -> None:
        async for _, text in self.stream.frames():
            self.frames.append(json.loads(text))
            self._came.set()

    async def until(self, name: str) -> None:
        """Until a difference with the part ``name`` has come."""
        async with asyncio.timeout(20):
            while not any(name in frame["fragments"] and frame["since"] for frame in self.frames):
                self._came.clear()
                await self._came.wait()

    async def first(self) -> None:
        async with asyncio.timeout(20):
            while not self.frames:
                self._came.clear()
                await self._came.wait()

    async def another(self) -> None:
        self._came.clear()
        await self._came.wait()

    async def leave(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._hub.leave(self.stream)


@asynccontextmanager
async def watched(app: FastAPI, engine: Engine) -> AsyncIterator[tuple[Hub, str]]:
    """The hub, and the hash of a session that may watch."""
    hub: Hub = app.state.context.hub
    hub._frame_s = hub._refresh_s = 0.2  # the same rules, sooner
    async with browser(app) as client:
        await enter(client)
        with engine.connect() as conn:
            token_hash = conn.scalars(select(sessions.c.token_hash)).one()
        yield hub, token_hash
        hub.close()
        await hub.idle()


def test_a_thousand_viewers_cost_one_difference(app: FastAPI, engine: Engine) -> None:
    made: list[int | None] = []

    async def story() -> None:
        async with watched(app, engine) as (hub, token_hash):
            frame = hub.drawing.frame

            def counted(view: View, since: int | None, now: int) -> tuple[int, str, str]:
                made.append(since)
                return frame(view, since, now)

            hub.drawing.frame = counted  # type: ignore[method-assign]
            viewers = [Viewer(hub, token_hash) for _ in range(1_000)]
            await asyncio.gather(*(viewer.first() for viewer in viewers))
            lit(engine, "danse")
            await asyncio.gather(*(viewer.until("tile-moulin_danse") for viewer in viewers))
            assert len({json.dumps(viewer.frames[0]) for viewer in viewers}) == 1
            looks = {frame["now"] for viewer in viewers for frame in viewer.frames}
            assert len(looks) == 1 and len(made) < 20, "as many as there were frames, whoever watches"
            for viewer in viewers:
                await viewer.leave()

    asyncio.run(story())


def test_a_slow_viewer_takes_one_frame_with_everything_and_holds_nobody_up(
    app: FastAPI, engine: Engine
) -> None:
    async def story() -> None:
        async with watched(app, engine) as (hub, token_hash):
            quick, slow = Viewer(hub, token_hash), hub.join(TOWN, token_hash)
            taken = slow.frames()
            _, whole = await anext(taken)
            await quick.first()
            for space, state in (("danse", "occupied"), ("theatre", "vacant")):
                lit(engine, space, state)
                await quick.until(f"tile-moulin_{space}")
            _, text = await anext(taken)
            missed = json.loads(text)
            assert missed["since"] == json.loads(whole)["frame"]
            assert {"tile-moulin_danse", "tile-moulin_theatre"} <= set(missed["fragments"])
            assert "tile-ecole_preau" not in missed["fragments"]
            await quick.leave()

    asyncio.run(story())


def test_who_goes_away_takes_the_difference_from_nobody(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with watched(app, engine) as (hub, token_hash):
            viewer = Viewer(hub, token_hash)
            await viewer.first()
            lit(engine, "danse")
            await viewer.until("tile-moulin_danse")
            hub.drawing.picture.lock.acquire()  # the next difference waits for it
            asked = [asyncio.create_task(hub.frame(TOWN, 0)) for _ in range(3)]
            await asyncio.sleep(0)
            asked[0].cancel()
            await asyncio.gather(asked[0], return_exceptions=True)
            hub.drawing.picture.lock.release()
            assert [found is not None for found in await asyncio.gather(*asked[1:])] == [True, True]
            await viewer.leave()

    asyncio.run(story())


def test_a_view_that_nobody_kept_up_is_read_before_it_is_shown(app: FastAPI, engine: Engine) -> None:
    other = View("en", ("moulin",), may_act=False)

    async def story() -> None:
        async with watched(app, engine) as (hub, token_hash):
            stays = Viewer(hub, token_hash, View("fr", ("ecole",), may_act=True))
            before = Viewer(hub, token_hash, other)
            await asyncio.gather(stays.first(), before.first())
            await before.leave()
            async with asyncio.timeout(20):
                while hub.keeps_up(other):
                    await stays.another()
            lit(engine, "danse")
            after = Viewer(hub, token_hash, other)
            await after.first()
            assert "Occupied" in after.frames[0]["fragments"]["tile-moulin_danse"]
            await after.leave()
            await stays.leave()

    asyncio.run(story())


def test_streams_are_bounded_and_who_leaves_makes_room(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await enter(client)
            hub: Hub = app.state.context.hub
            with engine.connect() as conn:
                token_hash = conn.scalars(select(sessions.c.token_hash)).one()
            mine: list[Stream] = [hub.join(TOWN, token_hash) for _ in range(MOST_OF_SESSION)]
            refused = await client.get("/api/v1/live")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
            hub.leave(mine.pop())
            async with stream(app, client) as events:
                assert (await events.frame())["fragments"]
                assert not hub.has_room(token_hash) and hub.has_room("another")
            others = [hub.join(TOWN, f"s{n // 9}") for n in range(MOST_STREAMS - len(mine))]
            assert not hub.has_room("another")
            for each in [*mine, *others]:
                hub.leave(each)
            assert hub.has_room(token_hash)
            await hub.idle()

    asyncio.run(story())


def test_all_sessions_that_watch_are_written_down_as_used_at_once(
    app: FastAPI, engine: Engine, world: ManualWorld
) -> None:
    writes: list[str] = []

    async def story() -> None:
        hub: Hub = app.state.context.hub
        async with browser(app) as one, browser(app) as two, browser(app) as three:
            for client in (one, two, three):
                await enter(client)
            with engine.connect() as conn:
                hashes = conn.scalars(select(sessions.c.token_hash)).all()
            world.move(120_000)

            def note(*found: Any) -> None:
                writes.append(found[2])

            event.listen(engine, "before_cursor_execute", note)
            viewers = [Viewer(hub, token_hash) for token_hash in hashes]
            await asyncio.gather(*(viewer.first() for viewer in viewers))
            event.remove(engine, "before_cursor_execute", note)
            for viewer in viewers:
                await viewer.leave()
            hub.close()
            await hub.idle()

    asyncio.run(story())
    with engine.connect() as conn:
        assert set(conn.scalars(select(sessions.c.seen))) == {world.now()}
    assert sum(text.startswith("UPDATE sessions") for text in writes) == 1


def test_a_connection_that_takes_nothing_for_a_minute_ends() -> None:
    with socket.socket() as listener:
        drop_the_gone(listener)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == GONE_MS
