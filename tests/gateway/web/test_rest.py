"""REST: what can be read, what can be done, and the one shape of a refusal."""

import asyncio
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import Engine, select

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.guard import MAX_BODY
from pleintemps_gateway.store import schema
from tests.gateway.feed import changes_after

from . import town
from .clients import browser, csrf_of, log_in


async def program(client: httpx.AsyncClient, name: str = "camille") -> None:
    """Log in as a program does."""
    answer = await client.post("/api/v1/sessions", json={"name": name, "password": town.PASSWORD})
    assert answer.status_code == 201
    client.headers["Authorization"] = f"Bearer {answer.json()['token']}"


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, code and where; fails unless the body has exactly the one shape."""
    body = answer.json()
    assert set(body) == {"error"} and set(body["error"]) == {"code", "message", "where"}
    assert all(isinstance(value, str) for value in body["error"].values())
    return answer.status_code, body["error"]["code"], body["error"]["where"]


def test_every_refusal_has_one_shape(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as client:
            assert refused(await client.get("/api/v1/spaces"))[:2] == (401, "not-logged-in")
            assert refused(await client.get("/api/v1/nothing"))[:2] == (404, "not-found")
            assert refused(await client.put("/api/v1/spaces"))[:2] == (405, "method-not-allowed")
            wrong = await client.post("/api/v1/sessions", json={"name": "camille", "password": "no"})
            assert refused(wrong)[:2] == (401, "wrong-login")
            assert refused(await client.post("/api/v1/sessions", json={"name": 3}))[0] == 422
            assert refused(await client.post("/api/v1/sessions", content=b"{"))[0] == 422
            big = await client.post("/api/v1/sessions", content=b" " * (MAX_BODY + 1))
            assert refused(big)[:2] == (413, "too-large")
            await program(client)
            assert refused(await client.get("/api/v1/alerts", params={"state": "odd"})) == (
                422,
                "invalid",
                "state",
            )
            assert refused(await client.get("/api/v1/commands/NOT-AN-ID")) == (422, "invalid", "command")
            assert refused(await client.get(f"/api/v1/commands/{'0' * 32}")) == (404, "not-found", "command")
            odd = await client.post("/api/v1/doors/moulin/studio/commands", json={"action": "Explode"})
            assert refused(odd) == (422, "invalid", "action")
            more = {"action": "AccessDoor", "force": True}
            extra = await client.post("/api/v1/doors/moulin/studio/commands", json=more)
            assert refused(extra) == (422, "invalid", "force")
            there = await client.post("/api/v1/doors/moulin/cellar/commands", json={"action": "AccessDoor"})
            assert refused(there) == (404, "not-found", "door")

    asyncio.run(story())


def test_a_fault_of_ours_has_that_shape_too_and_tells_nothing(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await program(client)
            schema.feeds.drop(engine)
            answer = await client.get("/api/v1/feeds")
            assert refused(answer)[:2] == (500, "internal")
            assert "feeds" not in answer.text

    asyncio.run(story())


def test_lists(app: FastAPI) -> None:
    async def story() -> dict[str, list[dict[str, Any]]]:
        async with browser(app) as client:
            await program(client)
            names = ("spaces", "doors", "alerts", "bookings", "usage", "agents", "refusals", "feeds")
            return {name: (await client.get(f"/api/v1/{name}")).json()["items"] for name in names}

    found = asyncio.run(story())
    spaces = {space["space"]: space for space in found["spaces"]}
    assert spaces["studio"]["state"] == "occupied" and spaces["studio"]["probability"] == 0.98
    assert spaces["hall"] == {
        "site": "moulin",
        "space": "hall",
        "name": "Hall",
        "capacity": 0,
        "state": "unknown",
    }
    doors = {door["door"]: door for door in found["doors"]}
    assert doors["vestiaires"]["alarm"] == "DoorOpenTooLong" and doors["hall"]["mode"] == "Unknown"
    assert [alert["kind"] for alert in found["alerts"]] == ["door-open-too-long", "noise", "agent-silent"]
    assert {booking["title"]: booking["usage_state"] for booking in found["bookings"]}[
        "Astronomie"
    ] == "expected"
    booked = {booking["title"]: booking for booking in found["bookings"]}
    assert booked["Astronomie"]["code_on_door"] is True
    assert booked["Astronomie"]["doors"] == [
        {"door": "portail", "held": True, "reason": "", "offline": False}
    ]
    assert (booked["Théâtre"]["code_on_door"], booked["Théâtre"]["doors"]) == (False, [])
    assert booked["Tournage"]["code_on_door"] is False
    assert {record["title"]: record["state"] for record in found["usage"]}["Tournage"] == "no-show"
    agents = {agent["agent"]: agent for agent in found["agents"]}
    assert agents["ecole-1"]["devices"][0]["health"] == "silent"
    assert found["refusals"][0]["count"] == 3 and found["feeds"][0]["rejected"] == 1


def test_summary_counts_what_is_stored(app: FastAPI, engine: Engine) -> None:
    with engine.begin() as conn:
        for seq, kind in enumerate(
            ("access-granted", "access-granted", "access-refused", "door-mode"), start=1
        ):
            town.add(
                conn,
                schema.events,
                site="moulin",
                journal="e" * 32,
                seq=seq,
                agent="moulin-1",
                boot="f" * 32,
                at=1,
                trusted=True,
                monotonic=1,
                received=1,
                type=kind,
                body="{}",
            )
        for seq in (1, 2):
            town.add(
                conn,
                schema.sample_batches,
                site="ecole",
                journal="e" * 32,
                seq=seq,
                agent="ecole-1",
                base=1,
                readings=40,
                body=b"",
            )

    async def story() -> Any:
        async with browser(app) as client:
            await program(client)
            return (await client.get("/api/v1/summary")).json()

    assert asyncio.run(story()) == {
        "readings": 80,
        "events": 4,
        "bookings": 6,
        "alerts": 3,
        "codes_accepted": 2,
        "codes_refused": 1,
        "usage_records": 1,
    }


def test_an_alert_is_taken_once(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await program(client)
            path = f"/api/v1/alerts/{town.NOISE}/acknowledge"
            assert (await client.post(path, json={"comment": " on my way "})).status_code == 204
            again = await client.post(path, json={})
            assert refused(again) == (409, "already-acknowledged", "alert")
            missing = await client.post(f"/api/v1/alerts/{'9' * 32}/acknowledge", json={})
            assert refused(missing) == (404, "not-found", "alert")

    asyncio.run(story())
    with engine.connect() as conn:
        row = conn.execute(select(schema.alerts).where(schema.alerts.c.alert == town.NOISE)).one()
        assert (row.state, row.acknowledged, row.acknowledged_by) == ("acknowledged", town.NOW, "camille")
        assert row.comment == "on my way"
        told = [(1, "alerts", town.NOISE), (2, "alert_acts", f"{town.NOISE}/1")]
        assert changes_after(conn, "moulin", 0) == told


def test_a_command_is_a_row_for_ingest_and_can_be_followed(
    app: FastAPI, engine: Engine, world: ManualWorld
) -> None:
    async def story() -> str:
        async with browser(app) as client:
            await program(client)
            answer = await client.post("/api/v1/doors/moulin/studio/commands", json={"action": "AccessDoor"})
            assert answer.status_code == 202
            command = answer.json()["command"]
            assert answer.headers["location"] == answer.json()["status_url"] == f"/api/v1/commands/{command}"
            status = (await client.get(answer.json()["status_url"])).json()
            assert (status["outcome"], status["action"], status["user"]) == (
                "requested",
                "AccessDoor",
                "camille",
            )
            world.move(60_000)
            late = (await client.get(answer.json()["status_url"])).json()
            assert late["outcome"] == "no-answer"
            return str(command)

    command = asyncio.run(story())
    with engine.connect() as conn:
        row = conn.execute(select(schema.commands)).one()
        assert (row.site, row.agent, row.door, row.outcome) == ("moulin", "moulin-1", "studio", "requested")
        assert row.expires > row.requested == town.NOW
        assert changes_after(conn, "moulin", 0) == [(1, "commands", command)]


def test_a_cookie_needs_the_pages_token_beside_it(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await log_in(client)
            path = "/api/v1/doors/moulin/studio/commands"
            for headers in ({}, {"X-CSRF-Token": "0" * 64}):
                answer = await client.post(path, json={"action": "AccessDoor"}, headers=headers)
                assert refused(answer) == (403, "csrf", "csrf")
            headers = {"X-CSRF-Token": await csrf_of(client)}
            assert (
                await client.post(path, json={"action": "AccessDoor"}, headers=headers)
            ).status_code == 202

    asyncio.run(story())
    with engine.connect() as conn:
        assert len(conn.execute(select(schema.commands)).all()) == 1


def test_log_out_of_a_program(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await program(client)
            assert (await client.delete("/api/v1/sessions/current")).status_code == 204
            assert refused(await client.get("/api/v1/spaces"))[0] == 401

    asyncio.run(story())


def test_the_openapi_document_is_for_readers_and_knows_every_call(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as client:
            assert refused(await client.get("/api/openapi.json"))[0] == 401
            assert (await client.get("/api/docs")).status_code == 303
            await log_in(client)
            document = (await client.get("/api/openapi.json")).json()
            assert {"/api/v1/spaces", "/api/v1/live", "/api/v1/alerts/{alert}/acknowledge"} <= set(
                document["paths"]
            )
            listing = (await client.get("/api/docs")).text
            assert all(path in listing for path in document["paths"])

    asyncio.run(story())


def test_healthz_answers_without_a_log_in(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as client:
            assert (await client.get("/healthz")).text == "ok\n"

    asyncio.run(story())


def test_text_with_a_nul_is_refused_before_the_store(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as client:
            wrong = {"name": "ca\0mille", "password": "x"}
            assert refused(await client.post("/api/v1/sessions", json=wrong)) == (422, "invalid", "name")
            await program(client)
            path = f"/api/v1/alerts/{town.NOISE}/acknowledge"
            assert refused(await client.post(path, json={"comment": "a\0"})) == (422, "invalid", "comment")

    asyncio.run(story())
