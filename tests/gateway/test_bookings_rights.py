"""Recurring rights: their weeks in local time, whom they belong to, how they end."""

import itertools
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given
from sqlalchemy import select

from pleintemps_gateway.access.right_rule import windows_of_right
from pleintemps_gateway.access.service import live_grant
from pleintemps_gateway.access.vault import link_hash
from pleintemps_gateway.access.weeks import windows
from pleintemps_gateway.audit.log import check
from pleintemps_gateway.bookings.calendar_config import CalendarConfig, ClosedConfig, DayType
from pleintemps_gateway.bookings.right_rules import RightRule
from pleintemps_gateway.bookings.rights import (
    Right,
    add_right,
    end_right,
    find_right,
    list_rights,
    rights_by_page,
    rights_of,
)
from pleintemps_gateway.bookings.site_calendar import Days, SiteCalendar
from pleintemps_gateway.errors import BookingError, RightError
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import audit, grants, rights

from .house import HOUR, NOW, House, build

PARIS = ZoneInfo("Europe/Paris")
DAY = 24 * HOUR
NAMES = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
CLOSED = CalendarConfig(closed=[ClosedConfig(first=date(2026, 12, 24), last=date(2026, 12, 31))])
CALENDAR = SiteCalendar(CLOSED, "Europe/Paris", [Days(date(2026, 10, 17), date(2026, 11, 1))])

clocks = st.tuples(st.integers(0, 23), st.sampled_from([0, 30])).map(lambda t: f"{t[0]:02}:{t[1]:02}")
rules = st.builds(
    RightRule,
    days=st.lists(st.sampled_from(NAMES), min_size=1, max_size=7, unique=True),
    from_=clocks,
    to=clocks,
    except_=st.lists(st.sampled_from(DayType), unique=True),
)
moments = st.integers(1_767_222_000_000, 1_830_294_000_000)  # 2026 and 2027


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp() * 1000)


@given(rules, moments, st.data())
def test_a_clock_on_the_wall_says_whether_a_right_counts(
    rule: RightRule, now: int, data: st.DataObject
) -> None:
    found = windows(rule, PARIS, now, rule.closed_days(CALENDAR))
    assert all(one.end < two.start for one, two in itertools.pairwise(found))
    at = now + data.draw(st.integers(0, 45 * 24 * 60)) * 60_000
    local = datetime.fromtimestamp(at / 1000, PARIS)
    if any(local.utcoffset() != (local + timedelta(hours=each)).utcoffset() for each in (-26, 26)):
        return  # nights when clocks change have their own cases
    clock = f"{local:%H:%M}"

    def holds(day: date) -> bool:
        return NAMES[day.weekday()] in rule.days and CALENDAR.day_type(day) not in rule.except_

    today, before = local.date(), local.date() - timedelta(days=1)
    expected = (holds(today) and rule.from_ <= clock and (clock < rule.to or rule.to <= rule.from_)) or (
        holds(before) and rule.to <= rule.from_ and clock < rule.to
    )
    assert any(window.start <= at < window.end for window in found) is expected


@pytest.mark.parametrize(
    ("rule", "day", "start", "hours"),
    [
        (("sat", "22:00", "06:00"), "2026-03-28", "2026-03-28T22:00", 7),  # the hour from 2 to 3 is skipped
        (("sat", "22:00", "06:00"), "2026-10-24", "2026-10-24T22:00", 9),  # and here it comes twice
        (("sun", "02:30", "04:00"), "2026-03-29", "2026-03-29T03:00", 1),
        (("sun", "02:00", "03:00"), "2026-10-25", "2026-10-25T02:00", 2),
        (("sun", "06:00", "08:00"), "2026-03-29", "2026-03-29T06:00", 2),
        (("sun", "06:00", "06:00"), "2026-10-25", "2026-10-25T06:00", 24),
    ],
)
def test_nights_when_clocks_change(rule: tuple[str, str, str], day: str, start: str, hours: int) -> None:
    week = RightRule(days=[rule[0]], from_=rule[1], to=rule[2])  # type: ignore[list-item]
    first = next(each for each in windows(week, PARIS, ms(day)) if each.end > ms(day))
    assert (first.start, first.end - first.start) == (ms(start), hours * HOUR)


def test_an_hour_that_does_not_exist_opens_nothing() -> None:
    week = RightRule(days=["sun"], from_="02:00", to="03:00")
    assert ms("2026-03-29T03:00") not in {each.start for each in windows(week, PARIS, ms("2026-03-23"))}
    assert len(windows(week, PARIS, ms("2026-03-23"))) == 7


# --- the store ----------------------------------------------------------------------------------------------

EXTRA = """
[sites.calendar]
closed = [{ first = 2026-12-07 }]
[[sites]]
site = "moulin"
name = "Moulin"
[[sites.spaces]]
space = "loft"
name = "Grenier"
[[sites.doors]]
door = "loft"
name = "Grenier"
agent = "mill"
from = "street"
to = "loft"
"""
NURSE: dict[str, Any] = {
    "person": "Inès Roux",
    "mail": "ines@example.org",
    "rule": RightRule(days=["mon", "thu"], from_="08:00", to="12:00"),
    "valid_from": NOW,
    "valid_until": NOW + 60 * DAY,
}


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    built = build(tmp_path, store_url, extra=EXTRA)
    yield built
    built.engine.dispose()


def give(house: House, site: int = 0, **values: Any) -> str:
    here = house.config.sites[site]
    with write_transaction(house.engine, [here.site]) as conn:
        right = Right(**NURSE | {"spaces": ["hall" if site == 0 else "loft"]} | values)
        return add_right(conn, here, house.desk, right, "marc")


def test_one_person_on_two_sites(house: House) -> None:
    here, there = give(house), give(house, 1)
    other = give(house, person="Ben", mail="ben@example.org")
    with write_transaction(house.engine, ["ecole", "moulin"]) as conn:
        assert [row.right for row in rights_of(conn, "ines@example.org", NOW)] == [here, there]
        assert rights_of(conn, "", NOW) == []
        issued = house.desk.issue_right(conn, house.site, here)
        assert issued is not None
        link = link_hash(issued.link)
        assert [row.right for row in rights_by_page(conn, ("ecole", "moulin"), link)] == [here]
        for site, right in ((house.config.sites[1], there), (house.site, other)):
            assert house.desk.issue_right(conn, site, right) is not None
        assert [row.right for row in rights_by_page(conn, ("ecole", "moulin"), link)] == [here, there]
        assert [row.right for row in rights_by_page(conn, ("moulin",), link)] == [there]
        assert rights_by_page(conn, ("ecole", "moulin"), "0" * 64) == []
        listed = list_rights(conn, ("ecole",), NOW)
        assert [row.right for row in listed] == [other, here]
        row = find_right(conn, ("ecole",), here)
        assert row is not None
        calendar = SiteCalendar(house.site.calendar, "Europe/Paris")
        days = {
            datetime.fromtimestamp(w.start / 1000, PARIS).date() for w in windows_of_right(row, calendar, NOW)
        }
        assert date(2026, 12, 3) in days and date(2026, 12, 7) not in days
        end_right(conn, house.site, house.desk, here, "marc")
        assert issued.grant not in conn.scalars(select(grants.c.grant)).all()
        assert [row.ended for row in rights_by_page(conn, ("ecole", "moulin"), link)] == [NOW, None]
        assert [row.right for row in rights_of(conn, "ines@example.org", NOW)] == [there]
        with pytest.raises(RightError, match="ended already"):
            end_right(conn, house.site, house.desk, here)
        with pytest.raises(RightError, match="no such"):
            end_right(conn, house.site, house.desk, there)
        assert check(conn, "ecole", {}).broken is None
        words = conn.scalars(select(audit.c.action).where(audit.c.subject == f"right/{here}")).all()
        assert [word for word in words if word.startswith("right.")] == ["right.added", "right.ended"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"spaces": ["loft"]}, "unknown-space"),
        ({"valid_until": NOW}, "bad-times"),
        ({"valid_from": NOW + 61 * DAY}, "bad-times"),
        ({"valid_until": NOW + 6 * 365 * DAY}, "bad-times"),
        ({"card": "w26:1:2"}, "card"),
        ({"kind": "staff-card"}, "card"),
    ],
)
def test_rights_that_cannot_be_given(house: House, values: dict[str, Any], reason: str) -> None:
    with pytest.raises(RightError) as caught:
        give(house, **values)
    assert caught.value.reason == reason
    with house.engine.connect() as conn:
        assert conn.execute(select(rights)).all() == []


def test_a_card_belongs_to_one_person(house: House) -> None:
    right = give(house, kind="staff-card", card="w26:12:3456")
    with house.engine.connect() as conn:
        held = conn.execute(select(grants)).all()
        stored = conn.execute(select(rights)).one()
        assert live_grant(conn, "ecole", right) is None
    assert {row.agent for row in held} == {"entrance"}
    assert msgspec.json.decode(stored.rule) == {
        "days": ["mon", "thu"],
        "from": "08:00",
        "to": "12:00",
        "except": ["closed-day"],
    }
    with pytest.raises(BookingError, match="belongs to somebody"):
        give(house, kind="card", card="w26:12:3456")
    with house.engine.connect() as conn:
        assert len(conn.execute(select(rights)).all()) == 1
