"""The judge beside ingest: bookings follow the site's files and days."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pleintemps_gateway.bookings.service import create
from pleintemps_gateway.ingest.judge import Judge
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import bookings, refusals

from .house import HOUR, NOW, House, build
from .test_bookings_days import CSV, HEAD, line
from .test_ingest_site import Site

DAY = 24 * HOUR
EXTRA = """
[sites.calendar]
school_holidays = "zones.csv"
school_hours = [{ days = ["mon", "tue", "wed", "thu", "fri"], from = "08:30", to = "16:30" }]
"""
HOLIDAY = "\n".join([HEAD, line("Vacances", "2026-11-22", "2026-11-27"), ""]).encode()


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str) -> Iterator[House]:
    (tmp_path / "zones.csv").write_bytes(CSV)
    built = build(tmp_path, sqlite_url, extra=EXTRA)
    yield built
    built.engine.dispose()


def test_bookings_follow_the_file_of_school_holidays(house: House, tmp_path: Path) -> None:
    site = Site(house)
    judge = Judge(site.memory, house.desk)

    def run() -> list[str | None]:
        while judge.is_due():
            with write_transaction(house.engine, ["ecole"]) as conn:
                judge.run(conn)
        site.wait(1_000)
        return [row["withheld"] for row in site.rows(bookings)]

    with write_transaction(house.engine, ["ecole"]) as conn:
        facts: dict[str, Any] = {"space": "hall", "title": "Yoga"}
        create(conn, house.site, house.desk, start=NOW + 7 * HOUR, end=NOW + 8 * HOUR, **facts)
    assert run() == ["school-hours"]
    assert {row["reason"] for row in site.rows(refusals) if row["source"] == "calendar/school-holidays"} == {
        "... is no time",
        "it ends before it starts",
        "it lasts more than N days",
    }
    (tmp_path / "zones.csv").write_bytes(HOLIDAY)
    assert run() == ["school-hours"]  # looked at once a minute
    house.world.move(60_000)
    assert run() == [None]
    (tmp_path / "zones.csv").unlink()
    house.world.move(60_000)
    assert run() == ["school-hours"]
    with house.engine.connect() as conn:
        said = conn.scalars(select(refusals.c.reason).where(refusals.c.reason == "the file cannot be read"))
        assert len(said.all()) == 1


def test_nothing_is_due_until_a_minute_is_over(house: House) -> None:
    judge = Judge(Site(house).memory, house.desk)
    assert judge.is_due()
    with write_transaction(house.engine, ["ecole"]) as conn:
        judge.run(conn)
    assert not judge.is_due()
    house.world.move(59_999)
    assert not judge.is_due()
    house.world.move(1)
    assert judge.is_due()
    house.world.step_wall(-HOUR)
    assert judge.is_due()  # the clock went back: look again
