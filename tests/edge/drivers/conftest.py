"""A context on mock pins and manual time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from pleintemps_contract.world import ManualWorld
from pleintemps_edge.drivers.registry import Context

from .lines import Ports


@pytest.fixture
def world() -> ManualWorld:
    return ManualWorld()


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.close()


@pytest.fixture
def context(world: ManualWorld, pins: MockFactory, tmp_path: Path) -> Context:
    return Context(world=world, base=tmp_path, line=world, pin_factory=pins)


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> Ports:
    return Ports(monkeypatch)
