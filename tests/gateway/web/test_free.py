"""Free now, and keeping a booking: what anybody may read, and what a link may do."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from datetime import date, time
from functools import wraps
from typing import Any, ParamSpec

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from msgspec.structs import replace
from sqlalchemy import Engine, insert, update

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.api.pace import BURST, EACH_MS, Pace
from pleintemps_gateway.bookings import releasing
from pleintemps_gateway.bookings.wishes import SERVICES, Wish, read_wish
from pleintemps_gateway.config import DeliveryConfig, GatewayConfig
from pleintemps_gateway.delivery.outbox import Outbox
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.engine import write_transaction

from . import town
from .clients import browser, enter, field

THEATRE, SECRET = "b7" * 16, "Répétition de la troupe"
TODAY = date(2026, 11, 19)
P = ParamSpec("P")


def in_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test in an event loop of its own."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


def config() -> GatewayConfig:
    """The theatre and the dance hall of the town are public; the studio and the school are not."""
    made = town.config()
    moulin, ecole = made.sites
    more: dict[str, dict[str, Any]] = {
        "theatre": {"public": True, "capacity": 80, "services": ["stage", "projector"]},
        "danse": {"public": True, "capacity": 25, "services": ["mirrors"]},
        "hall": {"public": True, "capacity": 100},
    }
    spaces = [replace(space, **more.get(space.space, {})) for space in moulin.spaces]
    school = [replace(space, public=True) for space in ecole.spaces]
    return replace(made, sites=[replace(moulin, public=True, spaces=spaces), replace(ecole, spaces=school)])


@pytest.fixture
def desk(world: ManualWorld) -> CodeDesk:
    return CodeDesk(b"s" * 32, world, Outbox(DeliveryConfig(), b"s" * 32, world))


@pytest.fixture
def public(engine: Engine, world: ManualWorld, desk: CodeDesk) -> FastAPI:
    with write_transaction(engine, ["moulin"]) as conn:
        conn.execute(schema.bookings.delete().where(schema.bookings.c.space.in_(["theatre", "danse"])))
    return create_app(config(), world, engine, desk)


def book(engine: Engine, start: int, end: int, name: str = THEATRE, **values: Any) -> None:
    row: dict[str, Any] = {
        "site": "moulin",
        "booking": name,
        "source": "rest",
        "uid": name,
        "space": "theatre",
    }
    row |= {"title": SECRET, "start": start, "end": end, "status": "confirmed", "updated": start}
    with write_transaction(engine, ["moulin"]) as conn:
        conn.execute(insert(schema.bookings).values(row | values))


async def asked(app: FastAPI, query: str = "", path: str = "/api/v1/free") -> httpx.Response:
    async with browser(app) as client:
        return await client.get(f"{path}?{query}")


def times_in(answer: httpx.Response) -> list[tuple[int, int]]:
    """Starts and ends of the events, Unix ms."""
    events: list[Any] = list(Calendar.from_ical(answer.text).walk("VEVENT"))
    return [
        (round(event["DTSTART"].dt.timestamp() * 1000), round(event["DTEND"].dt.timestamp() * 1000))
        for event in events
    ]


async def names(app: FastAPI, query: str) -> list[str]:
    answer = await asked(app, query)
    assert answer.status_code == 200, answer.text
    return [item["space"] for item in answer.json()["items"]]


@in_loop
async def test_a_space_is_found_by_hours_people_and_service(public: FastAPI, engine: Engine) -> None:
    book(engine, town.at("20:00", 20), town.at("21:00", 20))
    evening = "day=2026-11-20&from=20:00&to=22:00"
    assert await names(public, evening) == ["danse"]
    assert await names(public, "day=2026-11-20&from=21:00&to=22:00") == ["theatre", "danse"]
    assert await names(public, evening + "&minutes=60") == ["theatre", "danse"]
    assert await names(public, evening + "&minutes=61") == ["danse"]
    assert await names(public, "day=2026-11-21&people=30") == ["theatre"]
    assert await names(public, "day=2026-11-21&people=81") == []
    assert await names(public, "day=2026-11-21&service=stage&service=projector") == ["theatre"]
    assert await names(public, "day=2026-11-21&service=stage&service=mirrors") == []
    assert await names(public, "day=2026-11-21&space=danse") == ["danse"]
    assert await names(public, "day=2026-11-21&site=ecole") == []
    (item,) = (await asked(public, "day=2026-11-20&space=theatre")).json()["items"]
    assert item["free"] == [
        {"start": town.at("00:00", 20), "end": town.at("20:00", 20)},
        {"start": town.at("21:00", 20), "end": town.at("00:00", 21)},
    ]
    assert (item["sure"], item["dates"], item["capacity"]) == (True, None, 80)
    table = (await asked(public, "day=2026-11-20&space=theatre", "/free.csv")).text.splitlines()
    assert [line.split(",")[1::3] for line in table[1:]] == [
        ["theatre", str(span["start"]), ""] for span in item["free"]
    ]


@in_loop
async def test_what_is_over_is_not_free_and_now_is(public: FastAPI) -> None:
    assert await names(public, "from=20:00&to=22:00") == []
    (theatre, _) = (await asked(public, "from=20:00&to=23:59")).json()["items"]
    assert theatre["free"] == [{"start": town.NOW, "end": town.at("23:59")}]


@in_loop
async def test_presence_changes_nothing_and_no_name_is_told(public: FastAPI, engine: Engine) -> None:
    book(engine, town.at("20:00", 20), town.at("21:00", 20), group="troupe")
    before = [await asked(public, "day=2026-11-20", path) for path in ("/api/v1/free", "/free", "/free.ics")]
    with write_transaction(engine, ["moulin"]) as conn:
        conn.execute(update(schema.spaces).values(state="occupied", probability=0.99))
    after = [await asked(public, "day=2026-11-20", path) for path in ("/api/v1/free", "/free", "/free.ics")]
    assert [answer.content for answer in before] == [answer.content for answer in after]
    for answer in after:
        assert answer.status_code == 200
        assert not any(word in answer.text for word in (SECRET, THEATRE, "troupe", "Studio", "Biblio"))


@in_loop
async def test_a_lasting_need_counts_dates_and_lists_the_taken_ones(public: FastAPI, engine: Engine) -> None:
    book(engine, town.at("19:00", 24), town.at("20:00", 24))
    query = "day=2026-11-24&from=18:00&to=20:00&until=2027-01-26&space=theatre"
    (item,) = (await asked(public, query)).json()["items"]
    assert item["free"] == []
    assert item["dates"] == {"free": 9, "taken": ["2026-11-24"], "unsure": []}
    table = (await asked(public, query, "/free.csv")).text.splitlines()
    assert table[0] == "site,space,name,capacity,start,end,dates_free,dates_taken"
    assert table[1:] == ["moulin,theatre,Salle de théâtre,80,,,9,1"]
    page = (await asked(public, query, "/free")).text
    assert "9 dates sont libres" in page and "Mardi 24 novembre" in page


@in_loop
async def test_a_release_frees_time_and_tells_who_subscribes(public: FastAPI, engine: Engine) -> None:
    start, end = town.at("20:00"), town.at("23:50")
    book(engine, start, town.NOW, released=town.NOW, planned_end=end)
    calendar = await asked(public, "only=released", "/free.ics")
    assert times_in(calendar) == [(town.NOW, end)]
    assert SECRET not in calendar.text
    book(engine, town.at("23:20"), end, "b8" * 16)
    assert times_in(await asked(public, "only=released", "/free.ics")) == [(town.NOW, town.at("23:20"))]
    whole = Calendar.from_ical((await asked(public, "space=danse", "/free.ics")).text).walk("VEVENT")
    assert str(whole[0]["SUMMARY"]).startswith("Libre")


@in_loop
async def test_an_answer_is_kept_by_its_tag(public: FastAPI, engine: Engine, world: ManualWorld) -> None:
    for path, hour in (("/api/v1/free", "19:00"), ("/free.ics", "15:00")):
        async with browser(public) as client:
            first = await client.get(path, params={"day": "2026-11-20"})
            headers = {"if-none-match": first.headers["etag"]}
            again = await client.get(path, params={"day": "2026-11-20"}, headers=headers)
            assert (again.status_code, again.content) == (304, b"")
            assert "max-age=60" in again.headers["cache-control"]
            book(engine, town.at(hour, 20), town.at("20:00", 20), hour.replace(":", "").ljust(32, "0"))
            changed = await client.get(path, params={"day": "2026-11-20"}, headers=headers)
            assert changed.status_code == 200


@in_loop
async def test_nothing_is_public_unless_site_and_space_say_so(
    engine: Engine, world: ManualWorld, desk: CodeDesk
) -> None:
    hidden = create_app(town.config(), world, engine, desk)
    assert await names(hidden, "day=2026-11-20") == []
    page = await asked(hidden, "", "/free")
    assert page.status_code == 200 and "MJC du Moulin</td>" not in page.text


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("day=2026-02-30", "day"),
        ("day=yesterday", "day"),
        ("day=2026-11-18", "day"),
        ("day=9999-12-31", "day"),
        ("from=25:00", "from"),
        ("to=%00", "to"),
        ("minutes=0", "minutes"),
        ("minutes=-5", "minutes"),
        ("people=many", "people"),
        ("people=999999", "people"),
        ("service=helicopter", "service"),
        ("until=2026-12-31", "from"),
        ("until=2026-11-19&day=2026-11-20&from=18:00&to=19:00", "until"),
        ("site=%2e%2e%2f", "site"),
    ],
)
@in_loop
async def test_nonsense_is_named_on_every_surface(public: FastAPI, query: str, where: str) -> None:
    answer = await asked(public, query)
    assert (answer.status_code, answer.json()["error"]["where"]) == (422, where)
    page = await asked(public, query, "/free")
    assert page.status_code == 422
    assert page.text.count('aria-invalid="true"') == (
        0 if where in ("service", "site") else page.text.count('"fault"') - 1
    )
    assert 'role="alert"' in page.text
    assert (await asked(public, query, "/free.ics")).status_code == 422
    assert (await asked(public, query, "/free.csv")).status_code == 422


@in_loop
async def test_an_address_that_asks_too_often_waits(public: FastAPI, world: ManualWorld) -> None:
    async with browser(public) as client:
        answers = [await client.get("/free.ics") for _ in range(BURST + 1)]
        assert {answer.status_code for answer in answers[:-1]} == {200}
        assert (answers[-1].status_code, answers[-1].headers["retry-after"]) == (429, "1")
        world.move(EACH_MS)
        assert (await client.get("/free.ics")).status_code == 200


@given(st.lists(st.tuples(st.integers(0, 2_000), st.sampled_from("ab")), max_size=300))
def test_no_address_has_more_than_its_pace(steps: list[tuple[int, str]]) -> None:
    pace, now = Pace(), 0
    passed: dict[str, list[int]] = {"a": [], "b": []}
    for pause, address in steps:
        now += pause
        if not (wait := pace.wait(address, now)):
            passed[address].append(now)
        else:
            assert pace.wait(address, now + wait) == 0
            passed[address].append(now + wait)
            now += wait
    for times in passed.values():
        for index, first in enumerate(times):
            assert len([at for at in times[index:] if at < first + 10 * EACH_MS]) <= BURST + 10


texts = st.lists(
    st.text(max_size=12) | st.sampled_from(["2026-11-20", "18:00", "7", "stage", ""]), max_size=3
)


@given(
    st.dictionaries(
        st.sampled_from(["site", "space", "day", "from", "to", "minutes", "people", "service", "until"]),
        texts,
    )
)
def test_any_text_is_a_wish_or_a_fault(told: dict[str, list[str]]) -> None:
    wish, faults = read_wish(told, TODAY)
    assert isinstance(wish, Wish)
    assert len(set(faults)) == len(faults)
    assert wish.services <= set(SERVICES)
    assert wish.day is None or wish.day >= TODAY


def test_a_wish_is_read_as_it_was_typed() -> None:
    told = {
        "day": ["2026-11-24"],
        "from": ["18:00"],
        "to": ["20:00"],
        "people": [" 30 "],
        "service": ["stage"],
    }
    wish, faults = read_wish(told, TODAY)
    assert faults == []
    assert (wish.day, wish.hours, wish.people) == (date(2026, 11, 24), (time(18), time(20)), 30)
    assert wish.is_whole and not wish._replace(minutes=30).is_whole


@in_loop
async def test_the_page_needs_no_script_and_fills_its_form_again(public: FastAPI) -> None:
    page = await asked(public, "day=2026-11-20&from=20:00&to=22:00&people=30&service=stage&lang=en", "/free")
    assert page.status_code == 200 and "<script" not in page.text
    for part in (
        'value="2026-11-20"',
        'value="20:00"',
        'value="30"',
        'value="stage" checked',
        "Salle de théâtre",
    ):
        assert part in page.text
    assert all(f'for="{name}"' in page.text for name in ("day", "from", "to", "minutes", "people", "until"))
    assert re.search(r'<a href="/free\.ics\?day=2026-11-20', page.text)


def warned(engine: Engine, **values: Any) -> None:
    start = town.at("22:00")
    row = {"start": start, "end": town.at("23:50"), "warned": start + 15 * town.MINUTE}
    book(engine, **(row | values))


def link(desk: CodeDesk) -> str:
    return "/b/" + releasing.keep_link(config().sites[0], desk, THEATRE)


@in_loop
async def test_people_keep_their_space_by_the_link_of_the_warning(
    public: FastAPI, engine: Engine, desk: CodeDesk
) -> None:
    warned(engine)
    async with browser(public) as client:
        page = await client.get(link(desk))
        assert page.status_code == 200 and "J&#39;arrive" in page.text
        assert SECRET not in page.text
        assert "J&#39;arrive" in (await client.get(link(desk))).text  # looking does nothing
        done = await client.post(link(desk))
        assert (done.status_code, done.headers["location"]) == (303, link(desk))
        assert "La salle vous est gardée" in (await client.get(link(desk))).text
        forged = link(desk)[:-1] + ("0" if link(desk)[-1] != "0" else "1")
        assert (await client.get(forged)).status_code == 404
        assert (await client.post(forged)).status_code == 404


@in_loop
async def test_people_take_a_release_back_by_their_link_unless_it_is_taken(
    public: FastAPI, engine: Engine, desk: CodeDesk
) -> None:
    end = town.at("22:40")
    warned(engine)
    with write_transaction(engine, ["moulin"]) as conn:
        conn.execute(
            update(schema.bookings)
            .where(schema.bookings.c.booking == THEATRE)
            .values(end=end, released=end, planned_end=town.at("23:50"))
        )
    async with browser(public) as client:
        assert "Nous le reprenons" in (await client.get(link(desk))).text
        book(engine, town.at("23:00"), town.at("23:30"), "b8" * 16)
        assert "a réservé ce créneau" in (await client.get(link(desk))).text
        assert (await client.post(link(desk))).status_code == 303
        with engine.connect() as conn:
            assert (
                conn.execute(schema.bookings.select().where(schema.bookings.c.booking == THEATRE))
                .one()
                .released
            )
        with write_transaction(engine, ["moulin"]) as conn:
            conn.execute(schema.bookings.delete().where(schema.bookings.c.booking == "b8" * 16))
        await client.post(link(desk))
        with engine.connect() as conn:
            row = conn.execute(schema.bookings.select().where(schema.bookings.c.booking == THEATRE)).one()
        assert (row.end, row.released, row.planned_end) == (town.at("23:50"), None, None)


@in_loop
async def test_a_caretaker_sees_releases_and_takes_one_back(public: FastAPI, engine: Engine) -> None:
    warned(engine, end=town.NOW - 1, released=town.NOW - 1, planned_end=town.at("23:50"), group="troupe")
    missed = {"site": "moulin", "booking": THEATRE, "space": "theatre", "state": "no-show"}
    with write_transaction(engine, ["moulin"]) as conn:
        conn.execute(schema.usage.delete().where(schema.usage.c.booking == THEATRE))
        conn.execute(insert(schema.usage).values(missed | {"since": town.NOW, "closed_at": town.NOW}))
    async with browser(public) as client:
        assert (await client.get("/released")).status_code == 303
        await enter(client)
        assert "/released" in (await client.get("/")).text
        page = await client.get("/released")
        assert SECRET in page.text and "Annuler la libération" in page.text
        assert re.search(r"troupe</th>.*?>1</td>", page.text)
        told = (await client.get("/api/v1/released")).json()
        assert told["missed"] == [{"site": "moulin", "group": "troupe", "missed": 1}]
        assert [item["booking"] for item in told["items"]] == [THEATRE]
        address = f"/bookings/moulin/{THEATRE}/keep"
        assert (await client.post(address, data={"csrf": "wrong"})).status_code == 403
        done = await client.post(address, data={"csrf": field(page.text, "csrf")})
        assert done.status_code == 303
        assert "gardé par une personne" in (await client.get("/released")).text
        viewer = browser(public)
        await enter(viewer, "regard")
        page = await viewer.get("/released")
        assert "Garder la salle" not in page.text
        await viewer.aclose()


@in_loop
async def test_a_program_keeps_a_booking(public: FastAPI, engine: Engine, world: ManualWorld) -> None:
    warned(engine)
    async with browser(public) as client:
        body = {"name": "camille", "password": town.PASSWORD}
        token = (await client.post("/api/v1/sessions", json=body)).json()["token"]
        headers = {"authorization": f"Bearer {token}"}
        address = f"/api/v1/bookings/{THEATRE}/keep"
        assert (await client.post(address, headers=headers)).status_code == 204
        assert (await client.post(f"/api/v1/bookings/{'0' * 32}/keep", headers=headers)).status_code == 404
        world.move(3_600_000)
        answer = await client.post(address, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "over")
