"""A forgotten password: a link by mail to whoever has an account, and the same words to everybody."""

import asyncio
import re
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, select, update

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.api.account_mail import AGAIN_MS
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.config import DeliveryConfig, GatewayConfig
from pleintemps_gateway.delivery.outbox import Outbox
from pleintemps_gateway.delivery.sealing import Envelopes
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.engine import write_transaction

from . import town
from .clients import browser, field, log_in

SEALING = b"s" * 32
GOOD = "velours grue septième nuage"


def configured() -> GatewayConfig:
    base = town.config()
    web = msgspec.structs.replace(base.web, public_url="https://rooms.example.org")
    return msgspec.structs.replace(base, web=web, delivery=DeliveryConfig(kind="apprise", urls_file="x"))


@pytest.fixture
def mailing(engine: Engine, world: ManualWorld) -> FastAPI:
    config = configured()
    with write_transaction(engine, ["*"]) as conn:
        for name in ("camille", "marion"):
            here = schema.users.c.name == name
            conn.execute(update(schema.users).where(here).values(mail=f"{name}@example.org"))
    desk = CodeDesk(SEALING, world, Outbox(config.delivery, SEALING, world))
    return create_app(config, world, engine, desk)


async def forget(client: httpx.AsyncClient, said: str) -> httpx.Response:
    form = await client.get("/forgotten")
    return await client.post("/forgotten", data={"csrf": field(form.text, "csrf"), "said": said})


def mailed(engine: Engine, world: ManualWorld) -> list[tuple[str, str, str]]:
    """(address, template, link) of every message that waits."""
    with engine.connect() as conn:
        rows = conn.execute(select(schema.deliveries).order_by(schema.deliveries.c.created)).all()
    opened = [(row, Envelopes(SEALING, world).open(row.site, row.delivery, row.sealed)) for row in rows]
    return [(each.contact.mail if each.contact else "", row.template, each.link) for row, each in opened]


def change(engine: Engine, name: str, **values: Any) -> None:
    with write_transaction(engine, ["*"]) as conn:
        conn.execute(update(schema.users).where(schema.users.c.name == name).values(**values))


def test_the_link_that_is_mailed_leads_to_another_password(
    mailing: FastAPI, engine: Engine, world: ManualWorld
) -> None:
    async def story() -> None:
        async with browser(mailing) as client:
            assert 'href="/forgotten"' in (await client.get("/login")).text
            assert (await forget(client, " Camille@EXAMPLE.org ")).status_code == 200
            ((address, template, link),) = mailed(engine, world)
            assert (address, template) == ("camille@example.org", "account-reset")
            form = await client.get(f"/{link}")
            chosen = {"csrf": field(form.text, "csrf"), "password": GOOD, "again": GOOD}
            assert (await client.post(f"/{link}", data=chosen)).status_code == 303
        async with browser(mailing) as client:
            assert (await log_in(client, "camille", GOOD)).headers["location"] == "/"
            assert (await client.get(f"/{link}")).status_code == 404

    asyncio.run(story())


def test_the_answer_tells_nobody_who_has_an_account(
    mailing: FastAPI, engine: Engine, world: ManualWorld
) -> None:
    change(engine, "marion", disabled=town.NOW)
    change(engine, "regard", issuer="https://id.example.org", subject="7", mail="regard@example.org")

    async def story() -> set[str]:
        answers = set()
        for said in ("camille", "marion", "regard", "directrice", "nobody at all", "camille@example.org", ""):
            async with browser(mailing) as client:
                answer = await forget(client, said)
                shown = re.sub(r"<time.*?</time>", "", answer.text)  # the hour alone differs
                answers.add(f"{answer.status_code} {shown}")
            world.move(300_000)
        return answers

    assert len(asyncio.run(story())) == 1
    assert [address for address, _, _ in mailed(engine, world)] == ["camille@example.org"] * 2


def test_no_letter_box_is_filled_by_others(mailing: FastAPI, engine: Engine, world: ManualWorld) -> None:
    async def story() -> list[int]:
        found = []
        async with browser(mailing) as client:
            for _ in range(5):
                form = await client.get("/forgotten")
                data = {"csrf": field(form.text, "csrf"), "said": "camille"}
                found.append((await client.post("/forgotten", data=data)).status_code)
            refused = await client.post("/forgotten", data={"csrf": "0" * 64, "said": "marion"})
            assert refused.status_code == 403
        return found

    assert asyncio.run(story()) == [200, 200, 200, 429, 429]
    assert len(mailed(engine, world)) == 1
    world.move(AGAIN_MS)
    asyncio.run(once(mailing))
    assert len(mailed(engine, world)) == 2
    with engine.connect() as conn:
        assert len(conn.execute(select(schema.account_links)).all()) == 1, "the older link is over"


async def once(mailing: FastAPI) -> None:
    async with browser(mailing) as client:
        await forget(client, "camille")


def test_without_mail_there_is_no_such_page(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as client:
            assert (await client.get("/forgotten")).status_code == 404
            assert "/forgotten" not in (await client.get("/login")).text

    asyncio.run(story())
