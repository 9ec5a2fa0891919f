"""The queries of the web tier, on SQLite and on PostgreSQL."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, update

from pleintemps_gateway.access.on_door import DoorReport, codes_on_doors, first_reason, is_on_door
from pleintemps_gateway.store import reading, schema
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import open_engine, write_transaction
from pleintemps_gateway.web.board import Board
from pleintemps_gateway.web.picture import load_board

from . import town

BOTH = ("ecole", "moulin")


@pytest.fixture
def conn(store_url: str) -> Iterator[Connection]:
    engine = open_engine(store_url)
    town.fill(engine)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_a_reader_gets_the_rows_of_their_sites_only(conn: Connection) -> None:
    for query in (reading.spaces, reading.doors, reading.agents, reading.alerts, reading.series):
        assert {row.site for row in query(conn, BOTH)} == set(BOTH)
        assert {row.site for row in query(conn, ["ecole"])} == {"ecole"}
        assert query(conn, []) == []
    assert reading.alert(conn, ["ecole"], town.NOISE) is None
    assert reading.alert(conn, ["moulin"], town.NOISE) is not None


def test_change_marks_rise_by_site(conn: Connection) -> None:
    assert reading.change_marks(conn, BOTH) == {"ecole": 0, "moulin": 0}
    conn.rollback()
    with write_transaction(conn.engine, ["moulin"]) as writer:
        record_change(writer, "moulin", "spaces", "studio", 1)
        record_change(writer, "moulin", "spaces", "danse", 2)
    assert reading.change_marks(conn, BOTH) == {"ecole": 0, "moulin": 2}


def test_bookings_overlap_their_span_and_carry_their_usage(conn: Connection) -> None:
    rows = reading.bookings(conn, BOTH, town.at("22:00"), town.at("22:30"))
    assert [(row.title, row.usage_state) for row in rows] == [
        ("Atelier rock", "in-use"),
        ("Théâtre", "in-use"),
    ]
    first = {row.space: row.title for row in reading.next_bookings(conn, BOTH, town.NOW)}
    assert first == {"danse": "Pilates", "preau": "Astronomie"}


def test_codes_are_on_the_door_when_every_agent_holds_them(conn: Connection) -> None:
    booking = "b6" * 16
    school, wanted = town.config().site("ecole"), [booking, town.BOOKING, "0" * 32]
    assert codes_on_doors(conn, school, wanted, town.NOW) == {booking: [DoorReport("portail", True, "")]}
    for changes, reason in (
        ({"grants_epoch": 5, "grants_revision": 8}, "not-confirmed"),
        ({"grants_epoch": None, "grants_revision": None}, "not-confirmed"),
        ({"grants_detail": "a page is missing"}, "refused"),
        ({"presence": "offline"}, "agent-silent"),
        ({"presence": "never"}, "agent-never-seen"),
    ):
        conn.execute(update(schema.agents).values(**changes))
        found = codes_on_doors(conn, school, wanted, town.NOW)
        assert found == {booking: [DoorReport("portail", False, reason)]}
        assert not is_on_door(found[booking]) and first_reason(found[booking]) == reason
    late = town.at("02:15", 20)
    assert codes_on_doors(conn, school, wanted, late)[booking][0].reason == "over"
    assert codes_on_doors(conn, school, [], town.NOW) == {}
    assert (is_on_door([]), first_reason([])) == (False, "no-door")


def test_occupancy_begins_with_what_was_in_force(conn: Connection) -> None:
    rows = reading.occupancy(conn, ["moulin"], town.at("20:00"), town.NOW)
    found = {(row.space, row.since, row.state) for row in rows}
    assert ("studio", town.at("18:10"), "occupied") in found
    assert ("danse", town.at("22:06"), "vacant") in found and ("danse", town.at("18:40"), "occupied") in found
    later = reading.occupancy(conn, ["moulin"], town.at("22:30"), town.NOW)
    assert [(row.since, row.state) for row in later if row.space == "danse"] == [(town.at("22:06"), "vacant")]


def test_the_board_is_the_same_on_every_store(conn: Connection) -> None:
    board: Board = load_board(conn, town.config(), BOTH, town.NOW)
    counts = board.counts
    assert (counts.alert, counts.watch, counts.occupied, counts.stale, counts.unknown) == (1, 2, 2, 1, 2)
    assert [tile.sign for tile in board.tiles] == [
        "lit",
        "lit",
        "free",
        "half",
        "unk",
        "stale",
        "unk",
        "book",
    ]
    assert [alert.alert for alert in board.attention.alerts] == [town.NOISE, town.DOOR_OPEN, town.SILENT]
    assert [(coming.kind, coming.what) for coming in board.coming][:2] == [
        ("end", "Théâtre"),
        ("start", "Astronomie"),
    ]
    assert reading.summary(conn, BOTH).usage_records == 1
