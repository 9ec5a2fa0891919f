"""The matrix as a page, a table, a document and data."""

import asyncio
import csv
import io
import re

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from pleintemps_gateway.matrix import store
from pleintemps_gateway.matrix.lanes import HOUR_MS, Hour
from pleintemps_gateway.store.engine import write_transaction

from . import town
from .clients import browser, enter
from .test_rest import program

USED = Hour(known=HOUR_MS, used=HOUR_MS // 2, booked=HOUR_MS, both=HOUR_MS // 2, known_booked=HOUR_MS)
FREE = Hour(known=HOUR_MS)
WEEK = 168 * HOUR_MS


@pytest.fixture(autouse=True)
def weeks(engine: Engine) -> None:
    """Twelve weeks: the studio booked Tuesdays at 20 h, half used; the theatre free; no Sunday known."""
    with write_transaction(engine, ["moulin"]) as conn:
        for week in range(-12, 1):
            # summer time ended on 25 October
            begin = town.at("00:00", 16) + week * WEEK - (HOUR_MS if week < -3 else 0)
            found = {begin + n * HOUR_MS: FREE for n in range(144)}
            store.put(conn, store.Place("moulin", "theatre", 0), found)
            found |= {begin + (24 + 20) * HOUR_MS: USED}
            store.put(conn, store.Place("moulin", "studio", 0), found)


def get(app: FastAPI, address: str, language: str = "fr", name: str = "camille") -> httpx.Response:
    async def story() -> httpx.Response:
        async with browser(app) as client:
            await enter(client, name)
            return await client.get(address, headers={"accept-language": language})

    answer = asyncio.run(story())
    assert answer.status_code == 200, answer.text
    return answer


def words(answer: httpx.Response) -> str:
    return re.sub(r"\s+", " ", answer.text.replace("\u00a0", " "))


def test_a_cell_says_what_its_colour_shows(app: FastAPI) -> None:
    page = words(get(app, "/matrix"))
    assert "mardi 20 h : utilisé 50 %, réservé 100 %" in page
    assert "mardi 19 h : jamais utilisé, libre" in page
    assert "dimanche 20 h : aucune donnée" in page
    assert "24 août 2026 – 15 novembre 2026" in page
    assert page.index("Studio de répétition") < page.index("Salle de théâtre")  # the most used first
    assert "4 espaces sur 7" not in page and "Hall" not in page  # a passage is no space to book
    english = words(get(app, "/matrix?span=4-weeks", "en"))
    assert "Tuesday 20:00: used 50%, booked 100%" in english
    assert "Sunday 20:00: no data" in english
    dates = words(get(app, "/matrix?view=date"))
    assert "mar. 10 nov. 20 h : utilisé 50 %, réservé 100 %" in dates


def test_filters_leave_out_and_what_cannot_be_read_is_not_filled_in(app: FastAPI) -> None:
    page = words(get(app, "/matrix?site=moulin&clock=evening&people=&from=yesterday&length=99&span=dates"))
    assert "Bibliothèque" not in page and "mardi 8 h" not in page and "mardi 20 h" in page
    assert "Aucun espace ne convient" in words(get(app, "/matrix?people=500"))
    one = words(get(app, "/matrix?span=dates&from=2026-11-10&to=2026-11-10"))
    assert "mardi 20 h : utilisé 50 %" in one and "mercredi 20 h : cette heure n’existe pas" in one
    director = words(get(app, "/matrix", name="directrice"))
    assert "Studio de répétition" not in director and "Bibliothèque" in director


def test_the_same_figures_go_to_spreadsheets_programs_and_paper(app: FastAPI) -> None:
    rows = list(csv.DictReader(io.StringIO(get(app, "/matrix.csv?site=moulin").text)))
    (row,) = [r for r in rows if r["space"] == "studio" and (r["weekday"], r["hour"]) == ("2", "20")]
    assert (row["hours"], row["used_h"], row["booked_h"], row["free_h"]) == ("12", "6.0", "12.0", "0.0")
    assert (row["used_share"], row["booked_share"]) == ("0.5", "1.0")
    sunday = next(r for r in rows if r["space"] == "studio" and (r["weekday"], r["hour"]) == ("7", "3"))
    assert (sunday["known_h"], sunday["used_share"], sunday["free_h"]) == ("0.0", "", "0.0")
    assert len(rows) == 4 * 168

    async def data() -> dict[str, object]:
        async with browser(app) as client:
            await program(client)
            answer = await client.get("/api/v1/matrix?site=moulin")
            assert answer.status_code == 200
            assert (await client.get("/api/v1/matrix?site=nowhere")).status_code == 404
            found: dict[str, object] = answer.json()
            return found

    document = asyncio.run(data())
    spaces = document["spaces"]
    assert isinstance(spaces, list)
    (studio,) = [each for each in spaces if each["space"] == "studio"]
    assert studio["used"][24 + 20] == 6 * HOUR_MS and studio["hours"][24 + 20] == 12
    assert studio["totals"]["intensity"] == pytest.approx(0.5 / 144, abs=1e-4)
    paper = get(app, "/matrix.pdf?site=moulin&clock=evening")
    assert paper.headers["content-type"] == "application/pdf" and paper.content.startswith(b"%PDF-")
