"""The page of a booking: for who has its link, without log-in and without script."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import icalendar
import pytest
from sqlalchemy import Engine, select

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.keypad import MOST_DIGITS, is_same, typed_on
from pleintemps_gateway.bookings.service import move
from pleintemps_gateway.privacy.erasing import erase
from pleintemps_gateway.privacy.finding import Wanted, find
from pleintemps_gateway.store.engine import open_engine, write_transaction
from pleintemps_gateway.store.schema import alerts, audit, bookings, commands, credentials
from pleintemps_gateway.web.booking_page import UNDO_MS
from pleintemps_gateway.web.formats import Formats
from pleintemps_gateway.web.i18n import catalogue
from tests.support.stores import make_store

from .clients import browser, csrf_of, log_in
from .visitors import HOUR, PASSWORD, Visitors, school

pytestmark = pytest.mark.anyio
NOW = 1_795_400_000_000


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world() -> ManualWorld:
    return ManualWorld(NOW)


@pytest.fixture
def empty(sqlite_url: str) -> Iterator[Engine]:
    make_store(sqlite_url)
    engine = open_engine(sqlite_url)
    yield engine
    engine.dispose()


@pytest.fixture
def people(tmp_path: Path, empty: Engine, world: ManualWorld) -> Visitors:
    return school(tmp_path, empty, world)


@pytest.fixture
async def client(people: Visitors) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(people.app) as opened:
        yield opened


def rows(people: Visitors, table: Any) -> list[Any]:
    with people.engine.connect() as conn:
        return list(conn.execute(select(table)).all())


def audited(people: Visitors, action: str) -> list[Any]:
    return [row for row in rows(people, audit) if row.action == action]


async def test_the_page_shows_booking_code_doors_and_rules(
    client: httpx.AsyncClient, people: Visitors
) -> None:
    booking, issued = people.book(NOW + HOUR, NOW + 2 * HOUR)
    page = await client.get(f"/b/{issued.link}")
    assert page.status_code == 200
    code = issued.code
    for text in (
        "Yoga &amp; thé",
        f'<span aria-hidden="true">{code[:4]}</span>',
        " ".join(code),
        booking[:6].upper(),
        "Portail",
        "Salle",
        "Le code est sur la porte.",
        "Fenêtres fermées",
        'href="tel:+33500000000"',
        "On sort toujours sans code",
    ):
        assert text in page.text, text
    assert "Ouvrir une porte" not in page.text
    assert "Zoé" not in page.text


async def test_nobody_else_learns_of_the_page(client: httpx.AsyncClient, people: Visitors) -> None:
    _, issued = people.book(NOW, NOW + HOUR)
    headers = (await client.get(f"/b/{issued.link}")).headers
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "noindex" in headers["x-robots-tag"]
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "http" not in policy and "unsafe" not in policy
    assert "set-cookie" not in headers


@pytest.mark.parametrize(
    ("language", "text"), [("en-GB", "Your code, for all doors"), ("", "Votre code, pour")]
)
async def test_french_unless_the_browser_or_the_reader_says_english(
    people: Visitors, language: str, text: str
) -> None:
    _, issued = people.book(NOW, NOW + HOUR)
    async with browser(people.app, **{"accept-language": language}) as client:
        assert text in (await client.get(f"/b/{issued.link}")).text
        assert "Your code, for all doors" in (await client.get(f"/b/{issued.link}?lang=en")).text


async def test_unknown_links_are_one_answer_and_slowed_down(
    client: httpx.AsyncClient, people: Visitors
) -> None:
    _, issued = people.book(NOW, NOW + HOUR)
    answers = [await client.get(f"/b/{'x' * 43}") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[0].headers["referrer-policy"] == "no-referrer"
    assert (await client.get(f"/b/{issued.link}")).status_code == 200
    assert (await client.get("/b/%00")).status_code == 429


def typed_in(page: httpx.Response) -> str:
    found = re.search(r'name="typed"[^>]* value="([0-9]*)"', page.text)
    assert found
    return found[1]


async def press(client: httpx.AsyncClient, link: str, code: str, door: str = "gate") -> httpx.Response:
    """Type ``code`` key by key, as a browser without script does, then "open"."""
    typed = ""
    for key in code:
        page = await client.post(f"/b/{link}/open", data={"typed": typed, "key": key, "door": door})
        assert page.status_code == 200
        typed = typed_in(page)
    return await client.post(f"/b/{link}/open", data={"typed": typed, "key": "open", "door": door})


async def test_the_code_opens_a_door_from_the_page(client: httpx.AsyncClient, people: Visitors) -> None:
    booking, issued = people.book(NOW, NOW + HOUR)
    answer = await press(client, issued.link, issued.code, "hall")
    assert answer.status_code == 303
    (command,) = rows(people, commands)
    assert (command.door, command.agent, command.action) == ("hall", "entrance", "AccessDoor")
    assert command.user == f"#{booking[:6].upper()}"
    (entry,) = audited(people, "door.command")
    assert entry.subject == "door/hall"
    assert json.loads(entry.fields)["booking"] == booking
    assert "Zoé" not in entry.fields + entry.subject

    waiting = await client.get(answer.headers["location"])
    assert 'http-equiv="refresh"' in waiting.text
    people.answer("done")
    done = await client.get(answer.headers["location"])
    assert "C&#39;est ouvert" in done.text
    assert 'http-equiv="refresh"' not in done.text


@pytest.mark.parametrize(
    ("outcome", "refusal", "words"),
    [("refused", "blocked", "Pas ouverte"), ("no-answer", None, "Tapez le code sur son clavier")],
)
async def test_a_door_that_does_not_open_says_why(
    client: httpx.AsyncClient, people: Visitors, outcome: str, refusal: str | None, words: str
) -> None:
    _, issued = people.book(NOW, NOW + HOUR)
    answer = await press(client, issued.link, issued.code)
    people.answer(outcome, refusal)
    assert words in (await client.get(answer.headers["location"])).text


async def test_a_page_does_not_wait_for_ever(
    client: httpx.AsyncClient, people: Visitors, world: ManualWorld
) -> None:
    _, issued = people.book(NOW, NOW + HOUR)
    answer = await press(client, issued.link, issued.code)
    world.move(16_000)
    assert 'http-equiv="refresh"' not in (await client.get(answer.headers["location"])).text


async def test_a_page_shows_its_own_commands_only(client: httpx.AsyncClient, people: Visitors) -> None:
    _, mine = people.book(NOW, NOW + HOUR)
    _, other = people.book(NOW, NOW + HOUR)
    answer = await press(client, mine.link, mine.code)
    people.answer("done")
    command = answer.headers["location"].partition("?")[2].partition("#")[0]
    assert "C&#39;est ouvert" not in (await client.get(f"/b/{other.link}?{command}")).text


async def test_wrong_codes_wait_as_at_a_keypad(
    client: httpx.AsyncClient, people: Visitors, world: ManualWorld
) -> None:
    _, issued = people.book(NOW, NOW + HOUR)
    wrong = issued.code[::-1]
    form = {"typed": wrong, "key": "open", "door": "gate"}
    tries = [await client.post(f"/b/{issued.link}/open", data=form) for _ in range(4)]
    assert [answer.status_code for answer in tries] == [403, 403, 403, 429]
    assert tries[-1].headers["retry-after"] == "30"
    right = form | {"typed": issued.code}
    assert (await client.post(f"/b/{issued.link}/open", data=right)).status_code == 429
    elsewhere = right | {"door": "hall"}
    assert (await client.post(f"/b/{issued.link}/open", data=elsewhere)).status_code == 303
    world.move(31_000)
    assert (await client.post(f"/b/{issued.link}/open", data=right)).status_code == 303
    assert wrong not in tries[0].text


@pytest.mark.parametrize("offset", [-2 * HOUR, 2 * HOUR])
async def test_no_door_opens_outside_the_windows(
    client: httpx.AsyncClient, people: Visitors, world: ManualWorld, offset: int
) -> None:
    _, issued = people.book(NOW + 3 * HOUR, NOW + 4 * HOUR)
    world.move(3 * HOUR + offset)
    form = {"typed": issued.code, "key": "open", "door": "gate"}
    answer = await client.post(f"/b/{issued.link}/open", data=form)
    assert answer.status_code == 409
    assert rows(people, commands) == []


@pytest.mark.parametrize("door", ["class", "", "../gate"])
async def test_only_doors_on_the_way_open(client: httpx.AsyncClient, people: Visitors, door: str) -> None:
    _, issued = people.book(NOW, NOW + HOUR)
    form = {"typed": issued.code, "key": "open", "door": door}
    answer = await client.post(f"/b/{issued.link}/open", data=form)
    assert answer.status_code == 422
    assert rows(people, commands) == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"status": "cancelled"}, "Cette réservation est annulée"),
        (
            {"released": NOW - 1, "planned_end": NOW + HOUR, "start": NOW - HOUR, "end": NOW - 1},
            "Le reste de votre créneau a été rendu",
        ),
        ({"withheld": "no-insurance"}, "attestation d&#39;assurance"),
        ({"start": NOW - 9 * HOUR, "end": NOW - 8 * HOUR}, "C&#39;est terminé"),
    ],
)
async def test_a_booking_without_a_code_says_why(
    client: httpx.AsyncClient, people: Visitors, values: dict[str, Any], words: str
) -> None:
    booking, issued = people.book(NOW, NOW + HOUR)
    people.change(booking, **values)
    page = await client.get(f"/b/{issued.link}")
    assert words in page.text
    assert issued.code not in page.text.replace(" ", "")
    assert f'action="/b/{issued.link}/open' not in page.text


async def test_a_link_of_an_old_code_shows_no_code(client: httpx.AsyncClient, people: Visitors) -> None:
    booking, issued = people.book(NOW, NOW + HOUR)
    with write_transaction(people.engine, ["ecole"]) as conn:
        new = people.desk.reissue(conn, people.site, booking)
    page = await client.get(f"/b/{issued.link}")
    assert "Un autre code a été fait" in page.text
    assert new.code not in page.text.replace(" ", "")
    assert " ".join(new.code) in (await client.get(f"/b/{new.link}")).text


async def test_one_page_has_every_code_of_a_booking(client: httpx.AsyncClient, people: Visitors) -> None:
    booking, main = people.book(NOW, NOW + HOUR)
    with write_transaction(people.engine, ["ecole"]) as conn:
        choir = people.desk.extra(conn, people.site, booking, "chorale <b>")
        silent = people.desk.issue(conn, people.site, booking, "extra", "calme", duress=True)
        once = people.desk.one_time(conn, people.site, booking, NOW)
        offline = people.desk.offline(conn, people.site, booking)
        assert silent is not None and offline is not None
    page = (await client.get(f"/b/{main.link}")).text
    for issued in (main, choir, offline):
        assert f'<span class="sr">{" ".join(issued.code)}</span>' in page
    assert (
        page.index(" ".join(main.code))
        < page.index(" ".join(offline.code))
        < page.index(" ".join(choir.code))
    )
    assert "Un autre code de votre groupe (chorale &lt;b&gt;)" in page
    for hidden in (silent, once):
        assert " ".join(hidden.code) not in page
    for own in (choir, silent, once, offline):
        page = (await client.get(f"/b/{own.link}")).text
        shown = {each.code for each in (main, choir, silent, once, offline) if " ".join(each.code) in page}
        assert shown == {own.code}, "a link that is handed on shows its own code alone"
    assert "chiffres tapés sur" not in (await client.get(f"/b/{main.link}")).text, "they are not equally long"
    answer = await press(client, main.link, choir.code)
    assert answer.status_code == 303
    (entry,) = audited(people, "door.command")
    assert json.loads(entry.fields)["grant"] == choir.grant


async def test_a_page_after_another_code_was_made_shows_none(
    client: httpx.AsyncClient, people: Visitors
) -> None:
    booking, main = people.book(NOW, NOW + HOUR)
    with write_transaction(people.engine, ["ecole"]) as conn:
        choir = people.desk.extra(conn, people.site, booking, "chorale")
        new = people.desk.reissue_all(conn, people.site, booking)
    old = (await client.get(f"/b/{main.link}")).text
    assert "Un autre code a été fait" in old
    for issued in (main, choir, *new):
        assert " ".join(issued.code) not in old
    page = (await client.get(f"/b/{new[0].link}")).text
    assert all(" ".join(issued.code) in page for issued in new)


async def test_a_code_that_the_page_cannot_read_is_said_to_be_elsewhere(
    client: httpx.AsyncClient, people: Visitors
) -> None:
    booking, main = people.book(NOW, NOW + HOUR)
    people.change(booking, page_key=None)  # issued before pages had a key
    with write_transaction(people.engine, ["ecole"]) as conn:
        choir = people.desk.extra(conn, people.site, booking, "chorale")
    page = (await client.get(f"/b/{main.link}")).text
    assert "Il a été envoyé dans un message à part." in page and " ".join(choir.code) not in page


async def test_an_erased_booking_has_no_page(client: httpx.AsyncClient, people: Visitors) -> None:
    booking, main = people.book(NOW, NOW + HOUR)
    with write_transaction(people.engine, ["*", "ecole"]) as conn:
        choir = people.desk.extra(conn, people.site, booking, "chorale")
        found = find(conn, "ecole", Wanted("booking", booking))
        erase(conn, people.site, found, [], people.desk.vault, people.world, by="camille")
        assert {row.paged_code for row in conn.execute(select(credentials))} == {None}
        assert conn.scalars(select(bookings.c.page_key)).all() == [None]
    for link in (main.link, choir.link):
        page = await client.get(f"/b/{link}")
        assert page.status_code == 404
        assert "Ce lien ne montre rien" in page.text and 'href="tel:+33500000000"' in page.text
        assert "Retour" not in page.text, "this reader has no account"


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
