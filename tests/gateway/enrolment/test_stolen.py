"""A stolen agent: what lay in it opens nothing any more, and people have other codes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pleintemps_gateway.access.placing import living
from pleintemps_gateway.access.salts import sets_of
from pleintemps_gateway.access.secrets import space_secrets_of
from pleintemps_gateway.bookings.right_rules import Kind, RightRule
from pleintemps_gateway.bookings.rights import Right, add_right, list_rights
from pleintemps_gateway.bookings.service import create
from pleintemps_gateway.cli import main
from pleintemps_gateway.enrolment.rotation import rotate, spaces_behind
from pleintemps_gateway.enrolment.service import Office
from pleintemps_gateway.keys import load_peppers
from pleintemps_gateway.signing import load_signing
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import audit, deliveries, shut_out
from tests.gateway.house import HOUR, NOW, House, build
from tests.gateway.light_agent import Town

DAY = 24 * HOUR


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str) -> Iterator[House]:
    built = build(tmp_path, sqlite_url, extra='[delivery]\nkind = "spool"\n')
    yield built
    built.engine.dispose()


def book(house: House, space: str) -> tuple[str, str]:
    start = NOW + 2 * HOUR
    with write_transaction(house.engine, ["ecole"]) as conn:
        made = create(conn, house.site, house.desk, space=space, start=start, end=start + HOUR, title="x")
    return made.booking, made.issued.code


def secrets(house: House) -> dict[str, bytes]:
    with write_transaction(house.engine, ["ecole"]) as conn:
        return space_secrets_of(conn, "ecole", ["class", "hall"], house.desk.vault)


def test_every_code_that_it_knew_is_another_one_and_others_stay(house: House) -> None:
    keys = Path(house.config.keys)
    signing = load_signing(keys)
    held = [house.agent_keys(name) for name in ("entrance", "upstairs")]
    booking, code = book(house, "class")  # by the gate, which is the entrance's, and upstairs
    _, below = book(house, "hall")  # by the entrance's doors alone
    town = Town(house.site, house.engine, house.world, house.desk, signing, held)
    before, first = secrets(house), sets_of_house(house)
    opens = NOW + 2 * HOUR
    assert town.agents["upstairs"].refusal("class", code, opens) is None
    house.world.move(1)
    office = Office(house.config, house.engine, house.world)
    assert office.shut_out("ecole", "upstairs", "stolen", "test", stolen=True)[0] == 1
    house.world.move(1)
    assert load_peppers(keys, "ecole").keys() == {"entrance"}
    done = rotate(house.engine, house.site, house.desk, "upstairs", signing.signer, "test")
    assert (done.bookings, done.rights, done.cards, done.salt) == (1, 0, 0, True)
    town.speaker.hold(load_peppers(keys, "ecole"))
    town.publish()
    entrance = town.agents["entrance"]
    assert entrance.refusal("gate", code, opens) is not None  # it was in the stolen one
    assert entrance.refusal("hall", below, opens) is None  # it was not
    assert spaces_behind(house.site, "upstairs") == ["class"]
    after = secrets(house)
    assert after["class"] != before["class"] and after["hall"] == before["hall"]
    assert len(sets_of_house(house)) == len(first) + 1
    with house.engine.connect() as conn:
        told = [
            row.template for row in conn.execute(select(deliveries).where(deliveries.c.booking == booking))
        ]
        row = conn.execute(select(shut_out)).one()
        actions = conn.scalars(select(audit.c.action).order_by(audit.c.seq)).all()
    assert "reissued" in told
    assert row.rotated == house.world.now()
    assert actions.index("agent.stolen") < actions.index("agent.rotated")
    again = rotate(house.engine, house.site, house.desk, "upstairs", signing.signer, "test")
    assert again.bookings == 0  # nobody is told twice


def sets_of_house(house: House) -> list[object]:
    with house.engine.connect() as conn:
        return list(sets_of(conn, "ecole"))


def test_the_command_does_all_of_it_and_says_what_is_left(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    book(house, "class")
    assert main(["agent", "stolen", "upstairs", "--config", str(house.file)]) == 0
    said = capsys.readouterr().out
    assert "is shut out: 1 certificates are void" in said
    assert "LEFT TO DO: " in said and "SIGHUP" in said
    assert "the codes of 1 bookings and 0 rights" in said
    assert main(["agent", "list", "--config", str(house.file)]) == 0
    said = capsys.readouterr().out
    assert "ecole/entrance  certificate until" in said and "ecole/upstairs  shut out" in said
    known = house.file.parent / "keys" / "agents"
    assert main(["init", "--demo", "--config", str(house.file)]) == 0
    assert [folder.name for folder in known.iterdir()] == ["entrance"]  # nobody is let in by the way
    assert main(["init", "--demo", "--agent", "upstairs", "--config", str(house.file)]) == 0
    assert main(["agent", "list", "--config", str(house.file)]) == 0
    assert "2 known, 0 shut out" in capsys.readouterr().out
    assert main(["agent", "stolen", "nobody", "--config", str(house.file)]) == 0  # harms nobody


def test_rights_codes_under_threat_and_one_time_codes_go_too(house: House) -> None:
    signer = load_signing(Path(house.config.keys)).signer
    booking, _ = book(house, "class")
    rule = RightRule(days=["mon"], from_="08:00", to="12:00")
    common: dict[str, Any] = {
        "spaces": ["class"],
        "rule": rule,
        "valid_from": NOW,
        "valid_until": NOW + 40 * DAY,
    }
    with write_transaction(house.engine, ["ecole"]) as conn:
        kinds: list[tuple[Kind, str]] = [("code", ""), ("card", "w26:12:3456"), ("token", "")]
        for kind, card in kinds:
            right = Right(person=kind, kind=kind, card=card, **common)
            add_right(conn, house.site, house.desk, right, "test")
        house.desk.issue(conn, house.site, booking, "extra", "them", duress=True)
        house.desk.one_time(conn, house.site, booking, NOW)
        rights = {row.person: row.right for row in list_rights(conn, ("ecole",), NOW)}
        for kind in ("code", "token"):
            house.desk.issue_right(conn, house.site, rights[kind], signer=signer)
        before = {name: living(conn, "ecole", right=right) for name, right in rights.items()}
        ours = living(conn, "ecole", booking=booking)
    assert ({name: len(found) for name, found in before.items()}, len(ours)) == (
        {"code": 1, "card": 1, "token": 1},
        3,
    )
    done = rotate(house.engine, house.site, house.desk, "upstairs", signer, "test")
    assert (done.bookings, done.rights, done.cards) == (1, 1, 1)
    with house.engine.connect() as conn:
        after = {name: living(conn, "ecole", right=right) for name, right in rights.items()}
        fresh = living(conn, "ecole", booking=booking)
    assert {name for name in rights if after[name] == before[name]} == {"card", "token"}
    assert len(after["code"]) == 1
    # the main code and the one under threat are others; the one that was read out just now is gone
    assert sorted((row.purpose, row.duress) for row in fresh) == [("extra", True), ("main", False)]
    assert not {row.grant for row in fresh} & {row.grant for row in ours}
