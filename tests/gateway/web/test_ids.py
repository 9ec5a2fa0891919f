"""Names of elements: building ``a-b`` with room ``c`` is never taken for building ``a`` with room ``b-c``."""

import asyncio
import re
from collections import Counter

import pytest
from fastapi import FastAPI
from msgspec.structs import replace
from sqlalchemy import Engine

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.config import DoorConfig, SiteConfig, SpaceConfig

from . import town
from .clients import browser, enter

ID = re.compile(r'\sid="([^"]+)"')
LEARNT = re.compile(r'href="/learnt#([^"]+)"')


def building(site: str, rest: str) -> SiteConfig:
    """One with a room, a door and an agent that are all called ``rest``."""
    door = DoorConfig(door=rest, name=rest, agent=rest, from_="street", to=rest)
    return SiteConfig(site=site, name=site.upper(), spaces=[SpaceConfig(space=rest, name=rest)], doors=[door])


@pytest.fixture
def app(engine: Engine, world: ManualWorld) -> FastAPI:
    config = town.config()
    alike = [building("a", "b-c"), building("a-b", "c"), building("s", "moulin")]
    return create_app(replace(config, sites=[*config.sites, *alike]), world, engine)


@pytest.mark.parametrize("page", ["/", "/agents", "/learnt", "/spaces", "/doors"])
def test_no_two_elements_of_a_page_have_the_same_name(app: FastAPI, page: str) -> None:
    async def story() -> tuple[str, str]:
        async with browser(app) as client:
            await enter(client, "marion")
            return (await client.get(page)).text, (await client.get("/spaces/a/b-c")).text

    text, space = asyncio.run(story())
    names = Counter(ID.findall(text))
    assert len(names) > 5 and [name for name, count in names.items() if count > 1] == []
    if page == "/agents":
        assert {"a-a_b-c", "a-a-b_c"} <= names.keys()
    if page == "/learnt":
        (target,) = LEARNT.findall(space)
        assert names[target] == 1
