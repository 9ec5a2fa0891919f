"""Who is told, and to whom an alert is given: people that may log in and see the building, nobody else."""

import asyncio
import json
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, insert, select, update

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.accounts import book
from pleintemps_gateway.api.alert_acts import people
from pleintemps_gateway.notify.outbox import subscriptions
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.engine import write_transaction

from . import town
from .sessions import CSRF, account, visitor

BODY = {"endpoint": "https://push.example.net/send/abc", "p256dh": "B" + "A" * 86, "auth": "A" * 22}


def subscribe(app: FastAPI, engine: Engine, name: str, home: str = "*", **more: str) -> None:
    async def story() -> int:
        async with visitor(app, engine, name, home=home) as client:
            headers = {"X-CSRF-Token": CSRF}
            return (
                await client.post("/api/v1/push-subscriptions", json=BODY | more, headers=headers)
            ).status_code

    assert asyncio.run(story()) == 204


def told(engine: Engine, site: str, name: str) -> int:
    with engine.connect() as conn:
        return len(subscriptions(conn, site, name))


def change(engine: Engine, name: str, **values: Any) -> None:
    with write_transaction(engine, ["*"]) as conn:
        conn.execute(update(schema.users).where(schema.users.c.name == name).values(**values))


def test_a_browser_tells_of_the_buildings_that_its_account_sees_now(app: FastAPI, engine: Engine) -> None:
    account(engine, "narrow", "caretaker", sites='["moulin"]')
    subscribe(app, engine, "narrow")
    assert [told(engine, site, "narrow") for site in ("moulin", "ecole")] == [1, 0]
    change(engine, "narrow", sites='["ecole"]')
    assert [told(engine, site, "narrow") for site in ("moulin", "ecole")] == [0, 1]
    change(engine, "narrow", disabled=town.NOW)
    assert told(engine, "ecole", "narrow") == 0


def test_the_browsers_of_who_is_removed_are_forgotten(
    app: FastAPI, engine: Engine, world: ManualWorld
) -> None:
    subscribe(app, engine, "camille")
    subscribe(app, engine, "directrice", "ecole", endpoint="https://push.example.net/send/other")
    with write_transaction(engine, ["*"]) as conn:
        book.remove(conn, world, book.find(conn, book.key_of("*", "camille"), world.now()), "marion")
        book.add(conn, world, book.Draft("camille", "viewer"), "marion")
    with engine.connect() as conn:
        assert conn.scalars(select(schema.push_subscriptions.c.person)).all() == ["directrice"]


def test_a_link_of_another_home_survives_the_removal_of_a_namesake(
    engine: Engine, world: ManualWorld
) -> None:
    account(engine, "directrice", "viewer")
    with write_transaction(engine, ["*", "ecole"]) as conn:
        for home in ("*", "ecole"):
            row = {"purpose": "reset", "name": "directrice", "created": 0, "expires": town.NOW + 1}
            conn.execute(insert(schema.account_links).values(site=home, link_hash=home, **row))
        book.remove(conn, world, book.find(conn, book.key_of("*", "directrice"), 0), "marion")
        assert conn.scalars(select(schema.account_links.c.site)).all() == ["ecole"]


def test_a_browser_that_passes_to_somebody_else_tells_them_alone(app: FastAPI, engine: Engine) -> None:
    subscribe(app, engine, "camille")
    subscribe(app, engine, "directrice", "ecole")
    assert (told(engine, "ecole", "camille"), told(engine, "ecole", "directrice")) == (0, 1)


@pytest.mark.parametrize("values", [{"disabled": 1}, {"sites": '["ecole"]'}, {"role": "viewer"}])
def test_an_alert_is_given_to_who_sees_it_and_may_log_in(
    app: FastAPI, engine: Engine, values: dict[str, Any]
) -> None:
    context = app.state.context
    moulin = context.config.sites[0]
    assert set(people(context, moulin)) == {"camille", "marion"}
    change(engine, "camille", **values)
    assert set(people(context, moulin)) == {"marion"}


def test_who_saw_the_people_of_a_booking_by_a_program_is_written_down(app: FastAPI, engine: Engine) -> None:
    booking = "b1" * 16
    with write_transaction(engine, ["moulin"]) as conn:
        person = {"name": "Rosine", "mail": "r@example.org", "phone": "", "language": "fr"}
        conn.execute(insert(schema.contacts).values(site="moulin", booking=booking, **person))

    async def story() -> None:
        async with visitor(app, engine, "regard") as client:
            assert (await client.get(f"/api/v1/bookings/{booking}")).json()["contact"] is None
            assert (await client.get("/api/v1/groups")).status_code == 403
        async with visitor(app, engine, "camille") as client:
            assert (await client.get(f"/api/v1/bookings/{booking}")).json()["contact"]["name"] == "Rosine"
            for path in ("groups", "rights"):
                assert (await client.get(f"/api/v1/{path}")).status_code == 200

    asyncio.run(story())
    with engine.connect() as conn:
        rows = conn.execute(select(schema.audit).where(schema.audit.c.action == "access.looked")).all()
    assert sorted((row.subject, json.loads(row.fields)["by"]) for row in rows) == [
        (f"booking/{booking}", "camille"),
        ("group/list", "camille"),
        ("right/list", "camille"),
    ]


def test_who_saw_the_number_to_call_beside_an_alert_is_written_down(app: FastAPI, engine: Engine) -> None:
    booking = "b1" * 16
    with write_transaction(engine, ["moulin"]) as conn:
        person = {"name": "Rosine", "mail": "", "phone": "+33 6 11 22 33 44", "language": "fr"}
        conn.execute(insert(schema.contacts).values(site="moulin", booking=booking, **person))

    async def story() -> list[bool]:
        shown = []
        for name in ("regard", "camille"):
            async with visitor(app, engine, name) as client:
                shown.append("tel:+33611223344" in (await client.get(f"/alerts/moulin/{town.NOISE}")).text)
        return shown

    assert asyncio.run(story()) == [False, True]
    with engine.connect() as conn:
        rows = conn.execute(select(schema.audit).where(schema.audit.c.action == "access.looked")).all()
    assert [(row.subject, json.loads(row.fields)["by"]) for row in rows] == [
        (f"booking/{booking}", "camille")
    ]
