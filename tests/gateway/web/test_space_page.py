"""The page of a space: one axis of time, the same as a table, sensors and rules."""

import asyncio
import hashlib
import json
import re
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, insert

from pleintemps_gateway.store import schema
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.web.render import STATIC
from pleintemps_gateway.web.space_chart import ticks
from pleintemps_gateway.web.space_series import RANGES, axis_of

from . import town
from .clients import browser, enter

MINUTE = 60_000


@pytest.fixture(autouse=True)
def measured(engine: Engine) -> None:
    """A meter in the studio from 20:00 on, too loud in quiet hours; a door that was opened."""
    with write_transaction(engine, ["moulin"]) as conn:
        series = {"agent": "moulin-1", "series": "studio-level", "device": "studio-meter", "space": "studio"}
        town.add(
            conn, schema.series, site="moulin", quantity="LAeq", kind="level", max_silence_s=90, **series
        )
        start = town.at("20:00")
        rows = [
            {
                "site": "moulin",
                "agent": "moulin-1",
                "series": "studio-level",
                "minute": start + n * MINUTE,
                "count": 2,
                "total": 0.0,
                "energy": 2 * 10 ** ((60 if n < 120 else 74) / 10),
                "low": 50.0,
                "high": 80.0,
            }
            for n in range(170)
        ]
        conn.execute(insert(schema.minutes), rows)
        for seq, (clock, kind, body) in enumerate(
            (
                ("19:57", "access-refused", {"door": "studio"}),
                ("19:58", "access-granted", {"door": "studio", "grant": "g"}),
                ("20:02", "door-physical", {"door": "studio", "state": "Open"}),
                ("20:03", "door-physical", {"door": "studio", "state": "Closed"}),
            )
        ):
            row = {"agent": "moulin-1", "boot": "0" * 32, "at": town.at(clock), "received": town.at(clock)}
            row |= {
                "trusted": True,
                "monotonic": seq,
                "type": kind,
                "door": "studio",
                "body": json.dumps(body),
            }
            town.add(conn, schema.events, site="moulin", journal="7" * 32, seq=seq + 1, **row)


def get(app: FastAPI, address: str, language: str = "fr", name: str = "camille") -> httpx.Response:
    async def story() -> httpx.Response:
        async with browser(app) as client:
            await enter(client, name)
            return await client.get(address, headers={"accept-language": language})

    return asyncio.run(story())


def words(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text.replace("\u00a0", " ")))


def test_the_evening_of_a_space_in_words(app: FastAPI) -> None:
    page = words(get(app, "/spaces/moulin/studio"))
    assert "Occupé, sûr à 98 %" in page and "Atelier rock, 20:00–22:30" in page
    assert "22:00–23:00" in page and "jusqu’à 74 dB(A), au-dessus de la limite" in page
    assert "ouverte 1 fois" in page and "1 code accepté" in page and "1 code refusé" in page
    assert "65 dB(A) de 22:00 à 07:00" in page and "répond" in page
    assert "aucune donnée" in page  # nothing was heard before 18:10
    svg = get(app, "/spaces/moulin/studio").text
    assert 'class="booking"' in svg and 'class="presence"' in svg and 'class="limit"' in svg
    assert "style=" not in svg
    unknown = words(get(app, "/spaces/ecole/cantine", "en"))
    assert "Unknown" in unknown and "No measurement" in unknown
    assert "Last state: free" in words(get(app, "/spaces/ecole/biblio", "en"))
    assert get(app, "/spaces/moulin/nowhere").status_code == 404
    assert get(app, "/spaces/moulin/studio", name="directrice").status_code == 404


@pytest.mark.parametrize("name", RANGES)
def test_every_range_has_few_points_and_a_table(app: FastAPI, name: str) -> None:
    address = f"/spaces/moulin/studio/series.json?range={name}"
    found = get(app, address).json()
    lists = [found[each] for each in ("presence", "booked", "level", "window", "limit")]
    assert {len(each) for each in lists} == {(found["end"] - found["start"]) // found["step"]}
    assert all(len(each) <= 2000 for each in lists)
    # by energy: the longer the step, the more of the quiet time is in it
    assert 69 <= max(each for each in found["level"] if each is not None) <= 74
    page = words(get(app, f"/spaces/moulin/studio?range={name}"))
    assert "jusqu’à" in page
    table = get(app, f"/spaces/moulin/studio/table.csv?range={name}").text.splitlines()
    assert len(table) > 1 and table[0].startswith("start,end,presence,unknown,booked")


def test_days_begin_at_midnight_where_the_clocks_change() -> None:
    now = town.at("12:00", 1) - 5 * 24 * 60 * MINUTE  # the week of 25 October
    marks = ticks(axis_of("week", "Europe/Paris", now), town.ZONE, 8)
    assert [text for _, text in marks] == ["21/10", "22/10", "23/10", "24/10", "25/10", "26/10", "27/10"]
    lengths = {after - before for (before, _), (after, _) in pairwise(marks)}
    assert lengths == {24 * 60 * MINUTE, 25 * 60 * MINUTE}


def test_all_spaces_are_found_by_name_and_building(app: FastAPI) -> None:
    every = words(get(app, "/spaces"))
    assert all(name in every for name in ("Studio de répétition", "Bibliothèque", "Hall"))
    some = words(get(app, "/spaces?q=STUDIO"))
    assert "Studio de répétition" in some and "Bibliothèque" not in some
    assert "Studio de répétition" not in words(get(app, "/spaces?site=ecole"))
    assert "Aucun espace ne porte ce nom" in words(get(app, "/spaces?q=nowhere"))
    assert "Studio" not in words(get(app, "/spaces", name="directrice"))


def test_the_code_of_others_is_as_it_was_published() -> None:
    told = (STATIC / "vendor/README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\S+)` \|.*\| ([0-9a-f]{64}) \|$", told, re.MULTILINE)
    files = {str(path.relative_to(STATIC / "vendor")) for path in Path(STATIC / "vendor").glob("*/*")}
    uplot = {(name, digest) for name, digest in rows if name.startswith("uplot-")}
    assert {name for name, _ in uplot} == {name for name in files if name.startswith("uplot-")}
    for name, digest in uplot:
        assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest
