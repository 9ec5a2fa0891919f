"""``group`` and ``right`` on the command line."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from pleintemps_gateway.cli import main
from pleintemps_gateway.store.schema import audit, bookings, groups, rights

from .house import House, build


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str) -> Iterator[House]:
    built = build(tmp_path, sqlite_url)
    yield built
    built.engine.dispose()


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Paris")).timestamp() * 1000)


def rows(house: House, table: Any) -> list[Any]:
    with house.engine.connect() as conn:
        return list(conn.execute(select(table)))


def test_a_group_is_set_step_by_step(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", str(house.file)]
    put = ["group", "set", *config, "judo-club"]
    assert main([*put, "--name", "Judo Club"]) == 2
    assert "--contact" in capsys.readouterr().err
    reach = ["--contact", "Anna", "--mail", "anna@example.org"]
    assert main([*put, "--name", "Judo Club", *reach, "--convention-until", "2026-10-25"]) == 0
    assert json.loads(capsys.readouterr().out) == {"site": "ecole", "group": "judo-club", "changed": True}
    assert main([*put, "--briefed", "2026-09-01", "--people", "30"]) == 0
    row = rows(house, groups)[0]
    # the day on which the clocks change has 25 hours
    assert row.convention_until == ms("2026-10-26") - 1
    assert (row.briefed, row.people, row.name, row.insurance_until) == (
        ms("2026-09-01"),
        30,
        "Judo Club",
        None,
    )
    capsys.readouterr()
    assert main([*put, "--people", "30"]) == 0
    assert json.loads(capsys.readouterr().out)["changed"] is False
    assert main([*put, "--briefed", ""]) == 0
    assert rows(house, groups)[0].briefed is None
    capsys.readouterr()
    assert main(["group", "list", *config]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["group"], shown["convention_until"]) == ("judo-club", "2026-10-25T22:59:59Z")
    assert [row.action for row in rows(house, audit)] == ["group.changed"] * 3
    assert main(["group", "set", *config, "Judo Club", *reach]) == 2
    assert "judo-club" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*put, "--briefed", "soon"])


def test_a_right_is_given_listed_and_ended(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", str(house.file)]
    add = ["right", "add", *config, "--space", "hall", "--person", "Inès", "--mail", "ines@example.org"]
    days = ["--first-day", "2026-09-01", "--last-day", "2029-06-30"]
    week = ["--days", "mon, thu", "--from", "08:00", "--to", "12:00"]
    assert main([*add, *days, *week, "--except", "closed-day,public-holiday"]) == 0
    made = json.loads(capsys.readouterr().out)
    row = rows(house, rights)[0]
    assert (row.right, row.valid_from, row.valid_until) == (
        made["right"],
        ms("2026-09-01"),
        ms("2029-07-01") - 1,
    )
    assert json.loads(row.rule)["except"] == ["closed-day", "public-holiday"]
    assert main(["right", "list", *config]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["person"], shown["spaces"], shown["valid_from"]) == (
        "Inès",
        ["hall"],
        "2026-08-31T22:00:00Z",
    )
    assert main(["right", "end", *config, made["right"]]) == 0
    assert main(["right", "end", *config, made["right"]]) == 2
    assert main([*add, *days, *week, "--except", "sunshine"]) == 2
    assert main([*add, *days, "--days", "someday", "--from", "08:00", "--to", "12:00"]) == 2
    assert main([*add, "--first-day", "", "--last-day", "", *week]) == 2
    assert main([*add, *days, *week, "--kind", "card"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 5
    assert len(rows(house, rights)) == 1


def test_a_booking_is_moved(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", str(house.file)]
    times = ["--start", "2099-07-01T18:00", "--end", "2099-07-01T20:00"]
    assert main(["booking", "add", *config, "--title", "Yoga", "--space", "hall", *times]) == 0
    booking = json.loads(capsys.readouterr().out)["booking"]
    move = ["booking", "move", *config, "--booking", booking, "--start", "2099-07-02T18:00"]
    assert main([*move, "--end", "2099-07-02T21:00"]) == 0
    assert json.loads(capsys.readouterr().out)["end"] == "2099-07-02T19:00:00Z"
    assert rows(house, bookings)[0].end == ms("2099-07-02T21:00")
    assert main([*move, "--end", "2099-07-02T17:00"]) == 2
    assert "ends after it starts" in capsys.readouterr().err
