"""Hours put down as they end, and put right: whatever order facts come in, they are those of a recount."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import delete, insert, select, update

from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.topics import Channel
from pleintemps_gateway.bookings.availability import Span
from pleintemps_gateway.ingest.hours import REST_MS
from pleintemps_gateway.ingest.hours_keeper import HourKeeper
from pleintemps_gateway.matrix import store
from pleintemps_gateway.matrix.hours import Found, Told, hours_between
from pleintemps_gateway.matrix.lanes import HOUR_MS, Hour, Week, hours_in
from pleintemps_gateway.occupancy.records import OccupancyChanged
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.writer import Writer
from tests.gateway.house import NOW, House, build
from tests.gateway.player import birth
from tests.gateway.test_ingest_site import PIR, Site

MINUTE = 60_000
FIRST = NOW // HOUR_MS * HOUR_MS
TABLES = (
    schema.hours,
    schema.hours_through,
    schema.hours_due,
    schema.hours_booked,
    schema.presence_found,
    schema.occupancy,
    schema.bookings,
)


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str) -> Iterator[House]:
    made = build(tmp_path, sqlite_url)
    yield made
    made.engine.dispose()


def roll(house: House, site: Site) -> int:
    """Let the keeper work until nothing is left."""
    writer = Writer(house.engine, ["ecole"], memory=site.all)
    try:
        keeper = HourKeeper(site.memory, house.engine, writer)
        done = 0
        while more := asyncio.run(keeper.run()):
            done += more
        return done
    finally:
        writer.close()


def kept(house: House, space: str = "hall") -> dict[int, Hour]:
    """Every hour in the store that is not nothing."""
    with house.engine.connect() as conn:
        rows = conn.execute(select(schema.hours).where(schema.hours.c.space == space)).all()
    found = {
        row.week + slot * HOUR_MS: hour
        for row in rows
        for slot, hour in enumerate(hours_in(Week(row.figures, row.counts)))
    }
    return {at: hour for at, hour in found.items() if hour != Hour()}


def recount(house: House, first: int, last: int, space: str = "hall") -> dict[int, Hour]:
    """The same from the facts themselves."""
    with house.engine.connect() as conn:
        told, booked, found = schema.occupancy.c, schema.bookings.c, schema.presence_found.c
        hours = hours_between(
            first,
            (last - first) // HOUR_MS,
            [Told(*row) for row in conn.execute(select(told.since, told.state).where(told.space == space))],
            [
                Found(*row)
                for row in conn.execute(
                    select(found.start, found.end, found.state).where(found.space == space)
                )
            ],
            [
                Span(*row)
                for row in conn.execute(
                    select(booked.start, booked.end).where(
                        booked.space == space, booked.status == "confirmed"
                    )
                )
            ],
        )
    return {first + n * HOUR_MS: hour for n, hour in enumerate(hours) if hour != Hour()}


# what may happen, in hours and minutes after FIRST
BELIEVED = st.tuples(st.just("believed"), st.integers(0, 6 * 60), st.sampled_from(list(Occupancy)))
BOOKED = st.tuples(
    st.just("booked"), st.sampled_from("abc"), st.integers(-60, 9 * 60), st.integers(15, 150), st.booleans()
)
FOUND = st.tuples(
    st.just("found"), st.integers(0, 300), st.integers(5, 100), st.sampled_from(list(Occupancy))
)
WAIT = st.tuples(st.just("wait"), st.integers(1, 90))
ROLL = st.tuples(st.just("roll"))
RESTART = st.tuples(st.just("restart"))
WEB = st.tuples(st.just("unseen"), st.sampled_from("abc"), st.integers(-60, 9 * 60), st.integers(15, 150))


@given(st.lists(st.one_of(BELIEVED, BOOKED, FOUND, WAIT, ROLL, RESTART, WEB), max_size=14))
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_in_any_order_the_hours_are_those_of_a_recount(house: House, facts: list[tuple[Any, ...]]) -> None:
    with write_transaction(house.engine, ["ecole"]) as conn:
        for table in TABLES:
            conn.execute(delete(table))
    house.world.move(FIRST + HOUR_MS - house.world.now())
    site = Site(house)
    for kind, *values in facts:
        if kind == "wait":
            house.world.move(values[0] * MINUTE)
        elif kind == "roll":
            roll(house, site)
        elif kind == "restart":
            site = Site(house)
        else:
            happen(house, site, kind, values)
    house.world.move(2 * HOUR_MS)
    roll(house, site := Site(house))  # what nobody saw is found by comparing
    house.world.move(2 * HOUR_MS)  # what is replayed waits until its hour is over
    roll(house, site)
    roll(house, site)
    through = site.memory.hours.through.get("hall")
    if through is None:
        assert recount(house, FIRST - 2 * HOUR_MS, (house.world.now() - REST_MS) // HOUR_MS * HOUR_MS) == {}
        return
    assert through >= house.world.now() - HOUR_MS - REST_MS
    assert kept(house) == recount(house, FIRST - 2 * HOUR_MS, through)


def happen(house: House, site: Site, kind: str, values: list[Any]) -> None:
    now = house.world.now()
    with write_transaction(house.engine, ["ecole"]) as conn:
        if kind == "believed":
            row = {"space": "hall", "since": min(now, FIRST + values[0] * MINUTE), "state": values[1].value}
            conn.execute(delete(schema.occupancy).where(schema.occupancy.c.since == row["since"]))
            conn.execute(insert(schema.occupancy).values(site="ecole", probability=None, evidence="", **row))
            changed = OccupancyChanged(
                space="hall", since=row["since"], state=values[1], probability=None, evidence=""
            )
            site.memory.hours.believed([changed])
            site.memory.hours.flush(conn, now)
        elif kind == "found":
            start = FIRST + values[0] * MINUTE
            place = site.memory.hours.places["hall"]
            store.correct(conn, place, [Found(start, start + values[1] * MINUTE, values[2].value)])
            store.put_due(conn, [store.Again(place, start, start + values[1] * MINUTE, now)])
        else:
            name, start = values[0] * 32, FIRST + values[1] * MINUTE
            row = {"start": start, "end": start + values[2] * MINUTE, "space": "hall"}
            row["status"] = "cancelled" if kind == "booked" and values[3] else "confirmed"
            known = schema.bookings.c.booking == name
            if conn.execute(select(schema.bookings).where(known)).first():
                conn.execute(update(schema.bookings).where(known).values(**row))
            else:
                more = {"booking": name, "source": "rest", "uid": name, "title": "", "updated": now}
                conn.execute(insert(schema.bookings).values(site="ecole", **more, **row))
            if kind == "booked":
                site.memory.hours.moved(conn, {name}, now)


def test_late_data_end_in_the_hours_of_data_in_time(house: House, tmp_path: Path) -> None:
    """An agent without a network for an hour: unknown meanwhile, then as if it had always been heard."""

    def evening(at: House, cut: bool) -> Site:
        site = Site(at)
        site.hear(Channel.BIRTH, birth(series=[PIR], doors=[]))
        start, held = at.world.now(), []
        for minute in range(100):
            now = at.world.now()
            site.wait(MINUTE)
            sample = (minute + 1, now, (0, float(40 <= minute < 70)), (30_000, 0.0))
            if cut and 20 <= minute < 85:
                held.append(sample)
                continue
            for each in [*held, sample]:
                site.samples(*each)
            held.clear()
            if cut and minute == 84:
                roll(at, site)
                assert sum(hour.used for hour in kept(at).values()) == 0
                assert sum(hour.known for hour in kept(at).values()) < HOUR_MS
        at.world.move(start + 6 * HOUR_MS - at.world.now())
        roll(at, site)
        return site

    evening(house, cut=True)
    folder = tmp_path / "other"
    folder.mkdir()
    other = build(folder, f"sqlite:///{folder / 'other.db'}")
    try:
        evening(other, cut=False)
        late, in_time = kept(house), kept(other)
        assert sum(hour.used for hour in in_time.values()) >= HOUR_MS // 2
        hours = range(FIRST, FIRST + 2 * HOUR_MS, HOUR_MS)
        for at in hours:
            # a replay looks every 5 s, the rules every second or so
            for one, another in zip(late[at], in_time[at], strict=True):
                assert abs(one - another) <= 15_000, (at, late[at], in_time[at])
    finally:
        other.engine.dispose()


def test_bookings_count_where_they_are_now(house: House) -> None:
    site = Site(house)
    name = "b" * 32
    with write_transaction(house.engine, ["ecole"]) as conn:
        row = {"booking": name, "source": "rest", "uid": name, "space": "hall", "title": "Choir"}
        times = {"start": FIRST - 5 * HOUR_MS, "end": FIRST - 4 * HOUR_MS}
        conn.execute(
            insert(schema.bookings).values(site="ecole", status="confirmed", updated=0, **row, **times)
        )
    roll(house, site)
    assert kept(house) == {FIRST - 5 * HOUR_MS: Hour(booked=HOUR_MS)}
    with write_transaction(house.engine, ["ecole"]) as conn:
        conn.execute(update(schema.bookings).values(space="class"))
        record_change(conn, "ecole", "bookings", name, NOW)
    site.wait(1000)
    roll(house, site)
    assert kept(house) == {} and kept(house, "class") == {FIRST - 5 * HOUR_MS: Hour(booked=HOUR_MS)}
