"""Somebody stands outside: the booking is found by what is said, and the page says what to do."""

import json
import re
from dataclasses import replace
from typing import Any, get_args

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from pleintemps_contract.offline import QUARTER_MS
from pleintemps_contract.onvif import DoorMode
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import agents, audit, commands, credentials, deliveries
from pleintemps_gateway.web.attempts import Attempt, load_attempts, summed
from pleintemps_gateway.web.board import Door
from pleintemps_gateway.web.formats import Formats
from pleintemps_gateway.web.help_advice import ALONE_MS, Finding, Seen, of_booking, of_door, offline_from
from pleintemps_gateway.web.help_desk import load_call
from pleintemps_gateway.web.help_find import Hour, find_bookings, folded, on_now, when, words_of
from pleintemps_gateway.web.help_words import HelpWords
from pleintemps_gateway.web.i18n import catalogue
from pleintemps_gateway.web.visits import Visits
from pleintemps_gateway.web.words import Words
from tests.gateway.web.clients import csrf_of, log_in
from tests.gateway.web.visitors import HOUR, PASSWORD, Visitors

from .conftest import NOW

pytestmark = pytest.mark.anyio
SITES = ("ecole",)


def found(people: Visitors, said: str) -> list[str]:
    with people.engine.connect() as conn:
        return [each.booking for each in find_bookings(conn, people.config, SITES, said, NOW)]


def test_a_booking_is_found_by_whatever_its_people_say(people: Visitors) -> None:
    booking, _ = people.book(NOW, NOW + HOUR)
    number = booking[:6].upper()
    for said in (
        number,
        f" {number[:3]} {number[3:]} ",
        "3344",
        "06 11 22 33 44",
        "yoga",
        "YÔGA grande",
        "grande salle maintenant",
        "grande 3h",
        "grande 04:00",
    ):
        assert found(people, said) == [booking], said
    for said in ("1234", "grande 05:00", "grande 12h", "classe", "chorale", "", " "):
        assert found(people, said) == [], said


def test_what_is_on_now_comes_first_and_without_typing(people: Visitors) -> None:
    later, _ = people.book(NOW + 20 * HOUR, NOW + 21 * HOUR)
    soon, _ = people.book(NOW + HOUR, NOW + 2 * HOUR)
    now, _ = people.book(NOW, NOW + HOUR // 2)
    before, _ = people.book(NOW + 5 * HOUR, NOW + 6 * HOUR)
    people.change(before, start=NOW - 2 * HOUR, end=NOW - HOUR // 2)
    gone, _ = people.book(NOW + 7 * HOUR, NOW + 8 * HOUR)
    people.change(gone, start=NOW - 40 * HOUR, end=NOW - 39 * HOUR)
    assert found(people, "yoga") == [now, soon, before, later]
    assert found(people, gone[:6]) == [gone]
    people.change(now, status="cancelled")
    assert found(people, "yoga")[-1] == now
    with people.engine.connect() as conn:
        assert [each.booking for each in on_now(conn, people.config, SITES, NOW)] == [soon, before]
        assert find_bookings(conn, people.config, (), "yoga", NOW) == []


def test_words_and_hours_are_told_apart() -> None:
    assert words_of("Préau 20h30 ce soir") == (["preau"], [Hour(20, 30)], True)
    assert words_of("9:05 24h 7") == (["24h", "7"], [Hour(9, 5)], False)
    assert folded("ÉCOLE") == "ecole"


@given(st.text(max_size=40))
def test_no_text_breaks_the_search(said: str) -> None:
    words, hours, _ = words_of(said)
    assert all(0 <= each.hour < 24 and 0 <= each.minute < 60 for each in hours)
    assert all(word for word in words) or not words


def test_now_reaches_as_far_as_the_doors_open() -> None:
    assert when(NOW + 10, NOW + 20, 10, 5, NOW) == "now"
    assert when(NOW + 11, NOW + 20, 10, 5, NOW) == "soon"
    assert when(NOW - 20, NOW - 5, 10, 5, NOW) == "past"
    assert when(NOW + 3 * HOUR, NOW + 4 * HOUR, 10, 5, NOW) == "later"


def a_door(**more: Any) -> Door:
    values: dict[str, Any] = {
        "mode": "Locked",
        "physical": "Closed",
        "lock": "Locked",
        "alarm": "Normal",
        "known": True,
    }
    return Door(site="s", door="d", name="D", since=None, at=None, **(values | more))


def seen(*tried: str, held: bool = True, online: bool = True, trusted: bool = True, **door: Any) -> Seen:
    attempts = tuple(Attempt(what, 1, NOW, True, "") for what in tried)
    return Seen(a_door(**door), held, online, trusted, attempts)


def test_the_advice_says_first_what_keeps_the_door_shut() -> None:
    assert of_door(seen("unknown-credential", fire=True)) == "fire"
    assert of_door(seen("unknown-credential", mode=DoorMode.LOCKED_DOWN.value)) == "emergency"
    assert of_door(seen(mode=DoorMode.UNLOCKED.value, trusted=False)) == "unlocked"
    assert of_door(seen(physical="Open")) == "open"
    assert of_door(seen("not-yet", trusted=False)) == "clock"
    assert of_door(seen(online=False)) == "silent-held"
    assert of_door(seen(online=False, held=False)) == "silent"
    assert of_door(seen("throttled", "unknown-credential")) == "throttled"
    assert of_door(seen("granted")) == "accepted"
    assert of_door(seen(held=False)) == "lacks"
    assert of_door(seen()) == "nothing"
    assert of_booking("cancelled", "", 0, 0, NOW) == "cancelled"
    assert of_booking("confirmed", "no-insurance", 0, 0, NOW) == "withheld"
    assert [of_booking("confirmed", "", 10, 20, now) for now in (9, 10, 19, 20)] == ["early", "", "", "over"]
    assert offline_from(NOW - 60_000, online=False, now=NOW) == NOW - 60_000 + ALONE_MS
    assert offline_from(None, online=False, now=NOW) == NOW
    assert offline_from(NOW, online=True, now=NOW) is None


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_every_finding_has_its_sentence(people: Visitors, language: str) -> None:
    texts = catalogue(language)
    words = HelpWords(texts, Formats(texts), Visits(texts, Words(texts)))
    booking, _ = people.book(NOW, NOW + HOUR)
    with people.engine.connect() as conn:
        call = load_call(conn, people.config, people.site, booking, NOW)
    assert call is not None
    told = {
        finding: words.advice(replace(call.doors[0], finding=finding), call, NOW)
        for finding in get_args(Finding)
    }
    assert len(set(told.values())) == len(told)
    for about in ("cancelled", "withheld", "early", "over"):
        assert words.about(replace(call, about=about, withheld="closed"), NOW)
    assert words.about(call, NOW) == ""


def test_attempts_alike_are_one_sentence(people: Visitors) -> None:
    for number, reason in enumerate(("unknown-credential", "unknown-credential", "not-yet"), start=1):
        people.refused("gate", reason, number)
    with people.engine.connect() as conn:
        tried = load_attempts(conn, "ecole", "gate", NOW)
        assert load_attempts(conn, "ecole", "gate", NOW + HOUR) == ()
    assert [(each.what, each.times) for each in tried] == [("not-yet", 1), ("unknown-credential", 2)]
    words = HelpWords(texts := catalogue("en"), Formats(texts), Visits(texts, Words(texts)))
    assert words.attempt(tried[1], "Europe/Paris", NOW) == "Wrong code twice, 03:12"
    assert words.attempt(tried[1]._replace(times=7), "Europe/Paris", NOW) == "Wrong code 7 times, 03:12"
    assert summed([], {}) == ()


async def test_the_page_opens_the_door_and_tells_what_became_of_it(
    client: httpx.AsyncClient, people: Visitors
) -> None:
    booking, issued = people.book(NOW, NOW + HOUR)
    people.refused("gate", "unknown-credential", 1)
    people.refused("gate", "unknown-credential", 2)
    await log_in(client, password=PASSWORD)
    listed = await client.get("/help")
    assert f'href="/help/ecole/{booking}"' in listed.text
    page = await client.get(f"/help/ecole/{booking}")
    for words in ("Code faux deux fois, 03:12", "Un chiffre est faux", "tel:+33611223344", "Astreinte"):
        assert words in page.text, words
    assert issued.code not in page.text
    csrf = await csrf_of(client)
    wrong = await client.post(f"/help/ecole/{booking}/open", data={"csrf": csrf, "door": "class"})
    assert wrong.status_code == 404, "a door that is not on the way"
    assert (await client.post(f"/help/ecole/{booking}/open", data={"door": "gate"})).status_code == 403
    opened = await client.post(f"/help/ecole/{booking}/open", data={"csrf": csrf, "door": "gate"})
    assert opened.headers["location"] == f"/help/ecole/{booking}#d-gate"
    assert 'data-pending="yes"' in (await client.get(f"/help/ecole/{booking}")).text
    people.answer("done")
    assert "Ouverte d&#39;ici à 03:13" in (await client.get(f"/help/ecole/{booking}")).text
    with people.engine.connect() as conn:
        looks = conn.execute(select(audit.c.subject).where(audit.c.action == "access.looked")).scalars().all()
    assert sorted(looks) == sorted(["booking/list", f"booking/{booking}"])


async def test_a_silent_door_gets_an_offline_code_read_out(
    client: httpx.AsyncClient, people: Visitors
) -> None:
    booking, _ = people.book(NOW, NOW + HOUR)
    with write_transaction(people.engine, ["ecole"]) as conn:
        conn.execute(update(agents).values(presence="offline", last_seen=NOW - 20 * 60_000))
        conn.execute(deliveries.delete())
    await log_in(client, password=PASSWORD)
    page = await client.get(f"/help/ecole/{booking}")
    assert "La porte accepte maintenant un code de secours" in page.text
    made = await client.post(f"/help/ecole/{booking}/offline", data={"csrf": await csrf_of(client)})
    spoken = re.search(r'<span class="sr">((?:\d )+\d)</span>', made.text)
    assert spoken
    assert len(spoken[1].split()) >= 10
    with people.engine.connect() as conn:
        row = conn.execute(select(credentials).where(credentials.c.purpose == "offline")).one()
        assert row.start <= NOW < row.end
        assert row.end == -(-(NOW + HOUR + 900_000) // QUARTER_MS) * QUARTER_MS, "good for their whole time"
        assert conn.execute(select(deliveries)).all() == [], "it is told to nobody else"
        entry = conn.execute(select(audit).where(audit.c.action == "code.issued")).all()[-1]
    assert json.loads(entry.fields)["purpose"] == "offline"
    assert spoken[1].replace(" ", "") not in entry.fields
    codes = {spoken[1]}
    for _ in range(7):
        again = await client.post(f"/help/ecole/{booking}/offline", data={"csrf": await csrf_of(client)})
        codes.add(re.search(r'<span class="sr">((?:\d )+\d)</span>', again.text)[1])  # type: ignore[index]
    assert len(codes) == 8
    none = await client.post(f"/help/ecole/{booking}/offline", data={"csrf": await csrf_of(client)})
    assert none.status_code == 409


async def test_who_may_only_look_gets_no_names(client: httpx.AsyncClient, people: Visitors) -> None:
    booking, _ = people.book(NOW, NOW + HOUR)
    await log_in(client, "vera", PASSWORD)
    for address in ("/help", f"/help/ecole/{booking}"):
        assert (await client.get(address)).status_code == 403
    with people.engine.connect() as conn:
        assert conn.execute(select(commands)).all() == []
