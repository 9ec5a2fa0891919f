"""How long codes are, and how easily they are guessed."""

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given
from msgspec.structs import replace
from sqlalchemy import select

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.access.allocator import MAX_DIGITS, digits_for, is_weak, odds, strong_codes
from pleintemps_gateway.access.duty import easy_doors
from pleintemps_gateway.bookings.service import create
from pleintemps_gateway.cli import main
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import credentials

from .house import HOUR, NOW, House, build


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    built = build(tmp_path, store_url)
    yield built
    built.engine.dispose()


@pytest.mark.parametrize("digits", [8, 9, 12])
def test_the_count_of_strong_codes_is_a_close_lower_bound(digits: int) -> None:
    world = ManualWorld(seed=digits)
    codes = (str(world.random_below(10**digits)).zfill(digits) for _ in range(20_000))
    weak = sum(map(is_weak, codes)) / 20_000
    stated = 1 - strong_codes(digits) / 10**digits
    assert weak - 0.002 <= stated <= weak + 0.004


@given(st.integers(0, 50_000), st.sampled_from([1e-4, 1e-5, 1e-6]), st.integers(8, 12))
def test_the_length_is_the_shortest_that_keeps_the_odds(known: int, guess: float, least: int) -> None:
    digits = digits_for(known, guess, least)
    assert digits >= least
    expected = known + known // 4 + 1
    assert digits == MAX_DIGITS or odds({digits: expected}) <= Fraction(guess)
    assert digits == least or odds({digits - 1: expected}) > Fraction(guess)


def test_the_odds_are_those_of_the_easiest_length() -> None:
    assert odds({}) == 0
    assert odds({8: 3, 12: 5}) == odds({8: 3})
    assert float(odds({8: 10})) == pytest.approx(1e-5, rel=0.01)


def test_codes_grow_with_what_a_door_knows(house: House) -> None:
    with write_transaction(house.engine, ["ecole"]) as conn:
        for number in range(12):
            start = NOW + number * HOUR
            create(conn, house.site, house.desk, space="hall", start=start, end=start + HOUR, title="x")
        digits = conn.execute(select(credentials.c.digits).order_by(credentials.c.created)).scalars().all()
        assert sorted(digits) == [8] * 8 + [9] * 4
        assert easy_doors(conn, house.site) == []
        strict = replace(house.site, codes=replace(house.site.codes, guess=1e-6))
        found = easy_doors(conn, strict)
    assert {(each.door, each.codes) for each in found} == {("gate", 12), ("hall", 12)}
    assert all(1e-6 < each.odds < 1e-5 for each in found)


def test_the_command_says_what_each_door_knows(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    with write_transaction(house.engine, ["ecole"]) as conn:
        create(conn, house.site, house.desk, space="hall", start=NOW, end=NOW + HOUR, title="x")
    assert main(["codes", "check", "--config", str(house.file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    doors = {door["door"]: door for door in told["doors"]}
    assert told["fits"] and {name: door["codes"] for name, door in doors.items()} == {
        "gate": 1,
        "hall": 1,
        "class": 0,
    }
    assert doors["gate"]["offline_spaces"] == 2 and 0 < doors["gate"]["offline_odds"] <= 1e-5
    assert doors["gate"]["next_digits"] == 8
    house.file.write_text(house.file.read_text() + "[sites.codes]\nguess = 1e-7\n")
    assert main(["codes", "check", "--config", str(house.file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and "gate: 1 codes" in lines[0] and "too easy" in lines[0]
