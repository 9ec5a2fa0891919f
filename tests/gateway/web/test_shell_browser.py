"""The installed page in Chromium: installable, keeps nothing personal, helps without a connection."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from tests.support.looking import picture

from . import test_browser as browser
from . import town
from .test_browser import address, world  # noqa: F401 (fixtures)

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = browser.pytestmark


@pytest.fixture
def profile(tmp_path: Path) -> Iterator[Any]:
    """A browser with a profile on disk: in a private one Chromium installs nothing."""
    with playwright.sync_playwright() as runner:
        context = runner.chromium.launch_persistent_context(
            tmp_path / "profile",
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-quic", "--disable-background-networking"],
            locale="fr-FR",
            viewport={"width": 1440, "height": 900},
        )
        yield context
        context.close()


def test_it_is_installable_shares_a_stream_and_helps_without_a_connection(
    profile: Any,
    address: str,  # noqa: F811
    engine: Engine,
) -> None:
    expect, first = playwright.expect, profile.new_page()
    first.set_default_timeout(15_000)
    browser.enter(first, address)
    first.evaluate("navigator.serviceWorker.ready.then(() => true)")
    session = profile.new_cdp_session(first)
    assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] == []

    # a second tab lives from the stream of the first
    second = profile.new_page()
    asked: list[str] = []
    second.on("request", lambda request: asked.append(request.url))
    second.goto(f"{address}/")
    expect(second.locator("#link")).to_have_text("En direct")
    browser.believe(engine, "danse", town.NOW, state="occupied", probability=0.97)
    for page in (first, second):
        expect(page.locator("#tile-moulin_danse .state b")).to_have_text("Occupé")
    assert not [url for url in asked if "/api/v1/live?" in url]

    # keys: the focus walks, ? helps, they can be switched off, and never fire in a field
    second.locator("body").press("j")
    expect(second.locator(f"#alert-{town.NOISE}")).to_be_focused()
    second.keyboard.press("j")
    expect(second.locator(f"#alert-{town.DOOR_OPEN}")).to_be_focused()
    second.keyboard.press("?")
    expect(second.locator("#keys")).to_be_visible()
    browser.check(second)
    second.get_by_label("Touches seules").uncheck()
    second.get_by_role("button", name="Fermer").click()
    second.locator("body").press("k")
    expect(second.locator(f"#alert-{town.NOISE}")).not_to_be_focused()

    # nothing that belongs to a person is kept, and without a connection the page helps
    kept = second.evaluate(
        """async () => (await Promise.all((await caches.keys()).map(async (name) =>
           (await (await caches.open(name)).keys()).map((one) => new URL(one.url).pathname)))).flat()"""
    )
    assert kept and all(path == "/offline" or path.startswith("/static/") for path in kept)
    profile.set_offline(True)
    second.goto(f"{address}/alerts")
    expect(second.locator("h1")).to_have_text("Pas de connexion")
    for text in ("Les portes marchent seules", "The doors work alone", "Dernier contact"):
        expect(second.locator("main")).to_contain_text(text)
    picture(second, "offline")
    second.set_viewport_size({"width": 320, "height": 700})
    browser.check(second)


def test_the_worker_and_the_manifest_name_only_files_that_are_there(address: str) -> None:  # noqa: F811
    with httpx.Client(base_url=address) as client:
        worker = client.get("/sw.js")
        assert worker.headers["content-type"].startswith("text/javascript")
        assert worker.headers["cache-control"] == "no-cache"
        shell = json.loads(worker.text.split("const SHELL = ", 1)[1].split(";\n", 1)[0])
        for path in (*shell["files"], shell["offline"]):
            assert client.get(path).status_code == 200, path
        assert "camille" not in client.get("/offline").text
        for language in ("fr", "en"):
            manifest = client.get(f"/static/manifest-{language}.webmanifest")
            assert manifest.headers["content-type"] == "application/manifest+json"
            for icon in manifest.json()["icons"]:
                assert client.get(icon["src"]).headers["content-type"] == icon["type"]
