"""Map and plans: drawn from files of the configuration, live for caretakers, from bookings for all."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import Engine, update

from pleintemps_contract.errors import ConfigError
from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.config import GatewayConfig, load
from pleintemps_gateway.errors import OutlineError
from pleintemps_gateway.places_config import MapConfig, PlaceConfig, PlanConfig, PlanSpaceConfig
from pleintemps_gateway.store import schema
from pleintemps_gateway.web.outline import Shape, frame_of, load_outline, paths_of, read_outline, scale_bar
from pleintemps_gateway.web.render import STATIC
from tests.gateway import house
from tests.gateway.web import town
from tests.gateway.web.clients import browser, enter
from tests.gateway.web.conftest import engine

__all__ = ["engine"]
pytestmark = pytest.mark.anyio
LINE = {"type": "LineString", "coordinates": [[0.30, 46.58], [0.36, 46.61]]}


def collection(*geometries: Any, **properties: Any) -> bytes:
    features = [{"type": "Feature", "properties": properties, "geometry": each} for each in geometries]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


@pytest.fixture
def world() -> ManualWorld:
    return ManualWorld(town.NOW)


@pytest.fixture
def config(tmp_path: Path) -> GatewayConfig:
    """The town of the pages with a place each, one floor with a picture, and public rooms at one site."""
    (tmp_path / "outline.geojson").write_bytes(collection(LINE, kind="water", name="la Loutre <b>"))
    (tmp_path / "floor.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>', encoding="utf-8")
    square = [(0.0, 0.0), (50.0, 0.0), (50.0, 40.0), (0.0, 40.0)]
    floor = PlanConfig(
        plan="rdc",
        name="Rez-de-chaussée",
        image=str(tmp_path / "floor.svg"),
        spaces=[PlanSpaceConfig(space="studio", corners=square)],
    )
    made = town.config()
    moulin, ecole = made.sites
    public = [replace(space, public=True, capacity=12) for space in moulin.spaces]
    moulin = replace(moulin, public=True, spaces=public, plans=[floor], place=PlaceConfig(lat=46.6, lon=0.33))
    ecole = replace(ecole, place=PlaceConfig(lat=46.59, lon=0.35))
    return replace(made, map=MapConfig(outline=str(tmp_path / "outline.geojson")), sites=[moulin, ecole])


@pytest.fixture
def app(engine: Engine, world: ManualWorld, config: GatewayConfig) -> FastAPI:
    return create_app(config, world, engine)


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.replace("\u00a0", " ")).split())


async def test_the_map_shows_every_site_and_the_plan_its_spaces(app: FastAPI) -> None:
    async with browser(app) as client:
        assert (await client.get("/map")).status_code == 303
        await enter(client)
        page = (await client.get("/map")).text
        assert 'id="pin-moulin"' in page and 'id="pin-ecole"' in page
        assert "la Loutre &lt;b&gt;" in page and "m-water" in page
        told = words(page)
        assert "Salle de danse MJC du Moulin demain 08:30" in told
        assert "Réfectoire Groupe scolaire Inconnu" in told
        assert "74 dB(A), max 65" in told and "Occupé 98 %" in told
        assert page.index('id="lists"') < page.index('id="town"'), "the list comes before the map"
        assert 'class="area is-lit has-alert on-image"' in page
        image = await client.get("/plans/moulin/rdc")
        assert (image.status_code, image.headers["content-type"]) == (200, "image/svg+xml")
        assert (await client.get("/plans/moulin/attic")).status_code == 404
        assert (await client.get("/map?plan=moulin/attic")).status_code == 404
        assert (await client.get("/map?plan=../etc")).status_code == 422
        await client.post("/logout", data={"csrf": re.search('csrf-token" content="([^"]+)', page)[1]})  # type: ignore[index]
        await enter(client, "directrice")
        mine = (await client.get("/map")).text
        assert 'id="pin-moulin"' not in mine and "Aucun plan" in mine
        assert (await client.get("/plans/moulin/rdc")).status_code == 404


async def test_the_public_map_tells_bookings_and_never_presence(app: FastAPI, engine: Engine) -> None:
    async with browser(app) as client:
        page = (await client.get("/free/map")).text
        assert 'id="pin-moulin"' in page and 'id="pin-ecole"' not in page, "only public sites"
        told = words(page)
        # the theatre is booked until 23:00; the studio is in use and not booked: it can be booked
        assert "Studio de répétition MJC du Moulin la fin du jour au moins" in told
        assert "Salle de théâtre" not in told and "3 sur 4 libres" in told
        with engine.begin() as conn:
            conn.execute(update(schema.spaces).values(state="occupied", probability=0.99, level_db=90))
            conn.execute(update(schema.alerts).values(rank="alert"))
        again = (await client.get("/free/map")).text
        assert again.partition("<main")[2] == page.partition("<main")[2]
        for word in ("Atelier rock", "Occupé", "dB(A)", "w-lit", "a-alert"):
            assert word not in page.partition("<main")[2].partition("</main>")[0]


async def test_a_broken_outline_is_said_and_the_map_stands(
    engine: Engine, world: ManualWorld, config: GatewayConfig
) -> None:
    Path(config.map.outline).write_text("no outline", encoding="utf-8")
    async with browser(create_app(config, world, engine)) as client:
        assert "n&#39;est pas dessiné" not in (await client.get("/free/map")).text
        await enter(client)
        page = (await client.get("/map")).text
    assert "n&#39;est pas dessiné" in page and 'id="pin-moulin"' in page


async def test_without_places_or_plans_the_page_says_so(engine: Engine, world: ManualWorld) -> None:
    async with browser(create_app(town.config(), world, engine)) as client:
        await enter(client)
        page = (await client.get("/map")).text
        assert "Aucun bâtiment n&#39;a de lieu" in page and "Aucun plan" in page
        assert "Rien n&#39;est libre" in (await client.get("/free/map")).text


def test_an_outline_is_read_shape_by_shape() -> None:
    area = {"type": "Polygon", "coordinates": [[[0, 46], [1, 46], [1, 47], [0, 46]]]}
    many = {"type": "MultiLineString", "coordinates": [[[0, 46], [1, 46]], [[0, 47], [1, 47]]]}
    outline = read_outline(collection(area, many, {"type": "Point", "coordinates": [0, 46]}, None, LINE))
    assert [(shape.kind, shape.area, len(shape.lines)) for shape in outline.shapes] == [
        ("built", True, 1), ("road", False, 2), ("road", False, 1),
    ]  # fmt: skip
    assert outline.left_out == 2
    wrong: list[Any] = [[0, 99], ["x", 46], [0], None]
    for position in wrong:
        line = {"type": "LineString", "coordinates": [[0, 46], position]}
        assert read_outline(collection(line)).left_out == 1
    for data in (b"", b"[]", b'{"features": 3}', b"\xff", b"[" * 100_000):
        with pytest.raises(OutlineError):
            read_outline(data)
    with pytest.raises(OutlineError):
        load_outline("/no/such/outline")
    assert load_outline("").shapes == ()


@given(st.lists(st.tuples(st.floats(-179, 179), st.floats(-84, 84)), min_size=1, max_size=8))
def test_everything_lies_within_the_drawing(places: list[tuple[float, float]]) -> None:
    shape = Shape("road", "", False, (tuple(places),))
    frame = frame_of(places[:1], [shape])
    assert frame is not None
    for at in places:
        x, y = frame.at(*at)
        assert -0.2 <= x <= frame.width + 0.2 and -0.2 <= y <= frame.height + 0.2
    assert frame.width <= 720.1 and frame.height <= 720.1
    metres, units = scale_bar(frame)
    assert metres > 0 and units <= frame.width / 6 + 1
    assert len(paths_of([shape], frame)) == 1


def test_plans_and_places_are_checked_where_they_are_written(tmp_path: Path) -> None:
    def loaded(extra: str) -> GatewayConfig:
        file = tmp_path / "gateway.toml"
        file.write_text(house.TOML.format(url="sqlite://", port=1, extra=extra), encoding="utf-8")
        return load(file)

    plan = '[[sites.plans]]\nplan = "a"\nname = "A"\n{more}\n'
    plan += '[[sites.plans.spaces]]\nspace = "{space}"\ncorners = {corners}\n'
    right = plan.format(more='image = "a.png"', space="hall", corners="[[0, 0], [9, 0], [9, 9.5]]")
    config = loaded("[sites.place]\nlat = 46.5\nlon = 0.3\n" + right)
    assert config.sites[0].plans[0].image == str(tmp_path / "a.png")
    for more, space, corners, told in (
        ("", "attic", "[[0, 0], [9, 0], [9, 9]]", "no space is called 'attic'"),
        ("", "hall", "[[0, 0], [9, 0]]", "length >= 3"),
        ("", "hall", "[[0, 0], [101, 0], [9, 9]]", "lies outside of the plan"),
        ('image = "a.exe"', "hall", "[[0, 0], [9, 0], [9, 9]]", "is none of"),
    ):
        with pytest.raises(ConfigError, match=re.escape(told)):
            loaded(plan.format(more=more, space=space, corners=corners))
    with pytest.raises(ConfigError, match="two plans are called"):
        loaded(right + right)
    with pytest.raises(ConfigError, match="lat"):
        loaded("[sites.place]\nlat = 90\nlon = 0\n")


def test_what_is_vendored_is_what_its_list_says() -> None:
    vendor = STATIC / "vendor"
    row = re.compile(r"^\| `([^`]+)` \|.*\| `?([0-9a-f]{64})`? \|$", re.M)
    listed = dict(row.findall((vendor / "README.md").read_text()))
    there = {str(path.relative_to(vendor)) for path in vendor.rglob("*") if path.is_file()} - {"README.md"}
    assert there == set(listed)
    for name, digest in listed.items():
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest, name


def test_the_demo_has_an_outline() -> None:
    root = Path(__file__).parents[3] / "firmware-sim/pleintemps_firmware_sim"
    outline = load_outline(str(root / "scenarios/saint-aubin.geojson"))
    assert outline.left_out == 0
    assert {shape.kind for shape in outline.shapes} == {"limit", "built", "wood", "water", "road", "rail"}
