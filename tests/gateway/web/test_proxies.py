"""Who asks, behind a proxy and without one: visitors are counted alone, and nobody chooses who they are."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from sqlalchemy import Engine
from starlette.requests import Request

from pleintemps_contract.errors import ConfigError
from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.auth import address_of
from pleintemps_gateway.api.serve import settings
from pleintemps_gateway.config import WebConfig, load
from tests.gateway import house

from .visitors import school

pytestmark = pytest.mark.anyio
NOWHERE = "/b/" + "x" * 43


def served(app: Any, proxies: list[str]) -> Any:
    """The application as the server runs it."""
    config = settings(replace(WebConfig(), trusted_proxies=tuple(proxies)), app)
    config.load()
    return config.loaded_app


async def ask(app: Any, peer: str, told: str = "", times: int = 4) -> int:
    headers = {"x-forwarded-for": told} if told else {}
    transport = httpx.ASGITransport(app, client=(peer, 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers) as client:
        return [await client.get(NOWHERE) for _ in range(times)][-1].status_code


async def test_visitors_behind_a_proxy_are_counted_one_by_one(tmp_path: Path, empty: Engine) -> None:
    app = served(school(tmp_path, empty, ManualWorld(0)).app, ["127.0.0.1", "10.1.0.0/16"])
    assert await ask(app, "10.1.2.3", "198.51.100.7") == 429
    assert await ask(app, "10.1.2.3", "198.51.100.8", 1) == 404
    assert await ask(app, "10.1.2.3", "198.51.100.9, 198.51.100.7", 1) == 429, (
        "the last one is the proxy's word"
    )
    assert await ask(app, "10.1.2.3", "198.51.100.7, 10.1.9.9", 1) == 429, "through two proxies"


async def test_nobody_else_says_where_they_are(tmp_path: Path, empty: Engine) -> None:
    app = served(school(tmp_path, empty, ManualWorld(0)).app, ["127.0.0.1"])
    for number in range(3):
        assert await ask(app, "10.1.2.3", f"198.51.100.{number}", 1) == 404
    assert await ask(app, "10.1.2.3", "198.51.100.99", 1) == 429


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("x" * 1000, "x" * 64),
        ("", ""),
    ],
)
def test_whom_a_limit_counts(host: str, counted: str) -> None:
    scope: dict[str, Any] = {"type": "http", "headers": [], "client": (host, 1) if host else None}
    assert address_of(Request(scope)) == counted


@pytest.mark.parametrize("wrong", ["10.0.0.1/8", "proxy", "", "*"])
def test_what_is_no_address_is_refused(tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "gateway.toml"
    text = house.TOML.format(url="sqlite://", port=1, extra="")
    file.write_text(text + f'\n[web]\ntrusted_proxies = ["{wrong}"]\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="trusted_proxies"):
        load(file)
