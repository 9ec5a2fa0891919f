"""Codes issued again, one by one, for once and for rights: what the store then says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Select, insert, literal, select, update

from pleintemps_contract.agent_messages import RefusalReason
from pleintemps_contract.tokens import open_token
from pleintemps_edge.access.verdicts import judge_token
from pleintemps_gateway.access.duty import without_credential
from pleintemps_gateway.access.on_door import codes_on_doors, rights_on_doors
from pleintemps_gateway.access.service import (
    ONE_TIME_MS,
    REST_MS,
    Issued,
    free_ended,
    free_right,
    place_right,
)
from pleintemps_gateway.bookings.service import cancel, create
from pleintemps_gateway.errors import BookingError
from pleintemps_gateway.signing import load_signing
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import credentials, grants, rights

from .house import HOUR, NOW, House, build
from .light_agent import Town

DAY = 24 * HOUR
RIGHT = "d" * 32


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    built = build(tmp_path, store_url)
    yield built
    built.engine.dispose()


def booked(conn: Connection, house: House) -> tuple[str, Issued]:
    made = create(conn, house.site, house.desk, space="hall", start=NOW + HOUR, end=NOW + 2 * HOUR, title="x")
    assert made.issued is not None
    return made.booking, made.issued


def entitle(conn: Connection, kind: str, *, days: str = '"mon","thu"') -> None:
    values: dict[str, object] = {"site": "ecole", "right": RIGHT, "person": "Zoé", "mail": "", "phone": ""}
    values |= {"language": "fr", "kind": kind, "spaces": '["hall","class"]', "extended": False}
    values |= {"rule": f'{{"days":[{days}],"from":"08:00","to":"12:00"}}', "updated": NOW}
    conn.execute(insert(rights).values(**values, valid_from=0, valid_until=NOW + 90 * DAY))


def test_a_code_is_issued_anew_in_one_step(house: House) -> None:
    with write_transaction(house.engine, ["ecole"]) as conn:
        booking, first = booked(conn, house)
        extra = house.desk.extra(conn, house.site, booking, "choir")
        silent = house.desk.issue(conn, house.site, booking, "extra", "calm", duress=True)
        assert silent is not None
        second, other = house.desk.reissue_all(conn, house.site, booking)
        made = (first, second, extra, other, silent)
        assert len({each.code for each in made}) == len({each.link for each in made}) == 5
        placed = set(conn.scalars(select(grants.c.grant)))
        assert placed == {second.grant, other.grant, silent.grant}
        old = conn.execute(select(credentials).where(credentials.c.grant == first.grant)).one()
        assert old.rests_until == NOW + REST_MS
        label = select(credentials.c.label).where(credentials.c.grant == other.grant)
        assert conn.scalars(label).one() == "choir"
        cancel(conn, house.site, house.desk, booking)
        assert conn.execute(select(grants)).all() == []
        with pytest.raises(BookingError):
            house.desk.reissue(conn, house.site, booking)
        with pytest.raises(BookingError):
            house.desk.extra(conn, house.site, booking, "choir")


def test_a_one_time_code_replaces_the_one_before_and_ends(house: House) -> None:
    with write_transaction(house.engine, ["ecole"]) as conn:
        booking, main = booked(conn, house)
        first = house.desk.one_time(conn, house.site, booking, NOW)
        second = house.desk.one_time(conn, house.site, booking, NOW + 60_000)
        row = conn.execute(select(credentials).where(credentials.c.grant == second.grant)).one()
        assert (row.once, row.start, row.end) == (True, NOW + 60_000, NOW + 60_000 + ONE_TIME_MS)
        assert set(conn.scalars(select(grants.c.grant))) == {main.grant, second.grant}
        assert first.code != second.code
        assert free_ended(conn, house.site, row.end - 1) == 0
        assert free_ended(conn, house.site, row.end) == 1
        assert set(conn.scalars(select(grants.c.grant))) == {main.grant}
        with pytest.raises(BookingError):
            house.desk.one_time(conn, house.site, "0" * 32, NOW)


def test_a_token_is_signed_for_its_times_and_denied_with_its_right(house: House) -> None:
    signing = load_signing(Path(house.config.keys))
    keys = [house.agent_keys(name) for name in ("entrance", "upstairs")]
    with write_transaction(house.engine, ["ecole"]) as conn:
        entitle(conn, "token")
        assert without_credential(conn, house.site, NOW) == [RIGHT]
        assert house.desk.issue_right(conn, house.site, RIGHT) is None  # nobody signs
        issued = house.desk.issue_right(conn, house.site, RIGHT, signer=signing.signer)
        assert issued is not None
        assert without_credential(conn, house.site, NOW) == []
        assert all(report.held for report in rights_on_doors(conn, house.site, [RIGHT], NOW)[RIGHT])
    token = open_token(issued.code, "ecole", keys[0].trusted)
    assert sorted(token.doors) == ["class", "gate", "hall"]
    assert all(window.end - window.start == 4 * HOUR for window in token.windows)
    inside = token.windows[0].start
    town = Town(house.site, house.engine, house.world, house.desk, signing, keys)
    assert judge_token(token, "gate", inside, town.agents["entrance"].table.denied_tokens).refusal is None
    late = token.windows[-1].end - 6 * DAY
    with write_transaction(house.engine, ["ecole"]) as conn:
        assert without_credential(conn, house.site, late) == [RIGHT]
        house.world.move(late - NOW)
        renewed = house.desk.issue_right(conn, house.site, RIGHT, signer=signing.signer)
        assert renewed is not None and renewed.code != issued.code
    town.publish()
    assert town.agents["entrance"].table.denied_tokens == frozenset()  # both count until they end
    with write_transaction(house.engine, ["ecole"]) as conn:
        conn.execute(update(rights).values(ended=late))
        free_right(conn, house.site, RIGHT, late)
    town.publish()
    for agent in town.agents.values():
        denied = agent.table.denied_tokens
        assert denied == {token.id, renewed.grant}
        assert judge_token(token, "gate", inside, denied).refusal is RefusalReason.DENIED


def test_a_token_of_another_rule_is_withdrawn(house: House) -> None:
    signer = load_signing(Path(house.config.keys)).signer
    with write_transaction(house.engine, ["ecole"]) as conn:
        entitle(conn, "token")
        first = house.desk.issue_right(conn, house.site, RIGHT, signer=signer)
        assert first is not None
        rule = '{"days":["tue"],"from":"08:00","to":"12:00"}'
        conn.execute(update(rights).values(rule=rule, updated=NOW + 1))
        place_right(conn, house.site, RIGHT, NOW + 1)
        row = conn.execute(select(credentials).where(credentials.c.grant == first.grant)).one()
        assert row.rests_until is not None
        assert without_credential(conn, house.site, NOW + 1) == [RIGHT]


def test_rights_say_whether_they_are_on_their_doors(house: House) -> None:
    with write_transaction(house.engine, ["ecole"]) as conn:
        entitle(conn, "card")
        assert house.desk.issue_right(conn, house.site, RIGHT) is None  # which card?
        reports = rights_on_doors(conn, house.site, [RIGHT], NOW)[RIGHT]
        assert [report.reason for report in reports] == ["no-code"] * 3
        assert house.desk.issue_right(conn, house.site, RIGHT, card="w26:7:4711") is not None
        conn.execute(insert(rights).from_select(list(rights.c), _copy("e" * 32)))
        with pytest.raises(BookingError):
            house.desk.issue_right(conn, house.site, "e" * 32, card="w26:7:4711")
        reports = rights_on_doors(conn, house.site, [RIGHT], NOW)[RIGHT]
        assert [report.reason for report in reports] == ["not-sent"] * 3
    keys = [house.agent_keys(name) for name in ("entrance", "upstairs")]
    signing = load_signing(Path(house.config.keys))
    town = Town(house.site, house.engine, house.world, house.desk, signing, keys)
    with write_transaction(house.engine, ["ecole"]) as conn:
        reports = rights_on_doors(conn, house.site, [RIGHT], NOW)[RIGHT]
        assert {report.door: report.held for report in reports} == {"gate": True, "hall": True, "class": True}
        assert rights_on_doors(conn, house.site, [RIGHT], NOW + 90 * DAY)[RIGHT][0].reason == "over"
        assert free_ended(conn, house.site, NOW + 90 * DAY) == 1
    assert town.agents["upstairs"].table.count == 1


def test_a_booking_is_on_the_door_with_all_its_codes(house: House) -> None:
    keys = [house.agent_keys(name) for name in ("entrance", "upstairs")]
    with write_transaction(house.engine, ["ecole"]) as conn:
        booking, _ = booked(conn, house)
    signing = load_signing(Path(house.config.keys))
    town = Town(house.site, house.engine, house.world, house.desk, signing, keys)

    def held() -> set[bool]:
        with house.engine.connect() as conn:
            return {each.held for each in codes_on_doors(conn, house.site, [booking], NOW)[booking]}

    assert held() == {True}
    with write_transaction(house.engine, ["ecole"]) as conn:
        house.desk.extra(conn, house.site, booking, "choir")
    assert held() == {False}
    town.publish()
    assert held() == {True}


def _copy(name: str) -> Select[Any]:
    columns = [literal(name) if column.name == "right" else column for column in rights.c]
    return select(*columns)
