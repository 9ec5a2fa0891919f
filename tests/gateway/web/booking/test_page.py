"""The page of a booking: for who has its link, without log-in and without script."""

import json
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.privacy.erasing import erase
from pleintemps_gateway.privacy.finding import Wanted, find
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import bookings, commands, credentials
from tests.gateway.web.clients import browser
from tests.gateway.web.visitors import HOUR, Visitors

from .pages import NOW, audited, press, rows

pytestmark = pytest.mark.anyio


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
