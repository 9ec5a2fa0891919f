"""One row of a feed that cannot be stored harms itself only; what goes comes back with another code."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Connection, select, text, update

from pleintemps_gateway.access import issuing
from pleintemps_gateway.access.placing import live_grant
from pleintemps_gateway.audit.log import check
from pleintemps_gateway.bookings.following import NO_CODE, NOT_STORED, follow_feed
from pleintemps_gateway.bookings.judging import START, settle_some
from pleintemps_gateway.bookings.places import LAST_MS, MAX_LENGTH_MS, to_occurrences
from pleintemps_gateway.bookings.rows import Occurrence
from pleintemps_gateway.bookings.service import cancel, move
from pleintemps_gateway.bookings.sources.base import Contact, Parsed, Timed
from pleintemps_gateway.bookings.sources.csv_table import CsvConfig
from pleintemps_gateway.errors import BookingError, CodesExhaustedError
from pleintemps_gateway.ingest.feeds import EMPTY_POLLS, FeedFollower
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import bookings, credentials, feeds, grants, refusals
from pleintemps_gateway.store.writer import Writer

from .house import HOUR, NOW, House, build
from .test_ingest_site import Site

HEAD = "uid,start,end,title\n"
ROWS = {
    "a": "a,2026-11-24T18:00,2026-11-24T20:00,Yoga\n",
    "b": "b,2026-11-25T18:00,2026-11-25T20:00,Judo\n",
    "c": "c,2026-11-26T18:00,2026-11-26T20:00,Danse\n",
}


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    made = build(tmp_path, store_url)
    yield made
    made.engine.dispose()


class Table:
    """A CSV file that is followed; the store takes no booking called POISON."""

    def __init__(self, house: House, folder: Path) -> None:
        self.site = Site(house)
        self._file = folder / "town.csv"
        self._writer = Writer(house.engine, ["ecole"], memory=self.site.all)
        config = CsvConfig(kind="csv", feed="town", url=str(self._file), space="hall")
        self._follower = FeedFollower(config, self.site.memory, self._writer, house.desk)
        self._number = 0

    def poll(self, *lines: str) -> dict[str, tuple[str, str]]:
        self._number += 1  # a file of another length is another file
        self._file.write_text(HEAD + "".join(lines) + "\n" * self._number)
        asyncio.run(self._follower.poll())
        return {row["uid"]: (row["status"], row["title"]) for row in self.site.rows(bookings)}

    def health(self) -> tuple[str | None, int, int]:
        (row,) = self.site.rows(feeds)
        return row["error"], row["bookings"], row["rejected"]

    def close(self) -> None:
        assert self._writer.failure is None
        self._writer.close()


@pytest.fixture
def table(house: House, tmp_path: Path) -> Iterator[Table]:
    made = Table(house, tmp_path)
    yield made
    made.close()


def poison(engine: Any) -> None:
    with engine.begin() as conn:
        if engine.dialect.name == "postgresql":
            conn.execute(text("ALTER TABLE bookings ADD CONSTRAINT clean CHECK (title <> 'POISON')"))
            return
        for event in ("INSERT", "UPDATE"):
            raising = "WHEN NEW.title = 'POISON' BEGIN SELECT RAISE(ABORT, 'no'); END"
            conn.execute(text(f"CREATE TRIGGER no_{event} BEFORE {event} ON bookings {raising}"))


def grants_of(conn: Connection, uid: str) -> str | None:
    booking = conn.scalar(select(bookings.c.booking).where(bookings.c.uid == uid))
    return live_grant(conn, "ecole", str(booking))


def issue(house: House, uid: str) -> str:
    """The grant of a new code of the booking called ``uid``."""
    with write_transaction(house.engine, ["ecole"]) as conn:
        booking = conn.scalar(select(bookings.c.booking).where(bookings.c.uid == uid))
        issued = house.desk.issue(conn, house.site, str(booking))
    assert issued is not None
    return issued.grant


def test_a_row_that_the_store_refuses_harms_only_itself(house: House, table: Table) -> None:
    poison(house.engine)
    bad = ROWS["b"].replace("Judo", "POISON")
    assert table.poll(ROWS["a"], bad, ROWS["c"]) == {"a": ("confirmed", "Yoga"), "c": ("confirmed", "Danse")}
    assert table.health() == (None, 2, 1)
    counted = {row["reason"]: row["count"] for row in table.site.rows(refusals)}
    assert counted == {NOT_STORED: 1}
    assert table.poll(*ROWS.values())["b"] == ("confirmed", "Judo")
    assert table.health() == (None, 3, 0)
    grant = issue(house, "b")
    # a change that cannot be stored leaves the booking as it was, with its code; the others follow
    moved = ROWS["c"].replace("Danse", "Salsa")
    assert table.poll(bad, moved) == {
        "a": ("cancelled", "Yoga"),
        "b": ("confirmed", "Judo"),
        "c": ("confirmed", "Salsa"),
    }
    assert table.health() == (None, 1, 1)
    with house.engine.connect() as conn:
        assert grants_of(conn, "b") == grant


def test_a_booking_for_which_no_code_is_free_harms_only_itself(
    house: House, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.poll(*ROWS.values())
    grant = issue(house, "b")
    with write_transaction(house.engine, ["ecole"]) as conn:
        # what is allowed again gets another code
        conn.execute(update(bookings).where(bookings.c.uid == "b").values(withheld="no-insurance"))

    def exhausted(*_: Any) -> str:
        raise CodesExhaustedError("no free code of 8 digits was found")

    with monkeypatch.context() as short:
        short.setattr(issuing, "draw", exhausted)
        changed = [text.replace("\n", " 2\n") for text in ROWS.values()]
        titles = {uid: title for uid, (_, title) in table.poll(*changed).items()}
    assert titles == {"a": "Yoga 2", "b": "Judo", "c": "Danse 2"}
    assert table.health() == (None, 2, 1)
    assert {row["reason"] for row in table.site.rows(refusals)} == {NO_CODE}
    with house.engine.connect() as conn:
        assert grants_of(conn, "b") == grant
    table.poll(*changed)
    assert table.health() == (None, 3, 0)
    with house.engine.connect() as conn:
        assert grants_of(conn, "b") not in (None, grant)


def test_judging_goes_on_where_no_code_is_free(
    house: House, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.poll(*ROWS.values())
    grant = issue(house, "a")
    with write_transaction(house.engine, ["ecole"]) as conn:
        conn.execute(update(bookings).values(withheld="school-hours"))

    def exhausted(*_: Any) -> str:
        raise CodesExhaustedError("no free code of 8 digits was found")

    def judge() -> dict[str, str | None]:
        with write_transaction(house.engine, ["ecole"]) as conn:
            assert settle_some(conn, house.site, house.desk, START, 10) is None
        return {row["uid"]: row["withheld"] for row in table.site.rows(bookings)}

    with monkeypatch.context() as short:
        short.setattr(issuing, "draw", exhausted)
        assert judge() == {"a": "school-hours", "b": None, "c": None}
    with house.engine.connect() as conn:
        assert grants_of(conn, "a") == grant
    assert judge() == {"a": None, "b": None, "c": None}


def timed(**changes: Any) -> Timed:
    facts: dict[str, Any] = {"uid": "u", "event": "u", "start": NOW, "end": NOW + HOUR, "title": "Yoga"}
    return Timed(**(facts | {"location": "hall", "people": None} | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "\ud800\0 half a letter"},
        {"title": "x" * 5000},
        {"uid": "\ud800\0"},
        {"uid": "x" * 5000},
        {"group": "\ud800\0" + "x" * 5000},
        {"contact": Contact("n" * 300, "m" * 300, "p" * 300, "İİ".lower())},
        {"contact": Contact("\ud800\0", "\ud800\0", "\ud800\0", "\ud800")},
        {"end": LAST_MS + 1},
        {"start": NOW - MAX_LENGTH_MS},
        {"start": -1},
    ],
)
def test_no_words_of_a_source_are_too_much_for_the_store(house: House, changes: dict[str, Any]) -> None:
    told = Parsed([timed(**changes), timed(uid="good")], [])
    found, rejected = to_occurrences(told, house.site.spaces, None)
    assert len(found) + len(rejected) == 2
    with write_transaction(house.engine, ["ecole"]) as conn:
        assert follow_feed(conn, house.site, house.desk, "town", found, NOW).created == len(found)
        assert "good" in set(conn.scalars(select(bookings.c.uid)))


def test_a_booking_of_a_thousand_years_is_said_and_not_followed(table: Table) -> None:
    endless = "e,2026-11-24T18:00,9999-12-31T23:59,Toujours\n"
    assert table.poll(endless, ROWS["a"]) == {"a": ("confirmed", "Yoga")}
    assert table.health() == (None, 1, 1)


def test_what_is_deleted_and_comes_back_is_the_same_booking_with_another_code(
    house: House, table: Table
) -> None:
    table.poll(ROWS["a"], ROWS["b"])
    old = issue(house, "a")
    with house.engine.connect() as conn:
        booking = conn.scalar(select(bookings.c.booking).where(bookings.c.uid == "a"))
        key = conn.scalar(select(bookings.c.page_key).where(bookings.c.uid == "a"))
    assert table.poll(ROWS["b"])["a"][0] == "cancelled"
    with house.engine.connect() as conn:
        assert conn.execute(select(grants)).all() == []
        assert conn.scalar(select(credentials.c.rests_until).where(credentials.c.grant == old)) is not None
    assert table.poll(ROWS["a"], ROWS["b"])["a"][0] == "confirmed"
    new = issue(house, "a")
    with house.engine.connect() as conn:
        row = conn.execute(select(bookings).where(bookings.c.uid == "a")).one()
        assert row.booking == booking
        # digits that were told to be dead stay so, and the old link shows nothing of the new code
        assert new != old and row.page_key != key
        assert set(conn.scalars(select(grants.c.grant))) == {new}


def test_an_empty_answer_cancels_nothing_until_it_was_said_often_enough(house: House, table: Table) -> None:
    table.poll(ROWS["a"])
    grant = issue(house, "a")
    for _ in range(EMPTY_POLLS):
        assert table.poll()["a"][0] == "confirmed"
        with house.engine.connect() as conn:
            assert grants_of(conn, "a") == grant
    assert table.poll()["a"][0] == "cancelled"


# --- a move and a cancellation at once ----------------------------------------------------------------------


def test_however_moves_and_a_cancellation_meet_the_booking_is_cancelled_and_no_door_opens(
    house: House,
) -> None:
    item = Occurrence("a", "hall", "Yoga", NOW + HOUR, NOW + 2 * HOUR)
    with write_transaction(house.engine, ["ecole"]) as conn:
        follow_feed(conn, house.site, house.desk, "town", [item], NOW)
        booking = str(conn.scalar(select(bookings.c.booking)))
    issue(house, "a")
    together = Barrier(4)

    def act(hour: int) -> str:
        together.wait(timeout=30)
        try:
            with write_transaction(house.engine, ["ecole"]) as conn:
                if hour == 0:
                    cancel(conn, house.site, house.desk, booking)
                else:
                    start = NOW + hour * HOUR
                    move(conn, house.site, house.desk, booking, start=start, end=start + HOUR)
        except BookingError as error:
            return error.reason
        return "moved" if hour else "done"

    with ThreadPoolExecutor(4) as threads:
        done, *moved = threads.map(act, range(4))
    assert done == "done" and set(moved) <= {"moved", "cancelled"}
    with house.engine.connect() as conn:
        row = conn.execute(select(bookings)).one()
        assert row.status == "cancelled"
        assert row.start in {NOW + hour * HOUR for hour in range(1, 4)}
        assert conn.execute(select(grants)).all() == []
        assert check(conn, "ecole", {}).broken is None
    with write_transaction(house.engine, ["ecole"]) as conn, pytest.raises(BookingError, match="cancelled"):
        move(conn, house.site, house.desk, booking, start=NOW + HOUR, end=NOW + 2 * HOUR)
