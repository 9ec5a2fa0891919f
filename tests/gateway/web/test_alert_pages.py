"""The pages of alerts: take, pause, pass on, several at once; two at once; the filters; the evidence."""

import json
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, insert, select, update

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.web.evidence import Evidence, load_evidence

from . import town
from .clients import browser, csrf_of, enter, field

NOISE = f"/alerts/moulin/{town.NOISE}"
DOOR = f"/alerts/moulin/{town.DOOR_OPEN}"


async def post(client: httpx.AsyncClient, path: str, **fields: Any) -> httpx.Response:
    return await client.post(path, data={"csrf": await csrf_of(client), **fields})


def row(engine: Engine, alert: str) -> Any:
    with engine.connect() as conn:
        return conn.execute(select(schema.alerts).where(schema.alerts.c.alert == alert)).one()


def acts(engine: Engine, alert: str) -> list[tuple[str, str, str | None]]:
    table = schema.alert_acts
    with engine.connect() as conn:
        rows = conn.execute(select(table).where(table.c.alert == alert).order_by(table.c.seq))
        return [(each.act, each.by, each.comment) for each in rows]


@pytest.mark.anyio
async def test_two_at_once_the_second_sees_what_the_first_did(app: FastAPI, engine: Engine) -> None:
    async with browser(app) as first, browser(app) as second:
        await enter(first)
        await enter(second, "marion")
        page = (await second.get(NOISE)).text
        taken = await post(first, f"{NOISE}/take", version=0, comment="J'appelle le groupe.", back=NOISE)
        assert (taken.status_code, taken.headers["location"]) == (303, NOISE)
        late = await post(
            second,
            f"{NOISE}/pause",
            version=field(page, "version"),
            until=town.NOW + 30 * town.MINUTE,
            comment="Je gère",
        )
        assert late.status_code == 409
        assert "Quelqu&#39;un a été plus rapide" in late.text and "à 22:53 par camille." in late.text
        assert "J&#39;appelle le groupe." in late.text and "Je gère</textarea>" in late.text
        again = await post(
            second, f"{NOISE}/pause", version=field(late.text, "version"), clock="23:30", back=NOISE
        )
        assert again.status_code == 303
        assert "En pause jusqu&#39;à 23:30 par marion." in (await second.get(NOISE)).text
    assert row(engine, town.NOISE).paused_until == town.at("23:30")
    assert acts(engine, town.NOISE) == [
        ("take", "camille", "J'appelle le groupe."),
        ("pause", "marion", None),
    ]


@pytest.mark.anyio
async def test_a_page_that_is_not_ours_changes_nothing(app: FastAPI, engine: Engine) -> None:
    async with browser(app) as client:
        await enter(client)
        refused = await client.post(f"{NOISE}/take", data={"csrf": "0" * 64})
        assert refused.status_code == 403
        assert (await post(client, f"{NOISE}/burn")).status_code == 404
        assert (await post(client, f"{NOISE}/pause", until=town.NOW - 1)).status_code == 422
        assert (await post(client, f"{NOISE}/give", person="nobody")).status_code == 422
        assert (await post(client, f"/alerts/moulin/{'0' * 32}/take")).status_code == 404
    async with browser(app) as viewer:
        await enter(viewer, "regard")
        assert 'name="chosen"' not in (await viewer.get("/alerts")).text
        assert (await post(viewer, f"{NOISE}/take")).status_code == 403
    assert row(engine, town.NOISE).state == "open" and acts(engine, town.NOISE) == []


@pytest.mark.anyio
async def test_several_at_once_each_stands_for_itself(app: FastAPI, engine: Engine) -> None:
    async with browser(app) as client:
        await enter(client)
        chosen = [f"moulin/{town.NOISE}/0", f"moulin/{town.DOOR_OPEN}/0", f"ecole/{town.SILENT}/0"]
        done = await post(client, "/alerts/acts", act="take", chosen=chosen[:2], back="/alerts?state=mine")
        assert done.headers["location"] == "/alerts?state=mine&done=2"
        page = (await client.get(done.headers["location"])).text
        assert "Fait pour 2 alertes." in page and page.count("data-keys-item") == 2
        partly = await post(
            client, "/alerts/acts", act="give", person="marion", chosen=chosen, back="/alerts"
        )
        assert partly.status_code == 409  # two were taken meanwhile: their version is another one
        assert "Fait pour 1 alerte." in partly.text and partly.text.count("a été plus rapide") == 2
        nothing = await post(client, "/alerts/acts", act="take")
        assert nothing.status_code == 409 and "Aucune alerte" in nothing.text
    assert row(engine, town.SILENT).assigned == "marion" and row(engine, town.NOISE).state == "acknowledged"


@pytest.mark.anyio
async def test_lists_are_filtered_and_searched(app: FastAPI, engine: Engine, world: ManualWorld) -> None:
    with write_transaction(engine, ["moulin"]) as conn:
        here = schema.alerts.c.alert == town.DOOR_OPEN
        conn.execute(update(schema.alerts).where(here).values(state="resolved", resolved=town.NOW - 60_000))
    async with browser(app) as client:
        await enter(client)

        async def found(query: str) -> int:
            answer = await client.get(f"/alerts?{query}")
            assert answer.status_code == 200
            return answer.text.count("data-keys-item")

        assert "Retour au calme à 22:52." in (await client.get("/alerts")).text
        assert await found("") == 3
        assert await found("site=ecole") == 1
        assert await found("kind=noise") == 1
        assert await found("q=studio+74") == 1
        assert await found("q=cantine+studio") == 0
        assert await found("state=done") == 1
        assert await found("state=mine") == 0
        await world.advance(9 * town.MINUTE + 1)
        assert await found("") == 2  # calm for ten minutes: it leaves the list
        assert await found("state=all") == 3
        await post(client, f"{NOISE}/pause", until=world.now() + 3_600_000)
        assert await found("state=paused") == 1
        assert (await client.get("/alerts?page=99")).status_code == 200
        assert (await client.get("/alerts?state=other")).status_code == 422


def measure(engine: Engine) -> None:
    """An hour of levels, the door open for a while, presence."""
    with write_transaction(engine, ["moulin"]) as conn:
        about = {"site": "moulin", "agent": "moulin-1", "series": "studio-LAeq"}
        town.add(
            conn,
            schema.series,
            **about,
            device="studio-meter",
            space="studio",
            quantity="LAeq",
            kind="level",
            max_silence_s=45,
        )
        for minute in range(town.at("21:15"), town.NOW, town.MINUTE):
            level = 74 if minute >= town.at("22:31") else 62
            values = {"count": 60, "total": 60.0 * level, "energy": 60 * 10 ** (level / 10)}
            conn.execute(
                insert(schema.minutes).values(**about, minute=minute, low=level, high=level, **values)
            )
        for seq, (clock, state) in enumerate((("21:40", "Open"), ("21:44", "Closed"))):
            town.add(
                conn,
                schema.events,
                site="moulin",
                journal="j" * 32,
                seq=seq,
                agent="moulin-1",
                boot="b" * 32,
                at=town.at(clock),
                trusted=True,
                monotonic=0,
                received=town.at(clock),
                type="door-physical",
                door="studio",
                body=json.dumps({"type": "door-physical", "door": "studio", "state": state}),
            )


def load(engine: Engine) -> Evidence:
    with engine.connect() as conn:
        found = load_evidence(conn, town.config().sites[0], row(engine, town.NOISE), town.NOW)
    assert found is not None
    return found


@pytest.mark.anyio
async def test_one_alert_shows_why_and_what_was_done(app: FastAPI, engine: Engine) -> None:
    measure(engine)
    facts = {"level_db": 74.2, "limit_db": 65, "window_s": 900, "quiet": True, "warned_at": town.at("22:41")}
    with write_transaction(engine, ["moulin"]) as conn:
        here = schema.alerts.c.alert == town.NOISE
        conn.execute(update(schema.alerts).where(here).values(facts=json.dumps(facts)))
    async with browser(app) as client:
        await enter(client)
        page = (await client.get(NOISE)).text
    assert page.count('<svg class="chart" viewBox="0 0 860') == 1
    assert 'class="level"' in page and 'class="limit"' in page and 'class="doorl"' in page
    assert "studio-meter" in page and "heures calmes" in page
    assert "Salle avertie de son bruit." in page and "22:41" in page
    assert "Fin de la réservation «\u00a0Atelier rock\u00a0»" in page
    assert "style=" not in page and "<script>" not in page
    # over a quarter of an hour, by energy: 13 min of 62 and two of 74 are 66.7, not 63.6
    evidence = load(engine)
    assert dict(evidence.window)[town.at("22:33")] == pytest.approx(66.742, abs=0.001)


def test_a_window_of_seconds_is_shown_by_the_minute(engine: Engine) -> None:
    measure(engine)
    with write_transaction(engine, ["moulin"]) as conn:
        here = schema.alerts.c.alert == town.NOISE
        conn.execute(update(schema.alerts).where(here).values(facts=json.dumps({"window_s": 8})))
    evidence = load(engine)
    assert evidence.window_ms == 60_000
    assert dict(evidence.window)[town.at("22:33")] == pytest.approx(74, abs=0.001)


@pytest.mark.anyio
async def test_without_a_rota_nobody_is_left_to_ask(app: FastAPI, engine: Engine) -> None:
    async with browser(app) as client:
        await enter(client)
        refused = await post(client, f"{NOISE}/escalate")
        assert refused.status_code == 409 and "donnez-la à quelqu&#39;un par son nom" in refused.text


@pytest.mark.anyio
async def test_the_api_does_the_same(app: FastAPI, engine: Engine) -> None:
    async with browser(app) as client:
        body = {"name": "camille", "password": town.PASSWORD}
        token = (await client.post("/api/v1/sessions", json=body)).json()["token"]
        client.headers["authorization"] = f"Bearer {token}"
        here = f"/api/v1/alerts/{town.NOISE}"
        wanted: tuple[tuple[str, dict[str, Any], int], ...] = (
            ("pause", {"until": town.NOW + 60_000, "version": 0}, 204),
            ("pause", {"until": town.NOW + 60_000, "version": 0}, 409),
            ("pause", {"until": 3}, 422),
            ("resume", {}, 204),
            ("resume", {}, 409),
            ("give", {"person": "marion", "comment": "à toi"}, 204),
            ("escalate", {}, 409),
            ("comments", {"comment": "vu"}, 204),
            ("comments", {"comment": ""}, 422),
            ("acknowledge", {}, 204),
            ("acknowledge", {}, 409),
        )
        for act, values, status in wanted:
            answer = await client.post(f"{here}/{act}", json=values)
            assert answer.status_code == status, (act, answer.text)
        told = (await client.get(f"{here}/acts")).json()["items"]
        assert [each["act"] for each in told] == ["pause", "resume", "give", "comment", "take"]
        assert told[2]["person"] == "marion" and told[2]["comment"] == "à toi"
        paused = await client.get("/api/v1/alerts?state=paused")
        assert paused.json() == {"items": []}
        assert (await client.get(f"/api/v1/alerts/{'0' * 32}/acts")).status_code == 404


@pytest.fixture
def dutiful(engine: Engine, world: ManualWorld, tmp_path: Path) -> FastAPI:
    file = tmp_path / "duty.toml"
    days = '["mon", "tue", "wed", "thu", "fri", "sat", "sun"]'
    file.write_text(
        '[[people]]\nperson = "camille"\nname = "Camille Roux"\n[[people]]\nperson = "marion"\n'
        f'[[rotas]]\n[[rotas.shifts]]\ndays = {days}\nfrom = "18:00"\nto = "07:00"\n'
        'people = ["camille", "marion"]\n'
    )
    file.chmod(0o600)
    return create_app(msgspec.structs.replace(town.config(), duty_file=str(file)), world, engine)


@pytest.mark.anyio
async def test_the_next_on_duty_is_asked_by_hand_and_who_is_on_duty_is_shown(
    dutiful: FastAPI, engine: Engine
) -> None:
    async with browser(dutiful) as client:
        await enter(client)
        assert (
            "d&#39;astreinte maintenant <b>Camille Roux, marion</b>, jusqu&#39;à"
            in (await client.get("/alerts")).text
        )
        for expected in (303, 303, 409):
            assert (await post(client, f"{NOISE}/escalate")).status_code == expected
        page = (await client.get(NOISE)).text
        assert "Passée par Camille Roux, à marion." in page
    assert row(engine, town.NOISE).asked == '["camille","marion"]'
    with engine.connect() as conn:  # neither can be reached: that is said, not hidden
        states = conn.execute(select(schema.notices.c.person, schema.notices.c.error)).all()
    assert [tuple(each) for each in states] == [("camille", "no-channel"), ("marion", "no-channel")]
