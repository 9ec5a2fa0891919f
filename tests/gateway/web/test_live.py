"""The live stream: the whole page first, then differences, until the session ends."""

import asyncio
import json
import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, update
from sqlalchemy.exc import OperationalError

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.live import FRAME_S, Hub
from pleintemps_gateway.store import live as live_rows
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.web.fragments import View

from . import town
from .clients import Events, browser, csrf_of, enter, stream


def lit(engine: Engine, space: str, state: str = "occupied", probability: float = 0.97) -> None:
    """What ingest does when it believes something new of a space."""
    with write_transaction(engine, ["moulin"]) as conn:
        here = (schema.spaces.c.site == "moulin") & (schema.spaces.c.space == space)
        conn.execute(update(schema.spaces).where(here).values(state=state, probability=probability))
        record_change(conn, "moulin", "spaces", space, town.NOW)


def alarm(engine: Engine, alert: str, kind: str = "door-forced-open") -> None:
    with write_transaction(engine, ["moulin"]) as conn:
        values = {"rank": "alert", "subject": alert, "state": "open", "opened": town.NOW, "facts": "{}"}
        town.add(conn, schema.alerts, site="moulin", alert=alert, kind=kind, door="studio", **values)
        record_change(conn, "moulin", "alerts", alert, town.NOW)


def held(engine: Engine, revision: int) -> None:
    """What ingest does when an agent says which grants are in force."""
    with write_transaction(engine, ["ecole"]) as conn:
        here = (schema.agents.c.site == "ecole") & (schema.agents.c.agent == "ecole-1")
        conn.execute(update(schema.agents).where(here).values(grants_revision=revision))
        record_change(conn, "ecole", "agents", "ecole-1", town.NOW)


async def frame_with(events: Events, name: str) -> dict[str, Any]:
    """The next frame that changes the element ``name``; heartbeats in between carry nothing of it."""
    while name not in (frame := await events.frame())["fragments"]:
        pass
    return frame


def test_the_first_frame_is_the_page_and_the_next_only_what_changed(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await enter(client)
            async with stream(app, client) as events:
                first = await events.frame()
                assert events.status == 200
                assert events.headers["content-type"].startswith("text/event-stream")
                assert events.headers["x-accel-buffering"] == "no"
                assert first["now"] == town.NOW and first["announce"] == []
                assert {
                    "counts",
                    "badge",
                    "attention",
                    "coming",
                    "sky",
                    "tile-moulin_danse",
                    "tile-ecole_preau",
                } <= set(first["fragments"])
                assert "Libre" in first["fragments"]["tile-moulin_danse"]
                lit(engine, "danse")
                second = await frame_with(events, "tile-moulin_danse")
                assert set(second["fragments"]) == {"tile-moulin_danse", "counts"}
                assert "Occupé" in second["fragments"]["tile-moulin_danse"]
                assert 'data-count="occupied">3' in second["fragments"]["counts"]

    asyncio.run(story())


def test_a_code_that_comes_to_its_door_or_leaves_it_is_shown(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await enter(client)
            async with stream(app, client) as events:
                await events.frame()
                held(engine, 8)
                frame = await frame_with(events, "tile-ecole_preau")
                assert set(frame["fragments"]) == {"tile-ecole_preau", "coming"}
                for name in frame["fragments"]:
                    text = frame["fragments"][name].replace("\u00a0", " ")
                    assert "code pas encore sur la porte : l’agent n’a pas encore répondu" in text
                held(engine, 9)
                frame = await frame_with(events, "tile-ecole_preau")
                assert "code sur la porte" in frame["fragments"]["tile-ecole_preau"]

    asyncio.run(story())


def test_frames_hold_no_readers_token_and_speak_the_pages_language(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await enter(client)
            csrf = await csrf_of(client)
            async with stream(app, client, "/api/v1/live?lang=en") as events:
                first = await events.frame()
                assert csrf not in json.dumps(first)
                assert "Take it" in first["fragments"]["attention"]

    asyncio.run(story())


def test_a_new_alert_is_announced_once_in_a_sentence(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await enter(client)
            async with stream(app, client) as events:
                await events.frame()
                alarm(engine, "d1" * 16)
                frame = await frame_with(events, "attention")
                assert [text.replace("\u00a0", " ") for text in frame["announce"]] == [
                    "Alerte : Porte forcée, MJC du Moulin, Studio. Ouverte à 22:53 sans code ni commande."
                ]
                lit(engine, "danse")
                assert (await frame_with(events, "tile-moulin_danse"))["announce"] == []

    asyncio.run(story())


def test_many_changes_at_once_are_one_frame(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await enter(client)
            async with stream(app, client) as events:
                await events.frame()
                loop = asyncio.get_running_loop()
                began = loop.time()
                for probability in (0.90, 0.91, 0.92, 0.93, 0.94):
                    lit(engine, "danse", probability=probability)
                    lit(engine, "bois", probability=probability)
                count = 0
                while "sûr à 94" not in (frame := await events.frame())["fragments"].get(
                    "tile-moulin_bois", ""
                ):
                    count += 1
                assert count <= (loop.time() - began) / FRAME_S + 1
                assert "tile-moulin_theatre" not in frame["fragments"]

    asyncio.run(story())


def test_viewers_of_one_language_share_one_rendering_and_one_follower(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with browser(app) as one, browser(app) as other:
            await enter(one)
            await enter(other, "directrice")
            async with stream(app, one) as first, stream(app, one) as second, stream(app, other) as school:
                await first.frame(), await second.frame()
                assert "tile-moulin_danse" not in (await school.frame())["fragments"]
                lit(engine, "danse")
                assert await frame_with(first, "tile-moulin_danse") == await frame_with(
                    second, "tile-moulin_danse"
                )

    asyncio.run(story())


def test_log_out_ends_the_stream_of_that_session_only(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with browser(app) as one, browser(app) as other:
            await enter(one)
            await enter(other)
            async with stream(app, one) as mine, stream(app, other) as theirs:
                await mine.frame(), await theirs.frame()
                await one.post("/logout", data={"csrf": await csrf_of(one)})
                assert await mine.next() == ("end", "log-out")
                lit(engine, "danse")
                await frame_with(theirs, "tile-moulin_danse")

    asyncio.run(story())


def test_a_session_that_expires_ends_its_stream(app: FastAPI, engine: Engine, world: ManualWorld) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await enter(client)
            async with stream(app, client) as events:
                await events.frame()
                world.move(13 * 3_600_000)
                lit(engine, "danse")
                event = "frame"
                while event == "frame":
                    event, _ = await events.next()
                assert event == "end"

    asyncio.run(story())


def test_a_stream_needs_a_log_in(app: FastAPI) -> None:
    async def story() -> httpx.Response:
        async with browser(app) as client:
            return await client.get("/api/v1/live")

    answer = asyncio.run(story())
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not-logged-in")


def test_nobody_watching_means_nobody_asks_the_store(app: FastAPI, engine: Engine) -> None:
    hub: Hub = app.state.context.hub

    async def story() -> None:
        async with browser(app) as client:
            await enter(client)
            async with stream(app, client) as events:
                await events.frame()
                assert hub.following
            async with asyncio.timeout(5):
                await hub.idle()
            assert not hub.following

    asyncio.run(story())


def test_a_store_that_is_away_stalls_the_stream_and_it_goes_on(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await enter(client)
            async with stream(app, client) as events:
                await events.frame()
                with engine.begin() as conn:
                    conn.exec_driver_sql("ALTER TABLE changes RENAME TO away")
                async with asyncio.timeout(5):
                    await app.state.context.hub.stalled.wait()
                with engine.begin() as conn:
                    conn.exec_driver_sql("ALTER TABLE away RENAME TO changes")
                lit(engine, "danse")
                assert (
                    "Occupé"
                    in (await frame_with(events, "tile-moulin_danse"))["fragments"]["tile-moulin_danse"]
                )

    asyncio.run(story())


def test_a_fault_ends_the_streams_and_who_comes_back_is_served(
    app: FastAPI, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = app.state.context.hub

    def broken(*_: object) -> bool:
        raise LookupError("a fault of ours")

    async def story() -> None:
        async with browser(app) as client:
            await enter(client)
            async with stream(app, client) as events:
                await events.frame()
                with monkeypatch.context() as patch:
                    patch.setattr(hub.drawing.picture, "has_changed", broken)
                    with pytest.raises(LookupError):
                        async with asyncio.timeout(5):
                            await hub.idle()
                async with asyncio.timeout(5):
                    await events.ended.wait()
            async with stream(app, client) as events:
                assert (await events.frame())["fragments"]

    asyncio.run(story())


def test_a_reading_that_fails_half_way_is_not_taken_for_shown(
    app: FastAPI, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing = app.state.context.hub.drawing
    view = View("en", ("moulin",), may_act=False)
    drawing.picture.refresh([view.sites], town.NOW)
    since, _, _ = drawing.frame(view, None, town.NOW)
    lit(engine, "danse")

    def down(*_: object) -> None:
        raise OperationalError("select", None, OSError("away"))

    with monkeypatch.context() as patch:
        patch.setattr(live_rows, "occupancy_rows", down)
        with pytest.raises(OperationalError):
            drawing.picture.refresh([view.sites], town.NOW)
    drawing.picture.refresh([view.sites], town.NOW)
    _, _, text = drawing.frame(view, since, town.NOW)
    assert set(json.loads(text)["fragments"]) == {"tile-moulin_danse", "counts"}


def test_a_page_that_comes_back_gets_what_it_missed_and_a_strangers_frame_everything(
    app: FastAPI, engine: Engine
) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await enter(client)
            page = (await client.get("/")).text
            found = re.search(r'data-frame="([^"]+)"', page)
            assert found
            async with stream(app, client, f"/api/v1/live?have={found[1]}") as events:
                first = await events.frame()
                assert (first["fragments"], first["since"]) == ({}, found[1])
            lit(engine, "danse")
            alarm(engine, "d1" * 16)
            missed = (await client.get(f"/api/v1/live/since?have={found[1]}")).json()
            assert {"tile-moulin_danse", "attention"} < set(missed["fragments"]) and missed["announce"]
            assert "tile-moulin_theatre" not in missed["fragments"]
            async with stream(app, client, f"/api/v1/live?have={missed['frame']}") as events:
                assert (await events.frame())["fragments"] == {}
            for stranger in ("", "0-0", "x", "-", f"{found[1]}9999"):
                whole = (await client.get(f"/api/v1/live/since?have={stranger}")).json()
                assert "tile-moulin_theatre" in whole["fragments"] and whole["announce"] == []

    asyncio.run(story())


def test_what_only_grows_older_sends_an_age_and_no_html(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await enter(client)
            async with stream(app, client) as events:
                first = await events.frame()
                with write_transaction(engine, ["moulin"]) as conn:
                    here = (schema.spaces.c.site == "moulin") & (schema.spaces.c.space == "danse")
                    values = {"evidence_at": town.NOW, "level_db": 34.3, "probability": 0.0101}
                    conn.execute(update(schema.spaces).where(here).values(**values))
                    record_change(conn, "moulin", "spaces", "danse", town.NOW)
                while (frame := await events.frame())["frame"] == first["frame"]:
                    pass
                assert (frame["fragments"], frame["figures"]) == (
                    {},
                    {"tile-moulin_danse": [town.NOW, 34, 99]},
                )

    asyncio.run(story())


def test_the_page_is_not_drawn_anew_for_the_next_reader(app: FastAPI, engine: Engine) -> None:
    drawing = app.state.context.hub.drawing

    async def story() -> None:
        async with browser(app) as one, browser(app) as other:
            await enter(one)
            await enter(other)
            await one.get("/")
            drawn, reads = drawing.drawn, drawing.picture.reads
            lit(engine, "danse")
            page = (await other.get("/")).text
            assert "Occupé" in page and await csrf_of(other) in page
            assert (drawing.drawn, drawing.picture.reads) == (drawn + 1, reads)

    asyncio.run(story())
