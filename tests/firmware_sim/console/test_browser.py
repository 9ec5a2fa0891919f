"""The tester's page in Debian's Chromium: it lives, orders by its buttons, and axe finds nothing."""

import asyncio
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pleintemps_firmware_sim.console import panel

from .house import House, standing

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
PICTURES = Path(__file__).parents[3] / "build/screenshots"
pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


class _Served(threading.Thread):
    """A house with its page, on a loop of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.address = ""
        self.house: House
        self.up = threading.Event()
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._serving: asyncio.Task[None]

    def run(self) -> None:
        self._loop.run_until_complete(self._live())
        self._loop.close()

    async def _live(self) -> None:
        async with standing(self._folder) as self.house:
            with panel.listen(panel.HERE, 0) as listener:
                self.address = panel.address_of(listener, None)
                self._serving = asyncio.create_task(panel.serve(self._folder, listener, None))
                self.up.set()
                await asyncio.gather(self._serving, return_exceptions=True)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._serving.cancel)
        self.join(10)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[_Served]:
    served = _Served(tmp_path)
    served.start()
    assert served.up.wait(10)
    yield served
    served.end()
    assert not served.is_alive()


def test_a_tester_with_a_tablet_sees_and_orders(served: _Served) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    wrong: list[str] = []
    with playwright.sync_playwright() as runner:
        chromium = runner.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-quic"])
        page: Any = chromium.new_page(viewport={"width": 1024, "height": 768})
        page.set_default_timeout(15_000)
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(served.address)
        page.get_by_role("button", name="leave hall").click()
        page.get_by_text("leave hall: opened").wait_for()
        page.get_by_text("OPEN, locked").wait_for()
        assert served.house.building.door("hall").mechanics.open
        page.get_by_role("button", name="press gate").click()
        for key in "42#":
            page.get_by_role("button", name=key, exact=True).click()
        found = axe.run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
        assert found.violations_count == 0, found.generate_report()
        page.get_by_role("button", name="Do it").click()
        page.get_by_text("press gate: the lock holds").wait_for()
        page.get_by_text("shut, locked, last key #").wait_for()
        page.get_by_role("button", name="unplug hall-radar").click()
        page.get_by_text("radar, DOWN !dropout").wait_for()
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / "simulator-panel.png")
        found = axe.run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
        assert found.violations_count == 0, found.generate_report()
        chromium.close()
    assert wrong == []
