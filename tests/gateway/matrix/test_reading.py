"""Sums by the site's own hours, also where the clocks change, beside a count of hour after hour."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import Engine, delete, insert

from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.matrix import store
from pleintemps_gateway.matrix.dates import days_of
from pleintemps_gateway.matrix.figures import cells, totals_of
from pleintemps_gateway.matrix.grid import ALL_HOURS, Period, hours_from
from pleintemps_gateway.matrix.lanes import HOUR_MS, Hour
from pleintemps_gateway.matrix.reading import load_sums
from pleintemps_gateway.matrix.slots import best_slots
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.engine import open_engine, write_transaction
from tests.support.stores import make_store

EMPTY, USED = (
    Hour(known=HOUR_MS),
    Hour(known=HOUR_MS, used=HOUR_MS, booked=HOUR_MS, both=HOUR_MS, known_booked=HOUR_MS),
)
BOOKED = Hour(known=HOUR_MS, booked=HOUR_MS, known_booked=HOUR_MS)
KINDS = st.sampled_from([Hour(), EMPTY, USED, BOOKED, Hour(known=HOUR_MS // 2, used=HOUR_MS // 4)])


def site_of(zone: str = "Europe/Paris", **more: Any) -> SiteConfig:
    room = {"space": "hall", "name": "Hall", "capacity": 30, "services": ["stage"]}
    return msgspec.convert(
        {"site": "a", "name": "A", "zone": zone, "spaces": [room], "doors": [], **more}, SiteConfig
    )


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    make_store(url)
    made = open_engine(url)
    yield made
    made.dispose()


def fill(engine: Engine, site: SiteConfig, first: int, hours: list[Hour]) -> dict[int, Hour]:
    found = {first + n * HOUR_MS: hour for n, hour in enumerate(hours)}
    with write_transaction(engine, ["a"]) as conn:
        conn.execute(delete(schema.hours))
        store.put(conn, store.Place("a", "hall", store.shift_of(site.zone)), found)
    return found


@given(
    st.sampled_from(["Europe/Paris", "Pacific/Marquesas", "America/Cayenne", "Pacific/Noumea"]),
    st.sampled_from([date(2026, 3, 26), date(2026, 10, 23), date(2026, 6, 3)]),
    st.lists(KINDS, min_size=1, max_size=150),
    st.integers(1, 9),
    st.sampled_from([(0, 0), (18, 23), (22, 6)]),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sums_are_those_of_a_count_by_the_clock_on_the_wall(
    engine: Engine, zone: str, first: date, kinds: list[Hour], days: int, clock: tuple[int, int]
) -> None:
    site = site_of(zone)
    local = ZoneInfo(zone)
    shift = store.shift_of(zone)
    begin = round(datetime(first.year, first.month, first.day, tzinfo=local).timestamp() * 1000)
    assert (begin + shift) % HOUR_MS == 0
    stored = fill(engine, site, begin - 5 * HOUR_MS, kinds)
    period = Period(first, first + timedelta(days=days - 1))
    chosen = hours_from(*clock)
    with engine.connect() as conn:
        sums = load_sums(conn, site, site.spaces, period, chosen).sums["hall"]
        by_date = days_of(conn, site, "hall", period)
    count: dict[int, list[Hour]] = {}
    dates: dict[tuple[date, int], list[Hour]] = {}
    at = begin - 3 * 24 * HOUR_MS
    while (moment := datetime.fromtimestamp(at / 1000, UTC).astimezone(local)).date() <= period.last:
        if moment.date() >= first:
            dates.setdefault((moment.date(), moment.hour), []).append(stored.get(at, Hour()))
            if moment.hour in chosen:
                count.setdefault(24 * moment.weekday() + moment.hour, []).append(stored.get(at, Hour()))
        at += HOUR_MS
    for n in range(168):
        there = count.get(n, [])
        assert sums.hours[n] == len(there)
        for name in Hour._fields:
            assert getattr(sums, name)[n] == sum(getattr(hour, name) for hour in there)
        assert sums.free[n] == sum(h.known - h.used - h.known_booked + h.both for h in there)
    known = sum(hour.known for some in count.values() for hour in some)
    assert sum(part for _, part in sums.parts) == known
    for day, found in by_date:
        for hour, cell in enumerate(found):
            there = dates.get((day, hour), [])
            assert cell.hours == len(there)
            assert cell.booked * HOUR_MS * max(1, len(there)) == pytest.approx(sum(h.booked for h in there))


def test_what_is_unknown_is_neither_free_nor_used(engine: Engine) -> None:
    site = site_of()
    begin = round(datetime(2026, 6, 1, tzinfo=ZoneInfo("Europe/Paris")).timestamp() * 1000)
    fill(engine, site, begin, [EMPTY, USED, Hour(), BOOKED])
    with engine.connect() as conn:
        sums = load_sums(conn, site, site.spaces, Period(date(2026, 6, 1), date(2026, 6, 7)), ALL_HOURS).sums[
            "hall"
        ]
    found = cells(sums)
    assert [cell.used for cell in found[:4]] == [0.0, 1.0, None, 0.0]
    assert [cell.unknown for cell in found[:4]] == [0.0, 0.0, 1.0, 0.0]
    totals = totals_of([sums])
    assert totals.intensity == pytest.approx(1 / 3) and totals.known == pytest.approx(3 / 168)
    assert (totals.used, totals.empty, totals.free) == (1.0, 1.0, 1.0)


def test_closed_days_school_hours_and_marked_hours_are_never_free(engine: Engine) -> None:
    calendar = {
        "school_hours": [{"days": ["tue"], "from": "08:30", "to": "16:30"}],
        "closed": [{"first": "2026-06-03"}],
    }
    site = site_of(calendar=calendar)
    begin = round(datetime(2026, 6, 1, tzinfo=ZoneInfo("Europe/Paris")).timestamp() * 1000)
    fill(engine, site, begin, [EMPTY] * 24 * 7)
    with write_transaction(engine, ["a"]) as conn:
        row = {"mark": "1" * 32, "space": "hall", "state": "empty", "by": "anne", "at": 0, "lesson": "{}"}
        times = {"start": begin + 5 * HOUR_MS, "end": begin + 6 * HOUR_MS}
        conn.execute(insert(schema.metadata.tables["marks"]).values(site="a", **row, **times))
    with engine.connect() as conn:
        sums = load_sums(conn, site, site.spaces, Period(date(2026, 6, 1), date(2026, 6, 7)), ALL_HOURS).sums[
            "hall"
        ]
    shut = [n for n in range(168) if sums.barred[n]]
    assert shut == [5, *range(24 + 8, 24 + 16), 24 + 16, *range(48, 72)]
    assert all((sums.free[n] == 0) is (n in shut) for n in range(168))
    assert totals_of([sums]).free == 168 - len(shut)


def test_the_best_slot_was_free_and_is_so_in_the_weeks_to_come(engine: Engine) -> None:
    site = site_of()
    paris = ZoneInfo("Europe/Paris")
    begin = round(datetime(2026, 5, 4, tzinfo=paris).timestamp() * 1000)
    week = [USED] * 168
    week[20] = week[21] = EMPTY  # Mondays 20 h and 21 h
    week[24 + 10] = week[24 + 11] = EMPTY  # Tuesdays, but in one week
    other = list(week)
    other[24 + 10] = USED
    unknown = list(week)
    unknown[20] = Hour()
    fill(engine, site, begin, week + other + unknown + week)
    now = begin + 4 * 168 * HOUR_MS
    period = Period(date(2026, 5, 4), date(2026, 5, 31))
    with write_transaction(engine, ["a"]) as conn:
        times = {"start": now + 7 * 24 * HOUR_MS + 20 * HOUR_MS, "end": now + 7 * 24 * HOUR_MS + 21 * HOUR_MS}
        row = {
            "booking": "1" * 32,
            "source": "rest",
            "uid": "1",
            "space": "hall",
            "title": "",
            "status": "confirmed",
        }
        conn.execute(insert(schema.bookings).values(site="a", updated=0, **row, **times))
    with engine.connect() as conn:
        counts = load_sums(conn, site, site.spaces, period, ALL_HOURS).counts
        found = best_slots(conn, site, counts, period, ALL_HOURS, 2, now, 5)
        evening = best_slots(conn, site, counts, period, hours_from(18, 23), 2, now, 5)
        none = best_slots(conn, site, counts, period, ALL_HOURS, 3, now, 5)
    monday, tuesday = sorted(found, key=lambda slot: slot.start)
    assert (monday.start, monday.weeks, monday.free, monday.unknown) == (20, 4, 3, 1)
    assert (monday.ahead, monday.next) == (3, now + 20 * HOUR_MS)
    assert (tuesday.start, tuesday.free, tuesday.unknown, tuesday.ahead) == (24 + 10, 3, 0, 4)
    assert found[0] == tuesday  # known in every week
    assert [slot.start for slot in evening] == [20] and none == []
