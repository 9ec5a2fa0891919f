"""The page of a booking in Chromium: accessible, by keyboard alone, and without any script to the door."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine, select

from pleintemps_contract.agent_messages import CommandResult
from pleintemps_contract.gateway_messages import Announcement, Command, Receipt
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.topics import Channel
from pleintemps_contract.world import SystemWorld
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.api.serve import Server
from pleintemps_gateway.bookings.service import create
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import commands
from tests.gateway.house import build
from tests.gateway.player import birth, playing
from tests.gateway.test_ingest_wire import running
from tests.support.broker import Mosquitto
from tests.support.looking import small_targets
from tests.support.ports import find_free_port

from .test_browser import CHROMIUM, LOOKS, check
from .visitors import HOUR, PASSWORD, Visitors, school

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    port = find_free_port()
    server = Server(uvicorn.Config(app, port=port, log_level="warning", timeout_graceful_shutdown=1), app)
    thread = threading.Thread(target=server.run)
    thread.start()
    world = SystemWorld()
    deadline = world.monotonic() + 10_000
    while not server.started and world.monotonic() < deadline:
        threading.Event().wait(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def people(tmp_path: Path, empty: Engine) -> Visitors:
    return school(tmp_path, empty, SystemWorld())


@pytest.fixture
def address(people: Visitors) -> Iterator[str]:
    with serving(people.app) as found:
        yield found


@pytest.fixture
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as runner:
        launched = runner.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-quic", "--disable-background-networking"],
        )
        yield launched
        launched.close()


def opened(chromium: Any, **more: Any) -> Any:
    page = chromium.new_context(locale="fr-FR", viewport={"width": 390, "height": 800}, **more).new_page()
    page.set_default_timeout(15_000)
    return page


@LOOKS
def test_every_state_of_the_page_is_accessible(
    chromium: Any, address: str, people: Visitors, scheme: str, widths: tuple[int, ...]
) -> None:
    page = opened(chromium, color_scheme=scheme)
    faults: list[str] = []
    asked: set[str] = set()
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: asked.add(request.url.split("/")[2]))
    now = people.world.now()
    booking, issued = people.book(now, now + HOUR)
    states: list[dict[str, Any]] = [
        {},
        {"left": now},
        {"withheld": "no-insurance", "left": None},
        {"withheld": None, "status": "cancelled"},
        {"status": "confirmed", "start": now + 48 * HOUR, "end": now + 49 * HOUR},
        {"start": now - 9 * HOUR, "end": now - 8 * HOUR},
    ]
    for state in states:
        if state:
            people.change(booking, **state)
        for width in widths:
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(f"{address}/b/{issued.link}")
            check(page)
            assert small_targets(page) == [], "a target of less than 44 px"
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        wide, room = page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide <= room, f"{state}: text of 200 % scrolls sideways"
    assert faults == []
    assert asked == {address.split("/")[2]}, "a request to somewhere else"


def test_the_keys_work_by_keyboard_alone_and_tell_what_was_typed(
    chromium: Any, address: str, people: Visitors
) -> None:
    now = people.world.now()
    _, issued = people.book(now, now + HOUR)
    page = opened(chromium)
    page.goto(f"{address}/b/{issued.link}")
    page.get_by_label("Tapez votre code").focus()
    page.keyboard.type(issued.code[:4])
    playwright.expect(page.locator("#count")).to_have_text("4 chiffres tapés sur 8")
    reached = []
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
    assert reached[:3] == ["Ouvrir la porte", "1", "2"]
    page.get_by_role("button", name=issued.code[4], exact=True).focus()
    page.keyboard.press("Space")
    playwright.expect(page.get_by_label("Tapez votre code")).to_have_value(issued.code[:5])
    page.get_by_label("Tapez votre code").focus()
    page.keyboard.press("End")
    page.keyboard.type(issued.code[5:])
    page.keyboard.press("Enter")
    playwright.expect(page.locator("#result")).to_contain_text("Demande à la porte")
    check(page)
    people.answer("done")
    playwright.expect(page.locator("#result")).to_contain_text("C'est ouvert")
    with people.engine.connect() as conn:
        assert conn.execute(select(commands.c.door)).scalar_one() == "gate"
    check(page)


def test_help_reaches_the_caretaker_and_a_code_is_read_out(
    chromium: Any, address: str, people: Visitors
) -> None:
    now = people.world.now()
    _, issued = people.book(now, now + HOUR)
    people.refused("gate", "not-yet", 1)
    visitor = opened(chromium)
    visitor.goto(f"{address}/b/{issued.link}")
    visitor.get_by_role("button", name="Appeler le gardien").click()
    playwright.expect(visitor.locator("main")).to_contain_text("Le gardien a été appelé")
    check(visitor)

    page = opened(chromium)
    page.goto(f"{address}/login?next=/alerts")
    page.get_by_label("Nom").fill("camille")
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Se connecter").click()
    page.get_by_role("link", name="Ça ne s'ouvre pas").click()
    for width in (1440, 320):
        page.set_viewport_size({"width": width, "height": 800})
        check(page)
    playwright.expect(page.locator("main")).to_contain_text("trop tôt")
    page.get_by_role("button", name="Faire un code pour 15 minutes").click()
    playwright.expect(page.locator("main")).to_contain_text("Il ouvre chaque porte une fois")
    check(page)
    playwright.expect(page.locator("h1")).to_contain_text("Yoga")


def test_a_door_opens_end_to_end_without_any_script(
    chromium: Any, tmp_path: Path, sqlite_url: str, mosquitto: Mosquitto
) -> None:
    house = build(tmp_path, sqlite_url, port=mosquitto.port)
    world = SystemWorld()
    now = world.now()
    with write_transaction(house.engine, ["ecole"]) as conn:
        made = create(conn, house.site, house.desk, space="hall", start=now, end=now + HOUR, title="Yoga")
    app = create_app(house.config, world, house.engine, house.desk)
    page = opened(chromium, java_script_enabled=False)
    with (
        playing(house.agent_keys("entrance"), mosquitto.port) as player,
        running(house, tmp_path),
        serving(app) as address,
    ):
        player.wait(lambda: next(iter(player.messages(Announcement)), None))
        player.say(Channel.BIRTH, birth(at=now), retain=True)
        player.wait(lambda: next((r for r in player.messages(Receipt) if r.time is not None), None))
        heard: list[Command] = []

        def open_door() -> None:
            command = player.wait(lambda: next(iter(player.messages(Command)), None))
            heard.append(command)
            player.say(Channel.RESPONSE, CommandResult(id=command.id))

        page.goto(f"{address}/b/{made.issued.link}")
        page.get_by_label("Salle", exact=True).check(force=True)
        for digit in made.issued.code:
            page.get_by_role("button", name=digit, exact=True).click()
        assert page.get_by_label("Tapez votre code").input_value() == made.issued.code
        agent = threading.Thread(target=open_door)
        agent.start()
        page.get_by_role("button", name="Ouvrir la porte").click()
        playwright.expect(page.locator("#result")).to_contain_text("C'est ouvert", timeout=20_000)
        agent.join(10)
    (command,) = heard
    assert (command.door, command.action) == ("hall", DoorAction.ACCESS)
    house.engine.dispose()
