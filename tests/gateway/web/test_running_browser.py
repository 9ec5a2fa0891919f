"""The pages on which the gateway is run, in Chromium: seen by axe, at 320 px and wide, used by keyboard."""

from typing import Any

import pytest
from sqlalchemy import Engine, select

from pleintemps_gateway.store.schema import users
from tests.support.looking import picture

from . import town
from .test_browser import CHROMIUM, Evening, address, check, page, playwright, world

__all__ = ["address", "page", "world"]
pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
PAGES = ("/feeds", "/refused", "/backups", "/accounts", "/account", "/agents", "/setup?step=agent")
WIDE = ("/agents", "/setup?step=agent")


def test_a_manager_runs_the_gateway(page: Any, address: str, engine: Engine, world: Evening) -> None:
    page.goto(f"{address}/login?next=/accounts")
    page.get_by_label("Nom").fill("marion")
    page.get_by_label("Mot de passe").fill(town.PASSWORD)
    page.keyboard.press("Enter")
    playwright.expect(page.locator("h1")).to_have_text("Comptes")
    page.get_by_label("Nom, tel qu’il servira").focus()
    for keys in ("Zoé", "Tab", "Tab", "ArrowDown", "Tab", "Space", "Tab", "Space", "Tab", "Tab", "Enter"):
        if keys == "Zoé":
            page.keyboard.type(keys)
        else:
            page.keyboard.press(keys)
    once = page.locator(".once code")
    playwright.expect(once).to_contain_text("/welcome/")
    check(page)
    with engine.connect() as conn:
        made = conn.execute(select(users).where(users.c.name == "Zoé")).one()
    assert (made.role, made.sites) == ("manager", '["moulin"]')
    link = once.inner_text()
    for path in PAGES:
        for width in (320, 1440) if path in WIDE else (320,):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(f"{address}{path}")
            page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            check(page)
            picture(page, f"{path.strip('/').replace('?step=', '-')}-{width}")
    page.context.clear_cookies()
    page.emulate_media(color_scheme="dark")
    page.goto(f"{link}?lang=en")
    check(page)
    picture(page, "welcome-english-dark")
    page.get_by_label("New password").fill("velvet grey seventh cloud")
    page.get_by_label("The same once more").fill("velvet grey seventh cloud")
    page.keyboard.press("Enter")
    playwright.expect(page.locator("h1")).to_have_text("Tonight")
