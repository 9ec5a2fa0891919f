"""People with the link of their booking, at a fixed hour."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.store.engine import open_engine
from tests.gateway.web.clients import browser
from tests.gateway.web.visitors import Visitors, school
from tests.support.stores import make_store

from .pages import NOW


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world() -> ManualWorld:
    return ManualWorld(NOW)


@pytest.fixture
def empty(sqlite_url: str) -> Iterator[Engine]:
    make_store(sqlite_url)
    engine = open_engine(sqlite_url)
    yield engine
    engine.dispose()


@pytest.fixture
def people(tmp_path: Path, empty: Engine, world: ManualWorld) -> Visitors:
    return school(tmp_path, empty, world)


@pytest.fixture
async def client(people: Visitors) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(people.app) as opened:
        yield opened
