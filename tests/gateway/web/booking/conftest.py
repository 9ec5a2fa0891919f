"""People with the link of their booking, at a fixed hour."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from pleintemps_contract.world import ManualWorld
from tests.gateway.web.clients import browser
from tests.gateway.web.visitors import Visitors, school

from .pages import NOW


@pytest.fixture
def world() -> ManualWorld:
    return ManualWorld(NOW)


@pytest.fixture
def people(tmp_path: Path, empty: Engine, world: ManualWorld) -> Visitors:
    return school(tmp_path, empty, world)


@pytest.fixture
async def client(people: Visitors) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(people.app) as opened:
        yield opened
