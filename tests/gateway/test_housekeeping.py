"""Nobody is followed: what tells of people goes in time, in small steps, and not because a clock leapt."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Table, func, insert, select

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.audit.log import check, record
from pleintemps_gateway.ingest.clockdoubt import GAP_MS, SLACK_MS, STEADY_MS, ClockDoubt
from pleintemps_gateway.ingest.housekeeping import Housekeeper
from pleintemps_gateway.privacy.retention import STEP
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import (
    alerts,
    audit,
    bookings,
    calls,
    commands,
    contacts,
    credentials,
    deliveries,
    events,
    hooked,
    housekeeping,
    occupancy,
    rights,
    sample_batches,
    sessions,
    usage,
)

from .house import NOW, House, build

DAY = 86_400_000
MINUTE = 60_000
CONTACT = {"mail": "m@example.org", "phone": "", "language": "fr"}


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    made = build(tmp_path, store_url)
    yield made
    made.engine.dispose()


def add(house: House, table: Table, *rows: dict[str, Any]) -> None:
    with write_transaction(house.engine, ["ecole"]) as conn:
        conn.execute(insert(table), [{"site": "ecole", **row} for row in rows])


def keep(house: House, keeper: Housekeeper, times: int = 1) -> None:
    for _ in range(times):
        with write_transaction(house.engine, ["ecole"]) as conn:
            keeper.run(conn)


def keeper_of(house: House) -> Housekeeper:
    return Housekeeper(house.site, house.world)


def rows(house: House, table: Table) -> list[dict[str, Any]]:
    with house.engine.connect() as conn:
        return [dict(row._mapping) for row in conn.execute(select(table))]


def count(house: House, table: Table) -> int:
    with house.engine.connect() as conn:
        return int(conn.scalar(select(func.count()).select_from(table)) or 0)


def event(seq: int, age_days: float) -> dict[str, Any]:
    at = NOW - round(age_days * DAY)
    row: dict[str, Any] = {
        "journal": "a" * 32,
        "seq": seq,
        "agent": "entrance",
        "boot": "b" * 32,
        "at": at,
        "received": at,
    }
    return row | {"monotonic": 0, "trusted": True, "type": "access-granted", "door": "hall", "body": "{}"}


def booking(name: str, age_days: float, length: int = 3_600_000) -> dict[str, Any]:
    end = NOW - round(age_days * DAY)
    row: dict[str, Any] = {
        "booking": name * 32,
        "source": "town",
        "uid": f"{name}@example.org",
        "space": "hall",
    }
    row |= {"title": "Madame Martin", "people": 7, "start": end - length, "end": end}
    return row | {"status": "confirmed", "updated": end}


def command(name: str, age_days: float, outcome: str = "done") -> dict[str, Any]:
    at = NOW - round(age_days * DAY)
    row: dict[str, Any] = {
        "command": name * 32,
        "agent": "entrance",
        "door": "hall",
        "action": "AccessDoor",
        "user": "anne",
    }
    return row | {"requested": at, "expires": at, "outcome": outcome}


def alert(name: str, age_days: float, state: str = "resolved") -> dict[str, Any]:
    at = NOW - round(age_days * DAY)
    row: dict[str, Any] = {
        "alert": name * 32,
        "kind": "no-show",
        "rank": "watch",
        "subject": name,
        "opened": at,
    }
    row |= {"state": state, "resolved": at if state == "resolved" else None, "booking": "a" * 32}
    return row | {"acknowledged_by": "anne", "comment": "called her", "facts": '{"title":"Madame Martin"}'}


def belief(space: str, age_days: float) -> dict[str, Any]:
    since = NOW - round(age_days * DAY)
    return {"space": space, "since": since, "state": "vacant", "probability": 0.1, "evidence": "pir quiet"}


def fill(house: House) -> None:
    add(house, events, event(1, 91), event(2, 89))
    add(house, commands, command("1", 91), command("2", 89), command("3", 91, "requested"))
    add(house, alerts, alert("1", 91), alert("2", 89), alert("3", 91, "open"))
    add(house, bookings, booking("1", 91), booking("2", 89), booking("3", 89, 5 * DAY))
    add(house, contacts, *({"booking": name * 32, "name": "Martin", **CONTACT} for name in "12"))
    add(house, usage, {"booking": "1" * 32, "space": "hall", "state": "ended", "since": 1, "occupied_ms": 5})
    add(house, occupancy, belief("hall", 91), belief("class", 120), belief("hall", 89))


def told(house: House) -> dict[str, list[str]]:
    """What still tells of people, by table."""
    return {
        "events": sorted(str(row["seq"]) for row in rows(house, events)),
        "commands": sorted(row["command"][0] for row in rows(house, commands)),
        "alerts": sorted(row["alert"][0] for row in rows(house, alerts) if "Martin" in row["facts"]),
        "bookings": sorted(row["booking"][0] for row in rows(house, bookings) if row["title"]),
        "occupancy": sorted(row["space"] for row in rows(house, occupancy) if row["evidence"]),
    }


EVERYTHING = {
    "events": ["1", "2"],
    "commands": ["1", "2", "3"],
    "alerts": ["1", "2", "3"],
    "bookings": ["1", "2", "3"],
    "occupancy": ["class", "hall", "hall"],
}
YOUNG = {
    "events": ["2"],
    "commands": ["2", "3"],
    "alerts": ["2", "3"],
    "bookings": ["2", "3"],
    "occupancy": ["hall"],
}


def test_ninety_days_reach_every_table_and_leave_what_is_of_rooms(house: House) -> None:
    fill(house)
    keep(house, keeper_of(house))
    assert told(house) == YOUNG
    old = next(row for row in rows(house, bookings) if row["booking"][0] == "1")
    assert (old["uid"], old["people"], old["end"]) == (f"expired:{'1' * 32}", 7, NOW - 91 * DAY)
    over = next(row for row in rows(house, alerts) if row["alert"][0] == "1")
    assert (over["acknowledged_by"], over["comment"], over["booking"]) == (None, None, None)
    assert (over["kind"], over["state"], over["opened"]) == ("no-show", "resolved", NOW - 91 * DAY)
    assert [row["booking"][0] for row in rows(house, contacts)] == ["2"]
    assert rows(house, usage)[0]["occupied_ms"] == 5
    assert count(house, occupancy) == 3


def test_a_site_may_keep_less(tmp_path: Path, sqlite_url: str) -> None:
    house = build(tmp_path, sqlite_url, extra="[sites.privacy]\naccess_days = 30\n")
    add(house, events, event(1, 31), event(2, 29))
    keep(house, keeper_of(house))
    assert [row["seq"] for row in rows(house, events)] == [2]
    house.engine.dispose()


def test_small_steps(house: House) -> None:
    add(house, events, *(event(seq, 100) for seq in range(1, 2 * STEP + 2)))
    add(house, occupancy, *(belief("hall", 100 + n / 1000) for n in range(STEP + 1)))
    many = [booking("0", 100 + n / 1000) | {"booking": f"{n:032x}", "uid": f"{n}@x"} for n in range(STEP + 1)]
    add(house, bookings, *many)
    keeper = keeper_of(house)
    left = []
    for _ in range(3):
        keep(house, keeper)
        words = [len(found) for found in (told(house)["occupancy"], told(house)["bookings"])]
        left.append((count(house, events), *words))
    assert left == [(STEP + 1, 1, 1), (1, 0, 0), (0, 0, 0)]


def test_what_ends_later_goes_when_its_time_has_come(house: House) -> None:
    add(house, bookings, booking("1", 89), booking("2", 89.5, 20 * DAY))
    add(house, occupancy, belief("hall", 89.9))
    keeper = keeper_of(house)
    keep(house, keeper)
    assert told(house)["bookings"] == ["1", "2"]
    for _ in range(100):
        house.world.move(30 * MINUTE)
        keep(house, keeper)
    assert told(house)["bookings"] == [] and told(house)["occupancy"] == []


@pytest.mark.parametrize("leap_days", [4_000, 91, -4_000])
def test_a_leap_throws_nothing_away_and_back_again_neither(house: House, leap_days: int) -> None:
    fill(house)
    batch = {"journal": "a" * 32, "seq": 1, "agent": "entrance", "base": NOW, "readings": 1, "body": b"{}"}
    add(house, sample_batches, batch)
    code = {"kind": "code", "salt_id": "s", "sealed_hash": b"-", "encrypted_code": b"-", "created": NOW}
    code |= {"grant": "c" * 32, "booking": "2" * 32, "uniqueness": "u", "link_hash": "l"}
    add(house, credentials, code | {"rests_until": NOW + DAY})
    keeper = keeper_of(house)
    house.world.move(MINUTE)
    keep(house, keeper)
    assert told(house) == YOUNG
    house.world.step_wall(leap_days * DAY)
    for _ in range(20):
        house.world.move(60 * MINUTE)
        keep(house, keeper)
        keep(house, keeper_of(house))  # a process that starts now has no other clock
    house.world.step_wall(-leap_days * DAY)
    house.world.move(MINUTE)
    keep(house, keeper)
    assert told(house) == YOUNG
    assert count(house, sample_batches) == count(house, credentials) == 1
    assert rows(house, housekeeping)[0]["at"] == house.world.now()


def test_a_leap_that_lasts_a_day_is_believed(house: House) -> None:
    fill(house)
    keeper = keeper_of(house)
    keep(house, keeper)
    house.world.step_wall(30 * DAY)
    for _ in range(25):
        assert told(house) == YOUNG
        keep(house, keeper)
        house.world.move(60 * MINUTE)
    gone = {"events": [], "commands": ["3"], "alerts": ["3"], "bookings": [], "occupancy": []}
    assert told(house) == gone


def test_without_a_predecessor_the_clock_is_believed() -> None:
    assert ClockDoubt(None).believes(NOW, 0)


@pytest.mark.parametrize(
    ("away", "believed"),
    [(0, True), (GAP_MS, True), (GAP_MS + 1, False), (-SLACK_MS, True), (-SLACK_MS - 1, False)],
)
def test_between_two_processes_a_week_may_have_passed(away: int, believed: bool) -> None:
    doubt = ClockDoubt(NOW)
    assert doubt.believes(NOW + away, 5) is believed
    if away > GAP_MS:
        assert not doubt.believes(NOW + away + STEADY_MS - 1, 5 + STEADY_MS - 1)
        assert doubt.believes(NOW + away + STEADY_MS, 5 + STEADY_MS)


@given(st.lists(st.tuples(st.integers(0, 7_200_000), st.integers(-(10**12), 10**12)), max_size=40))
def test_a_clock_is_never_believed_within_a_day_of_a_leap(steps: list[tuple[int, int]]) -> None:
    """What is believed lies on the line of an earlier belief, or a day of steady time after the leap."""
    doubt, wall, monotonic = ClockDoubt(NOW), NOW, 0
    assert doubt.believes(wall, monotonic)
    line, leapt_at = NOW, 0  # wall less monotonic of the last belief; when the clock leapt last
    for passed, leap in steps:
        wall, monotonic = wall + passed + leap, monotonic + passed
        if abs(leap) > SLACK_MS:
            leapt_at = monotonic
        if doubt.believes(wall, monotonic):
            drift = abs(wall - monotonic - line)
            assert drift <= SLACK_MS or monotonic - leapt_at >= STEADY_MS
            line = wall - monotonic


def test_the_rest_of_what_tells_of_people_goes_too(house: House) -> None:
    """Deliveries, webhooks of feeds that are gone, rights, codes, groups of bookings, who did what."""
    for number, age in (("1", 91), ("2", 89)):
        name, at = number * 32, NOW - age * DAY
        row = booking(number, age) | {"group": "chorale", "override_by": "anne"}
        add(house, bookings, row | {"override_reason": "knows her"})
        delivery = {"delivery": name, "booking": name, "template": "code", "channel": "mail", "state": "sent"}
        add(house, deliveries, {**delivery, "due": at, "created": at})
        add(house, calls, {"key": number, "salt": b"", "digest": "", "booking": name, "at": at})
        add(house, hooked, {"feed": "gone", "uid": number, "body": "{}", "at": at, "ends": at})
        right = {"right": name, "person": "Martin", "kind": "code", "spaces": "[]", "rule": "{}"}
        times = {"extended": False, "valid_from": 0, "valid_until": at, "updated": 0}
        add(house, rights, {**right, **times, **CONTACT})
        code = {"grant": name, "booking": name, "kind": "code", "salt_id": "s", "uniqueness": number}
        sealed = {"sealed_hash": b"h", "encrypted_code": b"c", "link_hash": number, "created": 0}
        add(house, credentials, {**code, **sealed, "label": "Martin", "rests_until": at + 180 * DAY})
        session = {"token_hash": number, "name": "anne", "csrf": "", "created": 0}
        add(house, sessions, {**session, "expires": at + 90 * DAY})
    with write_transaction(house.engine, ["*", "ecole"]) as conn:
        for site in ("*", "ecole"):
            for age in (91, 89):
                world = ManualWorld(NOW - age * DAY)
                record(conn, site, world, "user.logged-in", "session/1", {"name": f"anne {age}"})
    keep(house, keeper_of(house))
    assert {row["booking"][0]: row["group"] for row in rows(house, bookings)} == {"1": None, "2": "chorale"}
    assert {row["booking"][0]: row["override_by"] for row in rows(house, bookings)} == {
        "1": None,
        "2": "anne",
    }
    assert [row["booking"][0] for row in rows(house, deliveries)] == ["2"]
    assert [row["uid"] for row in rows(house, hooked)] == ["2"]
    assert [row["key"] for row in rows(house, calls)] == ["2"]
    people = {row["right"][0]: (row["person"], row["mail"]) for row in rows(house, rights)}
    assert people == {"1": ("", ""), "2": ("Martin", "m@example.org")}
    codes = {row["grant"][0]: row for row in rows(house, credentials)}
    assert (codes["1"]["label"], codes["1"]["booking"], codes["1"]["encrypted_code"]) == (None, None, b"")
    assert (codes["2"]["label"], codes["2"]["link_hash"]) == ("Martin", "2")
    assert [row["token_hash"] for row in rows(house, sessions)] == ["2"]
    said = {(row["site"], row["fields"]) for row in rows(house, audit)}
    assert said == {(site, text) for site in ("*", "ecole") for text in (None, '{"name":"anne 89"}')}
    with house.engine.connect() as conn:
        assert check(conn, "ecole", {}).erased == 1 and check(conn, "ecole", {}).broken is None
