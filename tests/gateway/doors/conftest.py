"""The school of the people's page, at a fixed hour, with a caretaker and a manager."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, insert

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import users
from tests.gateway.web import town
from tests.gateway.web.clients import browser
from tests.gateway.web.visitors import Visitors, school

NOW = 1_795_400_000_000  # Monday 23 November 2026, 03:13:20 in Paris


@pytest.fixture
def world() -> ManualWorld:
    return ManualWorld(NOW)


@pytest.fixture
def people(tmp_path: Path, empty: Engine, world: ManualWorld) -> Visitors:
    made = school(tmp_path, empty, world)
    with write_transaction(empty, ["*"]) as conn:
        marion = {"name": "marion", "role": "manager", "password": town.hashed(), "created": NOW}
        conn.execute(insert(users).values(site="*", **marion))
    return made


@pytest.fixture
async def client(people: Visitors) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(people.app) as opened:
        yield opened
