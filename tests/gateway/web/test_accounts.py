"""Who may log in: invited by a link, given a role, disabled, thrown out; and what each does to themselves."""

import asyncio
import re

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, select, update

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.accounts import book, links
from pleintemps_gateway.accounts.rules import check_password
from pleintemps_gateway.api.activity import keep_alive
from pleintemps_gateway.api.auth import hash_token
from pleintemps_gateway.errors import AccountError
from pleintemps_gateway.store import reading
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import account_links, audit, sessions, users

from . import town
from .clients import browser, csrf_of, field, log_in

GOOD = "velours grue septième nuage"
MARION = book.key_of("*", "marion")
CAMILLE = book.key_of("*", "camille")


async def post(client: httpx.AsyncClient, path: str, **fields: str | list[str]) -> httpx.Response:
    return await client.post(path, data={"csrf": await csrf_of(client)} | fields)


def link_of(page: httpx.Response) -> str:
    found = re.search(r"/welcome/([0-9a-f]{64})", page.text)
    assert found, "no link on the page"
    return f"/welcome/{found[1]}"


async def choose(
    client: httpx.AsyncClient, link: str, password: str = GOOD, again: str | None = None, **more: str
) -> httpx.Response:
    form = await client.get(link)
    fields = {
        "csrf": field(form.text, "csrf"),
        "password": password,
        "again": password if again is None else again,
    }
    return await client.post(link, data=fields | more)


def test_an_invitation_leads_to_an_account_once(app: FastAPI, engine: Engine, world: ManualWorld) -> None:
    async def story() -> None:
        async with browser(app) as boss, browser(app, **{"user-agent": "Mozilla (Android) Firefox"}) as new:
            await log_in(boss, "marion")
            page = await post(boss, "/accounts/add", name=" Jean  Dupont ", role="caretaker", sites=["ecole"])
            link = link_of(page)
            assert page.status_code == 200 and page.headers["cache-control"] == "no-store"
            assert (await log_in(new, "Jean Dupont", "")).status_code == 401
            shown = await new.get(link)
            assert "Jean Dupont" in shown.text and shown.headers["referrer-policy"] == "no-referrer"
            for password, again in (
                ("court", None),
                ("motdepasse2026", None),
                ("jean-dupont-12", None),
                (GOOD, "x"),
            ):
                assert (await choose(new, link, password, again)).status_code == 422
                world.move(400_000)
            done = await choose(new, link)
            assert (done.status_code, done.headers["location"]) == (303, "/")
            assert {one["site"] for one in (await new.get("/api/v1/spaces")).json()["items"]} == {"ecole"}
            assert (await new.get(link)).status_code == 404
            own = (await new.get("/account")).text
            assert "Firefox, Android" in own and "Jean Dupont" in own
            again_page = await post(boss, "/accounts/add", name="jean dupont", role="viewer", sites=["ecole"])
            assert again_page.status_code == 422

    asyncio.run(story())
    with engine.connect() as conn:
        assert conn.execute(select(account_links)).all() == []
        row = conn.execute(select(users).where(users.c.name == "Jean Dupont")).one()
        told = list(conn.scalars(select(audit.c.action).order_by(audit.c.seq).where(audit.c.site == "*")))
    assert row.password.startswith("$argon2id$") and row.changed and row.seen
    made = ["user.logged-in", "user.added", "user.link"]
    assert told == [*made, "user.log-in-failed", "user.password", "user.logged-in"]


def test_a_link_is_kept_as_a_hash_and_grows_old(app: FastAPI, engine: Engine, world: ManualWorld) -> None:
    async def story() -> None:
        async with browser(app) as boss, browser(app) as other:
            await log_in(boss, "marion")
            first = link_of(await post(boss, f"/accounts/{CAMILLE}/link"))
            second = link_of(await post(boss, f"/accounts/{CAMILLE}/link"))
            assert (await other.get(first)).status_code == 404, "a newer link replaces the one before"
            assert (await other.get(second)).status_code == 200
            with engine.connect() as conn:
                assert second.rpartition("/")[2] not in str(conn.execute(select(account_links)).all())
            world.move(links.LIVES_MS[links.RESET])
            assert (await other.get(second)).status_code == 404

    asyncio.run(story())


def test_a_reset_ends_every_log_in_of_the_account(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as boss, browser(app) as camille, browser(app) as phone:
            await log_in(boss, "marion")
            await log_in(camille)
            link = link_of(await post(boss, f"/accounts/{CAMILLE}/link"))
            assert (await choose(phone, link)).status_code == 303
            assert (await camille.get("/account")).status_code == 303
            assert (await log_in(camille)).status_code == 401
            assert (await log_in(camille, password=GOOD)).status_code == 303

    asyncio.run(story())


def test_another_role_counts_at_once_and_takes_a_new_log_in(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as boss, browser(app) as camille:
            await log_in(boss, "marion")
            await log_in(camille)
            before = camille.cookies["pleintemps_session"]
            changed = await post(boss, f"/accounts/{CAMILLE}/role", role="viewer", sites=["moulin"])
            assert changed.status_code == 303
            assert (await camille.get("/account")).status_code == 303
            await log_in(camille)
            assert camille.cookies["pleintemps_session"] != before
            assert {one["site"] for one in (await camille.get("/api/v1/spaces")).json()["items"]} == {
                "moulin"
            }
            assert (await post(camille, f"/alerts/moulin/{town.NOISE}/take")).status_code == 403
            await post(boss, f"/accounts/{CAMILLE}/disable")
            assert (await camille.get("/account")).status_code == 303
            assert (await log_in(camille)).status_code == 401
            await post(boss, f"/accounts/{CAMILLE}/enable")
            assert (await log_in(camille)).status_code == 303
            await post(boss, f"/accounts/{CAMILLE}/end")
            assert (await camille.get("/account")).status_code == 303
            await post(boss, f"/accounts/{CAMILLE}/remove")
            assert (await log_in(camille)).status_code == 401

    asyncio.run(story())


def test_nobody_is_locked_out_of_the_gateway(app: FastAPI, engine: Engine, world: ManualWorld) -> None:
    async def story() -> None:
        async with browser(app) as boss:
            await log_in(boss, "marion")
            own = await post(boss, f"/accounts/{MARION}/disable")
            assert own.status_code == 409 and "votre propre compte" in own.text

    asyncio.run(story())
    with pytest.raises(AccountError, match="somebody must"), write_transaction(engine, ["*"]) as conn:
        book.disable(conn, world, book.find(conn, MARION, world.now()), "nobody")
    with engine.connect() as conn:
        assert book.has_manager(conn)


def test_a_manager_of_one_site_rules_its_people_only(app: FastAPI, engine: Engine) -> None:
    with engine.begin() as conn:
        conn.execute(update(users).where(users.c.name == "directrice").values(role="manager"))

    async def story() -> None:
        async with browser(app) as client:
            await log_in(client, "directrice")
            page = (await client.get("/accounts")).text
            assert "directrice" in page and "camille" not in page
            assert (await post(client, f"/accounts/{CAMILLE}/disable")).status_code == 404
            wide = await post(client, "/accounts/add", name="x", role="manager", sites=["all", "moulin"])
            assert wide.status_code == 422
            made = await post(client, "/accounts/add", name="x", role="viewer", sites=["all", "ecole"])
            assert made.status_code == 200

    asyncio.run(story())
    with engine.connect() as conn:
        assert conn.execute(select(users.c.sites).where(users.c.name == "x")).scalar_one() == '["ecole"]'


def test_one_changes_ones_own_password_and_ends_ones_own_log_ins(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with browser(app) as here, browser(app) as there:
            await log_in(here)
            await log_in(there)
            wrong = await post(here, "/account/password", present="not it", password=GOOD, again=GOOD)
            assert wrong.status_code == 422 and "mot de passe actuel" in wrong.text
            before = here.cookies["pleintemps_session"]
            good = {"present": town.PASSWORD, "password": GOOD, "again": GOOD}
            done = await post(here, "/account/password", **good)
            assert done.headers["location"] == "/account?done=password"
            assert here.cookies["pleintemps_session"] != before, "the session is a new one"
            assert (await there.get("/account")).status_code == 303
            await log_in(there, password=GOOD)
            assert (await here.get("/account")).text.count('name="session"') == 2
            await post(here, "/account/end", session="others")
            assert (await there.get("/account")).status_code == 303
            await log_in(there, password=GOOD)
            other = re.search(r'name="session" value="([0-9a-f]{16})"', (await here.get("/account")).text)
            assert other
            await post(here, "/account/end", session=other[1])
            assert (await there.get("/account")).status_code == 303
            await post(here, "/account/look", language="en", theme="dark", mail="camille@example.org")
            page = (await here.get("/account", headers={"accept-language": "fr"})).text
            assert '<html lang="en" data-theme="dark">' in page
            bad = await post(here, "/account/look", mail="nowhere")
            assert bad.status_code == 422

    asyncio.run(story())


def test_a_session_that_is_not_used_ends_and_an_old_cookie_is_given_up_at_log_in(
    app: FastAPI, engine: Engine, world: ManualWorld
) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await log_in(client)
            world.move(2 * 3_600_000 - 1)
            assert (await client.get("/account")).status_code == 200
            world.move(2 * 3_600_000 - 1)
            assert (await client.get("/account")).status_code == 200
            world.move(2 * 3_600_000)
            assert (await client.get("/account")).status_code == 303
            await log_in(client)
            form = await client.get("/account")
            token = form.cookies.get("pleintemps_form")
            assert token is None
            client.cookies.set("pleintemps_form", "f" * 64)
            fields = {"name": "marion", "password": town.PASSWORD, "csrf": "f" * 64}
            assert (await client.post("/login", data=fields)).status_code == 303

    asyncio.run(story())
    with engine.connect() as conn:
        assert [row.name for row in conn.execute(select(sessions))] == ["marion"]


def test_an_open_live_page_is_use(app: FastAPI, engine: Engine, world: ManualWorld) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await log_in(client)
            token = hash_token(client.cookies["pleintemps_session"])

            def watch() -> None:
                with engine.connect() as conn:
                    rows = reading.live_sessions(conn, [token], world.now())
                keep_alive(app.state.context, rows)

            for _ in range(3):
                world.move(3_600_000)
                watch()
            world.move(2 * 3_600_000 - 1)
            assert (await client.get("/account")).status_code == 200
            world.move(2 * 3_600_000)
            watch()
            assert (await client.get("/account")).status_code == 303, "what has ended stays so"

    asyncio.run(story())


def test_an_old_hash_is_made_anew_at_log_in(app: FastAPI, engine: Engine) -> None:
    from argon2 import PasswordHasher

    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(town.PASSWORD)
    with engine.begin() as conn:
        conn.execute(update(users).where(users.c.name == "camille").values(password=weak))

    async def story() -> None:
        async with browser(app) as client:
            assert (await log_in(client)).status_code == 303

    asyncio.run(story())
    with engine.connect() as conn:
        encoded = conn.execute(select(users.c.password).where(users.c.name == "camille")).scalar_one()
    assert encoded != weak and "m=19456" in encoded


def test_the_first_account_is_made_by_a_link_that_is_good_while_there_is_no_manager(
    app: FastAPI, engine: Engine, world: ManualWorld
) -> None:
    with write_transaction(engine, ["*"]) as conn:
        conn.execute(users.delete())
        link = f"/welcome/{links.make(conn, world, '*', '', links.FIRST).text}"
        second = links.make(conn, world, "*", "other", links.INVITE)
        assert second.text not in link

    async def story() -> None:
        async with browser(app) as client, browser(app) as late:
            assert (await choose(client, link, name="")).status_code == 422
            done = await choose(client, link, name="anne")
            assert (done.status_code, done.headers["location"]) == (303, "/setup")
            assert (await client.get("/accounts")).status_code == 200
            assert (await late.get(link)).status_code == 404

    asyncio.run(story())


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("onze lettre", "short"),
        ("x" * 201, "long"),
        ("Motdepasse123!", "common"),
        ("M0tdepasse2026", "common"),
        ("P@ssw0rd2026!", "common"),
        ("azertyuiop12", "common"),
        ("121212121212", "common"),
        ("aaaaaaaaaaaaaaa", "common"),
        ("soleilsoleil1", "common"),
        ("Zoé-Kowalczyk-1", "like-name"),
    ],
)
def test_weak_passwords_are_refused_with_a_reason(password: str, reason: str) -> None:
    with pytest.raises(AccountError) as refused:
        check_password(password, ["zoe", "kowalczyk"])
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    "password",
    [GOOD, "x7Kp-22Qr-mmZ1", "tulipe vélo nuage 7", "門の前で猫が三匹ねている", "90417263a958140367"],
)
def test_good_passwords_are_taken(password: str) -> None:
    check_password(password, ["zoe"])
