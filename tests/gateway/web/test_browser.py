"""The page in Debian's Chromium: it lives, can be used, and axe finds nothing against WCAG 2.1 AA."""

import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from sqlalchemy import Engine, select, update

from pleintemps_contract.world import SystemWorld
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.api.serve import Server
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from tests.support.looking import faults_of_axe, picture, sideways, small_targets
from tests.support.ports import find_free_port

from . import test_alone as alone
from . import town

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


class Evening(SystemWorld):
    """The machine's pace, from the town's hour on."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = town.NOW - SystemWorld().now()

    def now(self) -> int:
        return super().now() + self.ahead


@pytest.fixture
def world() -> Evening:
    return Evening()


@pytest.fixture
def address(engine: Engine, world: Evening) -> Iterator[str]:
    port = find_free_port()
    app = create_app(town.config(), world, engine)
    config = uvicorn.Config(app, port=port, log_level="warning", timeout_graceful_shutdown=1)
    server = Server(config, app)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = world.monotonic() + 10_000
    while not server.started and world.monotonic() < deadline:
        threading.Event().wait(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def page() -> Iterator[Any]:
    with playwright.sync_playwright() as runner:
        chromium = runner.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-quic", "--disable-background-networking"],
        )
        opened = chromium.new_page(locale="fr-FR", viewport={"width": 1440, "height": 900})
        opened.set_default_timeout(15_000)
        yield opened
        chromium.close()


def check(page: Any) -> None:
    """No finding of axe, once the page is known to be there: an empty page has none either."""
    assert page.locator("h1").count() == 1
    assert faults_of_axe(page) == []
    assert not sideways(page)


def enter(page: Any, address: str) -> None:
    page.goto(f"{address}/")
    check(page)
    page.get_by_label("Nom").fill("camille")
    page.get_by_label("Mot de passe").fill(town.PASSWORD)
    page.get_by_role("button", name="Se connecter").click()
    playwright.expect(page.locator("h1")).to_have_text("Ce soir")
    playwright.expect(page.locator("#link")).to_have_text("En direct")


def believe(engine: Engine, space: str, now: int, **values: Any) -> None:
    with write_transaction(engine, ["moulin"]) as conn:
        here = (schema.spaces.c.site == "moulin") & (schema.spaces.c.space == space)
        conn.execute(update(schema.spaces).where(here).values(evidence_at=now, **values))
        record_change(conn, "moulin", "spaces", space, now)


def test_a_caretakers_evening(page: Any, address: str, engine: Engine, world: Evening) -> None:
    faults: list[str] = []
    asked: set[str] = set()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: asked.add(request.url.split("/")[2]))
    enter(page, address)
    expect = playwright.expect

    # a room is taken while we look
    danse = page.locator("#tile-moulin_danse")
    expect(danse.locator(".state")).to_contain_text("Libre")
    believe(engine, "danse", world.now(), state="occupied", probability=0.97)
    expect(danse.locator(".state b")).to_have_text("Occupé")
    expect(page.locator('[data-count="occupied"]')).to_have_text("3")
    picture(page, "tonight-desktop")

    # a new alert is spoken, and focus stays where it was
    page.locator(f"#take-{town.DOOR_OPEN}").focus()
    with write_transaction(engine, ["moulin"]) as conn:
        fresh = {"rank": "alert", "subject": "x", "state": "open", "opened": world.now(), "facts": "{}"}
        town.add(
            conn,
            schema.alerts,
            site="moulin",
            alert="d1" * 16,
            kind="door-forced-open",
            door="studio",
            **fresh,
        )
        record_change(conn, "moulin", "alerts", "d1" * 16, world.now())
    expect(page.locator("#announce")).to_contain_text("Porte forcée, MJC du Moulin, Studio.")
    assert page.evaluate("document.activeElement.id") == f"take-{town.DOOR_OPEN}"

    # the noise is taken
    page.get_by_role("button", name="Trop de bruit").click()
    expect(page.locator(f"#alert-{town.NOISE}")).to_contain_text("par camille")
    with engine.connect() as conn:
        states = {row.alert: row.state for row in conn.execute(select(schema.alerts))}
    assert (states[town.NOISE], states["d1" * 16]) == ("acknowledged", "open")

    # a door is opened from here, and the page tells what became of it
    page.locator("#open-moulin_studio").click()
    expect(page.locator("h1")).to_have_text("Studio")
    check(page)
    picture(page, "door-desktop")
    page.get_by_role("button", name="Ouvrir la porte", exact=True).click()
    expect(page.locator("#result")).to_contain_text("Ouverture demandée")
    with write_transaction(engine, ["moulin"]) as conn:
        command = conn.execute(select(schema.commands.c.command)).scalar_one()
        conn.execute(update(schema.commands).values(outcome="done", answered=world.now()))
        record_change(conn, "moulin", "commands", command, world.now())
    expect(page.locator("#result")).to_contain_text("Ouverte d'ici")
    expect(page.locator("#again")).to_have_count(0)

    assert faults == []
    assert asked == {address.split("/")[2]}, "a request to somewhere else"


def test_what_grows_old_says_so_without_a_frame(
    page: Any, address: str, engine: Engine, world: Evening
) -> None:
    enter(page, address)
    expect = playwright.expect
    theatre = page.locator("#tile-moulin_theatre")
    with engine.begin() as conn:
        conn.execute(update(schema.series).where(schema.series.c.space == "theatre").values(last_at=None))
    believe(engine, "theatre", world.now() - 174_000, state="occupied", probability=0.97)
    expect(theatre.locator(".age time")).to_have_text("2\u00a0min")
    expect(theatre).to_have_class("tile")
    # the store is away: from here on the page gets no frame
    with engine.begin() as conn:
        conn.exec_driver_sql("ALTER TABLE changes RENAME TO away")
    expect(theatre).to_have_class("tile is-stale", timeout=15_000)
    expect(theatre.locator(".state")).to_have_text("Dernier état : occupé")
    expect(theatre.locator("use").first).to_have_attribute("href", "#w-stale")
    expect(page.locator('[data-count="stale"]')).to_have_text("2")
    expect(page.locator("#lost")).to_contain_text("Connexion perdue à 22:5", timeout=20_000)
    picture(page, "tonight-lost")


LOOKS = pytest.mark.parametrize(
    ("scheme", "widths"),
    [
        pytest.param("light", (320,), id="light"),  # others: the demo's pages, in e2e
        pytest.param("light", (1440, 390, 320), id="light-every", marks=pytest.mark.soak),
        pytest.param("dark", (1440, 390, 320), id="dark-every", marks=pytest.mark.soak),
    ],
)


@LOOKS
def test_every_page_is_accessible_at_every_width(
    page: Any, address: str, scheme: str, widths: tuple[int, ...]
) -> None:
    page.emulate_media(color_scheme=scheme)
    enter(page, address)
    assert page.locator(".tile").count() == 8
    assert page.locator("main h2").count() == 3
    for width in widths:
        page.set_viewport_size({"width": width, "height": 800})
        check(page)
        picture(page, f"tonight-{width}-{scheme}")
        assert small_targets(page) == [], "a target of less than 44 px"
    pages = (
        "/alerts",
        f"/alerts/moulin/{town.NOISE}",
        "/doors/ecole/cantine",
        "/agents",
        "/free?people=12&service=stage",
        "/released",
        "/usage",
        "/learnt",
        "/api/docs",
        "/nothing",
    )
    for path in pages:
        for width in dict.fromkeys((widths[0], widths[-1])):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(f"{address}{path}")
            page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            check(page)
        picture(page, f"{path.split('/')[1]}-{widths[-1]}-{scheme}")
    page.goto(f"{address}/?lang=en")
    playwright.expect(page.locator("h1")).to_have_text("Tonight")
    check(page)
    picture(page, f"tonight-english-{scheme}")


@LOOKS
def test_the_pages_of_fire_history_and_panel_are_accessible(
    page: Any, address: str, engine: Engine, scheme: str, widths: tuple[int, ...]
) -> None:
    alone.burn(engine)
    alone.set_panel(engine, "alarm")
    alone.put(
        engine,
        ("access-granted", "portail", {"door": "portail", "grant": "c6" * 16}),
        ("door-fire", "portail", {"door": "portail", "active": True}),
    )
    page.emulate_media(color_scheme=scheme)
    enter(page, address)
    for path in ("/", "/doors/ecole/portail", "/doors/ecole/portail/fire", "/panels/ecole/alarm"):
        for width in dict.fromkeys((widths[0], widths[-1])):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(f"{address}{path}")
            check(page)
        picture(page, f"alone-{path.strip('/').replace('/', '-') or 'tonight'}-{scheme}")
    page.goto(f"{address}/doors/ecole/portail/fire")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Confirmer la fin").click()
    playwright.expect(page.locator("#result")).to_contain_text("Fin de l")
    check(page)
