"""A change of salt or cost: codes of both sets open, no third set comes in between, the old one goes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from pleintemps_contract.credentials import hash_code
from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.access.salts import ensure_salt, forget_unused, in_use, new_salt, sets_of
from pleintemps_gateway.access.service import free_ended
from pleintemps_gateway.bookings.service import cancel, create, move
from pleintemps_gateway.cli import main
from pleintemps_gateway.config import CodesConfig
from pleintemps_gateway.errors import SettingsError
from pleintemps_gateway.signing import load_signing
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import audit, credentials

from .house import HOUR, NOW, House, build
from .light_agent import Town


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    built = build(tmp_path, store_url)
    yield built
    built.engine.dispose()


def book(house: House, hours: int) -> tuple[str, str]:
    """A booking of the class so many hours from now, and its code."""
    start = NOW + hours * HOUR
    with write_transaction(house.engine, ["ecole"]) as conn:
        made = create(conn, house.site, house.desk, space="class", start=start, end=start + HOUR, title="x")
    return made.booking, made.issued.code


def test_codes_of_both_sets_open_until_the_last_old_one_is_over(house: House) -> None:
    keys = [house.agent_keys(name) for name in ("entrance", "upstairs")]
    old, old_code = book(house, 2)
    town = Town(
        house.site, house.engine, house.world, house.desk, load_signing(Path(house.config.keys)), keys
    )
    upstairs, dearer = town.agents["upstairs"], CodesConfig(iterations=3)
    assert [each.iterations for each in upstairs.table.hashes] == [2]
    with write_transaction(house.engine, ["ecole"]) as conn:
        made = new_salt(conn, replace(house.site, codes=dearer), house.world)
    new, new_code = book(house, 2)
    with house.engine.connect() as conn:
        rows = conn.execute(select(credentials.c.booking, credentials.c.salt_id)).all()
    assert {row.booking: row.salt_id for row in rows} == {old: "first", new: made.salt_id}
    town.publish()
    assert [each.iterations for each in upstairs.table.hashes] == [3, 2]
    assert hash_code(new_code, made) != hash_code(new_code, upstairs.table.hashes[1])
    opens = NOW + 2 * HOUR
    for code in (old_code, new_code):
        for at, opened in ((opens - 900_001, False), (opens, True), (opens + 2 * HOUR, False)):
            assert (upstairs.refusal("class", code, at) is None) is opened
    with write_transaction(house.engine, ["ecole"]) as conn:
        # an old code keeps its digits and its set through a move
        move(conn, house.site, house.desk, old, start=opens + HOUR, end=opens + 2 * HOUR)
        with pytest.raises(SettingsError, match="1 codes of the set before"):
            new_salt(conn, house.site, house.world)
        forget_unused(conn, house.site, NOW)
        assert len(sets_of(conn, "ecole")) == 2
    town.publish()
    assert upstairs.refusal("class", old_code, opens + HOUR) is None
    house.world.move(6 * HOUR)
    with write_transaction(house.engine, ["ecole"]) as conn:
        free_ended(conn, house.site, house.world.now())
        forget_unused(conn, house.site, house.world.now())
        assert sets_of(conn, "ecole") == [made] == [ensure_salt(conn, house.site, house.world)]
    town.publish()
    assert upstairs.table.hashes == (made,)


def test_what_is_issued_anew_leaves_the_old_set(house: House) -> None:
    booking, _ = book(house, 30)
    with write_transaction(house.engine, ["ecole"]) as conn:
        made = new_salt(conn, house.site, house.world)
        first = in_use(conn, "ecole")
        assert [(each.codes, each.until) for each in first] == [(0, None), (1, NOW + 31 * HOUR + 900_000)]
        house.desk.reissue(conn, house.site, booking)
        forget_unused(conn, house.site, NOW)
        assert [(each.hashes, each.codes) for each in in_use(conn, "ecole")] == [(made, 1)]
        # nothing lives under it any more: another one may come
        cancel(conn, house.site, house.desk, booking)
        assert [each.salt_id for each in (new_salt(conn, house.site, house.world),)] == [
            each.salt_id for each in sets_of(conn, "ecole")
        ]


def test_a_clock_that_went_back_makes_no_older_set(house: House) -> None:
    book(house, 5)
    with write_transaction(house.engine, ["ecole"]) as conn:
        made = new_salt(conn, house.site, ManualWorld(NOW - 1000 * HOUR, 5))
        assert [each.salt_id for each in sets_of(conn, "ecole")] == [made.salt_id, "first"]


def test_the_commands_say_what_lives(
    tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    house = build(tmp_path, sqlite_url)
    place = ["--config", str(house.file)]
    assert main(["codes", "salt", "status", *place]) == 0
    assert "no code was ever made" in capsys.readouterr().out
    book(house, 30)
    text = house.file.read_text(encoding="utf-8")
    house.file.write_text(text + "[sites.codes]\nmemory_kib = 16384\n", encoding="utf-8")
    assert main(["codes", "salt", "status", *place]) == 0
    said = capsys.readouterr().out
    assert "new codes, 1 live, the last until 2026-11-24 10:28" in said and "`codes salt new`" in said
    assert main(["codes", "salt", "new", *place]) == 0
    assert "1 codes keep first" in capsys.readouterr().out
    assert main(["codes", "salt", "status", "--json", *place, "--site", "ecole"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["as_configured"] and [each["memory_kib"] for each in told["sets"]] == [16_384, 8_192]
    assert [each["codes"] for each in told["sets"]] == [0, 1]
    assert main(["codes", "salt", "new", *place]) == 2
    assert "codes of the set before this one live" in capsys.readouterr().err
    with house.engine.connect() as conn:
        actions = list(conn.execute(select(audit.c.action)).scalars())
    assert actions.count("salt.made") == 1
    house.engine.dispose()
