"""The pages of people without a log-in, in Chromium: every state in both languages and themes, on small
telephones, and what a screen reader is told of the keypad.
"""

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.bookings.releasing import keep_link
from pleintemps_gateway.store.engine import write_transaction
from tests.gateway import house
from tests.gateway.test_bookings_rights import EXTRA
from tests.support.looking import PICTURES, sideways, small_targets

from .test_booking_browser import address, chromium, people, playwright, pytestmark, serving
from .test_browser import check
from .test_rights_page import Town
from .visitors import HOUR, PASSWORD, Visitors

__all__ = ["address", "chromium", "people", "pytestmark"]
Look = tuple[str, str, int]
"""Language, scheme, width."""
LOOKS: list[Look] = [("fr", "light", 390), ("en", "dark", 320)]
TURN = itertools.cycle(LOOKS)
"""One look a state, by turns: what a state adds is words and buttons, which no theme changes."""
EVERY_LOOK: list[Look] = [
    (lang, scheme, width) for lang in ("fr", "en") for scheme in ("light", "dark") for width in (390, 320)
]


@pytest.fixture
def page(chromium: Any) -> Any:
    made = chromium.new_context(locale="fr-FR").new_page()
    made.set_default_timeout(15_000)
    return made


def look(page: Any, address: str, name: str, looks: list[Look] | None = None) -> None:
    """Load ``address`` in each look, or in the next of two by turns.

    axe finds nothing, no target is small, nothing scrolls sideways; a picture of each.
    """
    for language, scheme, width in looks or [next(TURN)]:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        page.goto(f"{address}{'&' if '?' in address else '?'}lang={language}")
        assert page.locator("html").get_attribute("lang") == language
        check(page)
        assert small_targets(page) == [], f"{name}: a target of less than 44 px"
        assert not sideways(page), f"{name}: scrolls sideways at {width}"
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"people-{name}-{language}-{scheme}-{width}.png", full_page=True)


@pytest.fixture(params=[LOOKS, pytest.param(EVERY_LOOK, marks=pytest.mark.soak)], ids=["some", "every"])
def every(request: pytest.FixtureRequest) -> list[Look]:
    """How the main pages are looked at: all combinations in the long runs."""
    looks: list[Look] = request.param
    return looks


def test_every_state_of_a_booking(page: Any, address: str, people: Visitors, every: list[Look]) -> None:
    now = people.world.now()
    booking, main = people.book(now, now + 2 * HOUR, people=12)
    with write_transaction(people.engine, ["ecole"]) as conn:
        people.desk.extra(conn, people.site, booking, "Chorale, entrée de derrière")
    look(page, f"{address}/b/{main.link}", "two-codes")
    with write_transaction(people.engine, ["ecole"]) as conn:
        people.desk.offline(conn, people.site, booking)
    look(page, f"{address}/b/{main.link}", "every-code", every)
    nothing: dict[str, Any] = {"warned": None, "kept": None, "released": None, "planned_end": None}
    nothing |= {"start": now, "end": now + 2 * HOUR, "status": "confirmed", "withheld": None, "left": None}
    back = {"start": now - HOUR, "released": now - 1000, "end": now - 1000, "planned_end": now + HOUR}
    states: dict[str, dict[str, Any]] = {
        "left": {"left": now},
        "warned": {"start": now - 60_000, "warned": now},
        "kept": {"start": now - 60_000, "warned": now, "kept": now},
        "released": back,
        "released-left": back | {"left": now - 2000},
        "withheld": {"withheld": "no-insurance"},
        "erased": {"withheld": "erased"},
        "cancelled": {"status": "cancelled"},
        "days": {"start": now + 48 * HOUR, "end": now + 100 * HOUR},
        "over": {"start": now - 9 * HOUR, "end": now - 8 * HOUR},
    }
    for name, values in states.items():
        people.change(booking, **nothing | values)
        look(page, f"{address}/b/{main.link}", name)
        kept = f"{address}/b/{keep_link(people.site, people.desk, booking)}"
        if name in ("warned", "kept", "released", "released-left", "erased", "cancelled", "days", "over"):
            look(page, kept, f"keep-{name}")
    people.change(booking, **nothing | back)
    people.book(now, now + HOUR)
    look(page, f"{address}/b/{main.link}", "taken")
    people.change(booking, **nothing)
    with write_transaction(people.engine, ["ecole"]) as conn:
        people.desk.reissue(conn, people.site, booking)
    look(page, f"{address}/b/{main.link}", "replaced")


def test_pages_that_know_nothing(page: Any, address: str, people: Visitors) -> None:
    for number in range(2):
        language, scheme, width = LOOKS[number]
        look(page, f"{address}/b/{'x' * 43}", f"unknown-{number}", [(language, scheme, width)])
    page.goto(f"{address}/b/{'x' * 43}")
    look(page, f"{address}/b/{'x' * 43}", "too-many", LOOKS[:1])
    playwright.expect(page.locator("main")).to_contain_text("Trop de liens faux")


def test_free_spaces_and_help(page: Any, address: str, people: Visitors, every: list[Look]) -> None:
    now = people.world.now()
    booking, _ = people.book(now, now + HOUR)
    look(page, f"{address}/free", "free", every)
    look(page, f"{address}/free?day=never", "free-fault")
    page.goto(f"{address}/login?next=/help&lang=fr")
    page.get_by_label("Nom").fill("camille")
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Se connecter").click()
    look(page, f"{address}/help", "help", every)
    look(page, f"{address}/help?number={booking[:6]}", "help-found")
    look(page, f"{address}/help?number=000000", "help-none")
    look(page, f"{address}/help/ecole/{booking}", "help-call", every)


def test_the_page_of_rights(page: Any, tmp_path: Path, sqlite_url: str, every: list[Look]) -> None:
    built = house.build(tmp_path, sqlite_url, extra=EXTRA)
    town = Town(built)
    _, first = town.give()
    _, token = town.give(1, kind="token")
    town.give(1)
    with serving(create_app(built.config, built.world, built.engine, built.desk)) as address:
        look(page, f"{address}/b/{first.link}", "rights", every)
        look(page, f"{address}/b/{token.link}", "token", [("en", "dark", 320)])
        assert page.get_by_role("img", name=re.compile("QR code for Moulin")).is_visible()
        built.world.move(61 * 24 * HOUR)
        look(page, f"{address}/b/{first.link}", "rights-over")
    built.engine.dispose()


def spoken(page: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """Role, name and properties of what Chromium tells a screen reader, in its order."""
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")
    nodes = {node["nodeId"]: node for node in tree["nodes"]}
    waiting, found = [tree["nodes"][0]], []
    while waiting:
        node = waiting.pop()
        waiting += [nodes[child] for child in reversed(node.get("childIds", [])) if child in nodes]
        if not node["ignored"]:
            told = {each["name"]: each["value"].get("value") for each in node.get("properties", [])}
            found.append((node["role"]["value"], node.get("name", {}).get("value", ""), told))
    return found


def test_what_a_screen_reader_is_told_of_the_keypad(page: Any, address: str, people: Visitors) -> None:
    now = people.world.now()
    _, issued = people.book(now, now + HOUR)
    page.goto(f"{address}/b/{issued.link}?lang=fr")
    nodes = spoken(page)
    named = [(role, name) for role, name, _ in nodes]
    order = [
        ("heading", "Votre code, pour toutes les portes du trajet"),
        ("heading", "Ouvrir une porte d'ici"),
        ("group", "Devant quelle porte êtes-vous ?"),
        ("radio", "Portail"),
        ("radio", "Salle"),
        ("textbox", "Tapez votre code"),
        ("button", "Ouvrir la porte"),
        ("group", "Touches du code"),
        *[("button", digit) for digit in "123456789"],
        ("button", "Effacer"),
        ("button", "0"),
        ("heading", "Sur votre trajet"),
    ]
    places = [named.index((role, name.replace(" ?", "\u00a0?"))) for role, name in order]
    assert places == sorted(places), "the order in which it is read"
    assert ("StaticText", " ".join(issued.code)) in named, "digit by digit"
    assert not any(issued.code[:4] in name for role, name in named if role == "StaticText"), "and once"
    entry = next(told for role, _, told in nodes if role == "textbox")
    assert entry["focusable"] and not entry.get("readonly")
    count = next(told for role, _, told in nodes if role == "status" and told.get("live") == "polite")
    assert count["atomic"]

    page.get_by_role("button", name="7", exact=True).click()
    playwright.expect(page.locator("#count")).to_have_text("1 chiffre tapé sur 8")
    page.get_by_role("button", name="Ouvrir la porte").click()
    playwright.expect(page.get_by_label("Tapez votre code")).to_be_focused()
    nodes = spoken(page)
    fault = next(told for role, _, told in nodes if role == "alert")
    assert fault["live"] == "assertive" and fault["atomic"]
    assert ("StaticText", "Ce n'est pas votre code. Regardez-le plus haut et tapez-le à nouveau.") in [
        (role, name) for role, name, _ in nodes
    ]
    entry = next(told for role, _, told in nodes if role == "textbox")
    assert entry["invalid"] == "true" and entry["focused"], "the field that is to be mended"

    page.get_by_label("Tapez votre code").fill(issued.code)
    page.keyboard.press("Enter")
    playwright.expect(page.locator("#result")).to_contain_text("Demande à la porte")
    people.answer("done")
    playwright.expect(page.locator("#result")).to_contain_text("C'est ouvert")
    told = [told for role, _, told in spoken(page) if role == "status"]
    assert told and all(each["live"] == "polite" for each in told)
