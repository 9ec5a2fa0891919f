"""Pages and API of doors that work alone: fire and its confirmed end, history, panels, refusals in words."""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, select, update

from pleintemps_contract.agent_messages import CommandRefusal, RefusalReason
from pleintemps_contract.onvif import DoorAction
from pleintemps_gateway.alerts.records import RANKS, AlertKind
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema_rooms import signals
from pleintemps_gateway.store.upsert import upsert
from pleintemps_gateway.web.board import Alert, Asked
from pleintemps_gateway.web.formats import Formats
from pleintemps_gateway.web.i18n import LANGUAGES, catalogue
from pleintemps_gateway.web.sentences import Sentences
from pleintemps_gateway.web.stories import Entry, Stories
from pleintemps_gateway.web.words import Words
from tests.contract.examples import EVENTS

from . import town
from .clients import browser, field, log_in, stream

P = ParamSpec("P")


def played(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test that is a story of clients."""

    @wraps(test)
    def run(*args: P.args, **values: P.kwargs) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **values), 90))  # for what never comes

    return run


def put(engine: Engine, *events: tuple[str, str | None, dict[str, object]], agent: str = "ecole-1") -> None:
    with write_transaction(engine, ["ecole"]) as conn:
        for seq, (kind, door, body) in enumerate(events, start=1):
            town.add(
                conn,
                schema.events,
                site="ecole",
                journal="a" * 32,
                seq=seq,
                agent=agent,
                boot="b" * 32,
                at=town.NOW + seq,
                trusted=seq != 1,
                monotonic=seq,
                received=town.NOW,
                type=kind,
                door=door,
                body=json.dumps({"type": kind, **body}),
            )


def burn(engine: Engine) -> None:
    with write_transaction(engine, ["ecole"]) as conn:
        table = schema.doors
        conn.execute(update(table).where(table.c.door == "portail").values(fire=True, lock="Unlocked"))
        record_change(conn, "ecole", "doors", "portail", town.NOW)


def set_panel(engine: Engine, state: str = "unset") -> None:
    with write_transaction(engine, ["ecole"]) as conn:
        row = {"site": "ecole", "panel": "alarm", "agent": "ecole-1", "ready": True, "at": town.NOW}
        town.add(conn, schema.panels, **row, state=state)
        record_change(conn, "ecole", "panels", "alarm", town.NOW)


def commands(engine: Engine) -> list[tuple[str, str, str]]:
    with engine.connect() as conn:
        rows = conn.execute(select(schema.commands)).all()
    return [(row.door, row.action, row.user) for row in rows]


@played
async def test_the_end_of_a_fire_is_confirmed_in_two_steps(app: FastAPI, engine: Engine) -> None:
    async with browser(app) as client:
        await log_in(client)
        calm = await client.get("/doors/ecole/portail")
        assert "/doors/ecole/portail/fire" not in calm.text
        burn(engine)
        page = await client.get("/doors/ecole/portail")
        assert "/doors/ecole/portail/fire" in page.text and "libérée par l" in page.text
        step = await client.get("/doors/ecole/portail/fire")
        csrf = field(step.text, "csrf")
        hasty = await client.post("/doors/ecole/portail/fire", data={"csrf": csrf})
        assert hasty.status_code == 422 and commands(engine) == []
        done = await client.post("/doors/ecole/portail/fire", data={"csrf": csrf, "checked": "yes"})
        assert done.status_code == 303
        assert commands(engine) == [("portail", "ConfirmFireReset", "camille")]
        result = await client.get(done.headers["location"])
        assert "Fin de l" in result.text and "Ouvrir la porte" not in result.text
        tonight = await client.get("/")
        assert "libérée par l" in tonight.text


@played
async def test_a_viewer_confirms_nothing(app: FastAPI, engine: Engine) -> None:
    burn(engine)
    set_panel(engine)
    async with browser(app) as client:
        await log_in(client, "regard")
        step = await client.get("/doors/ecole/portail/fire")
        assert "<form" not in re.sub(r'<form[^>]*action="/logout".*?</form>', "", step.text, flags=re.S)
        csrf = field((await client.get("/doors/ecole/portail")).text, "csrf")
        for path, data in (
            ("/doors/ecole/portail/fire", {"checked": "yes"}),
            ("/panels/ecole/alarm", {"action": "SetIntrusionPanel"}),
        ):
            answer = await client.post(path, data={"csrf": csrf, **data})
            assert answer.status_code == 403
    assert commands(engine) == []


@played
async def test_the_history_of_a_door_is_told_in_both_languages(app: FastAPI, engine: Engine) -> None:
    put(
        engine,
        ("access-granted", "portail", {"door": "portail", "grant": "c6" * 16}),
        ("tamper", None, {"device": "pad", "active": True}),
        ("access-granted", "portail", {"door": "portail", "grant": "d" * 32, "duress": True}),
        ("door-fire", "portail", {"door": "portail", "active": True}),
        ("device-health", None, {"device": "pad", "health": "error"}),
        ("future", "portail", {}),
    )
    async with browser(app) as client:
        await log_in(client)
        french = (await client.get("/doors/ecole/portail")).text
        english = (await client.get("/doors/ecole/portail?lang=en")).text
        told = (await client.get("/api/v1/doors/ecole/portail/events")).json()["items"]
        other = (await client.get("/api/v1/doors/ecole/cantine/events")).json()["items"]
    for text in (
        "Code accepted (Astronomie)",
        "pad was opened or moved",
        "Code used under threat",
        "Released by fire",
    ):
        assert text in english
    assert "Code accepté (Astronomie)" in french and "horloge non sûre" in french
    assert english.index("Released by fire") < english.index("Code accepted (Astronomie)")
    assert [item["type"] for item in told] == [
        "future",
        "door-fire",
        "access-granted",
        "tamper",
        "access-granted",
    ]
    assert told[1]["event"] == {"type": "door-fire", "door": "portail", "active": True}
    assert other == []


@played
async def test_a_panel_has_a_page_an_address_and_a_place_on_tonight(app: FastAPI, engine: Engine) -> None:
    async with browser(app) as client:
        await log_in(client)
        assert (await client.get("/panels/ecole/alarm")).status_code == 404
        set_panel(engine)
        tonight = await client.get("/?lang=en")
        assert "alarm: not set" in tonight.text
        page = await client.get("/panels/ecole/alarm")
        data = {"csrf": field(page.text, "csrf"), "action": "SetIntrusionPanel"}
        assert (
            await client.post("/panels/ecole/alarm", data=data | {"action": "AccessDoor"})
        ).status_code == 422
        done = await client.post("/panels/ecole/alarm", data=data)
        assert "Setting the alarm: asked for" in (await client.get(done.headers["location"])).text
        (row,) = (await client.get("/api/v1/panels")).json()["items"]
        assert (row["panel"], row["state"]) == ("alarm", "unset")
        assert "Setting the alarm: asked for" in (await client.get("/")).text
    assert commands(engine) == [("alarm", "SetIntrusionPanel", "camille")]


@played
async def test_the_live_stream_carries_fire_and_panels(app: FastAPI, engine: Engine) -> None:
    set_panel(engine)
    async with browser(app) as client:
        await log_in(client)
        async with stream(app, client) as events:
            first = await events.frame()
            assert "désactivée" in first["fragments"]["site-ecole"]
            assert "libérée" not in first["fragments"]["tile-ecole_preau"]
            burn(engine)
            with write_transaction(engine, ["ecole"]) as conn:
                conn.execute(update(schema.panels).values(state="alarm"))
                record_change(conn, "ecole", "panels", "alarm", town.NOW)
            found: dict[str, str] = {}
            while not {"site-ecole", "tile-ecole_preau"} <= found.keys():
                found |= (await events.frame())["fragments"]
            assert "en alarme" in found["site-ecole"] and "libérée" in found["tile-ecole_preau"]


@played
async def test_the_api_keeps_doors_and_panels_apart(app: FastAPI, engine: Engine) -> None:
    set_panel(engine)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://gateway/api/v1"
    ) as client:
        login = await client.post("/sessions", json={"name": "camille", "password": town.PASSWORD})
        client.headers["authorization"] = f"Bearer {login.json()['token']}"
        confirm = {"action": "ConfirmFireReset"}
        assert (await client.post("/doors/ecole/portail/commands", json=confirm)).status_code == 202
        wrong = await client.post("/doors/ecole/portail/commands", json={"action": "SetIntrusionPanel"})
        assert wrong.status_code == 422
        assert (await client.post("/panels/ecole/alarm/commands", json=confirm)).status_code == 422
        unset = {"action": "UnsetIntrusionPanel"}
        taken = await client.post("/panels/ecole/alarm/commands", json=unset)
        assert taken.status_code == 202
        told = (await client.get(taken.json()["status_url"].removeprefix("/api/v1"))).json()
        assert (told["door"], told["action"]) == ("alarm", "UnsetIntrusionPanel")
        assert (await client.post("/panels/ecole/other/commands", json=unset)).status_code == 404
        doors = {row["door"]: row for row in (await client.get("/doors")).json()["items"]}
        assert doors["portail"]["fire"] is False
        (agent,) = [row for row in (await client.get("/agents")).json()["items"] if row["agent"] == "ecole-1"]
        assert agent["keys"] is None


@pytest.mark.parametrize(
    ("applied", "detail", "said"),
    [(None, None, "not answered yet"), (True, None, "applied"), (False, "no such door", "no such door")],
)
@played
async def test_health_says_what_became_of_the_timings(
    app: FastAPI, engine: Engine, applied: bool | None, detail: str | None, said: str
) -> None:
    with write_transaction(engine, ["ecole"]) as conn:
        values = {"config": "{}", "config_applied": applied, "config_detail": detail}
        conn.execute(update(schema.agents).where(schema.agents.c.agent == "ecole-1").values(**values))
    async with browser(app) as client:
        await log_in(client)
        assert said in (await client.get("/agents?lang=en")).text


# --- every word is known ------------------------------------------------------------------------------------

FACTS = {
    "device": "pad",
    "panel": "alarm",
    "reason": "doors-open",
    "streams": "events",
    "stream": "events",
    "detail": "full",
    "at": town.NOW,
    "until": town.NOW,
    "key": "k",
    "made": town.NOW,
    "last": town.NOW,
    "agent": "entrance",
    "version": "1.3.0",
    "why": "silent",
}
NEW_KINDS = [
    "duress",
    "fire",
    "fire-input",
    "tamper",
    "lock-fault",
    "panel-alarm",
    "panel-refused",
    "storage-fault",
    "journal-replaced",
    "key-not-held",
    "certificate-ends",
    "store-restored",
    "backup-old",
    "agent-stolen",
    "update-halted",
]


def sentences(language: str) -> Sentences:
    texts = catalogue(language)
    return Sentences(texts, Formats(texts), Words(texts))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_alert_has_a_title_and_the_new_ones_say_why(language: str) -> None:
    say = sentences(language)
    for kind in AlertKind:
        alert = Alert(
            site="ecole",
            zone="Europe/Paris",
            site_name="École",
            alert="a" * 32,
            kind=kind.value,
            rank="alert" if RANKS[kind] == "alert" else "watch",
            state="open",
            space="",
            door="portail",
            place="Portail",
            opened=town.NOW,
            acknowledged=None,
            acknowledged_by="",
            comment="",
            resolved=None,
            facts=json.dumps(FACTS),
        )
        assert say.title(alert) != kind.value
        if kind.value in NEW_KINDS:
            assert say.fact(alert, town.NOW).striptags()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_refusal_and_action_has_its_words(language: str) -> None:
    words, say = Words(catalogue(language)), sentences(language)
    for refusal in CommandRefusal:
        assert words.refusal(refusal.value) != refusal.value
    assert words.refusal("zone 3 open") == "zone 3 open"
    for action in DoorAction:
        assert words.action(action.value) != action.value
        for outcome in ("requested", "sent", "done", "refused", "no-answer"):
            asked = Asked("c" * 32, action.value, "anne", town.NOW, None, outcome, "fire")
            assert say.asked(asked, "Europe/Paris") != outcome


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_event_of_a_door_has_its_sentence(language: str) -> None:
    story = Stories(catalogue(language), Words(catalogue(language)))
    for event in EVENTS:
        body = msgspec.json.decode(msgspec.json.encode(event), type=dict[str, Any])
        entry = Entry(town.NOW, True, str(body["type"]), body)
        if body["type"] not in ("device-health", "samples-dropped", "message-refused"):
            assert story.tell(entry) != body["type"], body
    unknown = story.tell(Entry(town.NOW, True, "access-refused", {"reason": "?"}))
    told = [
        story.tell(Entry(town.NOW, True, "access-refused", {"reason": reason.value}))
        for reason in RefusalReason
    ]
    assert len({*told, unknown}) == len(RefusalReason) + 1


@played
async def test_a_tile_says_whether_the_warning_light_is_on(app: FastAPI, engine: Engine) -> None:
    row = {"site": "ecole", "signal": "preau-light", "agent": "ecole-1", "space": "preau"}
    async with browser(app) as client:
        await log_in(client)
        assert "voyant" not in (await client.get("/")).text
        for on, said in ((False, "le voyant ne répond pas encore"), (True, "voyant allumé")):
            with write_transaction(engine, ["ecole"]) as conn:
                upsert(conn, signals, [row | {"on": on, "wanted": True, "at": town.NOW}])
                record_change(conn, "ecole", "signals", "preau-light", town.NOW)
            assert said in (await client.get("/")).text
        with write_transaction(engine, ["ecole"]) as conn:
            upsert(conn, signals, [row | {"on": True, "wanted": False, "at": town.NOW}])
            record_change(conn, "ecole", "signals", "preau-light", town.NOW)
        assert "voyant" not in (await client.get("/")).text
