"""The web tier over the town of tests/gateway/web."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.config import DeliveryConfig
from pleintemps_gateway.delivery.outbox import Outbox
from pleintemps_gateway.store.engine import open_engine
from tests.gateway.web import town

SEALING = b"s" * 32


@pytest.fixture
def world() -> ManualWorld:
    return ManualWorld(now=town.NOW)


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    made = open_engine(sqlite_url)
    town.fill(made)
    yield made
    made.dispose()


@pytest.fixture
def desk(world: ManualWorld) -> CodeDesk:
    return CodeDesk(SEALING, world, Outbox(DeliveryConfig(), SEALING, world))


@pytest.fixture
def app(engine: Engine, world: ManualWorld, desk: CodeDesk) -> FastAPI:
    return create_app(town.config(), world, engine, desk)
