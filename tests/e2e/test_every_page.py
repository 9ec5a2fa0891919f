"""Every page of the running demo in Debian's Chromium: two languages, desktop and phone, nothing for axe."""

import shutil
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from pleintemps_firmware_sim.installation import CARETAKER, MANAGER
from pleintemps_gateway.web.nav import PAGES
from tests.support.looking import faults_of_axe, picture, sideways, small_targets
from tests.support.waiting import wait_for

from .running import RunningDemo

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
SITE = "saint-aubin"
WIDTHS = {"desktop": 1440, "phone": 390}
FEW = [("fr", "phone", "light"), ("en", "desktop", "dark")]
"""By turns, one a page; every page in every look is for the long runs, and for `make pictures`."""
EVERY = [
    (language, width, scheme) for language in ("fr", "en") for width in WIDTHS for scheme in ("light", "dark")
]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with RunningDemo(tmp_path_factory.mktemp("pages") / "demo") as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as runner:
        browser = runner.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-quic", "--disable-background-networking"],
        )
        yield browser
        browser.close()


def rows(demo: RunningDemo, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{demo.database}?mode=ro", uri=True, timeout=30) as connection:
        return connection.execute(query).fetchall()


def logged_in(chromium: Any, demo: RunningDemo, name: str, password: str, **context: Any) -> Any:
    page = chromium.new_context(locale="fr-FR", **context).new_page()
    page.set_default_timeout(40_000)
    page.goto(demo.demo.url)
    page.get_by_label("Nom").fill(name)
    page.get_by_label("Mot de passe").fill(password)
    page.get_by_role("button", name="Se connecter").click()
    playwright.expect(page.locator("h1")).to_have_text("Ce soir")
    return page


def addresses(demo: RunningDemo) -> dict[str, str]:
    """Every page by the name of its picture: those of the table, and one of each kind that they lead to.

    The alert is first: later it is over.
    """
    ((alert,),) = rows(demo, "SELECT alert FROM alerts WHERE kind = 'noise' LIMIT 1")
    ((booking,),) = rows(demo, "SELECT booking FROM bookings WHERE space = 'office' LIMIT 1")
    found = {"alert": f"/alerts/{SITE}/{alert}"} | {entry.tab: entry.address for entry in PAGES}
    return found | {
        "door": f"/doors/{SITE}/office",
        "space": f"/spaces/{SITE}/hall",
        "lockdown": f"/lockdown/{SITE}",
        "outside": f"/help/{SITE}/{booking}",
        "public-map": "/free/map",
        "more": "/more",
        "not-found": "/nothing-here",
    }


@pytest.mark.parametrize("looks", [FEW, pytest.param(EVERY, marks=pytest.mark.soak)], ids=["few", "every"])
def test_every_page_in_both_languages_on_desktop_and_phone(
    demo: RunningDemo, chromium: Any, looks: list[tuple[str, str, str]]
) -> None:
    if not rows(demo, "SELECT alert FROM alerts WHERE kind = 'noise'"):
        demo.start_evening()
    wait_for(
        lambda: rows(demo, "SELECT alert FROM alerts WHERE kind = 'noise'"),
        within_s=90,
        what="an alert of noise",
    )
    password = demo.call(demo.demo.installation.add_manager(), within_s=30)
    page = logged_in(chromium, demo, MANAGER, password)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    wrong: list[tuple[str, str, list[str]]] = []
    for number, (name, address) in enumerate(addresses(demo).items()):
        for language, width, scheme in looks if looks is EVERY else looks[number % 2 :: 2]:
            page.set_viewport_size({"width": WIDTHS[width], "height": 844 if width == "phone" else 900})
            page.emulate_media(color_scheme=scheme)
            answer = page.goto(f"{demo.demo.url.rstrip('/')}{address}?lang={language}")
            what = f"{name} {language} {width} {scheme}"
            found = faults_of_axe(page) + [("small", [each]) for each in small_targets(page)]
            wrong += [(what, *fault) for fault in found]
            if answer.status != (404 if name == "not-found" else 200):
                wrong.append((what, f"answered {answer.status}", []))
            if page.locator("html").get_attribute("lang") != language or page.locator("h1").count() != 1:
                wrong.append((what, "not the page that was wanted", [page.title()]))
            if sideways(page):
                wrong.append((what, "scrolls sideways", []))
            picture(page, f"page-{name}-{language}-{width}-{scheme}")
    assert not wrong, "\n".join(map(str, wrong))
    assert faults == []


def focus_by_tab(page: Any, wanted: Any) -> None:
    """Press Tab until ``wanted`` has the focus, as who has no mouse does."""
    for _ in range(120):
        page.keyboard.press("Tab")
        if wanted.evaluate("(each) => each === document.activeElement"):
            return
    raise AssertionError("the keyboard does not reach it")


def test_an_alert_is_taken_and_a_door_opened_by_keyboard_alone(demo: RunningDemo, chromium: Any) -> None:
    if not rows(demo, "SELECT alert FROM alerts WHERE state = 'open'"):
        demo.start_evening(2)
    wait_for(
        lambda: rows(demo, "SELECT alert FROM alerts WHERE state = 'open'"),
        within_s=90,
        what="an alert",
    )
    page = logged_in(chromium, demo, CARETAKER, demo.demo.installation.password)
    expect = playwright.expect
    expect(page.locator("#link")).to_have_text("En direct")
    alert = page.locator(".al").first
    expect(alert).to_be_visible()
    page.keyboard.press("j")
    with page.expect_navigation():
        page.keyboard.press("p")
    wait_for(
        lambda: rows(demo, f"SELECT 1 FROM alerts WHERE acknowledged_by = '{CARETAKER}'"),
        within_s=30,
        what="an alert that is taken",
    )

    page.goto(f"{demo.demo.url.rstrip('/')}/")
    post = demo.demo.town.building.door("office")
    focus_by_tab(page, page.locator(f"#open-{SITE}_office"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/doors/saint-aubin/office*")
    focus_by_tab(page, page.get_by_role("button", name="Ouvrir la porte", exact=True))
    page.keyboard.press("Enter")
    assert demo.call(post.released(10_000), within_s=15)
    expect(page.locator("#result")).to_have_attribute("data-outcome", "done")
