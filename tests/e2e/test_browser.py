"""A caretaker's evening in Debian's Chromium, over the running demo: nothing on this page is made up."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pleintemps_firmware_sim.devices.door import Push
from pleintemps_firmware_sim.installation import CARETAKER

from .running import RunningDemo

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
PICTURES = Path(__file__).parents[2] / "build/screenshots"
pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
SPACES = ("yard", "classroom", "hall", "office")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[RunningDemo]:
    with RunningDemo(tmp_path / "demo") as running:
        yield running


@pytest.fixture
def page() -> Iterator[Any]:
    with playwright.sync_playwright() as runner:
        chromium = runner.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-quic", "--disable-background-networking"],
        )
        opened = chromium.new_page(locale="fr-FR", viewport={"width": 1440, "height": 900})
        opened.set_default_timeout(40_000)
        yield opened
        chromium.close()


def no_axe_findings(page: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    assert [(fault["id"], fault["impact"], len(fault["nodes"])) for fault in found] == []


def test_log_in_see_a_room_light_up_take_the_noise_open_a_door(demo: RunningDemo, page: Any) -> None:
    expect = playwright.expect
    expect.set_options(timeout=40_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(demo.demo.url)
    page.get_by_label("Nom").fill(CARETAKER)
    page.get_by_label("Mot de passe").fill(demo.demo.installation.password)
    page.get_by_role("button", name="Se connecter").click()
    expect(page.locator("h1")).to_have_text("Ce soir")
    expect(page.locator("#link")).to_have_text("En direct")
    for space in SPACES:
        expect(page.locator(f"#tile-saint-aubin_{space}")).to_be_visible()

    # the choir comes with its code: its room lights up on the open page
    evening = demo.start_evening()
    hall = page.locator("#tile-saint-aubin_hall")
    expect(hall).to_have_attribute("data-state", "occupied")
    expect(hall.locator(".state b")).to_have_text("Occupé")

    # it sings too loud; the caretaker takes the alert
    noise = page.locator(".al", has_text="Trop de bruit")
    expect(noise).to_be_visible()
    expect(noise).to_contain_text("dB")
    noise.get_by_role("button").click()
    taken = page.locator(".al", has_text="Trop de bruit")
    expect(taken).to_contain_text(f"par {CARETAKER}")
    for space in SPACES:
        expect(page.locator(f"#tile-saint-aubin_{space} h4")).to_have_count(1)
    assert page.locator("h1").count() == 1
    no_axe_findings(page)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / "demo-tonight.png", full_page=True)

    # somebody waits outside the office: one tap, a confirmation, and the real strike is released
    post = demo.demo.town.building.door("office")
    page.locator("#open-saint-aubin_office").click()
    page.wait_for_url("**/doors/saint-aubin/office*")
    no_axe_findings(page)
    page.get_by_role("button", name="Ouvrir la porte", exact=True).click()
    assert demo.call(post.released(10_000), within_s=15)
    assert demo.call(push(post), within_s=5) is Push.OPENED
    expect(page.locator("#result")).to_have_attribute("data-outcome", "done")
    page.screenshot(path=PICTURES / "demo-door-opened.png", full_page=True)
    assert faults == []
    evening.get_loop().call_soon_threadsafe(evening.cancel)


async def push(post: Any) -> Push:
    pushed: Push = post.push()
    return pushed
