"""The page of use: words for who came, left early, stayed on; presence without a booking, signed."""

import asyncio
import csv
import io
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, insert, update

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.keys import load_gateway_keys, make_keys
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.usage.seal import prove

from . import town
from .clients import browser, enter
from .test_rest import program, refused

MINUTE, HOUR = 60_000, 3_600_000


def look(app: FastAPI, address: str, language: str = "fr", name: str = "camille") -> str:
    async def story() -> str:
        async with browser(app) as client:
            await enter(client, name)
            answer = await client.get(address, headers={"accept-language": language})
            assert answer.status_code == 200
            return answer.text.replace("\u00a0", " ")

    return asyncio.run(story())


def change(engine: Engine, booking: str, **values: Any) -> None:
    with write_transaction(engine, ["moulin"]) as conn:
        conn.execute(update(schema.usage).where(schema.usage.c.booking == booking).values(**values))


def test_the_page_says_what_became_of_each_booking(app: FastAPI, engine: Engine) -> None:
    change(
        engine,
        "b1" * 16,
        state="ended",
        left_at=town.at("21:30"),
        occupied_ms=89 * MINUTE + 59_000,
        loud_ms=12 * MINUTE,
        left_open=True,
        revision=2,
        confidence=0.93,
        closed_at=town.NOW,
    )
    change(engine, "b2" * 16, overstay_ms=20 * MINUTE, shared_ms=3 * MINUTE, unknown_ms=MINUTE)
    page = look(app, "/usage?days=1")
    for words in (
        "sur place de 20:00 à 21:30",
        "partis 1 h plus tôt",
        "au-dessus de la limite pendant 12 min",
        "une porte est restée ouverte",
        "corrigé 2 fois",
        "89 min",
        "93 %",
        "personne n&#39;est venu",
        "restés 20 min de plus",
        "3 min reviennent peut-être",
        "non mesuré pendant 1 min",
        "Chorale &lt;b&gt;",
        "/api/v1/sites/moulin/usage?format=csv&amp;limit=10000&amp;from=",
    ):
        assert words in page, words
    english = look(app, "/usage", "en")
    assert "left 1 h early" in english and "nobody came" in english and "stayed 20 min longer" in english
    assert "Atelier rock" not in look(app, "/usage", name="directrice")


def test_codes_that_were_used_say_that_more_came_than_expected(app: FastAPI, engine: Engine) -> None:
    """Six expected; seven codes of the group opened the door, one of them twice; a stand-in is nobody."""
    with write_transaction(engine, ["moulin"]) as conn:
        for number in range(8):
            grant = f"{number:032x}"
            purpose = "main" if number == 0 else "offline" if number == 7 else "extra"
            facts = {"kind": "code", "salt_id": "s", "sealed_hash": b"", "uniqueness": f"u{number}"}
            facts |= {"encrypted_code": b"", "link_hash": f"l{number}", "purpose": purpose}
            row = {"site": "moulin", "grant": grant, "booking": "b1" * 16}
            conn.execute(insert(schema.credentials).values(required(schema.credentials) | row | facts))
            opened = f'{{"type":"access-granted","door":"studio","grant":"{grant}"}}'
            for time in range(2 if number == 1 else 1):
                event = {"site": "moulin", "journal": "e" * 32, "seq": 500 + 10 * number + time}
                event |= {"agent": "moulin-1", "boot": "b" * 32, "at": town.at("20:05"), "trusted": True}
                event |= {"monotonic": 1, "received": town.at("20:05"), "type": "access-granted"}
                conn.execute(insert(schema.events).values(event | {"door": "studio", "body": opened}))
    assert "more people than expected: 7 codes were used, 6 people expected" in look(app, "/usage", "en")


def required(table: Any) -> dict[str, Any]:
    """Something for every column that must hold a value."""
    found: dict[str, Any] = {}
    for column in table.c:
        if not column.nullable and column.server_default is None:
            kind = column.type.python_type
            found[column.name] = b"" if kind is bytes else kind()
    return found


@pytest.fixture
def signed(engine: Engine, world: ManualWorld, tmp_path: Any) -> FastAPI:
    config = msgspec.structs.replace(town.config(), keys=str(tmp_path / "keys"))
    make_keys(tmp_path / "keys", {"moulin-1": "moulin"}, "demo", world)
    with write_transaction(engine, ["moulin"]) as conn:
        conn.execute(schema.occupancy.delete())
        for clock, state, probability in (("14:00", "occupied", 0.97), ("15:00", "vacant", 0.02)):
            row = {"site": "moulin", "space": "danse", "since": town.at(clock), "state": state}
            conn.execute(
                insert(schema.occupancy).values(row | {"probability": probability, "evidence": "=pir motion"})
            )
        # the passage: somebody while no booking is on, and while one is
        for clock, state in (("15:00", "occupied"), ("15:30", "vacant"), ("20:00", "occupied")):
            row = {"site": "moulin", "space": "hall", "since": town.at(clock), "state": state}
            conn.execute(insert(schema.occupancy).values(row | {"probability": 0.9, "evidence": ""}))
    return create_app(config, world, engine)


def test_presence_without_a_booking_is_shown_and_handed_on_signed(signed: FastAPI, tmp_path: Any) -> None:
    async def story(form: str, **times: int) -> httpx.Response:
        async with browser(signed) as client:
            await program(client, "regard")
            span = {"from": town.NOW - 24 * HOUR, "to": town.NOW} | times
            return await client.get("/api/v1/sites/moulin/unbooked", params=span | {"format": form})

    answer = asyncio.run(story("json"))
    assert answer.status_code == 200, answer.text
    danse, hall = answer.json()["rows"]
    assert (danse["space"], danse["begin"], danse["end"]) == ("danse", town.at("14:00"), town.at("15:00"))
    assert danse["confidence"] == 0.94
    assert (hall["space"], hall["begin"], hall["end"]) == ("hall", town.at("15:00"), town.at("15:30"))
    key = load_gateway_keys(tmp_path / "keys").signing.signer.public
    header = answer.headers["Pleintemps-Signature"].encode()
    assert prove(header, answer.content, [key])
    table = asyncio.run(story("csv"))
    rows = list(csv.reader(io.StringIO(table.text)))
    assert rows[0][:4] == ["schema", "site", "space", "begin"] and len(rows) == 3
    assert not any(cell.startswith("=") for row in rows for cell in row)
    assert refused(asyncio.run(story("json", **{"from": 0}))) == (409, "too-long", "to")
    page = look(signed, "/usage?days=1")
    assert "Présence sans réservation" in page and "14:00–15:00" in page and "94 %" in page
