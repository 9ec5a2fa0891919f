"""Log-in by OpenID Connect against a real small provider: who gets in, and every way not to."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from msgspec.structs import replace
from sqlalchemy import Engine, select

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.api.auth import hash_token
from pleintemps_gateway.api.context import Context
from pleintemps_gateway.api.hints import MAX_TOKEN, Hints
from pleintemps_gateway.api.leaving import LIVES_MS
from pleintemps_gateway.api.sessions import end
from pleintemps_gateway.errors import SettingsError
from pleintemps_gateway.oidc.config import OidcConfig
from pleintemps_gateway.oidc.provider import ALGORITHMS, read_secret
from pleintemps_gateway.store.schema import sessions, users

from . import town
from .clients import browser, csrf_of
from .oidc_provider import CLIENT, SECRET, SmallProvider, serving

MINUTE = 60_000


@pytest.fixture(scope="module")
def clock() -> ManualWorld:
    return ManualWorld(now=town.NOW)


@pytest.fixture(scope="module")
def running(clock: ManualWorld) -> Iterator[SmallProvider]:
    with serving(clock) as provider:
        yield provider


@pytest.fixture
def provider(running: SmallProvider) -> SmallProvider:
    running.alg, running.claims, running.info, running.keys_read = "RS256", {}, {}, 0
    return running


@pytest.fixture
def world(clock: ManualWorld) -> ManualWorld:
    return clock


@pytest.fixture
def app(provider: SmallProvider, world: ManualWorld, engine: Engine, tmp_path: Path) -> FastAPI:
    secret = tmp_path / "oidc.secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET + "\n")
    oidc = OidcConfig(
        issuer=provider.issuer,
        client_id=CLIENT,
        secret_file=str(secret),
        label="Mairie",
        roles={"rooms-managers": "manager", "rooms": "caretaker"},
        sites={"rooms": ["moulin"]},
    )
    config = town.config()
    return create_app(replace(config, web=replace(config.web, oidc=oidc)), world, engine)


async def go(client: httpx.AsyncClient, target: str = "/account") -> str:
    """To the provider and back with a code: the address that the browser would open next."""
    away = await client.get("/login/oidc", params={"next": target})
    assert away.status_code == 303, away.text
    async with httpx.AsyncClient() as outside:
        answer = await outside.get(away.headers["location"])
    assert answer.status_code == 302
    return answer.headers["location"].removeprefix("http://gateway")


async def enter(app: FastAPI) -> httpx.Response:
    async with browser(app) as client:
        return await client.get(await go(client))


def stored(engine: Engine) -> list[Any]:
    with engine.connect() as conn:
        return list(conn.execute(select(users).where(users.c.subject.is_not(None))).all())


def test_who_has_a_role_there_gets_in_here(app: FastAPI, engine: Engine, provider: SmallProvider) -> None:
    async def story() -> None:
        async with browser(app) as client:
            assert "Mairie" in (await client.get("/login")).text
            back = await client.get(await go(client))
            assert (back.status_code, back.headers["location"]) == (303, "/account")
            page = (await client.get("/account")).text
            assert "Noé Martin" in page and "pleintemps_oidc" not in client.cookies
            assert {one["site"] for one in (await client.get("/api/v1/spaces")).json()["items"]} == {"moulin"}
            assert 'action="/account/password"' not in page
            out = await client.post("/logout", data={"csrf": await csrf_of(client)})
            assert out.headers["location"] == "/login?out=1"
            left = await client.get("/login/oidc/out")
            assert left.headers["location"].startswith(f"{provider.issuer}/out?client_id=pleintemps")
            asked = parse_qs(urlsplit(left.headers["location"]).query)
            assert asked["id_token_hint"] == provider.given[-1:], "the provider knows whose session ends"
            provider.alg = "ES256"
            provider.claims = {"preferred_username": "Another Name"}
            assert (await client.get(await go(client))).status_code == 303

    asyncio.run(story())
    (row,) = stored(engine)
    assert (row.name, row.role, row.password, row.subject) == ("Noé Martin", "caretaker", "", "u-17")


def test_the_identity_token_is_kept_in_memory_until_the_log_out_and_given_once(
    app: FastAPI, engine: Engine, world: ManualWorld, provider: SmallProvider
) -> None:
    async def hint(client: httpx.AsyncClient) -> list[str]:
        left = await client.get("/login/oidc/out")
        assert left.status_code == 303
        return parse_qs(urlsplit(left.headers["location"]).query).get("id_token_hint", [])

    async def story() -> None:
        async with browser(app) as client, browser(app) as other:
            assert await hint(client) == []
            assert (await client.get(await go(client))).status_code == 303
            (token,) = provider.given[-1:]
            cookies = "".join(client.cookies.values())
            assert token not in cookies and await hint(client) == [], "nobody has logged out yet"
            with engine.connect() as conn:
                assert token not in str(conn.execute(select(sessions)).all())
            out = await client.post("/logout", data={"csrf": await csrf_of(client)})
            lent = next(each for each in out.headers.get_list("set-cookie") if "pleintemps_oidc_out=" in each)
            assert token not in lent and "httponly" in lent.lower() and "Max-Age=600" in lent
            assert await hint(other) == []
            assert await hint(client) == [token]
            assert await hint(client) == [], "it was given, once"
            assert (await client.get(await go(client))).status_code == 303
            await client.post("/logout", data={"csrf": await csrf_of(client)})
            world.move(LIVES_MS)
            assert await hint(client) == []

    asyncio.run(story())


def test_hints_end_with_their_time_and_are_bounded() -> None:
    hints = Hints()
    hints.keep("a", "one", 10, 0)
    hints.keep("b", "x" * (MAX_TOKEN + 1), 10, 0)
    assert hints.take("b", 0) == "" and hints.take("a", 10) == "" and hints.take("a", 0) == ""
    for number in range(3_000):
        hints.keep(f"k{number}", "token", 10, 0)
    assert hints.take("k0", 0) == "" and hints.take("k2999", 0) == "token"
    hints.keep("late", "token", 30, 20)
    assert [hints.take(f"k{number}", 0) for number in range(3_000)].count("token") == 0


def test_a_session_that_is_ended_takes_its_identity_token_along(
    app: FastAPI, world: ManualWorld, provider: SmallProvider
) -> None:
    async def story() -> None:
        async with browser(app) as client:
            assert (await client.get(await go(client))).status_code == 303
            held = hash_token(client.cookies["pleintemps_session"])
            context: Context = app.state.context
            end(context, "*", "Noé Martin")
            assert context.hints.take(held, world.monotonic()) == ""

    asyncio.run(story())


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("RS256", {"nonce": "of-another-log-in"}),
    ("RS256", {"nonce": None}),
    ("RS256", {"aud": "somebody-else"}),
    ("RS256", {"aud": [CLIENT, "somebody-else"]}),
    ("RS256", {"aud": None}),
    ("RS256", {"azp": "somebody-else"}),
    ("RS256", {"exp": town.NOW // 1000 - 61}),
    ("RS256", {"exp": None}),
    ("RS256", {"iat": town.NOW // 1000 + 3_600}),
    ("RS256", {"iss": "https://elsewhere.example"}),
    ("RS256", {"sub": ""}),
    ("none", {}),
    ("HS256", {}),
    ("hidden", {}),
]
NOBODY: list[dict[str, Any]] = [
    {"roles": ["staff"]},
    {"roles": []},
    {"preferred_username": ""},
    {"preferred_username": "CAMILLE"},
]


def test_a_token_that_is_not_right_or_of_nobody_here_lets_nobody_in(
    app: FastAPI, engine: Engine, provider: SmallProvider
) -> None:
    got_in: list[object] = []
    for alg, claims in [*WRONG, *(("RS256", claims) for claims in NOBODY)]:
        provider.alg, provider.claims = alg, claims
        answer = asyncio.run(enter(app))
        unbelieved = "pas cru" in answer.text
        if answer.status_code != 401 or "pleintemps_session" in str(answer.headers):
            got_in.append((alg, claims))
        assert unbelieved == ((alg, claims) in WRONG), (alg, claims)
    assert got_in == [] and stored(engine) == []
    with engine.connect() as conn:
        assert conn.execute(select(sessions)).all() == []
    provider.alg, provider.claims = "RS256", {"aud": [CLIENT, "somebody-else"], "azp": CLIENT}
    assert asyncio.run(enter(app)).status_code == 303


def test_an_answer_counts_once_in_the_browser_that_asked_and_in_time(
    app: FastAPI, world: ManualWorld, provider: SmallProvider
) -> None:
    async def story() -> None:
        async with browser(app) as client, browser(app) as other:
            answer = await go(client)
            assert (await other.get(answer)).status_code == 401
            assert (await client.get(answer)).status_code == 401, "it is used up by the first who brings it"
            answer = await go(client)
            cookie = client.cookies["pleintemps_oidc"]
            assert (await client.get(answer)).status_code == 303
            client.cookies.set("pleintemps_oidc", cookie)
            assert (await client.get(answer)).status_code == 401, "replayed"
            answer = await go(other)
            assert (await other.get(answer.replace("state=", "state=0"))).status_code == 401
            answer = await go(other)
            assert (await other.get(answer.replace("iss=", "iss=https%3A%2F%2Felsewhere"))).status_code == 401
            answer = await go(other)
            world.move(LIVES_MS)
            assert (await other.get(answer)).status_code == 401
            answer = await go(other, "//elsewhere.example")
            assert (await other.get(answer)).headers["location"] == "/"
            denied = await go(other)
            without = denied.partition("?")[0] + "?error=access_denied&state=" + denied.split("state=")[1]
            assert (await other.get(without)).status_code == 401

    asyncio.run(story())


def test_new_keys_are_looked_for_and_not_too_often(
    app: FastAPI, world: ManualWorld, provider: SmallProvider
) -> None:
    async def story() -> None:
        async with browser(app) as client:
            assert (await client.get(await go(client))).status_code == 303
            assert provider.keys_read == 1
            provider.rotate()
            assert (await client.get(await go(client))).status_code == 401, "it has just looked"
            assert provider.keys_read == 1
            world.move(MINUTE)
            assert (await client.get(await go(client))).status_code == 303
            assert provider.keys_read == 2

    asyncio.run(story())


def test_another_role_there_is_another_role_here_and_ends_what_was(
    app: FastAPI, engine: Engine, provider: SmallProvider
) -> None:
    async def story() -> None:
        async with browser(app) as old, browser(app) as new:
            assert (await old.get(await go(old))).status_code == 303
            provider.claims, provider.info = {"roles": None}, {"roles": "rooms-managers"}
            assert (await new.get(await go(new))).status_code == 303
            assert (await old.get("/account")).status_code == 303
            assert (await new.get("/accounts")).status_code == 200
            with engine.begin() as conn:
                conn.execute(users.update().where(users.c.subject == "u-17").values(disabled=1))
            assert (await new.get("/account")).status_code == 303
            assert (await new.get(await go(new))).status_code == 401
            provider.info = {"roles": "rooms-managers", "sub": "u-18"}
            assert (await new.get(await go(new))).status_code == 401

    asyncio.run(story())
    (row,) = stored(engine)
    assert (row.role, row.sites) == ("manager", None)


def test_no_shared_secret_and_no_missing_signature_is_among_the_algorithms() -> None:
    assert not {name for name in ALGORITHMS if name.startswith("HS") or name.lower() == "none"}


def test_the_secret_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("x")
    path.chmod(0o640)
    config = OidcConfig(
        issuer="https://a.example", client_id="c", secret_file=str(path), roles={"a": "viewer"}
    )
    with pytest.raises(SettingsError, match="chmod"):
        read_secret(config)
    path.chmod(0o600)
    assert read_secret(config) == "x"


def test_without_a_provider_there_is_no_such_page(engine: Engine, world: ManualWorld) -> None:
    async def story() -> None:
        async with browser(create_app(town.config(), world, engine)) as client:
            for path in ("/login/oidc", "/login/oidc/back?state=x", "/login/oidc/out"):
                assert (await client.get(path)).status_code == 404

    asyncio.run(story())
