"""The page of connections, and a calendar by its secret address."""

import asyncio
import csv
import io
import re
from datetime import datetime

import httpx
import icalendar
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, select, update

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.tables import SHEETS
from pleintemps_gateway.connections import calendars
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import audit, bookings
from pleintemps_gateway.store.schema_connections import calendar_links, webhooks
from pleintemps_gateway.web.connections import fault_words
from pleintemps_gateway.web.i18n import catalogue
from tests.gateway.web import town
from tests.gateway.web.clients import browser, csrf_of, enter


async def manager(client: httpx.AsyncClient) -> str:
    await enter(client, "marion")
    return await csrf_of(client)


def shown(html: str) -> str:
    """What is shown this once."""
    found = re.search(r'<code class="secret">([^<]+)</code>', html)
    assert found
    return found[1]


async def new_address(client: httpx.AsyncClient, csrf: str, site: str = "moulin", **fields: str) -> str:
    wanted = {"label": "Mairie", "csrf": csrf} | fields
    page = await client.post(f"/connections/{site}/calendars", data=wanted)
    assert page.status_code == 200
    return shown(page.text).removeprefix("http://gateway")


def events(body: bytes) -> list[icalendar.Event]:
    return list(icalendar.Calendar.from_ical(body).walk("VEVENT"))  # type: ignore[arg-type]


def test_an_address_is_made_read_without_a_log_in_and_ended(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with browser(app) as client, browser(app) as stranger:
            csrf = await manager(client)
            address = await new_address(client, csrf, space="studio")
            assert address.endswith(".ics")
            assert address[11:40] not in (await client.get("/connections")).text  # shown this once
            answer = await stranger.get(address)
            assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
            assert answer.headers["cache-control"] == "private, max-age=300"
            found = events(answer.content)
            with engine.connect() as conn:
                booked = conn.execute(
                    select(bookings).where(bookings.c.site == "moulin", bookings.c.space == "studio")
                ).all()
            assert booked and {str(event["uid"]) for event in found} == {
                f"{row.booking}@pleintemps" for row in booked
            }
            assert {str(event["summary"]) for event in found} == {"Réservé"}
            assert not any(row.title in answer.text for row in booked)
            same = await stranger.get(address, headers={"if-none-match": answer.headers["etag"]})
            assert (same.status_code, same.content) == (304, b"")
            with engine.connect() as conn:
                (row,) = conn.execute(select(calendar_links)).all()
            assert row.read == town.NOW and address[11:54] not in str(row)
            ended = await client.post(f"/connections/moulin/calendars/{row.link}/end", data={"csrf": csrf})
            assert ended.status_code == 303
            assert (await stranger.get(address)).status_code == 404
            again = await client.post(f"/connections/moulin/calendars/{row.link}/end", data={"csrf": csrf})
            assert again.status_code == 404

    asyncio.run(story())
    with engine.connect() as conn:
        said = conn.execute(
            select(audit.c.action, audit.c.fields).where(audit.c.action.like("calendar.%"))
        ).all()
    assert [row.action for row in said] == ["calendar.made", "calendar.ended"]


def test_titles_only_if_asked_for_cancelled_stays_and_nothing_of_other_sites(
    app: FastAPI, engine: Engine
) -> None:
    with write_transaction(engine, ["moulin"]) as conn:
        conn.execute(update(bookings).where(bookings.c.booking == town.BOOKING).values(status="cancelled"))

    async def story() -> None:
        async with browser(app) as client:
            csrf = await manager(client)
            address = await new_address(client, csrf, titles="yes")
            answer = await client.get(address)
        with engine.connect() as conn:
            rows = {row.booking: row for row in conn.execute(select(bookings)).all()}
        assert any(row.site == "ecole" for row in rows.values())
        for event in events(answer.content):
            row = rows[str(event["uid"]).partition("@")[0]]
            assert row.site == "moulin" and str(event["summary"]) == row.title
            assert str(event["status"]) == ("CANCELLED" if row.booking == town.BOOKING else "CONFIRMED")
            start, end = event.start, event.end
            assert isinstance(start, datetime) and isinstance(end, datetime)
            assert [round(each.timestamp() * 1000) for each in (start, end)] == [row.start, row.end]

    asyncio.run(story())


def test_who_tries_addresses_waits_and_who_has_one_does_not(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as client, browser(app) as stranger:
            address = await new_address(client, await manager(client))
            statuses = [(await stranger.get(f"/calendars/{'x' * 43}.ics")).status_code for _ in range(12)]
            assert statuses[0] == 404 and statuses[-1] == 429
            assert (await stranger.get(address)).status_code == 200
            assert (await stranger.get("/calendars/short.ics")).status_code == 422

    asyncio.run(story())


def test_a_webhook_is_added_shown_given_another_secret_and_removed(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with browser(app) as client:
            csrf = await manager(client)
            form = {
                "label": "Compta",
                "url": "https://compta.example/pt?key=s3cr3t",
                "event": ["usage", "alert"],
            }
            page = await client.post("/connections/ecole/webhooks", data=form | {"csrf": csrf})
            first = shown(page.text)
            assert first.startswith("whsec_")
            page = await client.get("/connections")
            assert "compta.example" in page.text and "s3cr3t" not in page.text and first not in page.text
            with engine.connect() as conn:
                (row,) = conn.execute(select(webhooks)).all()
            assert row.events == '["alert","usage"]'
            here = f"/connections/ecole/webhooks/{row.hook}"
            assert shown((await client.post(f"{here}/secret", data={"csrf": csrf})).text) != first
            assert (await client.post(f"{here}/off", data={"csrf": csrf})).status_code == 303
            assert "arrêté" in (await client.get("/connections")).text
            table = list(csv.reader(io.StringIO((await client.get("/connections.csv")).text)))
            assert table[1][:6] == ["ecole", "webhook", "Compta", "compta.example", "alert usage", "off"]
            for act, status in (("on", 303), ("remove", 303), ("remove", 404), ("other", 404)):
                assert (await client.post(f"{here}/{act}", data={"csrf": csrf})).status_code == status

    asyncio.run(story())


def test_what_cannot_be_a_webhook_is_said_and_keeps_what_was_typed(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with browser(app) as client:
            csrf = await manager(client)
            for url, said in (
                ("https://192.168.1.4/x", "réseau privé"),
                ("http://compta.example/", "https"),
                ("nothing", "adresse d’un serveur"),
            ):
                form = {"label": "Compta", "url": url, "event": "alert", "csrf": csrf}
                page = await client.post("/connections/ecole/webhooks", data=form)
                assert page.status_code == 422 and said in page.text and f'value="{url}"' in page.text
            form = {"label": "Compta", "url": "https://compta.example/", "csrf": csrf}
            page = await client.post("/connections/ecole/webhooks", data=form)
            assert page.status_code == 422 and "au moins une chose" in page.text

    asyncio.run(story())
    with engine.connect() as conn:
        assert conn.execute(select(webhooks)).all() == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (None, ""),
        ("the server answers 503", "le serveur répond 503"),
        ("no answer within 15 s", "il ne répond pas à temps"),
        ("cannot be reached (ConnectError)", "il n’est pas joignable"),
        ("something else", "something else"),
    ],
)
def test_why_a_webhook_takes_nothing_is_said_in_the_language_of_the_page(
    error: str | None, said: str
) -> None:
    assert fault_words(error, catalogue("fr")) == said


def test_others_look_and_change_nothing(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with browser(app) as client:
            assert (await client.get("/connections")).headers["location"].startswith("/login")
            await enter(client, "camille")
            csrf = await csrf_of(client)
            page = await client.get("/connections")
            assert page.status_code == 200 and '<form method="post" action="/connections' not in page.text
            for path in ("calendars", "webhooks"):
                answer = await client.post(f"/connections/ecole/{path}", data={"csrf": csrf, "label": "x"})
                assert answer.status_code == 403
        async with browser(app) as client:
            await manager(client)
            assert (await client.post("/connections/ecole/calendars", data={})).status_code == 403

    asyncio.run(story())
    with engine.connect() as conn:
        assert conn.execute(select(calendar_links)).all() == []


def test_a_site_has_no_end_of_addresses(engine: Engine, world: ManualWorld) -> None:
    from pleintemps_gateway.access.vault import Vault

    vault = Vault(b"s" * 32, world)
    with write_transaction(engine, ["ecole"]) as conn:
        for number in range(calendars.MOST + 1):
            made = calendars.make(
                conn, "ecole", vault, world, space=None, titles=False, label=str(number), by="anne"
            )
            assert (made is None) == (number == calendars.MOST)


def test_every_table_is_a_file_for_the_readers_own_sites(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as client, browser(app) as other:
            assert (await client.get("/tables/alerts.csv")).headers["location"].startswith("/login")
            await enter(client, "regard")
            await enter(other, "directrice")
            for name, wanted in SHEETS.items():
                whole = list(csv.reader(io.StringIO((await client.get(f"/tables/{name}.csv")).text)))
                own = list(csv.reader(io.StringIO((await other.get(f"/tables/{name}.csv")).text)))
                assert whole[0] == own[0] == wanted.columns.split()
                assert {row[0] for row in own[1:]} <= {"ecole"}
                assert own[1:] == [row for row in whole[1:] if row[0] == "ecole"]
            doors = await client.get("/tables/spaces.csv?decimal=comma&bom=true")
            assert doors.content.startswith("\ufeffsite;space".encode()) and ";0,98;" in doors.text
            assert (await client.get("/tables/users.csv")).status_code == 404
            page = await client.get("/connections")
            linked = set(re.findall(r'href="/tables/([a-z]+)\.csv', page.text))
            assert linked == SHEETS.keys()
            for path, name in (
                ("/spaces", "spaces"),
                ("/doors", "doors"),
                ("/alerts", "alerts"),
                ("/feeds", "feeds"),
                ("/feeds", "messages"),
                ("/released", "released"),
                ("/learnt", "marks"),
                ("/notifications", "notices"),
            ):
                text = (await client.get(path)).text
                assert f'href="/tables/{name}.csv?bom=1&amp;decimal=comma" download' in text, path
            assert 'href="/free.csv?bom=1' in (free := (await client.get("/free")).text)
            assert 'href="/free/map"' in free

    asyncio.run(story())
