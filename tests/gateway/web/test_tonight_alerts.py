"""What "Tonight" says of alerts: several taken at once, and what is calm again for a while."""

import asyncio
import json
import re

import httpx
from fastapi import FastAPI
from sqlalchemy import Engine, select, update

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.alerts.records import Alert, AlertKind, AlertState, AlertUpdated, Rank
from pleintemps_gateway.ingest.outputs import persist
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.web.fragments import View
from pleintemps_gateway.web.siterows import CALM_MS

from . import town
from .sessions import CSRF, visitor
from .test_pages import get, words

BOTH = ("moulin", "ecole")


def end(engine: Engine, site: str, alert: str, at: int) -> None:
    with write_transaction(engine, [site]) as conn:
        mine = schema.alerts.c.alert == alert
        conn.execute(update(schema.alerts).where(mine).values(state="resolved", resolved=at))
        record_change(conn, site, "alerts", alert, at)


def attention(app: FastAPI, world: ManualWorld) -> str:
    view, now = View("fr", BOTH, may_act=True), world.now()
    return words(str(app.state.context.hub.drawing.page(view, "", now, BOTH)[1]["attention"]))


def test_what_is_over_is_calm_for_ten_minutes_and_then_gone(
    app: FastAPI, engine: Engine, world: ManualWorld
) -> None:
    drawing = app.state.context.hub.drawing
    assert "Retour au calme" not in attention(app, world)
    end(engine, "moulin", town.NOISE, world.now())
    assert "Retour au calme à 22:53. Trop de bruit, MJC du Moulin, Studio de répétition" in attention(
        app, world
    )
    assert drawing.picture.board(BOTH).counts.alert == 0
    world.move(CALM_MS - 1)
    assert "Retour au calme" in attention(app, world)
    assert not drawing.picture.has_changed(set(BOTH), world.now())
    world.move(1)
    assert drawing.picture.has_changed(set(BOTH), world.now()), "time alone lets it leave"
    assert "Retour au calme" not in attention(app, world)


def test_the_last_that_ended_stand_first_even_when_nothing_is_open(
    app: FastAPI, engine: Engine, world: ManualWorld
) -> None:
    for ago, (site, alert) in enumerate(
        (("moulin", town.NOISE), ("moulin", town.DOOR_OPEN), ("ecole", town.SILENT))
    ):
        end(engine, site, alert, town.NOW - ago * town.MINUTE)
    said = attention(app, world)
    assert (
        said.index("Retour au calme à 22:53")
        < said.index("Retour au calme à 22:52")
        < said.index("Rien à voir")
    )


def test_several_are_chosen_and_taken_or_paused_on_the_first_page(app: FastAPI, engine: Engine) -> None:
    async def story() -> tuple[httpx.Response, httpx.Response, httpx.Response]:
        async with visitor(app, engine, "camille") as client:
            page = (await client.get("/")).text
            chosen = re.findall(r'form="together" id="pick-[0-9a-f]{32}" name="chosen" value="([^"]+)"', page)
            assert len(chosen) == 3 and f"moulin/{town.NOISE}/0" in chosen
            fields = {"csrf": CSRF, "back": "/", "minutes": "60"}
            taken = await client.post("/alerts/acts", data=fields | {"act": "take", "chosen": chosen[:2]})
            paused = await client.post("/alerts/acts", data=fields | {"act": "pause", "chosen": chosen[2]})
            strange = {"act": "take", "chosen": ["nowhere/x/0", f"moulin/{'9' * 32}/0"]}
            return taken, paused, await client.post("/alerts/acts", data=fields | strange)

    taken, paused, strange = asyncio.run(story())
    assert [(each.status_code, each.headers["location"]) for each in (taken, paused)] == [(303, "/")] * 2
    assert strange.status_code == 409 and strange.text.count("ne voit pas d&#39;alerte de ce nom") == 2
    with engine.connect() as conn:
        rows = conn.execute(select(schema.alerts.c.state, schema.alerts.c.paused_until)).all()
    assert sorted(tuple(row) for row in rows if row.state == "acknowledged") == [("acknowledged", None)] * 2
    assert ("paused", town.NOW + 3_600_000) in [tuple(row) for row in rows]


def test_one_alert_and_a_viewer_have_nothing_to_choose(app: FastAPI, engine: Engine) -> None:
    assert 'id="together"' not in get(app, name="regard")
    end(engine, "moulin", town.DOOR_OPEN, town.NOW)
    end(engine, "ecole", town.SILENT, town.NOW)
    assert 'id="together"' not in get(app)


def test_a_comment_has_words(app: FastAPI, engine: Engine) -> None:
    async def story() -> httpx.Response:
        async with visitor(app, engine, "camille") as client:
            path = f"/alerts/moulin/{town.NOISE}/comment"
            return await client.post(path, data={"csrf": CSRF, "comment": "  "})

    answer = asyncio.run(story())
    assert answer.status_code == 422 and "Le commentaire est vide" in answer.text
    with engine.connect() as conn:
        assert conn.execute(select(schema.alert_acts)).all() == []


def test_a_pause_of_noise_ends_early_when_it_gets_louder(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with visitor(app, engine, "camille") as client:
            path, until = f"/alerts/moulin/{town.NOISE}", str(town.NOW + 3_600_000)
            assert "plus tôt si le bruit monte de 5" in (await client.get(path)).text
            assert (
                await client.post(f"{path}/pause", data={"csrf": CSRF, "until": until})
            ).status_code == 303

    asyncio.run(story())

    def measured(level: float) -> tuple[float, bool]:
        """The level of the pause, and whether the alert is due at once, when the rule tells of ``level``."""
        with write_transaction(engine, ["moulin"]) as conn:
            row = conn.execute(select(schema.alerts).where(schema.alerts.c.alert == town.NOISE)).one()
            alert = Alert(
                alert=row.alert,
                kind=AlertKind.NOISE,
                rank=Rank.ALERT,
                subject=row.subject,
                state=AlertState.PAUSED,
                opened=row.opened,
                facts={"level_db": level, "limit_db": 65},
                space="studio",
            )
            persist(conn, "moulin", [AlertUpdated(alert=alert)])
            row = conn.execute(select(schema.alerts).where(schema.alerts.c.alert == town.NOISE)).one()
            return json.loads(row.facts)["paused_db"], row.due <= town.NOW

    assert measured(79.1) == (74.2, False)
    assert measured(79.2) == (74.2, True)
