"""REST for bookings: made, looked up page by page, changed and cancelled by managers, once each."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, select, update

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.calls import KEEP_MS
from pleintemps_gateway.store import schema
from tests.gateway.feed import changes_after

from . import town
from .clients import browser
from .test_rest import program, refused

HOUR = 3_600_000
WISH: dict[str, Any] = {
    "site": "moulin",
    "space": "danse",
    "start": town.NOW + HOUR,
    "end": town.NOW + 2 * HOUR,
    "title": "Tango",
}
CONTACT = {"name": "Anne", "mail": "anne@example.org", "phone": "+33 1 23 45 67 89", "language": "fr"}


def as_manager(
    app: FastAPI, story: Callable[[httpx.AsyncClient], Awaitable[Any]], name: str = "marion"
) -> Any:
    async def run() -> Any:
        async with browser(app) as client:
            await program(client, name)
            return await story(client)

    return asyncio.run(run())


async def book(client: httpx.AsyncClient, key: str | None = None, **changes: Any) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post("/api/v1/bookings", json=WISH | changes, headers=headers)


def test_a_booking_is_made_with_its_code_and_cancelled(app: FastAPI, engine: Engine) -> None:
    async def story(client: httpx.AsyncClient) -> str:
        made = await book(client, people=12)
        assert made.status_code == 201, made.text
        assert len(made.json()["code"]) == 8 and made.json()["code"].isdigit()
        booking = str(made.json()["booking"])
        shown = (await client.get(f"/api/v1/bookings/{booking}")).json()
        assert (shown["title"], shown["code_on_door"], shown["contact"]) == ("Tango", False, None)
        held = {"door": "vestiaires", "held": False, "reason": "not-sent", "offline": False}
        assert shown["doors"] == [held]
        for change, where in (
            ({"space": "hall"}, "space"),
            ({"end": WISH["start"]}, "start"),
            ({"people": -1}, "people"),
            ({"contact": {"mail": "nobody"}}, "contact.mail"),
        ):
            assert refused(await book(client, **change)) == (422, "invalid", where)
        assert (await client.delete(f"/api/v1/bookings/{booking}")).status_code == 204
        again = await client.delete(f"/api/v1/bookings/{booking}")
        assert refused(again) == (409, "already-cancelled", "booking")
        assert refused(await client.delete(f"/api/v1/bookings/{'0' * 32}"))[0] == 404
        return booking

    booking = as_manager(app, story)
    with engine.connect() as conn:
        row = conn.execute(select(schema.bookings).where(schema.bookings.c.booking == booking)).one()
        assert (row.status, row.source) == ("cancelled", "rest")
        assert ("bookings", booking) in {(kind, key) for _, kind, key in changes_after(conn, "moulin", 0)}


def test_group_and_contact_come_with_the_booking_and_only_those_who_act_see_the_contact(app: FastAPI) -> None:
    async def story(client: httpx.AsyncClient) -> str:
        made = await book(client, group="Les Amis du Tango", contact=CONTACT)
        booking = str(made.json()["booking"])
        shown = (await client.get(f"/api/v1/bookings/{booking}")).json()
        assert (shown["group"], shown["contact"]) == ("les-amis-du-tango", CONTACT)
        listed = (await client.get("/api/v1/bookings", params={"space": "danse"})).json()["items"]
        assert {item["contact"] for item in listed} == {None}
        return booking

    booking = as_manager(app, story)

    async def look(client: httpx.AsyncClient) -> Any:
        return (await client.get(f"/api/v1/bookings/{booking}")).json()["contact"]

    assert as_manager(app, look, "regard") is None
    assert as_manager(app, look, "camille") == CONTACT


def test_managers_change_bookings_and_caretakers_have_codes_issued_anew(app: FastAPI) -> None:
    made = as_manager(app, book).json()
    path = f"/api/v1/bookings/{made['booking']}"

    async def caretaker(client: httpx.AsyncClient) -> dict[str, Any]:
        for answer in (await book(client), await client.patch(path, json={}), await client.delete(path)):
            assert refused(answer) == (403, "managers-only", "")
        answer = await client.post(f"{path}/reissue")
        assert answer.status_code == 200
        return dict(answer.json())

    again = as_manager(app, caretaker, "camille")
    assert again["booking"] == made["booking"]
    assert len(again["code"]) == 8 and again["code"] != made["code"] and again["link"] != made["link"]

    async def viewer(client: httpx.AsyncClient) -> None:
        assert refused(await client.post(f"{path}/reissue")) == (403, "read-only", "")

    as_manager(app, viewer, "regard")


def test_a_booking_is_moved_extended_and_renamed_and_keeps_its_code(app: FastAPI, engine: Engine) -> None:
    async def story(client: httpx.AsyncClient) -> str:
        booking = str((await book(client, contact=CONTACT)).json()["booking"])
        path = f"/api/v1/bookings/{booking}"
        later = await client.patch(path, json={"end": WISH["end"] + HOUR})
        assert (later.json()["start"], later.json()["end"]) == (WISH["start"], WISH["end"] + HOUR)
        moved = await client.patch(path, json={"space": "studio", "start": WISH["start"] + 1_000})
        assert (moved.json()["space"], moved.json()["doors"][0]["door"]) == ("studio", "studio")
        change = {"title": "Salsa", "people": 9, "group": "Salsa", "contact": CONTACT | {"phone": ""}}
        other = (await client.patch(path, json=change)).json()
        assert {name: other[name] for name in ("title", "people", "group")} == {
            "title": "Salsa",
            "people": 9,
            "group": "salsa",
        }
        assert other["contact"] == change["contact"] and other["start"] == WISH["start"] + 1_000
        nobody = (await client.patch(path, json={"people": None, "group": ""})).json()
        assert (nobody["people"], nobody["group"], nobody["title"]) == (None, None, "Salsa")
        before = (await client.get(path)).json()
        for wrong, where in (
            ({"space": "hall"}, "space"),
            ({"space": None}, "space"),
            ({"end": 1}, "start"),
            ({"start": WISH["end"] + 2 * HOUR}, "start"),
            ({"status": "cancelled"}, "status"),
            ({"title": ""}, "title"),
        ):
            assert refused(await client.patch(path, json=wrong)) == (422, "invalid", where)
        assert (await client.get(path)).json() == before
        assert (await client.delete(path)).status_code == 204
        assert refused(await client.patch(path, json={"title": "x"}))[:2] == (409, "already-cancelled")
        assert refused(await client.post(f"{path}/reissue"))[0] == 409
        return booking

    booking = as_manager(app, story)
    with engine.connect() as conn:
        mine = schema.credentials.c.booking == booking
        assert len(conn.execute(select(schema.credentials).where(mine)).all()) == 1


def test_a_booking_of_a_calendar_is_changed_there_until_the_calendar_is_gone(
    app: FastAPI, engine: Engine
) -> None:
    path = f"/api/v1/bookings/{town.BOOKING}"
    sites = app.state.context.config.sites
    sites[0].feeds.append({"feed": "agenda", "url": "agenda.ics"})

    async def story(client: httpx.AsyncClient) -> None:
        for answer in (await client.patch(path, json={"title": "x"}), await client.delete(path)):
            assert refused(answer) == (409, "of-a-calendar", "booking")
        answer = await client.post(f"{path}/reissue")
        assert answer.status_code == 200 and answer.json()["code"]
        sites[0].feeds.clear()
        with engine.begin() as conn:
            mine = schema.bookings.c.booking == town.BOOKING
            conn.execute(update(schema.bookings).where(mine).values(end=town.NOW + HOUR))
        assert (await client.patch(path, json={"title": "x"})).json()["title"] == "x"
        assert (await client.delete(path)).status_code == 204

    as_manager(app, story)


def test_a_call_under_a_key_does_its_thing_once(app: FastAPI, engine: Engine, world: ManualWorld) -> None:
    async def story(client: httpx.AsyncClient) -> str:
        made = await book(client, "order-17")
        assert made.status_code == 201 and len(made.json()["code"]) == 8
        booking = str(made.json()["booking"])
        path = f"/api/v1/bookings/{booking}"

        async def call(method: str, path: str, key: str, body: Any = None) -> httpx.Response:
            return await client.request(method, path, json=body, headers={"Idempotency-Key": key})

        moved = await call("PATCH", path, "order-18", {"end": WISH["end"] + HOUR})
        assert moved.status_code == 200
        assert (await client.patch(path, json={"end": WISH["end"]})).json()["end"] == WISH["end"]
        # it answers with the booking as it is now, and moves nothing
        again = await call("PATCH", path, "order-18", {"end": WISH["end"] + HOUR})
        assert (again.status_code, again.json()["end"]) == (200, WISH["end"])
        code = (await call("POST", f"{path}/reissue", "order-19")).json()["code"]
        assert code and (await call("POST", f"{path}/reissue", "order-19")).json() == {"booking": booking}
        # moved meanwhile, it is still what that call had made
        await client.patch(path, json={"title": "Salsa"})
        repeated = await book(client, "order-17")
        assert (repeated.status_code, repeated.json()) == (200, {"booking": booking})
        for change in ({"title": "Salsa"}, {"space": "bois"}, {"people": 2}, {"end": WISH["end"] + 1}):
            assert refused(await book(client, "order-17", **change)) == (409, "key-used", "Idempotency-Key")
        for method, where in (("PATCH", path), ("DELETE", path)):
            other = await call(method, where, "order-17", {} if method == "PATCH" else None)
            assert refused(other) == (409, "key-used", "Idempotency-Key")
        assert (await book(client, "order-20")).status_code == 201
        assert (await call("DELETE", path, "order-21")).status_code == 204
        assert (await call("DELETE", path, "order-21")).status_code == 204
        for odd in ("", "a b", "x" * 201):
            assert refused(await book(client, odd))[0] == 422
        return booking

    booking = as_manager(app, story)
    world.move(KEEP_MS + 1)  # long over, cancelled, and no second booking

    async def later(client: httpx.AsyncClient) -> None:
        now = world.now()
        assert (await book(client, "order-30", start=now + HOUR, end=now + 2 * HOUR)).status_code == 201
        assert refused(await book(client, "order-17")) == (
            409,
            "key-used",
            "Idempotency-Key",
        )
        assert (await book(client, "order-20")).status_code == 200

    as_manager(app, later)
    with engine.connect() as conn:
        keys = set(conn.scalars(select(schema.calls.c.key)))
        assert keys == {"order-20", "order-30"}
        mine = schema.bookings.c.source == "rest"
        uids = set(conn.scalars(select(schema.bookings.c.uid).where(mine)))
        assert uids == {"order-17", "order-20", "order-30"} and booking


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_bookings_are_found_page_by_page(app: FastAPI, limit: int) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        async def pages(**query: Any) -> list[str]:
            found: list[str] = []
            cursor: str | None = None
            while True:
                asked = {"limit": limit} | query | ({"cursor": cursor} if cursor else {})
                page = (await client.get("/api/v1/bookings", params=asked)).json()
                assert len(page["items"]) <= limit
                found += [item["title"] for item in page["items"]]
                cursor = page["next"]
                if cursor is None:
                    return found

        order = ["Tournage", "Atelier rock", "Chorale <b>", "Théâtre", "Astronomie", "Pilates"]
        assert await pages() == order
        assert await pages(site="ecole") == ["Chorale <b>", "Astronomie"]
        assert await pages(space="danse") == ["Pilates"]
        assert await pages(site="ecole", space="danse") == []
        early = {"from": town.at("18:30"), "until": town.at("20:15")}
        assert await pages(**early) == ["Tournage", "Atelier rock", "Chorale <b>"]
        assert refused(await client.get("/api/v1/bookings", params={"site": "nowhere"}))[0] == 404
        assert refused(await client.get("/api/v1/bookings", params={"cursor": "x"}))[0] == 422

    as_manager(app, story)


def test_who_belongs_to_a_site_finds_and_changes_its_bookings_only(app: FastAPI, engine: Engine) -> None:
    with engine.begin() as conn:
        mine = schema.users.c.name == "directrice"
        conn.execute(update(schema.users).where(mine).values(role="manager"))

    async def story(client: httpx.AsyncClient) -> None:
        found = (await client.get("/api/v1/bookings")).json()["items"]
        assert {item["site"] for item in found} == {"ecole"}
        assert refused(await client.get("/api/v1/bookings", params={"site": "moulin"}))[0] == 404
        assert refused(await book(client)) == (404, "not-found", "site")
        for answer in (
            await client.patch(f"/api/v1/bookings/{town.BOOKING}", json={}),
            await client.post(f"/api/v1/bookings/{town.BOOKING}/reissue"),
            await client.delete(f"/api/v1/bookings/{town.BOOKING}"),
        ):
            assert refused(answer) == (404, "not-found", "booking")

    as_manager(app, story, "directrice")


def test_amplified_sound_is_said_with_the_booking_and_changed(app: FastAPI) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        made = await book(client, amplified=True)
        where = f"/api/v1/bookings/{made.json()['booking']}"
        assert (await client.get(where)).json()["amplified"] is True
        assert (await client.patch(where, json={"title": "Tango II"})).json()["amplified"] is True
        assert (await client.patch(where, json={"amplified": False})).json()["amplified"] is False

    as_manager(app, story)
