"""What rooms have learnt: REST and page, marks made and taken away, who may do what."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, insert, select

from pleintemps_contract.agent_messages import Column, SamplesBatch
from pleintemps_contract.wire import encode
from pleintemps_gateway.occupancy.memory import Memory
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.learnt import keep
from pleintemps_gateway.store.schema_rooms import learnt, marks

from . import town
from .clients import browser, enter, field
from .test_rest import program, refused

HOUR = 3_600_000
HERE = "/api/v1/spaces/moulin/danse"
WISH: dict[str, Any] = {"start": town.NOW - 3 * HOUR, "end": town.NOW - 2 * HOUR, "state": "empty"}


@pytest.fixture
def taught(engine: Engine) -> Engine:
    """The dance room with a meter, an hour of its samples, and what it told itself."""
    memory = Memory()
    memory.lived_ms = 30 * HOUR
    memory.sound.counts, memory.sound.totals = ({12: 60.0}, {20: 60.0}, {}), [60.0, 60.0, 0.0]
    memory.door.empty, memory.door.used = 4.0, 2.0
    memory.door.false, memory.door.fires = {"moulin-1/danse-pir": 1.0}, {"moulin-1/danse-pir": 2.0}
    dt = list(range(0, HOUR, 30_000))
    batch = SamplesBatch(
        journal="a" * 32,
        first=1,
        seq=1,
        boot="b" * 32,
        base=WISH["start"],
        trusted=True,
        series={"danse-level": Column(dt=dt, value=[36.0] * len(dt))},
    )
    with write_transaction(engine, ["moulin"]) as conn:
        row = {"site": "moulin", "agent": "moulin-1", "series": "danse-level", "device": "meter"}
        about = {"space": "danse", "quantity": "level", "kind": "level", "max_silence_s": 30}
        conn.execute(insert(schema.series).values(row | about))
        stored = {"site": "moulin", "journal": "a" * 32, "seq": 1, "agent": "moulin-1", "readings": 120}
        conn.execute(
            insert(schema.sample_batches).values(stored | {"base": batch.base, "body": encode(batch)})
        )
        keep(conn, "moulin", "danse", town.NOW - 9 * HOUR, None, "marion")
        keep(conn, "moulin", "danse", town.NOW - HOUR, json.dumps(memory.kept()))
    return engine


def told(app: FastAPI, name: str, *asked: tuple[str, str, Any]) -> list[httpx.Response]:
    async def story() -> list[httpx.Response]:
        async with browser(app) as client:
            await program(client, name)
            return [await client.request(method, path, json=body) for method, path, body in asked]

    return asyncio.run(story())


def test_what_was_learnt_is_told_in_words_and_reset_by_a_manager(app: FastAPI, taught: Engine) -> None:
    (shown, other, nowhere) = told(
        app,
        "regard",
        ("GET", f"{HERE}/learnt", None),
        ("GET", "/api/v1/spaces/moulin/bois/learnt", None),
        ("GET", "/api/v1/spaces/moulin/attic/learnt", None),
    )
    body = shown.json()
    assert (body["version"], body["at"], body["lived_s"]) == (2, town.NOW - HOUR, 30 * 3600)
    assert (body["reset_at"], body["reset_by"]) == (town.NOW - 9 * HOUR, "marion")
    assert [(each["version"], each["reset"]) for each in body["versions"]] == [(2, False), (1, True)]
    assert body["sound_weight"] == 0.5 and body["learnt"]["sound"]["vacant"] == {"12": 60.0}
    said = " ".join(body["words"]).replace("\u00a0", " ")
    assert "Mesuré pendant 30 h" in said and "compte pour 50 %" in said
    assert "danse-pir s'est déclenché 100 % des fois avec quelqu'un et 25 % de celles" in said
    assert (other.json()["version"], other.json()["learnt"]) == (0, None)
    assert refused(nowhere) == (404, "not-found", "space")
    (denied,) = told(app, "camille", ("DELETE", f"{HERE}/learnt", None))
    assert refused(denied)[:2] == (403, "managers-only")
    told(app, "camille", ("POST", f"{HERE}/marks", WISH))
    gone, after = told(app, "marion", ("DELETE", f"{HERE}/learnt", None), ("GET", f"{HERE}/learnt", None))
    assert gone.status_code == 204
    assert (after.json()["learnt"], after.json()["marks"], after.json()["sound_weight"]) == (None, 0, 0)
    with taught.connect() as conn:
        (entry,) = conn.execute(select(schema.audit).where(schema.audit.c.action == "occupancy.reset"))
        assert json.loads(entry.fields)["by"] == "marion" and entry.subject == "space/danse"
        assert conn.execute(select(marks)).all() == []


def test_an_hour_is_marked_listed_and_taken_away(app: FastAPI, taught: Engine) -> None:
    made, again, ahead, listed = told(
        app,
        "camille",
        ("POST", f"{HERE}/marks", WISH),
        ("POST", f"{HERE}/marks", WISH),
        ("POST", f"{HERE}/marks", WISH | {"end": town.NOW + 1, "start": town.NOW - HOUR}),
        ("GET", f"{HERE}/marks", None),
    )
    assert made.status_code == 201, made.text
    assert (made.json()["by"], made.json()["state"]) == ("camille", "empty")
    assert made.json()["lesson"] == {"vacant": {"12": 120}} | {
        name: {} for name in ("active", "still", "false", "fires")
    } | {"empty": 0, "used": 0}
    assert refused(again) == (409, "overlaps", "mark")
    assert refused(ahead) == (409, "ahead", "mark")
    assert listed.json()["items"] == [made.json()]
    name = made.json()["mark"]
    (looks,) = told(app, "regard", ("DELETE", f"{HERE}/marks/{name}", None))
    assert refused(looks)[:2] == (403, "read-only")
    gone, missing = told(app, "camille", *[("DELETE", f"{HERE}/marks/{name}", None)] * 2)
    assert gone.status_code == 204
    assert refused(missing) == (404, "not-found", "mark")


def test_the_page_marks_by_the_clock_on_the_wall(app: FastAPI, taught: Engine) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await enter(client)
            page = (await client.get("/learnt")).text
            assert "Ce que les salles ont appris" in page and "Salle de danse" in page
            assert "Lui faire oublier" not in page
            csrf = field(page, "csrf")
            form = {"csrf": csrf, "day": "2026-11-18", "begin": "23:00", "over": "01:00", "state": "used"}
            here = "/learnt/moulin/danse"
            made = await client.post(f"{here}/marks", data=form)
            assert (made.status_code, made.headers["location"]) == (303, "/learnt#moulin_danse")
            page = (await client.get("/learnt")).text
            assert "Mercredi 18 novembre, 23:00–01:00" in page and "ils n&#39;ont rien dit alors" in page
            again = await client.post(f"{here}/marks", data=form)
            assert again.status_code == 409 and "déjà marquée" in again.text
            assert (await client.post(f"{here}/marks", data=form | {"csrf": "x"})).status_code == 403
            for wrong in ({"day": "2026-13-45"}, {"begin": "25:00"}, {"day": "soon"}, {"state": "maybe"}):
                assert (await client.post(f"{here}/marks", data=form | wrong)).status_code == 422
            with taught.connect() as conn:
                row = conn.execute(select(marks)).one()
            assert (row.start, row.end) == (town.at("23:00", 18), town.at("01:00", 19))
            gone = await client.post(f"{here}/marks/{row.mark}/remove", data={"csrf": csrf})
            assert gone.status_code == 303
            late = await client.post(f"{here}/marks/{row.mark}/remove", data={"csrf": csrf})
            assert late.status_code == 409 and "déjà été retirée" in late.text
            assert (await client.post(f"{here}/reset", data={"csrf": csrf})).status_code == 403
        async with browser(app) as client:
            await enter(client, "marion")
            page = (await client.get("/learnt", headers={"accept-language": "en"})).text
            assert "Let it forget all of this" in page and "Begun anew at" in page
            done = await client.post("/learnt/moulin/danse/reset", data={"csrf": field(page, "csrf")})
            assert done.status_code == 303
        async with browser(app) as client:
            await enter(client, "regard")
            page = (await client.get("/learnt")).text
            assert "Salle de danse" in page and "Elle était vide" not in page

    asyncio.run(story())
    with taught.connect() as conn:
        assert conn.execute(select(learnt.c.body).order_by(learnt.c.version.desc())).first() == (None,)


def test_a_stuck_sensor_is_shown_with_what_to_do(app: FastAPI, engine: Engine) -> None:
    facts = {"device": "danse-pir", "detail": "danse-pir is stuck"}
    about = {"kind": "device-fault", "rank": "watch", "state": "open", "subject": "device-fault:x"}
    with write_transaction(engine, ["moulin"]) as conn:
        row = {"site": "moulin", "alert": "c" * 32, "agent": "moulin-1", "opened": town.NOW - HOUR}
        conn.execute(insert(schema.alerts).values(row | about | {"facts": json.dumps(facts)}))

    async def story() -> tuple[str, str]:
        async with browser(app) as client:
            await enter(client)
            health = await client.get("/agents", headers={"accept-language": "en"})
            return health.text, (await client.get(f"/alerts/moulin/{'c' * 32}")).text

    health, alert = asyncio.run(story())
    assert "danse-pir is stuck: the room&#39;s other sensors" in health
    assert "The room is judged without it" in health
    assert "danse-pir est bloqué" in alert.replace("\u00a0", " ")
