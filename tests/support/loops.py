"""Coroutines of tests run on asyncio, as the gateway's do."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
