"""What the noise rules keep in the store: days, the background and the warning that is on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_gateway.engine import NoiseDay, SpaceNow, WarningWanted
from pleintemps_gateway.ingest.housekeeping import Housekeeper
from pleintemps_gateway.ingest.outputs import persist
from pleintemps_gateway.ingest.snapshot import read_snapshot
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema_rooms import noise_days

from .house import House, build
from .test_bookings_calendars import ms


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    house = build(tmp_path, store_url)
    yield house
    house.engine.dispose()


def space(at: int) -> SpaceNow:
    return SpaceNow(
        space="hall",
        state=Occupancy.UNKNOWN,
        probability=None,
        since=at,
        at=at,
        evidence="",
        evidence_at=None,
        level_db=81.5,
        level_coverage=1.0,
        level_at=at,
        limit_db=80.0,
        quiet=False,
        level_range=2,
        background_db=33.5,
        emergence_db=4.5,
        warned_at=at - 1000,
    )


def test_a_successor_reads_what_the_rules_have_said(house: House) -> None:
    now = ms("2026-06-10T12:00")
    day = NoiseDay(space="hall", day="2026-06-09", amplified=True, night_ms=5_000, counted_to=now)
    more = NoiseDay(space="hall", day="2026-06-09", amplified=True, night_ms=9_000, counted_to=now + 4)
    old = NoiseDay(space="hall", day="2025-01-01", amplified=True)
    warning = WarningWanted(space="hall", since=now, level_db=81.5, limit_db=80)
    with write_transaction(house.engine, ["ecole"]) as conn:
        said = persist(conn, house.site.site, [space(now), day, warning, old, more])
        assert said.warnings == [warning]
        found = read_snapshot(conn, house.site, now)
    assert found.spaces == [space(now)]
    assert found.noise_days == [more]


def test_days_that_no_rule_counts_go(house: House) -> None:
    days = [NoiseDay(space="hall", day=day) for day in ("1969-01-01", "2199-01-01")]
    with write_transaction(house.engine, ["ecole"]) as conn:
        persist(conn, house.site.site, days)
        Housekeeper(house.site, house.world).run(conn)
        assert [row.day for row in conn.execute(select(noise_days))] == ["2199-01-01"]
