"""Stored records: worked out once nothing can change them, corrected when late data come; on both stores."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from pleintemps_contract.agent_messages import AccessGranted, DoorPhysicalChanged
from pleintemps_contract.onvif import DoorPhysicalState
from pleintemps_contract.topics import Channel
from pleintemps_gateway.ingest.late import REST_MS
from pleintemps_gateway.ingest.settling import Settler
from pleintemps_gateway.privacy.usages import blank, forget
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import bookings, credentials, sample_batches, usage
from pleintemps_gateway.store.schema_rooms import usage_corrections
from pleintemps_gateway.store.writer import Writer
from tests.gateway.house import HOUR, NOW, House, build
from tests.gateway.player import birth
from tests.gateway.test_ingest_site import PIR, Site

MINUTE = 60_000
START = NOW + 10 * MINUTE
ONE = "1" * 32
EXTRA = "[sites.rules]\nlead_s = 300\ntail_s = 300\n"


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    made = build(tmp_path, store_url, extra=EXTRA)
    yield made
    made.engine.dispose()


def book(house: House, start: int, end: int, name: str = ONE, **values: Any) -> None:
    row = {"booking": name, "source": "rest", "uid": name, "space": "hall", "title": "Choir", "start": start}
    with write_transaction(house.engine, ["ecole"]) as conn:
        conn.execute(
            insert(bookings).values(site="ecole", end=end, status="confirmed", updated=0, **(row | values))
        )
        record_change(conn, "ecole", "bookings", name, start)


class Evening:
    """A booking of an hour from START, people from its start to minute 40; the agent may be cut off."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.site = Site(house)
        self.site.hear(Channel.BIRTH, birth(series=[PIR], doors=[]))
        self.seq = 0
        self.held: list[int] = []

    def send(self, at: int) -> None:
        self.seq += 1
        there = START <= at < START + 40 * MINUTE
        self.site.samples(self.seq, at, (0, float(there)), (30_000, 0.0))

    def until(self, minute: int, *, cut: bool = False) -> None:
        """Go on to that minute after START; cut off, the agent keeps what it measures."""
        while self.house.world.now() < START + minute * MINUTE:
            at = self.house.world.now()
            self.site.wait(MINUTE)
            if cut:
                self.held.append(at)
            else:
                self.send(at)

    def deliver(self) -> None:
        for at in self.held:
            self.send(at)
        self.held.clear()

    def settle(self) -> int:
        writer = Writer(self.house.engine, ["ecole"], memory=self.site.all)
        try:
            return asyncio.run(Settler(self.site.memory, self.house.engine, writer).run())
        finally:
            writer.close()

    def record(self, name: str = ONE) -> dict[str, Any]:
        (row,) = [row for row in self.site.rows(usage) if row["booking"] == name]
        return row


def told(row: dict[str, Any]) -> dict[str, Any]:
    """What a record says of the room, without when it was worked out."""
    return {name: value for name, value in row.items() if name not in ("settled_at", "revision", "due")}


@pytest.fixture
def evening(house: House) -> Evening:
    book(house, START, START + HOUR)
    made = Evening(house)
    made.site.wait(1000)
    made.house.world.move(MINUTE - 1000)
    return made


def test_late_delivery_ends_in_the_record_of_delivery_in_time(evening: Evening, tmp_path: Path) -> None:
    evening.until(20)
    evening.until(75, cut=True)
    assert evening.settle() == 1
    before = evening.record()
    assert before["settled_at"] is not None and before["revision"] == 0
    assert before["unknown_ms"] > 20 * MINUTE and before["left_at"] is None
    evening.deliver()
    assert evening.settle() == 0  # what is late comes to rest first
    evening.site.wait(REST_MS)
    assert evening.settle() == 1
    after = evening.record()
    assert (after["revision"], after["unknown_ms"], after["state"]) == (1, 0, "ended")
    assert after["settled_at"] > before["settled_at"]
    (trace,) = evening.site.rows(usage_corrections)
    assert (trace["booking"], trace["revision"], trace["reason"]) == (ONE, 0, "late-data")
    assert json.loads(trace["body"])["unknown_ms"] == before["unknown_ms"]

    folder = tmp_path / "other"
    folder.mkdir()
    in_time = build(folder, f"sqlite:///{folder / 'other.db'}", extra=EXTRA)
    try:
        book(in_time, START, START + HOUR)
        other = Evening(in_time)
        other.site.wait(1000)
        in_time.world.move(MINUTE - 1000)
        other.until(75)
        assert other.settle() == 1
        assert told(other.record()) == told(after)
        assert other.record()["revision"] == 0
    finally:
        in_time.engine.dispose()


def test_a_record_that_is_worked_out_again_to_the_same_end_leaves_no_trace(evening: Evening) -> None:
    evening.until(75)
    assert evening.settle() == 1
    first = evening.record()
    with write_transaction(evening.house.engine, ["ecole"]) as conn:
        conn.execute(update(usage).values(due=NOW))
    restarted = Site(evening.house)  # nothing of it is in memory
    evening.site = restarted
    assert evening.settle() == 0
    assert evening.record() == first | {"due": None}
    assert evening.site.rows(usage_corrections) == []


def test_an_open_record_takes_late_data_as_well(evening: Evening) -> None:
    evening.until(5, cut=True)
    evening.until(45, cut=True)
    evening.site.wait(1000)
    assert evening.record()["state"] == "expected"
    evening.deliver()
    evening.site.wait(REST_MS)
    evening.settle()
    evening.site.wait(MINUTE)
    row = evening.record()
    assert row["closed_at"] is None and row["arrived_at"] is not None
    assert row["arrived_at"] - START < 2 * MINUTE and row["occupied_ms"] > 35 * MINUTE


def test_beyond_what_is_stored_a_record_stays(evening: Evening) -> None:
    evening.until(75)
    evening.settle()
    first = evening.record()
    evening.house.world.move(8 * 24 * HOUR)
    with write_transaction(evening.house.engine, ["ecole"]) as conn:
        conn.execute(delete(sample_batches))
        conn.execute(update(usage).values(due=NOW))
    assert evening.settle() == 0
    assert evening.record() == first | {"due": None}


def test_a_code_and_an_open_door_are_in_the_record(evening: Evening) -> None:
    site = evening.site
    hall, grant = "hall", evening.house.world.new_id()
    with write_transaction(evening.house.engine, ["ecole"]) as conn:
        nothing = {"sealed_hash": b"", "encrypted_code": b"", "salt_id": "", "kind": "code", "created": NOW}
        conn.execute(
            insert(credentials).values(
                site="ecole", grant=grant, booking=ONE, uniqueness="u", link_hash="l", **nothing
            )
        )
    evening.until(-1)
    site.events(1, AccessGranted(door=hall, grant=grant))
    opened_at = evening.house.world.now()
    evening.until(41)
    site.events(2, DoorPhysicalChanged(door=hall, state=DoorPhysicalState.OPEN))
    evening.until(75)
    evening.settle()
    row = evening.record()
    assert (row["opened_at"], row["left_open"]) == (opened_at, True)
    assert row["evidence"].endswith(";code")


def test_times_that_a_calendar_changes_afterwards_correct_the_record(evening: Evening) -> None:
    evening.until(75)
    evening.settle()
    with write_transaction(evening.house.engine, ["ecole"]) as conn:
        conn.execute(update(bookings).values(end=START + 50 * MINUTE))
        record_change(conn, "ecole", "bookings", ONE, NOW)
    evening.site.wait(1000)
    assert evening.settle() == 1
    row = evening.record()
    assert (row["revision"], row["booked_to"]) == (1, START + 50 * MINUTE)
    (trace,) = evening.site.rows(usage_corrections)
    assert trace["reason"] == "booking-changed"


def test_whose_people_were_erased_is_corrected_no_more(evening: Evening) -> None:
    evening.until(75)
    evening.settle()
    with write_transaction(evening.house.engine, ["ecole"]) as conn:
        conn.execute(update(bookings).values(uid="erased:1", title=""))
        conn.execute(update(usage).values(due=NOW, occupied_ms=1))
    assert evening.settle() == 0
    assert evening.record()["occupied_ms"] == 1


def test_what_leads_to_a_person_is_blanked_and_the_minutes_stay(evening: Evening) -> None:
    evening.until(20)
    evening.until(75, cut=True)
    evening.settle()
    evening.deliver()
    evening.site.wait(REST_MS)
    evening.settle()
    before = evening.record()
    assert before["evidence"]
    with write_transaction(evening.house.engine, ["ecole"]) as conn:
        conn.execute(update(usage).values(due=NOW, opened_at=NOW))
        assert blank(conn, "ecole", [ONE], NOW) == 1
    assert evening.record() == before | {"evidence": "", "opened_at": None, "due": None}
    (trace,) = evening.site.rows(usage_corrections)
    old = json.loads(trace["body"])
    assert (old["evidence"], old["opened_at"]) == ("", None) and old["occupied_ms"] > 0


def test_in_time_a_record_no_longer_says_what_told(evening: Evening) -> None:
    evening.until(75)
    evening.settle()
    before = evening.record()
    with write_transaction(evening.house.engine, ["ecole"]) as conn:
        forget(conn, "ecole", before["closed_at"], 10)
    assert evening.record() == before
    with write_transaction(evening.house.engine, ["ecole"]) as conn:
        forget(conn, "ecole", before["closed_at"] + 1, 10)
    assert evening.record() == before | {"evidence": ""}
