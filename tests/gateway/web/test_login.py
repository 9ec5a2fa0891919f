"""Log-in, sessions, and who may do what."""

import asyncio

import httpx
from fastapi import FastAPI
from sqlalchemy import Engine, select

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.passwords import hash_password, verify_password
from pleintemps_gateway.api.throttle import FREE_FAILURES, LONGEST_WAIT_MS, LoginThrottle, delay_ms
from pleintemps_gateway.store import schema

from . import town
from .clients import browser, csrf_of, field, log_in


def test_a_page_asks_for_a_log_in_and_comes_back_to_it(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as client:
            away = await client.get("/agents")
            assert (away.status_code, away.headers["location"]) == (303, "/login?next=/agents")
            form = await client.get(away.headers["location"])
            assert field(form.text, "next") == "/agents"
            found = await client.get("/alerts?state=all&q=porte%26cl%C3%A9")
            form = await client.get(found.headers["location"])
            assert field(form.text, "next") == "/alerts?state=all&amp;q=porte%26cl%C3%A9"
            back = await log_in(client)
            assert (back.status_code, back.headers["location"]) == (303, "/")
            assert (await client.get("/agents")).status_code == 200

    asyncio.run(story())


def test_the_cookie_is_kept_from_scripts_and_other_sites_and_the_store_has_only_its_hash(
    app: FastAPI, engine: Engine
) -> None:
    async def story() -> str:
        async with browser(app) as client:
            answer = await log_in(client)
            cookie = next(c for c in answer.headers.get_list("set-cookie") if "session" in c)
            assert "httponly" in cookie.lower() and "samesite=lax" in cookie.lower()
            assert "secure" not in cookie.lower()
            return str(client.cookies["pleintemps_session"])

    token = asyncio.run(story())
    with engine.connect() as conn:
        stored = conn.execute(select(schema.sessions)).one()
    assert len(token) == 64 and token not in str(stored)


def test_over_https_the_cookie_is_secure(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as client:
            client.base_url = httpx.URL("https://gateway")
            answer = await log_in(client)
            assert all(
                "; Secure" in cookie
                for cookie in answer.headers.get_list("set-cookie")
                if "=" in cookie and "Max-Age=0" not in cookie
            )

    asyncio.run(story())


def test_wrong_names_and_wrong_passwords_look_alike(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as client:
            pages = [await log_in(client, name, "not this one") for name in ("camille", "nobody")]
            assert [page.status_code for page in pages] == [401, 401]
            bodies = [page.text.replace("camille", "?").replace("nobody", "?") for page in pages]
            assert bodies[0] == bodies[1]
            assert "Nom ou mot de passe faux." in bodies[0]

    asyncio.run(story())


def test_failures_wait_even_for_the_right_password(app: FastAPI, world: ManualWorld) -> None:
    async def story() -> None:
        async with browser(app) as client:
            for _ in range(FREE_FAILURES):
                assert (await log_in(client, password="wrong")).status_code == 401
            held = await log_in(client)
            assert (held.status_code, held.headers["retry-after"]) == (429, "1")
            async with browser(app) as other:
                assert (await log_in(other, "directrice")).status_code == 303
            world.move(1_000)
            assert (await log_in(client)).status_code == 303

    asyncio.run(story())


def test_the_wait_grows_and_ends() -> None:
    throttle, now, waits = LoginThrottle(), 0, []
    for _ in range(16):
        wait = throttle.begin("Camille", "::1", now)
        waits.append(wait)
        now += wait
        assert not wait or throttle.begin("camille", "::1", now) == 0
    assert waits[:3] == [0, 0, 0]
    assert waits[3:] == sorted(waits[3:])
    assert waits[-1] == LONGEST_WAIT_MS == delay_ms(10_000)
    throttle.succeeded("CAMILLE", "::1")
    assert throttle.begin("camille", "::1", now) == 0


def test_a_log_in_form_of_another_site_is_refused(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as client:
            fields = {"name": "camille", "password": town.PASSWORD, "csrf": "", "next": "/"}
            assert (await client.post("/login", data=fields)).status_code == 403
            await client.get("/login")
            assert (await client.post("/login", data=fields | {"csrf": "0" * 64})).status_code == 403
            assert "pleintemps_session" not in client.cookies

    asyncio.run(story())


def test_a_log_in_never_leads_to_another_site(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as client:
            for target in (
                "//elsewhere.example",
                "https://elsewhere.example/",
                "/\\elsewhere.example",
                "javascript:x",
            ):
                form = await client.get("/login", params={"next": target})
                assert field(form.text, "next") == "/"

    asyncio.run(story())


def test_log_out_ends_the_session_at_the_server(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await log_in(client)
            token = client.cookies["pleintemps_session"]
            assert (await client.post("/logout", data={"csrf": "wrong"})).status_code == 403
            assert (await client.get("/")).status_code == 200
            await client.post("/logout", data={"csrf": await csrf_of(client)})
            client.cookies.set("pleintemps_session", token)
            assert (await client.get("/")).status_code == 303

    asyncio.run(story())
    with engine.connect() as conn:
        assert conn.execute(select(schema.sessions)).all() == []


def test_a_session_expires_and_a_removed_user_is_out_at_once(
    app: FastAPI, engine: Engine, world: ManualWorld
) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await log_in(client)
            for _ in range(11):
                world.move(3_600_000)
                assert (await client.get("/agents")).status_code == 200
            world.move(3_600_000 - 1)
            assert (await client.get("/agents")).status_code == 200
            world.move(1)
            assert (await client.get("/agents")).status_code == 303
            await log_in(client)
            with engine.begin() as conn:
                conn.execute(schema.users.delete().where(schema.users.c.name == "camille"))
            assert (await client.get("/agents")).status_code == 303

    asyncio.run(story())


def test_somebody_of_one_site_sees_and_touches_that_site_only(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await log_in(client, "directrice")
            page = (await client.get("/")).text
            assert "Bibliothèque" in page and "Atelier bois" not in page and "Trop de bruit" not in page
            assert (await client.get(f"/alerts/moulin/{town.NOISE}")).status_code == 404
            spaces = (await client.get("/api/v1/spaces")).json()["items"]
            assert {space["site"] for space in spaces} == {"ecole"}
            headers = {"X-CSRF-Token": await csrf_of(client)}
            answer = await client.post(
                "/api/v1/doors/moulin/studio/commands", json={"action": "AccessDoor"}, headers=headers
            )
            assert (answer.status_code, answer.json()["error"]["where"]) == (404, "site")

    asyncio.run(story())


def test_a_viewer_looks_and_touches_nothing(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await log_in(client, "regard")
            page = (await client.get("/")).text.partition("</main>")[0]
            assert "Trop de bruit" in page and "Prendre en charge" not in page and "/doors/" not in page
            csrf = await csrf_of(client)
            for path in (f"/alerts/moulin/{town.NOISE}/take", "/doors/moulin/studio/open"):
                assert (await client.post(path, data={"csrf": csrf})).status_code == 403

    asyncio.run(story())


def test_passwords_are_kept_as_argon2id_and_have_a_length() -> None:
    encoded = hash_password("é" * 8)
    assert encoded.startswith("$argon2id$")
    assert verify_password(encoded, "é" * 8)
    assert not verify_password(encoded, "e" * 8)
    assert not verify_password("not a hash", "whatever")
    assert not verify_password(None, "nobody logs in with this")
    for bad in ("short", "x" * 201):
        try:
            hash_password(bad)
        except ValueError as error:
            assert "8 to 200" in str(error)
        else:
            raise AssertionError(bad)
