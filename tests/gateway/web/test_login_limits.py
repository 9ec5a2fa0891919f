"""One address that tries many names waits; what failed stands in the audit log, and never what was typed."""

import asyncio
import json

from fastapi import FastAPI
from sqlalchemy import Engine, select

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.context import ADDRESS_BURST, ADDRESS_EACH_MS, Context
from pleintemps_gateway.api.pace import Pace, Sample
from pleintemps_gateway.store.schema import audit

from .clients import browser, log_in

HERE = "127.0.0.1"


def failed_before(app: FastAPI, count: int) -> None:
    """So many failed log-ins of the clients' address, without the price of a password each."""
    context: Context = app.state.context
    for _ in range(count):
        assert context.addresses.wait(HERE, context.world.monotonic()) == 0


def test_an_address_that_tries_many_names_waits_for_all_of_them(app: FastAPI, world: ManualWorld) -> None:
    async def story() -> None:
        async with browser(app) as client:
            failed_before(app, ADDRESS_BURST - 2)
            for name in ("camille", "regard", "directrice"):
                async with browser(app) as colleague:
                    assert (await log_in(colleague, name)).status_code == 303, "who gets in is not counted"
            assert (await log_in(client, "anne", "wrong")).status_code == 401
            assert (await log_in(client, "bruno", "wrong")).status_code == 401
            for _ in range(5):
                held = await log_in(client, "directrice")
                assert (held.status_code, held.headers["retry-after"]) == (429, "60")
            world.move(ADDRESS_EACH_MS)
            assert (await log_in(client, "directrice")).status_code == 303

    asyncio.run(story())


def test_who_is_held_for_a_name_costs_the_others_of_the_address_nothing(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as client:
            failed_before(app, ADDRESS_BURST - 4)
            for _ in range(3):
                assert (await log_in(client, "anne", "wrong")).status_code == 401
            for _ in range(10):
                held = await log_in(client, "anne", "wrong")
                assert (held.status_code, held.headers["retry-after"]) == (429, "1")
            assert (await log_in(client)).status_code == 303

    asyncio.run(story())


def test_what_failed_stands_in_the_audit_log_without_what_was_typed(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await log_in(client, "directrice", "wrong")
            await log_in(client, "my-password-by-mistake", "directrice")
            body = {"name": "camille", "password": "wrong"}
            assert (await client.post("/api/v1/sessions", json=body)).status_code == 401

    asyncio.run(story())
    with engine.connect() as conn:
        rows = conn.execute(select(audit).where(audit.c.action == "user.log-in-failed")).all()
    told = {(row.site, json.dumps(json.loads(row.fields), sort_keys=True)) for row in rows}
    assert told == {
        ("ecole", f'{{"address": "{HERE}", "name": "directrice", "via": "password"}}'),
        ("*", f'{{"address": "{HERE}", "via": "password"}}'),
        ("*", f'{{"address": "{HERE}", "name": "camille", "via": "api"}}'),
    }
    subjects = {row.subject for row in rows}
    assert len(subjects) == 3 and "account/unknown" in subjects
    assert not any(name in row.subject for row in rows for name in ("camille", "directrice", "mistake"))


def test_what_was_given_back_may_be_asked_again_and_a_pause_saves_up_no_more_than_the_burst() -> None:
    pace = Pace(burst=3, each_ms=100)
    assert [pace.wait("a", 0) for _ in range(4)] == [0, 0, 0, 100]
    pace.give_back("a")
    pace.give_back("unknown")
    assert [pace.wait("a", 0) for _ in range(2)] == [0, 100]
    assert [pace.wait("a", 10_000) for _ in range(4)] == [0, 0, 0, 100]
    assert pace.wait("b", 0) == 0


def test_of_a_flood_a_part_is_written_and_says_how_many_were_not() -> None:
    sample = Sample(burst=2, each_ms=100)
    assert [sample.admit(0) for _ in range(5)] == [0, 0, None, None, None]
    assert [sample.admit(100), sample.admit(100), sample.admit(200)] == [3, None, 1]
