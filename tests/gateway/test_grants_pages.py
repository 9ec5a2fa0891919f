"""Pages of grants: small enough, each thing on its page, one page and the manifest for a change."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given
from msgspec.structs import replace
from sqlalchemy import func, insert, select

from pleintemps_contract.errors import ConfigError
from pleintemps_contract.gateway_messages import GrantsPage
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import MAX_PAYLOAD, encode
from pleintemps_gateway.access.placing import PAGE_GRANTS, PAGE_WEIGHT
from pleintemps_gateway.bookings.calendar_config import CalendarConfig, ClosedConfig, SchoolHoursConfig
from pleintemps_gateway.bookings.service import create, move
from pleintemps_gateway.config import load
from pleintemps_gateway.engine import Booking
from pleintemps_gateway.ingest.coming import Coming
from pleintemps_gateway.ingest.shelf import MAX_THINGS, Shelf
from pleintemps_gateway.signing import load_signing
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import grants, rights

from .house import HOUR, NOW, TOML, House, build
from .light_agent import Town

DAY = 24 * HOUR
OPENINGS = """
[[sites.free_openings]]
door = "gate"
days = ["mon", "tue", "wed", "thu", "fri"]
from = "08:00"
to = "18:00"
first_person = true
[[sites.free_openings]]
door = "class"
days = ["mon", "tue", "wed", "thu", "fri"]
from = "08:00"
to = "18:00"
[sites.codes]
guess = 1e-4
"""


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str) -> Iterator[House]:
    built = build(tmp_path, sqlite_url, extra=OPENINGS)
    yield built
    built.engine.dispose()


def town_of(house: House) -> Town:
    keys = [house.agent_keys(name) for name in ("entrance", "upstairs")]
    signing = load_signing(Path(house.config.keys))
    return Town(house.site, house.engine, house.world, house.desk, signing, keys)


@given(
    st.lists(st.dictionaries(st.integers(0, 200).map(str), st.integers(100, 9_000), max_size=150), max_size=5)
)
def test_things_keep_their_page_and_pages_have_an_end(rounds: list[dict[str, int]]) -> None:
    shelf, before = Shelf(), dict[str, tuple[int, int]]()
    for weights in rounds:
        pages = shelf.arrange(weights)
        where = {name: page for page, names in pages.items() for name in names}
        assert where.keys() == weights.keys()
        for names in pages.values():
            assert len(names) <= MAX_THINGS and sum(weights[name] for name in names) <= PAGE_WEIGHT
        shrunk = all(weights[name] <= weight for name, (_, weight) in before.items() if name in weights)
        if shrunk:
            assert all(where[name] == page for name, (page, _) in before.items() if name in where)
        before = {name: (page, weights[name]) for name, page in where.items()}


bookings = st.builds(
    lambda name, space, start, cancelled: Booking(
        booking=name, space=space, title="", start=start, end=start + 1, people=None, cancelled=cancelled
    ),
    st.sampled_from("abcdef"),
    st.sampled_from(["hall", "class"]),
    st.integers(0, 50),
    st.booleans(),
)


@given(st.lists(st.tuples(st.lists(bookings, max_size=4), st.integers(0, 10)), max_size=12))
def test_the_next_start_is_the_least_that_is_ahead(steps: list[tuple[list[Booking], int]]) -> None:
    coming, known, now = Coming(), dict[str, Booking](), 0
    for changed, later in steps:
        coming.change(changed)
        known |= {each.booking: each for each in changed}
        now += later
        for space in ("hall", "class"):
            ahead = [
                each.start
                for each in known.values()
                if each.space == space and not each.cancelled and each.start > now
            ]
            assert coming.next_start(space, now) == min(ahead, default=None)


def test_pages_stay_below_the_limit_however_long_the_windows(tmp_path: Path, sqlite_url: str) -> None:
    house = build(tmp_path, sqlite_url)
    hours = [
        SchoolHoursConfig(
            days=["mon", "tue", "wed", "thu", "fri"], from_=f"{start:02}:00", to=f"{start:02}:30"
        )
        for start in range(8, 18)
    ]
    # every half hour of a month is a window of its own
    site = replace(house.site, calendar=CalendarConfig(school_hours=hours))
    with write_transaction(house.engine, ["ecole"]) as conn:
        for number in range(12):
            start = NOW + number * 60_000 + HOUR
            create(conn, site, house.desk, space="hall", start=start, end=start + 21 * DAY, title="x")
        query = select(func.count(), func.max(func.length(grants.c.windows))).group_by(grants.c.page)
        pages = conn.execute(query).all()
    assert len(pages) > 1 and all(count < PAGE_GRANTS for count, _ in pages)
    town = town_of(house._replace(site=site))
    assert town.agents["entrance"].table.count == 12
    assert MAX_PAYLOAD // 3 < town.largest <= MAX_PAYLOAD
    house.engine.dispose()


def test_a_change_costs_one_page_and_the_manifest(house: House) -> None:
    with write_transaction(house.engine, ["ecole"]) as conn:
        made = []
        for number in range(PAGE_GRANTS + 10):
            start = NOW + number * HOUR
            new = create(conn, house.site, house.desk, space="hall", start=start, end=start + HOUR, title="")
            made.append(new)
    town = town_of(house)
    entrance, upstairs = town.agents["entrance"], town.agents["upstairs"]
    before = (dict(entrance.heard), dict(upstairs.heard))
    with write_transaction(house.engine, ["ecole"]) as conn:
        move(conn, house.site, house.desk, made[3].booking, start=NOW + DAY, end=NOW + DAY + HOUR)
    town.publish()
    assert entrance.heard == {"page": before[0]["page"] + 1, "manifest": before[0]["manifest"] + 1}
    assert upstairs.heard == before[1]
    for days, pages, manifests in ((0, 1, 1), (1, 2, 2), (4, 2, 2), (7, 4, 3)):
        # a week of keys begins on Tuesday, one of schedules on Monday
        town.world.move(days * DAY)
        town.publish()
        heard = {"page": before[0]["page"] + pages, "manifest": before[0]["manifest"] + manifests}
        assert entrance.heard == heard


def test_doors_stand_open_as_configured_but_on_closed_days(house: House) -> None:
    closed = CalendarConfig(closed=[ClosedConfig(first=date(2026, 11, 25))])
    town = town_of(house._replace(site=replace(house.site, calendar=closed)))
    (gate,) = town.agents["entrance"].table.free_openings.items()
    (door,) = town.agents["upstairs"].table.free_openings.items()
    assert (gate[0], gate[1][1], door[0], door[1][1]) == ("gate", True, "class", False)
    assert gate[1][0] == door[1][0]
    monday = 1_795_417_200_000  # 2026-11-23 08:00 in Paris
    begins = [(window.start - monday) / DAY for window in gate[1][0]][:6]
    assert begins == [0, 1, 3, 4, 7, 8]  # not on Wednesday, not at the week's end
    assert all(window.end - window.start == 10 * HOUR for window in gate[1][0])


def test_rights_with_one_rule_share_a_schedule(house: House) -> None:
    values: dict[str, object] = {"site": "ecole", "person": "", "mail": "", "phone": "", "language": "fr"}
    values |= {"spaces": '["class"]', "extended": True, "valid_from": 0, "valid_until": NOW + 90 * DAY}
    values |= {"rule": '{"days":["mon"],"from":"08:00","to":"12:00"}', "updated": NOW}
    cards = []
    with write_transaction(house.engine, ["ecole"]) as conn:
        for number, kind in enumerate(("code", "staff-code", "card", "staff-card")):
            right = f"{number}" * 32
            conn.execute(insert(rights).values(right=right, kind=kind, **values))
            card = f"w26:1:{number}" if "card" in kind else ""
            issued = house.desk.issue_right(conn, house.site, right, card=card)
            assert issued is not None and house.desk.issue_right(conn, house.site, right, card=card) is None
            cards.append((issued.code.removeprefix("card:"), "card" in kind))
    town = town_of(house)
    agent, opens = town.agents["upstairs"], 1_795_417_200_000
    schedules = {
        schedule.schedule
        for topic, payload in town.retained.items()
        if Topic.parse(topic).channel is Channel.PAGE and "/upstairs/" in topic
        for schedule in msgspec.json.decode(payload.partition(b"\n")[2], type=GrantsPage).schedules
    }
    assert len([name for name in schedules if name.startswith("r-")]) == 1
    for text, is_card in cards:
        times = (opens - 1, opens, opens + 4 * HOUR - 1, opens + 4 * HOUR, opens + 7 * DAY)
        answers = [agent.refusal("class", text, at, card=is_card) is None for at in times]
        assert answers == [False, True, True, False, True]
        assert agent.refusal("class", text, opens, card=not is_card) is not None
    assert all(right.extended for found in agent.table._rights.values() for right in found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('door = "class"', 'door = "cellar"'), "no door is called 'cellar'"),
        (('door = "class"', 'door = "gate"'), "first_person is the same"),
        (('from = "08:00"', 'from = "8"'), "from"),
        (('["mon", ', '["lundi", '), "lundi"),
        (("guess = 1e-4", "guess = 0.5"), "guess"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(TOML.format(url="", port=1, extra=OPENINGS.replace(*change)), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load(file)


def test_a_full_page_of_grants_is_well_below_the_limit() -> None:
    assert PAGE_WEIGHT + 1_000 < MAX_PAYLOAD
    assert len(encode(GrantsPage(epoch=2**53, revision=2**53, grants=[]))) < 200
