"""What is beside a record or comes back to it: neighbours that move, restarts, bookings that begin again."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from pleintemps_contract.agent_messages import Column, SamplesBatch
from pleintemps_contract.topics import Channel
from pleintemps_gateway.ingest.settling import AGAIN_MS
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import bookings, credentials, events, usage
from pleintemps_gateway.store.schema_rooms import usage_corrections
from tests.gateway.house import HOUR, NOW, House, build
from tests.gateway.player import BOOT
from tests.gateway.test_ingest_site import Site

from .test_settling import EXTRA, MINUTE, ONE, START, Evening, book

TWO = "2" * 32
DAY = 24 * HOUR


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str) -> Iterator[House]:
    made = build(tmp_path, sqlite_url, extra=EXTRA)
    yield made
    made.engine.dispose()


class Long(Evening):
    """People from START to minute 90, whatever is booked."""

    def send(self, at: int) -> None:
        self.seq += 1
        there = START <= at < START + 90 * MINUTE
        self.site.samples(self.seq, at, (0, float(there)), (30_000, 0.0))


def change(house: House, name: str = ONE, **values: Any) -> None:
    """Another process changes a booking."""
    with write_transaction(house.engine, ["ecole"]) as conn:
        conn.execute(update(bookings).where(bookings.c.booking == name).values(**values))
        record_change(conn, "ecole", "bookings", name, house.world.now())


def evening_of(house: House, kind: type[Evening] = Evening) -> Evening:
    made = kind(house)
    made.site.wait(1000)
    house.world.move(MINUTE - 1000)
    return made


@pytest.mark.parametrize("how", ["moved", "cancelled"])
def test_a_neighbour_that_goes_leaves_its_time_to_the_one_before(house: House, how: str) -> None:
    book(house, START, START + HOUR)
    book(house, START + HOUR, START + 2 * HOUR, TWO)
    evening = evening_of(house, Long)
    evening.until(140)
    assert evening.settle() == 2
    assert evening.record()["overstay_ms"] == 0
    assert evening.record(TWO)["occupied_ms"] > 25 * MINUTE
    if how == "moved":
        change(house, TWO, start=START + DAY, end=START + DAY + HOUR)
    else:
        change(house, TWO, status="cancelled", space="class")
    evening.site.wait(1000)
    evening.settle()
    after = evening.record()
    assert after["revision"] == 1 and after["overstay_ms"] > 25 * MINUTE
    traces = {row["booking"]: row for row in evening.site.rows(usage_corrections)}
    assert traces[ONE]["reason"] == "neighbour-changed"
    assert json.loads(traces[ONE]["body"])["overstay_ms"] == 0
    evening.site.wait(1000)
    assert evening.settle() == 0  # and nobody touches it again


def test_other_words_of_a_neighbour_touch_nobody(house: House) -> None:
    book(house, START, START + HOUR)
    book(house, START + 70 * MINUTE, START + 2 * HOUR, TWO)
    evening = evening_of(house)
    evening.until(130)
    evening.settle()
    change(house, TWO, title="Another choir")
    evening.site.wait(1000)
    assert {row["booking"]: row["due"] is None for row in evening.site.rows(usage)} == {ONE: True, TWO: False}


def test_long_cancelled_is_cancelled_before_its_start_after_any_restart(house: House) -> None:
    start = NOW + 5 * DAY
    book(house, start, start + HOUR)
    site = Site(house)
    site.wait(1000)
    change(house, status="cancelled")
    site.wait(1000)
    (before,) = site.rows(usage)
    assert (before["state"], before["closed_at"]) == ("cancelled", NOW + 1000)
    house.world.move(start - house.world.now() + 20 * MINUTE)
    again = Site(house)
    again.wait(1000)
    assert again.rows(usage) == [before]


def test_a_release_taken_back_keeps_a_trace_of_what_was_told(house: House) -> None:
    book(house, START - 8 * MINUTE, START + HOUR)
    evening = evening_of(house)
    evening.until(-2)
    change(house, end=START - 2 * MINUTE, planned_end=START + HOUR)  # given back: nobody had come
    evening.until(6)
    assert evening.settle() == 1
    told = evening.record()
    assert (told["state"], told["revision"], told["planned_to"]) == ("no-show", 0, START + HOUR)
    change(house, end=START + HOUR, planned_end=None)
    evening.until(8)
    open_row = evening.record()
    assert (open_row["closed_at"], open_row["settled_at"], open_row["revision"]) == (None, None, 1)
    evening.until(75)
    assert evening.settle() == 1
    after = evening.record()
    assert (after["state"], after["revision"], after["planned_to"]) == ("ended", 1, None)
    (trace,) = evening.site.rows(usage_corrections)
    assert (trace["revision"], trace["reason"]) == (0, "booking-changed")
    body = json.loads(trace["body"])
    assert {name: told[name] for name in body} == body


def test_a_time_that_no_clock_vouched_for_is_of_no_booking(house: House) -> None:
    class Untrusted(Evening):
        def send(self, at: int) -> None:
            self.seq += 1
            message = SamplesBatch(
                journal="5" * 32,
                first=1,
                seq=self.seq,
                boot=BOOT,
                base=at,
                trusted=at < START,
                series={"pir": Column(dt=[0, 30_000], value=[float(START <= at < START + 40 * MINUTE), 0.0])},
            )
            self.site.hear(Channel.SAMPLES, message)

    book(house, START, START + HOUR)
    evening = evening_of(house, Untrusted)
    evening.until(75)
    evening.settle()
    row = evening.record()
    assert row["unknown_ms"] >= 44 * MINUTE  # from a quarter of an hour after the last word on
    assert row["state"] != "no-show"


def test_a_record_that_cannot_be_worked_out_harms_itself_only(house: House) -> None:
    book(house, START, START + 40 * MINUTE)
    book(house, START + 40 * MINUTE, START + HOUR, TWO)
    evening = evening_of(house)
    evening.until(75)
    with write_transaction(house.engine, ["ecole"]) as conn:
        values = {"salt_id": "", "kind": "code", "created": NOW, "uniqueness": "u", "link_hash": "l"}
        sealed = {"sealed_hash": b"", "encrypted_code": b""}
        conn.execute(
            insert(credentials).values(site="ecole", grant="9" * 32, booking=ONE, **(values | sealed))
        )
        told = {"journal": "7" * 32, "seq": 1, "agent": "entrance", "boot": BOOT, "trusted": True}
        told |= {"monotonic": 0, "received": NOW, "type": "access-granted", "body": "{", "at": START}
        conn.execute(insert(events).values(site="ecole", **told))
    assert evening.settle() == 1
    assert evening.record(TWO)["settled_at"] is not None
    assert evening.record()["due"] == house.world.now() + AGAIN_MS
