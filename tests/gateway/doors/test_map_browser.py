"""Map and plan in Chromium: Leaflet moves the server's own drawing, nothing comes from elsewhere."""

from typing import Any

from sqlalchemy import Engine, update

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.store import schema
from tests.gateway.web import town
from tests.gateway.web.test_booking_browser import chromium, opened, playwright, pytestmark, serving
from tests.gateway.web.test_browser import check
from tests.support.looking import PICTURES

from .test_map import config, engine, world

__all__ = ["chromium", "config", "engine", "pytestmark", "world"]


def enter(page: Any, address: str) -> None:
    page.goto(f"{address}/login?next=/map")
    page.get_by_label("Nom").fill("camille")
    page.get_by_label("Mot de passe").fill(town.PASSWORD)
    page.get_by_role("button", name="Se connecter").click()
    playwright.expect(page.locator("h1")).to_have_text("Carte et plans")


def test_the_map_lives_can_be_moved_and_asks_nobody_else(
    chromium: Any, engine: Engine, world: ManualWorld, config: GatewayConfig
) -> None:
    with serving(create_app(config, world, engine)) as address:
        page, faults, asked = opened(chromium), list[str](), set[str]()
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: asked.add(request.url.split("/")[2]))
        page.clock.install()
        enter(page, address)
        expect = playwright.expect
        expect(page.locator(".leaflet-container")).to_have_count(2)
        check(page)
        floor = page.locator("#floor svg.floor")
        before = floor.bounding_box()["width"]
        page.locator("#floor").get_by_role("button", name="Agrandir").focus()
        page.keyboard.press("Enter")
        page.clock.run_for(1_000)
        assert floor.bounding_box()["width"] > before
        page.evaluate("document.activeElement.blur()")
        with engine.begin() as conn:
            here = schema.spaces.c.space == "studio"
            conn.execute(
                update(schema.spaces).where(here).values(state="vacant", probability=0.02, level_db=30)
            )
        page.clock.run_for(11_000)
        expect(page.locator("#floor .area").first).to_contain_text("Libre 98")
        PICTURES.mkdir(parents=True, exist_ok=True)
        for name, path, width, language in (
            ("map", "/map", 1440, "en"),
            ("map", "/map", 320, "fr"),
            ("free-map", "/free/map", 390, "fr"),
        ):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(f"{address}{path}?lang={language}")
            check(page)
            page.screenshot(path=PICTURES / f"{name}-{language}-{width}.png", full_page=True)
        assert faults == []
        assert asked == {address.split("/")[2]}, "a request to somewhere else"
        plain = opened(chromium, java_script_enabled=False)
        enter(plain, address)
        expect(plain.locator("svg.townmap .pin")).to_have_count(2)
        expect(plain.locator("svg.floor .area")).to_have_count(1)
        assert plain.locator("svg.floor").bounding_box()["width"] > 250
