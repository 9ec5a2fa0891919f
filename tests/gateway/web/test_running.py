"""The pages on which the gateway is run: agents, back-ups, set-up."""

import asyncio
import json
from pathlib import Path

import pytest
from fastapi import FastAPI
from msgspec.structs import replace
from sqlalchemy import Engine, update

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.backup.copies import Manifest, last_made, remember_folder, write_manifest
from pleintemps_gateway.backup.settings import BackupConfig
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import agents
from pleintemps_gateway.web.agents import DAY_MS, load_agents

from . import town
from .clients import browser, csrf_of, enter

JOURNAL = "7" * 32


def change(engine: Engine, agent: str, **values: object) -> None:
    with write_transaction(engine, ["moulin", "ecole"]) as conn:
        conn.execute(update(agents).where(agents.c.agent == agent).values(**values))


def test_agents_say_how_they_are_and_what_to_do_the_most_pressing_first(engine: Engine) -> None:
    position = {"journal": JOURNAL, "stream": "events", "first": 11, "next": 2_051}
    change(
        engine,
        "moulin-1",
        version="1.4.2",
        boot="ab" * 16,
        born_at=town.NOW - DAY_MS,
        certificate_until=town.NOW + 18 * DAY_MS + 1,
        journals=json.dumps([position]),
        clock_trusted=False,
        storage=json.dumps([{"stream": "events", "health": "error", "detail": "disk full"}]),
        config="{}",
        config_applied=False,
    )
    with write_transaction(engine, ["moulin"]) as conn:
        stored = {"site": "moulin", "journal": JOURNAL, "stream": "events", "agent": "moulin-1"}
        conn.execute(schema.journals.insert().values(**stored, through=40, lost=10, duplicates=0))
    config = town.config()
    with engine.connect() as conn:
        found = load_agents(conn, config.sites, town.NOW)
    assert [(view.agent, view.state) for view in found] == [
        ("cantine-1", "silent"),
        ("moulin-1", "watch"),
        ("ecole-1", "watch"),
    ]
    moulin = found[1]
    assert (moulin.backlog, moulin.lost, moulin.timings, moulin.lacking) == (2_010, 10, "refused", 0)
    assert moulin.todo == ("storage", "clock", "certificate", "timings", "backlog")
    assert found[2].todo == ("devices",) and found[0].todo == ("silent",)
    change(engine, "moulin-1", certificate_until=town.NOW - 1)
    with engine.connect() as conn:
        assert "certificate-over" in load_agents(conn, config.sites, town.NOW)[1].todo
        nobody = [replace(config.sites[0], site="new")]
        assert [view.state for view in load_agents(conn, nobody, town.NOW)] == ["never"]


def test_the_page_of_health_leads_to_the_agents_and_tables_are_files(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await enter(client)
            away = await client.get("/health")
            assert (away.status_code, away.headers["location"]) == (308, "/agents")
            page = (await client.get("/agents")).text
            assert page.index("cantine-1") < page.index("moulin-1")
            table = (await client.get("/agents.csv")).text.splitlines()
            assert table[0].startswith("site,agent,state") and len(table) == 4
            assert "array too long" in (await client.get("/refused.csv")).text

    asyncio.run(story())


def test_back_ups_are_seen_where_they_are(engine: Engine, world: ManualWorld, tmp_path: Path) -> None:
    state, disk = tmp_path / "state", tmp_path / "disk"
    config = replace(town.config(), state=str(state), backup=BackupConfig(max_age_h=24))

    async def page() -> str:
        async with browser(create_app(config, world, engine)) as client:
            await enter(client, "camille")
            assert (await client.get("/backups")).status_code == 403
        async with browser(create_app(config, world, engine)) as client:
            await enter(client, "marion")
            return (await client.get("/backups", headers={"accept-language": "en"})).text

    assert "No back-up was ever made" in asyncio.run(page())
    remember_folder(state, disk)
    remember_folder(state, tmp_path / "shelf")
    for age_h in (30, 25):
        made = town.NOW - age_h * 3_600_000
        copy = disk / f"pleintemps-{age_h}"
        copy.mkdir(parents=True)
        (copy / "store.db").write_bytes(b"x" * 1_000)
        nothing: dict[str, str] = {}
        write_manifest(
            copy,
            Manifest(
                format=1,
                made=made,
                program="1",
                schema="5",
                database="sqlite",
                sealing="",
                epochs={},
                rows={},
                heads=nothing,
                files={"keys/x": "1"} if age_h == 25 else nothing,
            ),
        )
    (disk / "pleintemps-broken").mkdir()
    (disk / "pleintemps-broken" / "manifest.json").write_text("{")
    text = asyncio.run(page())
    assert "too old" in text and "not there now" in text and "rules the doors" in text
    assert last_made(state) == town.NOW - 25 * 3_600_000


@pytest.mark.parametrize("language", ["fr", "en"])
def test_set_up_shows_what_is_known_and_lets_every_step_wait(
    app: FastAPI, engine: Engine, language: str
) -> None:
    async def story() -> None:
        async with browser(app, **{"accept-language": language}) as client:
            await enter(client, "marion")
            page = (await client.get("/setup")).text
            assert page.count('aria-current="step"') == 1 and 'href="/notifications"' in page
            for step in ("site", "account", "agent", "feed", "notify", "night"):
                shown = await client.get(f"/setup?step={step}")
                assert shown.status_code == 200 and shown.text.count('class="cur"') == 1
            csrf = await csrf_of(client)
            assert (
                await client.post("/setup/notify", data={"csrf": csrf, "state": "later"})
            ).status_code == 303
            later = (await client.get("/setup")).text
            assert 'class="later"' in later and 'aria-current="step"' in later
            again = await client.post("/setup/notify", data={"csrf": csrf, "state": "open"})
            assert again.headers["location"] == "/setup?step=notify"
            assert (
                await client.post("/setup/nothing", data={"csrf": csrf, "state": "later"})
            ).status_code == 404
            assert 'class="later"' not in (await client.get("/setup")).text

    asyncio.run(story())
