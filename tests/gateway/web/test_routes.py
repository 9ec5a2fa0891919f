"""Each page and call names its right, each form proves where it comes from, each answer has its headers."""

import asyncio
import re
from collections.abc import Iterator
from itertools import pairwise

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from pleintemps_gateway.api.auth import Calls, Posts, Reads
from pleintemps_gateway.api.guard import HEADERS, PERSONAL
from pleintemps_gateway.api.rights import RIGHTS, ROLES, Right, may
from pleintemps_gateway.web.render import static_url

from .clients import browser, csrf_of, enter

OPEN = {
    "/login": "the log-in itself",
    "/forgotten": "who cannot log in; the same answer to all",
    "/login/oidc": "the log-in elsewhere",
    "/login/oidc/back": "the log-in elsewhere",
    "/login/oidc/out": "the log-out elsewhere",
    "/welcome/{link}": "a one-time link is the key",
    "/api/v1/sessions": "the log-in of programs",
    "/api/v1/free": "what everybody may know",
    "/free": "what everybody may know",
    "/free.csv": "what everybody may know",
    "/free.ics": "what everybody may know",
    "/free/map": "what everybody may know",
    "/hooks/{site}/{feed}": "signed by who calls",
    "/healthz": "says that the process lives",
    "/metrics": "a token or an address of its own",
    "/calendars/{token}.ics": "the address is the key",
    "/updates/{path:path}": "signed; whoever fetches it checks that",
    "/sw.js": "a program without data",
    "/offline": "a page without data",
}
"""Every route that asks for no log-in, and why; those below ``/b/`` have a secret address."""
READING = {"GET", "HEAD"}


def routes(app: FastAPI) -> Iterator[APIRoute]:
    """Whatever FastAPI wraps around the routes of a router."""

    def below(found: object) -> Iterator[APIRoute]:
        if isinstance(found, APIRoute):
            yield found
            return
        inner = getattr(found, "original_router", None) or getattr(found, "router", None)
        for each in getattr(inner or found, "routes", ()):
            yield from below(each)

    for each in app.routes:
        yield from below(each)


def changing(route: APIRoute) -> set[str]:
    """The methods of a route that change something."""
    return set(route.methods or ()) - READING


def needs(dependant: Dependant) -> Iterator[Reads | Posts | Calls]:
    for each in dependant.dependencies:
        if isinstance(each.call, Reads | Posts | Calls):
            yield each.call
        yield from needs(each)


def test_every_route_names_the_right_that_it_needs(app: FastAPI) -> None:
    found = list(routes(app))
    assert OPEN.keys() <= {route.path for route in found}
    assert len(found) > 80
    nameless = [
        route.path
        for route in found
        if not list(needs(route.dependant)) and route.path not in OPEN and not route.path.startswith("/b/")
    ]
    assert nameless == []
    weak = [
        f"{sorted(changing(route))} {route.path}"
        for route in found
        if changing(route) and any(need.right is Right.LOOK for need in needs(route.dependant))
    ]
    assert weak == [], "what changes something needs more than the right to look"


def test_every_form_of_a_page_is_refused_without_the_pages_token(app: FastAPI) -> None:
    async def story() -> list[str]:
        taken = []
        async with browser(app) as client:
            await enter(client, "marion")
            for route in routes(app):
                if not changing(route) or route.path in OPEN or route.path.startswith("/b/"):
                    continue
                path = re.sub(r"\{(\w+)(:path)?\}", lambda name: DUMMY.get(name[1], "moulin"), route.path)
                for method in changing(route):
                    answer = await client.request(method, path, data={"csrf": "0" * 64})
                    if answer.status_code != 403:
                        taken.append(f"{method} {path}: {answer.status_code}")
        return taken

    assert asyncio.run(story()) == []


DUMMY = dict.fromkeys(
    ("alert", "booking", "command", "right", "mark", "key", "hook", "link", "notice", "subscription"),
    "a" * 32,
) | {"door": "studio", "space": "studio", "panel": "alarm", "group": "chorale", "person": "a" * 32}


def test_what_asks_for_no_log_in_answers_without_one(app: FastAPI) -> None:
    async def story() -> dict[str, int]:
        async with browser(app) as client:
            paths = [path for path in OPEN if "{" not in path and path != "/api/v1/sessions"]
            return {path: (await client.get(path)).status_code for path in paths}

    found = asyncio.run(story())
    away = {
        "/forgotten": 404,
        "/login/oidc": 404,
        "/login/oidc/back": 404,
        "/login/oidc/out": 404,
        "/metrics": 404,
    }
    assert found == dict.fromkeys(found, 200) | away


def test_every_answer_has_the_headers(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await enter(client, "marion")
            await csrf_of(client)
            for path in (
                "/",
                "/accounts",
                "/login",
                "/nothing",
                "/api/v1/spaces",
                "/static/tokens.css",
                "/healthz",
            ):
                answer = await client.get(path)
                for name, value in HEADERS.items():
                    assert answer.headers[name] == value, (path, name)
            for path, kept in (
                ("/", "no-store"),
                ("/static/tokens.css", "no-cache"),
                (static_url("tokens.css"), "public, max-age=31536000, immutable"),
                ("/static/nothing.css?v=1", "no-store"),
            ):
                assert (await client.get(path)).headers["cache-control"] == kept, path
            secret = await client.get("/welcome/x")
            for name, value in PERSONAL.items():
                assert secret.headers[name] == value
            policy = HEADERS["Content-Security-Policy"]
            assert "unsafe" not in policy and "http" not in policy and "*" not in policy
            assert "frame-ancestors 'none'" in policy and "form-action 'self'" in policy

    asyncio.run(story())


def test_a_role_that_may_more_may_all_that_the_lesser_may() -> None:
    order = [RIGHTS[role] for role in ("viewer", "tester", "caretaker", "manager")]
    assert all(less < more for less, more in pairwise(order))
    assert set(RIGHTS) == set(ROLES)
    assert not may("nobody", Right.LOOK)
    assert not may("tester", Right.RECORDS) and not may("tester", Right.HELP)
