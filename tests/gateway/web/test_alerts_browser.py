"""Alerts in Debian's Chromium: axe, 320 px, and an alert taken by the keyboard alone."""

from typing import Any

import pytest
from sqlalchemy import Engine, select

from pleintemps_gateway.store import schema
from tests.support.looking import picture

from . import town
from .test_alert_pages import measure
from .test_browser import CHROMIUM, address, check, enter, page, playwright, world

__all__ = ["address", "page", "world"]
pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


def state(engine: Engine, alert: str) -> tuple[str, str | None]:
    with engine.connect() as conn:
        row = conn.execute(select(schema.alerts).where(schema.alerts.c.alert == alert)).one()
    return row.state, row.comment


def test_an_alert_is_taken_by_the_keyboard_alone(page: Any, address: str, engine: Engine) -> None:
    measure(engine)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    enter(page, address)
    expect, keys = playwright.expect, page.keyboard
    page.goto(f"{address}/alerts")
    check(page)
    picture(page, "alerts-desktop")
    keys.press("j")
    expect(page.locator(f"#alert-{town.NOISE}")).to_be_focused()
    keys.press("x")
    expect(page.locator(f"#alert-{town.NOISE} input")).to_be_checked()
    keys.press("j")
    keys.press("k")
    keys.press("Enter")
    expect(page.locator("h1")).to_have_text("Trop de bruit")
    check(page)
    picture(page, "alert-desktop")
    page.locator("#comment").focus()
    keys.type("je passe")  # letters in a field are letters
    expect(page.locator("h1")).to_have_text("Trop de bruit")
    keys.press("Tab")
    keys.press("p")
    expect(page.locator(".title .kind")).to_contain_text("par camille.")
    assert state(engine, town.NOISE) == ("acknowledged", "je passe")

    page.set_viewport_size({"width": 320, "height": 640})
    page.emulate_media(color_scheme="dark")
    for name, path in (
        ("alerts", "/alerts?state=all"),
        ("alert", f"/alerts/moulin/{town.DOOR_OPEN}"),
        ("notifications", "/notifications"),
        ("report", "/reports/2026-11-19"),
    ):
        page.goto(address + path)
        check(page)
        picture(page, f"{name}-narrow")
    assert faults == []
