"""Who is told: channels with a test, browsers that take web push, what was sent."""

import hashlib
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, insert, select

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.engine import write_transaction

from . import town
from .clients import browser, csrf_of, enter

POINT, AUTH = "B" + "A" * 86, "A" * 22
SECRET = "mailtos://user:hunter2@smtp.example.org/camille@example.org"


@pytest.fixture
def dutiful(engine: Engine, world: ManualWorld, tmp_path: Path) -> FastAPI:
    file = tmp_path / "duty.toml"
    days = '["mon", "tue", "wed", "thu", "fri", "sat", "sun"]'
    file.write_text(
        f'[[people]]\nperson = "camille"\nname = "Camille Roux"\nchannels = {{ mail = "{SECRET}" }}\n'
        'report = true\nwatch = false\n[[people]]\nperson = "marion"\n'
        f'[[rotas]]\nlast = ["marion"]\n[[rotas.shifts]]\ndays = {days}\nfrom = "18:00"\nto = "07:00"\n'
        'people = ["camille"]\n'
    )
    file.chmod(0o600)
    (tmp_path / "keys/gateway").mkdir(parents=True)
    config = msgspec.structs.replace(town.config(), duty_file=str(file), keys=str(tmp_path / "keys"))
    return create_app(config, world, engine)


async def post(client: httpx.AsyncClient, path: str, **fields: Any) -> httpx.Response:
    return await client.post(path, data={"csrf": await csrf_of(client), **fields})


@pytest.mark.anyio
async def test_channels_are_tested_and_their_addresses_never_shown(dutiful: FastAPI, engine: Engine) -> None:
    async with browser(dutiful) as client:
        await enter(client)
        page = (await client.get("/notifications")).text
        assert "hunter2" not in page and "smtp" not in page and "<script>" not in page
        assert "les alertes seulement" in page and "le rapport du matin" in page
        assert "Prévenus en dernier" in page and page.count("Envoyer un essai") == 1
        sent = await post(client, "/notifications/test", person="camille", channel="mail")
        assert sent.status_code == 303
        assert "en cours d&#39;envoi" in (await client.get("/notifications")).text
        assert (await post(client, "/notifications/test", person="camille", channel="sms")).status_code == 404
        assert (await post(client, "/notifications/test", person="marion", channel="push")).status_code == 403
        foreign = {"csrf": "0" * 64, "person": "camille", "channel": "mail"}
        assert (await client.post("/notifications/test", data=foreign)).status_code == 403
    with engine.connect() as conn:
        rows = conn.execute(select(schema.notices)).all()
    assert [(row.kind, row.person, row.channel, row.state) for row in rows] == [
        ("test", "camille", "mail", "queued")
    ]


@pytest.mark.anyio
async def test_every_send_and_every_failure_is_shown(dutiful: FastAPI, engine: Engine) -> None:
    about = {"site": "moulin", "kind": "alert", "alert": town.NOISE, "due": town.NOW, "created": town.NOW}
    sends: tuple[dict[str, Any], ...] = (
        {"person": "camille", "channel": "mail", "state": "sent"},
        {"person": "marion", "channel": "", "state": "failed", "error": "no-channel"},
        {"person": "camille", "channel": "mail", "state": "dropped", "error": "told-recently"},
        {"person": "gone", "channel": "mail", "state": "failed", "error": "the server said 550"},
    )
    with write_transaction(engine, ["moulin"]) as conn:
        for number, values in enumerate(sends):
            row = {"notice": f"{number:032}", "done": town.NOW, "attempts": 0, **about, **values}
            conn.execute(insert(schema.notices).values(row))
    async with browser(dutiful) as client:
        await enter(client)
        page = (await client.get("/notifications")).text
    for text in (
        "aucun moyen ne joint cette personne",
        "déjà prévenue de la même chose peu avant",
        "the server said 550",
        "Trop de bruit, MJC du Moulin, Studio de répétition",
        "a marché",
    ):
        assert text in page, text


@pytest.mark.anyio
async def test_a_browser_is_taken_and_ended(dutiful: FastAPI, engine: Engine) -> None:
    endpoint = "https://push.example.net/send/abc"
    async with browser(dutiful, **{"user-agent": "Mozilla/5.0 (Linux) Firefox/130"}) as client:
        await enter(client)
        token = {"X-CSRF-Token": await csrf_of(client)}
        body = {"endpoint": endpoint, "p256dh": POINT, "auth": AUTH}
        here = "/api/v1/push-subscriptions"
        assert (await client.post(here, json=body)).status_code == 403
        for _ in range(2):
            assert (await client.post(here, json=body, headers=token)).status_code == 204
        for wrong in (
            "http://push.example.net/x1",
            "https://127.0.0.1/push",
            "https://[::1]/push-me",
            "https://localhost/push",
            "https://broker.local/push",
            "https://user@push.example.net/",
            "https://push.example.net:8443/",
        ):
            answer = await client.post(here, json=body | {"endpoint": wrong}, headers=token)
            assert answer.status_code == 422, wrong
        page = (await client.get("/notifications")).text
        assert "Firefox, Linux" in page and "1 navigateur" in page and 'data-push="B' in page
        name = hashlib.sha256(endpoint.encode()).hexdigest()
        async with browser(dutiful) as other:
            await enter(other, "marion")
            assert (await post(other, f"/notifications/browsers/{name}/remove")).status_code == 404
        for number in range(9):
            more = body | {"endpoint": f"{endpoint}{number}"}
            assert (await client.post(here, json=more, headers=token)).status_code == 204
        full = await client.post(here, json=body | {"endpoint": f"{endpoint}-one-more"}, headers=token)
        assert full.status_code == 409
        assert (await client.delete(f"{here}/{name}", headers=token)).status_code == 204
        assert (await client.delete(f"{here}/{name}", headers=token)).status_code == 404
    with engine.connect() as conn:
        assert len(conn.execute(select(schema.push_subscriptions)).all()) == 9


@pytest.mark.anyio
async def test_the_report_is_a_page_and_a_file(dutiful: FastAPI) -> None:
    async with browser(dutiful) as client:
        await enter(client)
        latest = await client.get("/reports")
        assert latest.headers["location"] == "/reports/2026-11-18"
        english = await client.get("/reports?lang=en")
        assert english.headers["location"] == "/reports/2026-11-18?lang=en"
        page = await client.get("/reports/2026-11-19")
        assert page.status_code == 200 and "La nuit n'est pas finie" in page.text
        assert "style=" not in page.text and "<style>" not in page.text
        for wrong in ("2026-11-21", "1999-01-01", "yesterday", "2026-13-01.pdf"):
            assert (await client.get(f"/reports/{wrong}")).status_code == 404, wrong
        made = await client.get("/reports/2026-11-18.pdf")
        assert made.status_code in (200, 503)
        if made.status_code == 200:
            assert made.content[:5] == b"%PDF-" and made.headers["content-type"] == "application/pdf"
