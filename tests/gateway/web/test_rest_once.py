"""A key does its thing once: by two at once, after a start, after an erasure."""

import asyncio
from collections import Counter
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import Engine, select

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.config import DeliveryConfig
from pleintemps_gateway.delivery.outbox import Outbox
from pleintemps_gateway.privacy.erasing import entries_for, erase
from pleintemps_gateway.privacy.finding import Wanted, find
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.engine import write_transaction

from . import town
from .test_rest import refused
from .test_rest_bookings import CONTACT, as_manager, book

MANY = 6


def booked(engine: Engine) -> list[str]:
    """Bookings that were made here."""
    with engine.connect() as conn:
        mine = (schema.bookings.c.source == "rest") & (schema.bookings.c.site == "moulin")
        return list(conn.scalars(select(schema.bookings.c.booking).where(mine)))


def test_of_many_calls_at_once_under_one_key_one_books(app: FastAPI, engine: Engine) -> None:
    async def story(client: httpx.AsyncClient) -> list[httpx.Response]:
        return await asyncio.gather(*(book(client, "order-1") for _ in range(MANY)))

    before = set(booked(engine))
    answers = as_manager(app, story)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: MANY - 1}
    assert len({answer.json()["booking"] for answer in answers}) == 1
    # the code is said once
    assert sum("code" in answer.json() for answer in answers) == 1
    assert len(set(booked(engine)) - before) == 1


def test_of_two_different_calls_at_once_under_one_key_one_is_refused(app: FastAPI, engine: Engine) -> None:
    async def story(client: httpx.AsyncClient) -> list[httpx.Response]:
        return list(await asyncio.gather(book(client, "order-1"), book(client, "order-1", title="Salsa")))

    before = set(booked(engine))
    answers = as_manager(app, story)
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert len(set(booked(engine)) - before) == 1


def test_another_process_knows_the_key(app: FastAPI, engine: Engine, world: ManualWorld) -> None:
    made = as_manager(app, lambda client: book(client, "order-1"))
    desk = CodeDesk(b"s" * 32, world, Outbox(DeliveryConfig(), b"s" * 32, world))
    started = create_app(town.config(), world, engine, desk)
    again = as_manager(started, lambda client: book(client, "order-1"))
    assert (again.status_code, again.json()) == (200, {"booking": made.json()["booking"]})
    assert refused(as_manager(started, lambda client: book(client, "order-1", title="Salsa")))[0] == 409


def test_an_erased_booking_is_not_made_again_by_its_key(
    app: FastAPI, engine: Engine, world: ManualWorld
) -> None:
    made = as_manager(app, lambda client: book(client, "order-1", contact=CONTACT))
    vault = CodeDesk(b"s" * 32, world, Outbox(DeliveryConfig(), b"s" * 32, world)).vault
    site = next(each for each in town.config().sites if each.site == "moulin")
    with write_transaction(engine, ["moulin"]) as conn:
        found = find(conn, "moulin", Wanted("booking", made.json()["booking"]))
        entries = entries_for(conn, "moulin", Wanted("mail", CONTACT["mail"]), found, vault, world)
        erase(conn, site, found, entries, vault, world)
        assert conn.execute(select(schema.calls)).all() == []
    before = booked(engine)
    again = as_manager(app, lambda client: book(client, "order-1", contact=CONTACT))
    assert refused(again) == (409, "key-used", "Idempotency-Key")
    assert booked(engine) == before
    path = f"/api/v1/bookings/{made.json()['booking']}"

    async def change(client: httpx.AsyncClient) -> list[httpx.Response]:
        bodies: list[dict[str, Any]] = [{"contact": CONTACT}, {"title": "Anne"}, {"group": "Anne"}]
        return [await client.patch(path, json=body) for body in bodies]

    for late in as_manager(app, change):
        assert refused(late) == (409, "erased", "booking")
    with engine.connect() as conn:
        mails = set(conn.scalars(select(schema.contacts.c.mail)))
    assert CONTACT["mail"] not in mails
