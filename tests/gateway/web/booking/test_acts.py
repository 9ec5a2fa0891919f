"""What people do on the page of their booking: they come, leave, call for help, type."""

import json
import re
from typing import Any

import httpx
import icalendar
import pytest

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.keypad import MOST_DIGITS, is_same, typed_on
from pleintemps_gateway.bookings.service import move
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import alerts, audit, bookings, commands
from pleintemps_gateway.web.booking_page import UNDO_MS
from pleintemps_gateway.web.formats import Formats
from pleintemps_gateway.web.i18n import catalogue
from tests.gateway.web.clients import csrf_of, log_in
from tests.gateway.web.visitors import HOUR, PASSWORD, Visitors

from .pages import NOW, audited, press, rows

pytestmark = pytest.mark.anyio


async def test_they_say_on_their_page_that_they_come(client: httpx.AsyncClient, people: Visitors) -> None:
    booking, main = people.book(NOW - HOUR, NOW + HOUR)
    page = (await client.get(f"/b/{main.link}")).text
    assert "Venez-vous" not in page and f"/b/{main.link}/keep" not in page
    await client.post(f"/b/{main.link}/keep")
    assert rows(people, bookings)[0].kept is None, "nobody asked"
    people.change(booking, warned=NOW - 60_000)
    assert f'action="/b/{main.link}/keep"' in (await client.get(f"/b/{main.link}")).text
    answer = await client.post(f"/b/{main.link}/keep")
    assert answer.headers["location"] == f"/b/{main.link}#keep"
    assert rows(people, bookings)[0].kept == NOW
    page = (await client.get(f"/b/{main.link}")).text
    assert "Votre code reste le même" in page and f"/b/{main.link}/keep" not in page


@pytest.mark.parametrize(
    ("left", "words"), [(None, "Personne n&#39;y a été"), (NOW - 2, "que vous étiez partis")]
)
async def test_a_release_is_taken_back_on_their_page(
    client: httpx.AsyncClient, people: Visitors, left: int | None, words: str
) -> None:
    booking, main = people.book(NOW - HOUR, NOW + HOUR)
    people.change(booking, released=NOW - 1, end=NOW - 1, planned_end=NOW + HOUR, left=left)
    page = (await client.get(f"/b/{main.link}")).text
    assert words in page and f'action="/b/{main.link}/keep"' in page
    assert " ".join(main.code) not in page
    await client.post(f"/b/{main.link}/keep")
    (row,) = rows(people, bookings)
    assert (row.end, row.released, row.planned_end) == (NOW + HOUR, None, None)
    assert " ".join(main.code) in (await client.get(f"/b/{main.link}")).text


async def test_a_release_that_somebody_has_taken_stays(client: httpx.AsyncClient, people: Visitors) -> None:
    booking, main = people.book(NOW - HOUR, NOW + HOUR)
    people.change(booking, released=NOW - 1, end=NOW - 1, planned_end=NOW + HOUR)
    people.book(NOW, NOW + HOUR)
    page = (await client.get(f"/b/{main.link}")).text
    assert "Quelqu&#39;un d&#39;autre" in page and f'action="/b/{main.link}/keep"' not in page
    await client.post(f"/b/{main.link}/keep")
    assert [row.released for row in rows(people, bookings) if row.booking == booking] == [NOW - 1]


async def test_a_button_pressed_twice_opens_once(
    client: httpx.AsyncClient, people: Visitors, world: ManualWorld
) -> None:
    _, issued = people.book(NOW, NOW + HOUR)
    first = await press(client, issued.link, issued.code)
    second = await press(client, issued.link, issued.code)
    assert first.headers["location"] == second.headers["location"]
    other = await press(client, issued.link, issued.code, "hall")
    assert other.headers["location"] != first.headers["location"]
    assert len(rows(people, commands)) == len(audited(people, "door.command")) == 2
    people.answer("done")
    again = await press(client, issued.link, issued.code)
    assert again.headers["location"] != first.headers["location"], "it was answered: this is another wish"
    world.move(60_000)
    late = await press(client, issued.link, issued.code)
    assert late.headers["location"] != again.headers["location"], "it has expired: this is another wish"


async def test_a_booking_that_moved_shows_its_new_times_and_its_code(
    client: httpx.AsyncClient, people: Visitors
) -> None:
    booking, issued = people.book(NOW + HOUR, NOW + 2 * HOUR)
    before = (await client.get(f"/b/{issued.link}")).text
    with write_transaction(people.engine, ["ecole"]) as conn:
        move(conn, people.site, people.desk, booking, start=NOW + 25 * HOUR, end=NOW + 26 * HOUR)
    after = (await client.get(f"/b/{issued.link}")).text
    formats = Formats(catalogue("fr"))
    old, new = (
        formats.period(NOW + late * HOUR, NOW + (late + 1) * HOUR, people.site.zone) for late in (1, 25)
    )
    assert old in before and new in after and old not in after
    assert " ".join(issued.code) in after


async def test_another_language_while_typing(client: httpx.AsyncClient, people: Visitors) -> None:
    _, issued = people.book(NOW, NOW + HOUR)
    answer = await client.get(f"/b/{issued.link}/open?lang=en")
    assert answer.headers["location"] == f"/b/{issued.link}?lang=en"
    answer = await client.get(f"/b/{issued.link}/open?lang=//example.org")
    assert answer.headers["location"] == f"/b/{issued.link}"


async def test_people_say_that_they_have_left_and_take_it_back(
    client: httpx.AsyncClient, people: Visitors, world: ManualWorld
) -> None:
    booking, issued = people.book(NOW, NOW + HOUR)
    assert "Nous sommes partis" in (await client.get(f"/b/{issued.link}")).text
    await client.post(f"/b/{issued.link}/left")
    assert rows(people, bookings)[0]._mapping["left"] == NOW
    assert "Nous sommes encore là" in (await client.get(f"/b/{issued.link}")).text
    await client.post(f"/b/{issued.link}/back")
    assert rows(people, bookings)[0]._mapping["left"] is None
    await client.post(f"/b/{issued.link}/left")
    world.move(UNDO_MS)
    await client.post(f"/b/{issued.link}/back")
    assert rows(people, bookings)[0]._mapping["left"] == NOW
    assert [row.action for row in rows(people, audit) if row.action.startswith("booking.left")] == [
        "booking.left",
        "booking.left-undone",
        "booking.left",
    ]
    assert all(row.subject == f"booking/{booking}" for row in audited(people, "booking.left"))


async def test_nobody_leaves_before_the_doors_open(client: httpx.AsyncClient, people: Visitors) -> None:
    _, issued = people.book(NOW + 3 * HOUR, NOW + 4 * HOUR)
    await client.post(f"/b/{issued.link}/left")
    assert rows(people, bookings)[0]._mapping["left"] is None


async def test_the_calendar_file(client: httpx.AsyncClient, people: Visitors) -> None:
    _, issued = people.book(NOW + HOUR, NOW + 2 * HOUR)
    file = await client.get(f"/b/{issued.link}/booking.ics")
    assert file.headers["content-type"].startswith("text/calendar")
    assert issued.code not in file.text and issued.link not in file.text.replace("\r\n ", "")
    calendar: Any = icalendar.Calendar.from_ical(file.content)
    (event,) = calendar.walk("VEVENT")
    assert event["SUMMARY"] == "Yoga & thé"


async def test_it_does_not_open_calls_the_caretaker_once(client: httpx.AsyncClient, people: Visitors) -> None:
    booking, issued = people.book(NOW, NOW + HOUR)
    people.refused("gate", "no-trusted-time", 1)
    people.refused("hall", "not-yet", 2)
    for _ in range(2):
        assert (await client.post(f"/b/{issued.link}/help")).status_code == 303
    (alert,) = rows(people, alerts)
    assert (alert.kind, alert.rank, alert.booking, alert.state) == ("help", "alert", booking, "open")
    assert "Zoé" not in alert.facts
    assert len(audited(people, "help.called")) == 1
    assert "a été appelé" in (await client.get(f"/b/{issued.link}")).text

    await log_in(client, password=PASSWORD)
    page = await client.get(f"/alerts/ecole/{alert.alert}")
    for words in (
        "Ça ne s&#39;ouvre pas",
        "Zoé Petit",
        "+33 6 11 22 33 44",
        "horloge de la porte",
        "trop tôt",
        "connecté, horloge sûre",
        f'action="/help/ecole/{booking}/open"',
    ):
        assert words in page.text, words
    csrf = await csrf_of(client)
    for _ in range(2):
        opened = await client.post(f"/help/ecole/{booking}/open", data={"csrf": csrf, "door": "gate"})
        assert opened.status_code == 303
    (command,) = rows(people, commands)
    assert (command.user, command.reason) == ("camille", f"help {booking[:6].upper()}")


async def test_help_by_telephone_alone(client: httpx.AsyncClient, people: Visitors) -> None:
    booking, _ = people.book(NOW, NOW + HOUR)
    assert (await client.get("/help")).status_code == 303
    await log_in(client, password=PASSWORD)
    number = booking[:6].upper()
    found = await client.get("/help", params={"q": f" {number[:3]} {number[3:]}"})
    assert f"/help/ecole/{booking}" in found.text
    page = await client.get(f"/help/ecole/{booking}")
    assert "Portail" in page.text and "Faire un code" in page.text
    made = await client.post(f"/help/ecole/{booking}/code", data={"csrf": await csrf_of(client)})
    spoken = re.search(r'<span class="sr">((?:\d )+\d)</span>', made.text)
    assert spoken
    assert len(spoken[1].replace(" ", "")) >= 8
    (entry,) = audited(people, "code.issued")[-1:]
    assert json.loads(entry.fields)["by"] == "camille"
    assert spoken[1].replace(" ", "") not in entry.fields
    for wrong in ("zzzzzz", "12345", ""):
        asked = (await client.get("/help", params={"q": wrong})).text
        assert ('id="h-found">0 r' in asked) is bool(wrong)
    assert (await client.get("/help/ecole/" + "f" * 32)).status_code == 404


async def test_who_may_only_look_gets_no_code(client: httpx.AsyncClient, people: Visitors) -> None:
    booking, _ = people.book(NOW, NOW + HOUR)
    await log_in(client, "vera", PASSWORD)
    csrf = await csrf_of(client)
    assert "Faire un code" not in (await client.get(f"/help/ecole/{booking}")).text
    assert (await client.post(f"/help/ecole/{booking}/code", data={"csrf": csrf})).status_code == 403
    people.change(booking, status="cancelled")
    await client.post("/logout", data={"csrf": csrf})
    await log_in(client, password=PASSWORD)
    csrf = await csrf_of(client)
    assert (await client.post(f"/help/ecole/{booking}/code", data={"csrf": csrf})).status_code == 409


def test_keys_add_and_erase_digits_and_nothing_else() -> None:
    assert typed_on("12", "3") == "123"
    assert typed_on("12", "erase") == "1"
    assert typed_on("", "erase") == ""
    assert typed_on("1 2-3", "open") == "123"
    assert typed_on("12", "٣") == "12"
    assert typed_on("9" * MOST_DIGITS, "1") == "9" * MOST_DIGITS
    assert is_same("12345678", "12345678")
    assert not is_same("1234567", "12345678")
    assert not is_same("", "")
