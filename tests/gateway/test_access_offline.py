"""Offline codes: which spaces have them, how long they are, when they are due."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given
from msgspec.structs import replace
from sqlalchemy import Connection, insert, select, update

from pleintemps_contract.gateway_messages import Window
from pleintemps_contract.offline import LIMIT, LONGEST_QUARTERS, QUARTER_MS, odds
from pleintemps_gateway.access.duty import needing_offline
from pleintemps_gateway.access.offline_plan import DUE_MS, KEY_DAYS, due, first_day, pieces, plan_of
from pleintemps_gateway.access.on_door import DoorReport, codes_on_doors
from pleintemps_gateway.bookings.service import create, move
from pleintemps_gateway.bookings.way import all_ways, doors_on_way
from pleintemps_gateway.config import STREET, DoorConfig, SiteConfig, SpaceConfig
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import agents, bookings, credentials, grants

from .house import HOUR, NOW, House, build

DAY = 86_400_000
SITE = SiteConfig(site="ecole", name="École", spaces=[], doors=[])
PLACES = [STREET, "a", "b", "c", "d"]
plans = st.lists(
    st.tuples(st.sampled_from(PLACES), st.sampled_from(PLACES)).filter(lambda pair: pair[0] != pair[1]),
    max_size=12,
).map(
    lambda pairs: [
        DoorConfig(door=f"d{number}", name="", agent="x", from_=start, to=end)
        for number, (start, end) in enumerate(pairs)
    ]
)


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    built = build(tmp_path, store_url)
    yield built
    built.engine.dispose()


@given(plans)
def test_all_ways_at_once_are_the_ways_one_by_one(doors: list[DoorConfig]) -> None:
    ways = all_ways(doors)
    for place in PLACES[1:]:
        assert ways.get(place, []) == doors_on_way(doors, place)


@given(st.integers(1, 40), st.integers(0, 21))
def test_no_door_is_easier_to_guess_than_allowed(behind_gate: int, apart: int) -> None:
    doors = [DoorConfig(door="gate", name="", agent="x", from_=STREET, to="yard")]
    spaces = [SpaceConfig(space="yard", name="", bookable=False)]
    for number in range(behind_gate + apart):
        name = f"s{number}"
        spaces.append(SpaceConfig(space=name, name=""))
        start = "yard" if number < behind_gate else STREET
        doors.append(DoorConfig(door=f"d{number}", name="", agent="x", from_=start, to=name))
    site = replace(SITE, spaces=spaces, doors=doors)
    plan = plan_of(site)
    assert (len(plan.refused) == behind_gate) == (behind_gate > 21)
    assert set(plan.refused.values()) <= {"gate"} and len(plan.spaces) + len(plan.refused) == len(spaces) - 1
    for door in doors:
        digits = [each.digits for each in plan.spaces.values() if door.door in each.doors]
        assert odds(digits) <= LIMIT
        assert all(each.digits == 11 for name, each in plan.spaces.items() if len(each.doors) == 1)


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 3000)), min_size=1, max_size=4),
    st.integers(0, 899_999),
)
def test_pieces_cover_every_window_and_no_more_than_the_grid(
    spans: list[tuple[int, int]], offset: int
) -> None:
    times = [Window(start=NOW + a * 60_000 + offset, end=NOW + (a + b) * 60_000) for a, b in spans if b > 15]
    for window in times:
        parts = pieces([window])
        assert parts[0].start == window.start // QUARTER_MS
        assert parts[-1].end == -(-window.end // QUARTER_MS)
        assert all(0 < part.end - part.start <= LONGEST_QUARTERS for part in parts)
        assert all(one.end == two.start for one, two in pairwise(parts))


def test_each_piece_is_due_two_hours_before_it() -> None:
    start = NOW + 10 * HOUR
    parts = pieces([Window(start=start - 900_000, end=start + 15 * HOUR)])
    assert len(parts) == 2
    assert due(parts, start, start - DUE_MS - 1) == []
    assert due(parts, start, start - DUE_MS) == parts[:1]
    second = parts[1].start * QUARTER_MS
    assert due(parts, start, second - DUE_MS) == parts
    assert due(parts, start, parts[0].end * QUARTER_MS) == parts[1:]
    assert due(parts, start, parts[1].end * QUARTER_MS) == []


@given(st.integers(DAY * 20_000, DAY * 21_000))
def test_keys_hold_from_yesterday_for_45_days_and_begin_on_mondays(now: int) -> None:
    day = now // DAY
    first = first_day(now)
    assert (first + 3) % 7 == 0 and first <= day - 1
    assert first + KEY_DAYS > day + 45


def present(conn: Connection, agent: str, presence: str, *, held: bool) -> None:
    """What is known of an agent: whether it has confirmed everything so far."""
    conn.execute(agents.delete().where(agents.c.agent == agent))
    row = {"site": "ecole", "agent": agent, "presence": presence, "grants_epoch": 7, "grants_revision": 1}
    conn.execute(insert(agents).values(**row))
    said = {"epoch": 7, "revision": 1 if held else 2}
    conn.execute(update(grants).where(grants.c.agent == agent).values(**said))


def test_an_offline_code_is_told_where_a_door_lacks_the_grant(house: House) -> None:
    world, site, desk = house.world, house.site, house.desk
    with write_transaction(house.engine, ["ecole"]) as conn:
        near, far = (
            create(conn, site, desk, space="class", start=NOW + ahead, end=NOW + ahead + HOUR, title="x")
            for ahead in (HOUR, 5 * HOUR)
        )
        assert needing_offline(conn, site, NOW) == []  # no agent has ever had keys
        present(conn, "entrance", "online", held=True)
        present(conn, "upstairs", "offline", held=False)
        assert needing_offline(conn, site, NOW) == [near.booking]
        present(conn, "upstairs", "online", held=False)
        assert needing_offline(conn, site, NOW) == []  # it is on its way
        world.move(60_000)
        assert needing_offline(conn, site, world.now()) == [near.booking]
        told = desk.offline(conn, site, near.booking)
        assert told is not None and len(told.code) == 11
        assert needing_offline(conn, site, world.now()) == []
        reports = codes_on_doors(conn, site, [near.booking], world.now())[near.booking]
        assert reports == [
            DoorReport("gate", True, "", offline=True),
            DoorReport("class", False, "not-confirmed", offline=True),
        ]
        row = conn.execute(select(bookings).where(bookings.c.booking == far.booking)).one()
        assert needing_offline(conn, site, row.start - DUE_MS - 1) == []
        assert needing_offline(conn, site, row.start - DUE_MS) == [far.booking]
        move(conn, site, desk, near.booking, start=NOW + 2 * HOUR, end=NOW + 4 * HOUR)
        present(conn, "upstairs", "offline", held=False)
        assert needing_offline(conn, site, world.now()) == [near.booking]


def test_four_offline_codes_of_a_window_are_all(house: House) -> None:
    with write_transaction(house.engine, ["ecole"]) as conn:
        made = create(
            conn, house.site, house.desk, space="hall", start=NOW + HOUR, end=NOW + 2 * HOUR, title="x"
        )
        first = house.desk.offline(conn, house.site, made.booking)
        assert first is not None
        for _ in range(5):
            house.desk.reissue(conn, house.site, made.booking)
        rows = conn.execute(select(credentials).where(credentials.c.purpose == "offline")).all()
        assert sorted(row._mapping["index"] for row in rows) == [0, 1, 2, 3]
        assert house.desk.offline(conn, house.site, made.booking) is None
