"""Groups and their papers: the rule, and what becomes of bookings and their codes."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
from hypothesis import given
from msgspec.structs import replace
from sqlalchemy import select

from pleintemps_contract.gateway_messages import Window
from pleintemps_gateway.access.service import live_grant
from pleintemps_gateway.audit.log import check
from pleintemps_gateway.bookings.following import follow_feed
from pleintemps_gateway.bookings.group_book import Group, GroupIndex
from pleintemps_gateway.bookings.groups import (
    DAY_MS,
    NO_BRIEFING,
    NO_CONVENTION,
    NO_INSURANCE,
    OVER_CAPACITY,
    UNKNOWN_GROUP,
    Papers,
    missing,
    slug_of,
    to_remind,
)
from pleintemps_gateway.bookings.judging import START, settle_some
from pleintemps_gateway.bookings.papers import change_group, remind
from pleintemps_gateway.bookings.series import cancel_series, repeat, weekly
from pleintemps_gateway.bookings.service import (
    Occurrence,
    assign_group,
    cancel,
    create,
    move,
    override,
    revise,
)
from pleintemps_gateway.bookings.sources.base import Contact
from pleintemps_gateway.config import CodesConfig, SiteConfig
from pleintemps_gateway.errors import BookingError
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import audit, bookings, contacts, credentials, deliveries, grants, groups
from pleintemps_gateway.web.formats import Formats
from pleintemps_gateway.web.i18n import catalogue
from pleintemps_gateway.web.picture import load_board
from pleintemps_gateway.web.sentences import Sentences
from pleintemps_gateway.web.words import Words

from .house import HOUR, NOW, House, build

DAY = DAY_MS
YEAR = 365 * DAY
CHOIR = Group(
    group="choeur-des-halles",
    name="Chœur des Halles",
    contact="Anna Petit",
    mail="anna@example.org",
    convention_until=NOW + 300 * DAY,
    insurance_until=NOW + 200 * DAY,
    briefed=NOW - 100 * DAY,
    people=40,
)


# --- the rule -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"convention_until": None}, NO_CONVENTION),
        ({"convention_until": NOW - 1}, NO_CONVENTION),
        ({"convention_until": NOW}, None),
        ({"insurance_until": NOW - 1}, NO_INSURANCE),
        ({"briefed_until": None}, NO_BRIEFING),
        ({"people": 20}, None),
        ({"people": 19}, OVER_CAPACITY),
        ({"people": None}, None),
        ({"convention_until": None, "insurance_until": None, "people": 1}, NO_CONVENTION),
    ],
)
def test_what_a_booking_lacks(change: dict[str, int | None], reason: str | None) -> None:
    papers = Papers(NOW, NOW, NOW, 40)._replace(**change)
    assert missing(papers, required=False, end=NOW, people=20, capacity=0) == reason


def test_a_group_is_needed_where_the_site_says_so() -> None:
    assert missing(None, required=True, end=NOW, people=None, capacity=5) == UNKNOWN_GROUP
    assert missing(None, required=False, end=NOW, people=50, capacity=5) is None
    papers = Papers(NOW, NOW, NOW, None)
    assert missing(papers, required=False, end=NOW, people=50, capacity=5) == OVER_CAPACITY
    assert missing(papers, required=False, end=NOW, people=50, capacity=0) is None


times = st.none() | st.integers(0, 100)
papers_ = st.builds(Papers, times, times, times, times)


@given(papers_, papers_, st.booleans(), st.integers(0, 100), times, st.integers(0, 100))
def test_more_papers_never_withhold_more(
    one: Papers, other: Papers, required: bool, end: int, people: int | None, capacity: int
) -> None:
    def later(left: int | None, right: int | None) -> int | None:
        return max((at for at in (left, right) if at is not None), default=None)

    limit = None if one.people is None or other.people is None else max(one.people, other.people)
    first, second, third = (later(*pair) for pair in zip(one[:3], other[:3], strict=True))
    more = Papers(first, second, third, limit)
    facts: dict[str, Any] = {"required": required, "end": end, "people": people, "capacity": capacity}
    for less in (one, other):
        if missing(less, **facts) is None:
            assert missing(more, **facts) is None
    # and a booking that ends sooner, or of fewer people, lacks nothing new
    if missing(one, **facts) is None and end and people:
        assert missing(one, **facts | {"end": end - 1, "people": people - 1}) is None


@given(papers_, st.none() | st.integers(0, 100), st.integers(0, 100), st.integers(0, 30))
def test_a_group_is_reminded_once_of_each_paper(
    papers: Papers, reminded: int | None, now: int, before: int
) -> None:
    found = to_remind(papers, reminded, now, before)
    assert all(each.until - before <= now for each in found)
    assert to_remind(papers, now, now, before) == []
    assert to_remind(papers, reminded, now + 1, before) == found or any(
        until is not None and until - before == now + 1 for until in papers[:3]
    )


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Chœur des Halles", "choeur-des-halles"),
        ("  CHŒUR  des-Halles! ", "choeur-des-halles"),
        ("École d'été n° 2", "ecole-d-ete-n-2"),
        ("", ""),
        ("---", ""),
    ],
)
def test_names_of_groups(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@given(st.text(max_size=80), st.text(max_size=80))
def test_slugs_are_stable_and_tell_groups_apart(one: str, other: str) -> None:
    slug = slug_of(one)
    assert len(slug) <= 40 and slug_of(slug) == slug
    long = "Association des amis de la bibliothèque de la rue haute"
    assert slug_of(f"{long} nord") != slug_of(f"{long} sud")
    assert slug_of("合唱団") != slug_of("体操部") != ""


# --- the store ----------------------------------------------------------------------------------------------

EXTRA = """
[sites.rules]
groups = "required"
[sites.calendar]
[[sites.calendar.school_hours]]
days = ["mon", "tue", "thu", "fri"]
from = "08:30"
to = "16:30"
[delivery]
kind = "spool"
"""


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    built = build(tmp_path, store_url, extra=EXTRA)
    yield built
    built.engine.dispose()


def evening(days: int, length: int = 2 * HOUR) -> tuple[int, int]:
    """18:13 in Paris, so many days from now, a Monday."""
    start = NOW + days * DAY + 15 * HOUR
    return start, start + length


def know(house: House, group: Group = CHOIR, where: str = "ecole") -> None:
    with write_transaction(house.engine, ["ecole", "*"]) as conn:
        assert change_group(conn, where, [house.site], house.desk, group, "marc")


def book(house: House, days: int = 1, **values: Any) -> str:
    start, end = evening(days)
    facts: dict[str, Any] = {
        "space": "hall",
        "start": start,
        "end": end,
        "title": "Chorale",
        "group": "Chœur des Halles",
    }
    with write_transaction(house.engine, ["ecole"]) as conn:
        return create(conn, house.site, house.desk, **(facts | values)).booking


def row(house: House, booking: str) -> Any:
    with house.engine.connect() as conn:
        return conn.execute(select(bookings).where(bookings.c.booking == booking)).one()


def is_live(house: House, booking: str) -> bool:
    with house.engine.connect() as conn:
        return live_grant(conn, "ecole", booking) is not None


def told(house: House, booking: str) -> list[str]:
    with house.engine.connect() as conn:
        query = select(deliveries.c.template).where(deliveries.c.booking == booking)
        return sorted(conn.scalars(query.order_by(deliveries.c.created)))


def actions(house: House, subject: str) -> list[str]:
    with house.engine.connect() as conn:
        assert check(conn, "ecole", {}).broken is None
        return list(
            conn.scalars(select(audit.c.action).where(audit.c.subject == subject).order_by(audit.c.seq))
        )


def windows(house: House, booking: str) -> list[Window]:
    with house.engine.connect() as conn:
        query = select(grants).join(
            credentials, (credentials.c.site == grants.c.site) & (credentials.c.grant == grants.c.grant)
        )
        found = conn.execute(query.where(credentials.c.booking == booking))
        return sorted({Window(start=each.start, end=each.end) for each in found}, key=lambda item: item.start)


def test_no_code_without_papers_and_one_with_them(house: House) -> None:
    booking = book(house)
    assert (row(house, booking).withheld, row(house, booking).group) == (UNKNOWN_GROUP, "choeur-des-halles")
    assert not is_live(house, booking)
    assert told(house, booking) == ["withheld"]
    know(house)
    assert row(house, booking).withheld is None
    with write_transaction(house.engine, ["ecole"]) as conn:
        assert house.desk.issue(conn, house.site, booking) is not None
    assert windows(house, booking)
    # the convention ends before the booking does: the code is off the doors and its digits rest
    know(house, replace(CHOIR, convention_until=evening(1)[1] - 1))
    assert row(house, booking).withheld == NO_CONVENTION
    assert not is_live(house, booking) and windows(house, booking) == []
    assert told(house, booking) == ["code", "withheld", "withheld"]
    assert actions(house, f"booking/{booking}") == [
        "booking.created",
        "booking.withheld",
        "booking.allowed",
        "code.issued",
        "booking.withheld",
    ]
    assert actions(house, "group/choeur-des-halles") == ["group.changed", "group.changed"]


def test_the_board_says_why_there_is_no_code(house: House) -> None:
    booking = book(house, 0)
    with house.engine.connect() as conn:
        board = load_board(conn, house.config, ("ecole",), NOW)
    tile = next(tile for tile in board.sites[0].tiles if tile.space == "hall")
    assert tile.following is not None
    assert (tile.following.booking, tile.following.code_lacks) == (booking, UNKNOWN_GROUP)
    for language, said in (("fr", "pas de code\u00a0: groupe inconnu"), ("en", "no code: group not known")):
        texts = catalogue(language)
        assert Sentences(texts, Formats(texts), Words(texts)).code(UNKNOWN_GROUP) == said


def test_nothing_happens_where_nothing_changed(house: House) -> None:
    know(house)
    booking = book(house)
    before = told(house, booking), actions(house, f"booking/{booking}")
    with write_transaction(house.engine, ["ecole"]) as conn:
        assert change_group(conn, "ecole", [house.site], house.desk, CHOIR, "marc") is False
        assert settle_some(conn, house.site, house.desk, START, 100) is None
    assert (told(house, booking), actions(house, f"booking/{booking}")) == before


def test_a_manager_overrides_papers_but_not_the_school(house: House) -> None:
    know(house, replace(CHOIR, people=10))
    booking = book(house, people=12)
    assert row(house, booking).withheld == OVER_CAPACITY
    with write_transaction(house.engine, ["ecole"]) as conn:
        override(conn, house.site, house.desk, booking, "marc", "two guests from Lyon")
        with pytest.raises(BookingError, match="nothing to override"):
            override(conn, house.site, house.desk, booking, "marc", "again")
    assert (row(house, booking).withheld, row(house, booking).override_by) == (None, "marc")
    with write_transaction(house.engine, ["ecole"]) as conn:
        house.desk.issue(conn, house.site, booking)
        move(conn, house.site, house.desk, booking, start=NOW + 7 * HOUR, end=NOW + 8 * HOUR)
    assert row(house, booking).withheld == "school-hours"
    assert is_live(house, booking) and windows(house, booking) == []
    with write_transaction(house.engine, ["ecole"]) as conn:
        start, end = evening(2)
        move(conn, house.site, house.desk, booking, start=start, end=end)
    assert row(house, booking).withheld is None
    assert [(window.start, window.end) for window in windows(house, booking)] == [
        (start - HOUR // 4, end + HOUR // 4)
    ]
    assert told(house, booking) == ["code", "moved", "withheld", "withheld"]
    # more people than the manager had heard of
    with write_transaction(house.engine, ["ecole"]) as conn:
        revise(conn, house.site, house.desk, booking, {"people": 30}, "anna")
    assert (row(house, booking).withheld, row(house, booking).override_by) == (OVER_CAPACITY, None)
    assert actions(house, f"booking/{booking}").count("booking.overridden") == 1


def test_a_booking_that_school_hours_cut_opens_after_them(house: House) -> None:
    know(house)
    start = NOW + 13 * HOUR  # 16:13
    booking = book(house, start=start, end=start + 2 * HOUR)
    half_past_four = NOW - NOW % DAY + 15 * HOUR + HOUR // 2
    assert [(w.start, w.end) for w in windows(house, booking)] == [
        (half_past_four, start + 2 * HOUR + HOUR // 4)
    ]
    inside = book(house, start=start - 2 * HOUR, end=start - HOUR)
    assert row(house, inside).withheld == "school-hours"


def test_groups_of_one_site_and_of_every_site(house: House) -> None:
    know(house, replace(CHOIR, convention_until=None), "*")
    booking = book(house)
    assert row(house, booking).withheld == NO_CONVENTION
    know(house)  # the site's own hides it
    assert row(house, booking).withheld is None
    with house.engine.connect() as conn:
        index = GroupIndex(conn, "ecole")
        assert index.find("CHOEUR des halles").site == "ecole"  # type: ignore[union-attr]
        assert GroupIndex(conn, "other").find("choeur-des-halles").site == "*"  # type: ignore[union-attr]
        assert index.find("Judo") is None and index.find("") is None


def test_a_group_that_is_known_by_another_slug(house: House) -> None:
    """What the source says is the name; the bookings come to bear the slug once somebody knows it."""
    booking = book(house)
    know(house, replace(CHOIR, group="choir"))
    assert (row(house, booking).group, row(house, booking).withheld) == ("choir", None)
    with write_transaction(house.engine, ["ecole"]) as conn:
        assign_group(conn, house.site, house.desk, booking, "", "marc")
    assert (row(house, booking).group, row(house, booking).withheld) == (None, UNKNOWN_GROUP)


def test_groups_are_told_before_their_papers_end(house: House) -> None:
    know(house, replace(CHOIR, insurance_until=NOW + 40 * DAY))
    found = []
    for day in (0, 9, 10, 11, 20, 39, 41):
        house.world.move(NOW + day * DAY - house.world.now())
        with write_transaction(house.engine, ["ecole"]) as conn:
            found.append(remind(conn, house.site, house.desk))
    assert found == [0, 0, 1, 0, 0, 0, 0]
    assert actions(house, "group/choeur-des-halles") == ["group.changed", "group.reminded"]


# --- feeds --------------------------------------------------------------------------------------------------


def test_contact_and_group_follow_the_feed(house: House) -> None:
    know(house)
    start, end = evening(1)
    anna, ben = Contact("Anna", "anna@example.org", "", "fr"), Contact("Ben", "ben@example.org", "", "en")
    item = Occurrence("a", "hall", "Chorale", start, end, 12, anna, "Chœur des Halles")

    def follow(*found: Occurrence) -> tuple[int, int, int]:
        with write_transaction(house.engine, ["ecole"]) as conn:
            return follow_feed(conn, house.site, house.desk, "town", found, NOW)

    def contact() -> str:
        with house.engine.connect() as conn:
            return str(conn.scalar(select(contacts.c.mail)))

    assert follow(item) == (1, 0, 0)
    with house.engine.connect() as conn:
        stored = conn.execute(select(bookings)).one()
    assert (stored.group, stored.withheld, contact()) == ("choeur-des-halles", None, "anna@example.org")
    assert follow(item) == (0, 0, 0)
    assert follow(item._replace(contact=ben)) == (0, 1, 0)
    assert contact() == "ben@example.org"
    # a source that does not say takes nothing away
    assert follow(item._replace(contact=Contact(), group="")) == (0, 0, 0)
    assert (contact(), row(house, stored.booking).group) == ("ben@example.org", "choeur-des-halles")
    assert follow(item._replace(group="Judo")) == (0, 1, 0)
    assert row(house, stored.booking).withheld == UNKNOWN_GROUP


def test_what_was_released_stays_released_until_the_feed_says_other_times(house: House) -> None:
    know(house)
    start, end = evening(0)
    item = Occurrence("a", "hall", "Chorale", start, end, group="Chœur des Halles")

    def follow(found: Occurrence) -> tuple[int, int, int]:
        with write_transaction(house.engine, ["ecole"]) as conn:
            return follow_feed(conn, house.site, house.desk, "town", [found], NOW)

    follow(item)
    with write_transaction(house.engine, ["ecole"]) as conn:
        conn.execute(bookings.update().values(end=end - HOUR, planned_end=end, released=end - HOUR))
    assert follow(item) == (0, 0, 0)
    assert follow(item._replace(end=end + HOUR)) == (0, 1, 0)
    with house.engine.connect() as conn:
        stored = conn.execute(select(bookings)).one()
    assert (stored.end, stored.planned_end, stored.released) == (end + HOUR, None, None)


def test_a_series_is_cancelled_at_once(house: House) -> None:
    start, end = evening(0)
    items = [
        Occurrence(f"yoga#{number}", "hall", "Yoga", start + number * DAY, end + number * DAY)
        for number in range(3)
    ]
    with write_transaction(house.engine, ["ecole"]) as conn:
        other = Occurrence("yogam#1", "hall", "Yogam", start, end)
        follow_feed(conn, house.site, house.desk, "town", [*items, other], NOW)
        names = {each.uid: each.booking for each in conn.execute(select(bookings))}
        cancel(conn, house.site, house.desk, names["yoga#1"])
        assert cancel_series(conn, house.site, house.desk, names["yoga#1"]) == [
            names["yoga#0"],
            names["yoga#2"],
        ]
        with pytest.raises(BookingError, match="ahead"):
            cancel_series(conn, house.site, house.desk, names["yoga#0"])
        alive = conn.scalars(select(bookings.c.uid).where(bookings.c.status == "confirmed")).all()
    assert alive == ["yogam#1"]


def test_a_booking_is_repeated_and_cancelled_with_its_series(house: House) -> None:
    know(house)
    booking = book(house, people=12)
    with write_transaction(house.engine, ["ecole"]) as conn:
        made = repeat(conn, house.site, house.desk, booking, 3, "marc")
        assert len(made) == 3
        assert repeat(conn, house.site, house.desk, booking, 3, "marc") == []
        rows = conn.execute(select(bookings).order_by(bookings.c.start)).all()
        assert {(each.people, each.group, each.withheld) for each in rows} == {
            (12, "choeur-des-halles", None)
        }
        assert cancel_series(conn, house.site, house.desk, made[1]) == [booking, *made]
        with pytest.raises(BookingError, match="cancelled already"):
            repeat(conn, house.site, house.desk, booking, 1)


@given(st.integers(NOW, NOW + YEAR), st.integers(1, 2 * DAY), st.integers(1, 60))
def test_a_series_keeps_its_times_on_the_clock(start: int, length: int, weeks: int) -> None:
    zone = ZoneInfo("Europe/Paris")
    start -= start % 60_000
    found = weekly(start, start + length, zone, weeks)
    wanted = datetime.fromtimestamp(start / 1000, zone)
    for each in found:
        local = datetime.fromtimestamp(each[0] / 1000, zone)
        assert local.weekday() == wanted.weekday() and each[1] > each[0]
        assert local.time() == wanted.time() or local.hour in (2, 3)
    assert len(found) == weeks or 1 <= wanted.hour <= 3 or length > 20 * HOUR


def test_all_is_judged_in_steps(house: House) -> None:
    made = [book(house, days) for days in (1, 1, 2, 3, 4)]
    relaxed = replace(house.site, rules=replace(house.site.rules, groups="optional"))

    def step(site: SiteConfig, after: tuple[int, str]) -> tuple[int, str] | None:
        with write_transaction(house.engine, ["ecole"]) as conn:
            return settle_some(conn, site, house.desk, after, 2)

    after: tuple[int, str] | None = START
    steps = 0
    while after is not None:
        after = step(relaxed, after)
        steps += 1
    assert steps == 3
    assert [row(house, each).withheld for each in made] == [None] * 5
    with house.engine.connect() as conn:
        assert conn.execute(select(groups)).all() == []
    assert relaxed.codes == CodesConfig()
