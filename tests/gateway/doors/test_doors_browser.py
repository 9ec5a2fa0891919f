"""Somebody stands outside, on a phone: from the call to the open door; and the pages of doors in Chromium."""

import re
from typing import Any

from sqlalchemy import Engine, insert, select, update

from pleintemps_contract.world import SystemWorld
from pleintemps_gateway.api.passwords import hash_password
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import agents, commands, users
from tests.gateway.web.test_booking_browser import (
    address,
    chromium,
    opened,
    people,
    playwright,
    pytestmark,
)
from tests.gateway.web.test_browser import check
from tests.gateway.web.visitors import HOUR, PASSWORD, Visitors
from tests.support.looking import PICTURES

__all__ = ["address", "chromium", "people", "pytestmark"]
MOST_MS = 60_000


def enter(page: Any, address: str, name: str = "camille") -> None:
    page.goto(f"{address}/login")
    page.get_by_label("Nom").fill(name)
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Se connecter").click()
    playwright.expect(page.locator("h1")).to_have_text("Ce soir")


def test_from_the_call_to_the_open_door_by_phone_alone(chromium: Any, address: str, people: Visitors) -> None:
    world, now = SystemWorld(), people.world.now()
    people.book(now, now + HOUR)
    people.refused("gate", "unknown-credential", 1)
    people.refused("gate", "unknown-credential", 2)
    page = opened(chromium, has_touch=True, is_mobile=True)
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    enter(page, address)
    expect = playwright.expect
    started = world.monotonic()
    # one tap from any page, the last digits of the number that calls, one tap on the booking
    page.get_by_role("navigation").get_by_role("link", name="Dépannage").tap()
    expect(page.locator("h1")).to_have_text("Quelqu'un est dehors")
    check(page)
    page.get_by_label("Numéro, téléphone").fill("3344")
    page.get_by_role("button", name="La trouver").tap()
    page.locator("#h-found + ul, #h-found ~ ul").get_by_role("link", name=re.compile("Yoga")).first.tap()
    expect(page.locator("#d-gate .say")).to_contain_text("Un chiffre est faux")
    expect(page.locator("#d-gate")).to_contain_text(re.compile(r"Code faux deux fois, \d\d:\d\d"))
    check(page)
    # the button asks before it opens, without another load
    loads: list[str] = []
    page.on("request", lambda request: loads.append(request.url))
    page.locator("#d-gate summary").tap()
    sure = page.get_by_role("button", name="Ouvrir maintenant : Portail")
    expect(sure).to_be_visible()
    assert loads == []
    small = page.evaluate(
        """[...document.querySelectorAll("button, .btn, summary")].map((e) => [e.offsetHeight, e.outerHTML])
           .filter(([height]) => height && height < 44)"""
    )
    assert small == []
    check(page)
    sure.tap()
    expect(page.locator("#r-gate")).to_contain_text("Ouverture demandée")
    people.answer("done")
    expect(page.locator("#r-gate")).to_contain_text("Ouverte d'ici")
    assert world.monotonic() - started < MOST_MS
    with people.engine.connect() as conn:
        (row,) = conn.execute(select(commands)).all()
    assert (row.door, row.user) == ("gate", "camille")
    # the door is silent: a code to read out
    with write_transaction(people.engine, ["ecole"]) as conn:
        conn.execute(update(agents).values(presence="offline", last_seen=now - HOUR))
    page.reload()
    page.get_by_role("button", name="Faire un code de secours").tap()
    expect(page.locator(".spoken")).to_contain_text(re.compile(r"\d{3,4} \d{3,4}"))
    expect(page.locator("main")).to_contain_text("+33 5 00 00 00 00")
    check(page)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / "help-call-390.png", full_page=True)
    assert faults == []


def test_the_pages_of_doors_and_audit_are_accessible_and_need_no_script(
    chromium: Any, address: str, people: Visitors, empty: Engine
) -> None:
    now = people.world.now()
    people.book(now, now + HOUR)
    with write_transaction(empty, ["*"]) as conn:
        marion = {"name": "marion", "role": "manager", "password": hash_password(PASSWORD), "created": now}
        conn.execute(insert(users).values(site="*", **marion))
    page = opened(chromium)
    enter(page, address, "marion")
    paths = {
        "doors": "/doors",
        "door": "/doors/ecole/gate",
        "change": "/doors/ecole/gate/change?action=LockDownDoor",
        "lockdown": "/lockdown/ecole",
        "audit": "/audit",
        "person": "/person",
    }
    looks = (("fr", "light", 320), ("en", "dark", 1440), ("fr", "dark", 390))
    for number, (name, path) in enumerate(paths.items()):
        language, scheme, width = looks[number % len(looks)]
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        page.goto(f"{address}{path}{'&' if '?' in path else '?'}lang={language}")
        check(page)
        page.screenshot(path=PICTURES / f"desk-{name}-{language}-{width}.png", full_page=True)
    plain = opened(chromium, java_script_enabled=False)
    plain.goto(f"{address}/login?next=/doors/ecole/gate")
    plain.get_by_label("Nom").fill("marion")
    plain.get_by_label("Mot de passe").fill(PASSWORD)
    plain.get_by_role("button", name="Se connecter").click()
    # keyboard alone: the mode is chosen, the reason typed, the door locked down
    plain.get_by_role("link", name="Confiner la porte").focus()
    plain.keyboard.press("Enter")
    plain.get_by_label("Motif").focus()
    plain.keyboard.type("Exercice")
    plain.keyboard.press("Enter")
    playwright.expect(plain.locator("#result")).to_contain_text("Confinement")
    with people.engine.connect() as conn:
        (row,) = conn.execute(select(commands)).all()
    assert (row.action, row.reason) == ("LockDownDoor", "Exercice")
