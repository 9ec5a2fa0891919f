"""Groups, overrides, rights and series over REST: who may, what it answers, what comes of it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.bookings.following import follow_feed
from pleintemps_gateway.bookings.service import Occurrence, create
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import audit, bookings, credentials
from pleintemps_gateway.users import put_user

from .house import HOUR, NOW, House, build

DAY = 24 * HOUR
PAPERS = {
    "site": "ecole",
    "name": "Judo Club",
    "contact": "Anna Petit",
    "mail": "anna@example.org",
    "convention_until": NOW + 90 * DAY,
    "insurance_until": NOW + 90 * DAY,
    "briefed": NOW,
}
RIGHT = {
    "person": "Inès Roux",
    "mail": "ines@example.org",
    "places": [{"site": "ecole", "spaces": ["hall"]}],
    "rule": {"days": ["mon"], "from": "08:00", "to": "12:00"},
    "valid_from": NOW,
    "valid_until": NOW + 60 * DAY,
}


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str) -> Iterator[House]:
    built = build(tmp_path, sqlite_url, extra='[sites.rules]\ngroups = "required"\n')
    for role in ("manager", "caretaker", "viewer"):
        put_user(built.engine, "*", role, "a long password", role, built.world)
    yield built
    built.engine.dispose()


class Client:
    """Calls as one role."""

    def __init__(self, house: House, role: str = "manager") -> None:
        self._app = create_app(house.config, house.world, house.engine, house.desk)
        self._role = role
        self._token = ""

    def __call__(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return asyncio.run(self._call(method, path, body))

    async def _call(self, method: str, path: str, body: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway/api/v1") as http:
            who = {"name": self._role, "password": "a long password"}
            self._token = self._token or (await http.post("/sessions", json=who)).json()["token"]
            return await http.request(
                method, path, json=body, headers={"authorization": f"Bearer {self._token}"}
            )


def book(house: House, group: str = "Judo Club") -> str:
    with write_transaction(house.engine, ["ecole"]) as conn:
        made = create(
            conn,
            house.site,
            house.desk,
            space="hall",
            start=NOW + DAY,
            end=NOW + DAY + HOUR,
            title="Judo",
            group=group,
        )
    return made.booking


def test_a_booking_gets_its_code_when_its_papers_are_there(house: House) -> None:
    call, booking = Client(house), book(house)
    shown = call("GET", f"/bookings/{booking}").json()
    assert (shown["withheld"], shown["group"]) == ("unknown-group", "judo-club")
    assert call("PUT", "/groups/judo-club", PAPERS).status_code == 204
    assert call("GET", f"/bookings/{booking}").json()["withheld"] is None
    assert call("PUT", "/groups/judo-club", PAPERS | {"insurance_until": None}).status_code == 204
    assert call("GET", f"/bookings/{booking}").json()["withheld"] == "no-insurance"
    groups = call("GET", "/groups").json()["items"]
    assert [(row["group"], row["insurance_until"]) for row in groups] == [("judo-club", None)]
    # a manager's word, once, with a reason
    path = f"/bookings/{booking}/override"
    assert call("PUT", path, {"reason": ""}).status_code == 422
    assert call("PUT", path, {"reason": "the paper is in the post"}).status_code == 204
    assert call("PUT", path, {"reason": "again"}).status_code == 409
    shown = call("GET", f"/bookings/{booking}").json()
    assert shown["withheld"] is None
    assert (shown["override_by"], shown["override_reason"]) == ("manager", "the paper is in the post")
    with house.engine.connect() as conn:
        said = conn.scalars(select(audit.c.action).where(audit.c.subject == f"booking/{booking}")).all()
    assert said[-2:] == ["booking.overridden", "booking.allowed"]


def test_whose_booking_it_is(house: House) -> None:
    call, booking = Client(house, "caretaker"), book(house, "")
    assert Client(house)("PUT", "/groups/judo-club", PAPERS).status_code == 204
    assert call("PUT", f"/bookings/{booking}/group", {"group": "JUDO club"}).status_code == 204
    shown = call("GET", f"/bookings/{booking}").json()
    assert (shown["group"], shown["withheld"]) == ("judo-club", None)
    assert call("PUT", f"/bookings/{'0' * 32}/group", {"group": "x"}).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"mail": "", "phone": ""},
        {"mail": "nobody"},
        {"name": "--"},
        {"contact": ""},
        {"language": "de"},
        {"people": -1},
        {"briefed": "yesterday"},
        {"sites": []},
    ],
)
def test_groups_that_cannot_be(house: House, change: dict[str, Any]) -> None:
    answer = Client(house)("PUT", "/groups/judo-club", PAPERS | change)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "invalid"


def test_who_may(house: House) -> None:
    booking = book(house)
    for role in ("viewer", "caretaker"):
        call = Client(house, role)
        assert call("PUT", "/groups/judo-club", PAPERS).status_code == 403
        assert call("POST", "/rights", RIGHT).status_code == 403
        assert call("PUT", f"/bookings/{booking}/override", {"reason": "please"}).status_code == 403
        assert call("POST", f"/bookings/{booking}/series", {"weeks": 2}).status_code == 403
        assert call("DELETE", f"/bookings/{booking}/series").status_code == 403
    assert Client(house, "viewer")("GET", "/groups").status_code == 403
    assert Client(house, "viewer")("GET", "/rights").status_code == 403
    assert Client(house, "caretaker")("GET", "/rights").status_code == 200
    assert Client(house)("PUT", "/groups/judo-club", PAPERS | {"site": "other"}).status_code == 404
    # of every site: by who sees every site
    assert Client(house)("PUT", "/groups/judo-club", PAPERS | {"site": "*"}).status_code == 204


def test_a_right_is_given_listed_and_ended(house: House) -> None:
    call = Client(house)
    made = call("POST", "/rights", RIGHT)
    assert made.status_code == 201
    right = made.json()["rights"][0]
    listed = call("GET", "/rights").json()["items"]
    assert [(row["right"], row["spaces"], row["rule"]["from"]) for row in listed] == [
        (right, ["hall"], "08:00")
    ]
    assert call("DELETE", f"/rights/{right}").status_code == 204
    assert call("DELETE", f"/rights/{right}").status_code == 409
    assert call("DELETE", f"/rights/{'0' * 32}").status_code == 404
    assert call("GET", "/rights").json()["items"] == []


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"places": [{"site": "ecole", "spaces": ["cellar"]}]}, 422),
        ({"places": [{"site": "nowhere", "spaces": ["hall"]}]}, 404),
        ({"places": []}, 422),
        ({"valid_until": NOW}, 422),
        ({"rule": {"days": [], "from": "08:00", "to": "12:00"}}, 422),
        ({"rule": {"days": ["mon"], "from": "8", "to": "12:00"}}, 422),
        ({"kind": "card"}, 422),
        ({"mail": ""}, 422),
    ],
)
def test_rights_that_cannot_be(house: House, change: dict[str, Any], status: int) -> None:
    assert Client(house)("POST", "/rights", RIGHT | change).status_code == status
    assert Client(house)("GET", "/rights").json()["items"] == []


def test_a_card_is_given_with_its_number(house: House) -> None:
    call, card = Client(house), {"kind": "card", "card": "w26:12:3456"}
    assert call("POST", "/rights", RIGHT | card).status_code == 201
    assert call("POST", "/rights", RIGHT | card).json()["error"]["code"] == "card-used"
    with house.engine.connect() as conn:
        assert [row.kind for row in conn.execute(select(credentials))] == ["card"]


def test_a_series_of_a_calendar_is_cancelled_there(house: House) -> None:
    items = [
        Occurrence(f"a#{day}", "hall", "Yoga", NOW + day * DAY, NOW + day * DAY + HOUR) for day in (1, 2)
    ]
    with write_transaction(house.engine, ["ecole"]) as conn:
        follow_feed(conn, house.site, house.desk, "town", items, NOW)
        names = conn.scalars(select(bookings.c.booking)).all()
    call = Client(house)
    assert call("DELETE", f"/bookings/{names[0]}/series").status_code == 409
    assert call("POST", f"/bookings/{names[0]}/series", {"weeks": 2}).status_code == 409
    booking = book(house)
    repeated = call("POST", f"/bookings/{booking}/series", {"weeks": 2})
    assert repeated.status_code == 201
    made = repeated.json()["bookings"]
    assert len(made) == 2
    assert call("POST", f"/bookings/{booking}/series", {"weeks": 0}).status_code == 422
    assert call("DELETE", f"/bookings/{made[0]}/series").json() == {"bookings": [booking, *made]}
    assert call("DELETE", f"/bookings/{booking}/series").status_code == 409
