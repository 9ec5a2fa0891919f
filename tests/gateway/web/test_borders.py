"""Who looks after one building neither reads of another nor acts there, by whatever page, table or call."""

import asyncio
import json
import re
from contextlib import AsyncExitStack
from typing import Any, Final

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import Engine, select

from pleintemps_gateway.accounts.book import key_of
from pleintemps_gateway.api.rights import ROLES, may
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema_connections import calendar_links, webhooks

from . import town
from .sessions import CSRF, account, visitor
from .test_routes import OPEN, changing, needs, routes

BOOKING, COMMAND, RIGHT, MARK, LINK, HOOK = "b1" * 16, "d1" * 16, "e1" * 16, "f1" * 16, "ab" * 16, "ac" * 16
THERE: Final = {
    "site": "moulin",
    "door": "studio",
    "space": "studio",
    "panel": "alarm",
    "booking": BOOKING,
    "alert": town.NOISE,
    "command": COMMAND,
    "right": RIGHT,
    "mark": MARK,
    "link": LINK,
    "hook": HOOK,
    "group": "rockeurs",
    "plan": "rez",
    "name": "2026-11-18",
    "step": "feed",
    "act": "take",
    "subscription": "9" * 64,
}
"""What a path can name, all of it at the other building."""
TELLS: Final = ("moulin", "Moulin", "répétition", "Atelier rock", "Tournage", "Pilates", "Rosine", town.NOISE)
"""Words of the other building that must not be read."""
APART: Final = {"/api/v1/live", "/matrix.pdf"}
"""A stream, which shows what ``/api/v1/live/since`` does, and a dear document of ``/matrix``."""
FORM: Final = {
    "csrf": CSRF,
    "reason": "because",
    "checked": "yes",
    "sure": "yes",
    "door": "studio",
    "comment": "well",
    "person": "marion",
    "channel": "push",
    "until": str(town.NOW + 3_600_000),
    "state": "empty",
    "day": "2026-11-19",
    "begin": "10:00",
    "over": "11:00",
    "role": "viewer",
    "sites": "moulin",
    "url": "https://example.org/x",
    "event": "alert",
    "name": "Rosine Blanc",
    "session": "9" * 16,
    "chosen": f"moulin/{town.NOISE}/0",
    "text": BOOKING,
    "kind": "booking",
}
ACTIONS: Final = {"/panels": "SetIntrusionPanel", "/lockdown": "LockDownDoor", "/doors": "LockDoor"}
OTHER_FORMS: Final = {"/setup/{step}": {"state": "later"}, "/alerts/acts": {"act": "take"}}
NO_PICTURE: Final = "/plans/{site}/{plan}"
"""Nobody has one here; ``test_map`` has."""
BODIES: Final[dict[str, Any]] = {
    "POST /api/v1/doors/{site}/{door}/commands": {"action": "AccessDoor"},
    "POST /api/v1/panels/{site}/{panel}/commands": {"action": "SetIntrusionPanel"},
    "POST /api/v1/bookings": {
        "site": "moulin",
        "space": "studio",
        "start": town.at("10:00", 20),
        "end": town.at("11:00", 20),
        "title": "x",
    },
    "PATCH /api/v1/bookings/{booking}": {"title": "mine"},
    "POST /api/v1/sites/{site}/lockdown": {"reason": "because"},
    "PUT /api/v1/groups/{group}": {
        "site": "moulin",
        "name": "Rockeurs",
        "contact": "R",
        "mail": "r@example.org",
    },
    "PUT /api/v1/bookings/{booking}/group": {"group": "rockeurs"},
    "PUT /api/v1/bookings/{booking}/override": {"reason": "because"},
    "POST /api/v1/bookings/{booking}/series": {"weeks": 2},
    "POST /api/v1/rights": {
        "person": "R",
        "mail": "r@example.org",
        "kind": "code",
        "places": [{"site": "moulin", "spaces": ["studio"]}],
        "rule": {"days": ["mon"], "from": "10:00", "to": "11:00"},
        "valid_from": town.NOW,
        "valid_until": town.NOW + 86_400_000,
    },
    "POST /api/v1/spaces/{site}/{space}/marks": {
        "start": town.NOW - 7_200_000,
        "end": town.NOW - 3_600_000,
        "state": "empty",
    },
    "POST /api/v1/alerts/{alert}/pause": {"until": town.NOW + 3_600_000},
    "POST /api/v1/alerts/{alert}/give": {"person": "camille"},
    "POST /api/v1/alerts/{alert}/comments": {"comment": "well"},
    "POST /api/v1/alerts/{alert}/acknowledge": {},
    "POST /api/v1/alerts/{alert}/resume": {},
    "POST /api/v1/alerts/{alert}/escalate": {},
}
OWN: Final = {
    "/account/password",
    "/account/look",
    "/account/end",
    "/logout",
    "/api/v1/sessions/current",
    "/api/v1/push-subscriptions",
    "/notifications/test",
}
"""What is one's own, or of no building."""
NONE: Final = {"/accounts/add": (422,), "/person": (200,), "/person/export": (200,), "/alerts/acts": (409,)}
"""What is asked for the building that one has: no other may be chosen, nothing is found."""
NEIGHBOURS: Final = (("chef", "ecole", None), ("adjointe", "*", '["ecole"]'))
"""Managers of the school alone: of an account of that site, and of one of every site that was narrowed."""


def path_of(route: APIRoute, names: dict[str, str] = THERE) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: names.get(found[1], "a" * 32), route.path)


def fill(engine: Engine) -> None:
    """More of the other building: what only some pages show."""
    town.fill(engine)
    now = town.NOW
    with write_transaction(engine, ["*", "moulin"]) as conn:
        add = town.add
        add(conn, schema.panels, site="moulin", panel="alarm", agent="moulin-1", state="unset", at=now)
        add(
            conn,
            schema.commands,
            site="moulin",
            command=COMMAND,
            agent="moulin-1",
            door="studio",
            action="AccessDoor",
            user="marion",
            requested=now,
            expires=now + 1,
            outcome="done",
        )
        add(
            conn,
            schema.rights,
            site="moulin",
            right=RIGHT,
            person="Rosine Blanc",
            mail="r@example.org",
            phone="",
            language="fr",
            kind="code",
            spaces='["studio"]',
            extended=False,
            valid_from=0,
            updated=now,
            rule='{"days":["mon"],"from":"10:00","to":"11:00"}',
            valid_until=now + 86_400_000,
            page_key=bytes(range(128, 160)),
            page_link="7" * 64,
        )
        add(
            conn,
            schema.contacts,
            site="moulin",
            booking=BOOKING,
            name="Rosine Blanc",
            mail="r@example.org",
            phone="",
            language="fr",
        )
        add(
            conn,
            schema.groups,
            site="moulin",
            group="rockeurs",
            name="Rosine Rock",
            contact="Rosine",
            mail="",
            phone="1",
            language="fr",
            updated=now,
        )
        add(
            conn,
            calendar_links,
            site="moulin",
            link=LINK,
            token_hash="8" * 64,
            titles=True,
            label="Moulin",
            made=now,
            made_by="marion",
        )
        add(
            conn,
            webhooks,
            site="moulin",
            hook=HOOK,
            label="Moulin",
            url="https://moulin.example/x",
            events='["alert"]',
            secret=b"-",
            made=now,
            made_by="marion",
            state="on",
            cursor=0,
        )
        add(
            conn,
            schema.push_subscriptions,
            site="*",
            subscription="9" * 64,
            person="marion",
            endpoint="https://push.example/x",
            p256dh="p",
            auth="a",
            device="Firefox",
            created=now,
        )
        add(
            conn,
            schema.notices,
            site="moulin",
            notice="5" * 32,
            kind="alert",
            alert=town.NOISE,
            person="marion",
            channel="mail",
            state="sent",
            due=now,
            created=now,
            done=now,
        )
        conn.execute(
            schema.bookings.update()
            .where(schema.bookings.c.booking == BOOKING)
            .values(released=now, page_key=bytes(range(128, 160)))
        )
        for name, home, sites in NEIGHBOURS:
            add(
                conn,
                schema.users,
                site=home,
                name=name,
                password="",
                role="manager",
                created=now,
                sites=sites,
            )


@pytest.fixture
def engine(sqlite_url: str) -> Any:
    from pleintemps_gateway.store.engine import open_engine

    made = open_engine(sqlite_url)
    fill(made)
    yield made
    made.dispose()


def reading(app: FastAPI) -> list[APIRoute]:
    return [
        route
        for route in routes(app)
        if not changing(route) and route.path not in OPEN.keys() | APART and not route.path.startswith("/b/")
    ]


def test_nothing_of_another_building_is_read(app: FastAPI, engine: Engine) -> None:
    async def story() -> tuple[list[str], int]:
        told, there = [], 0
        async with AsyncExitStack() as stack:
            other = await stack.enter_async_context(visitor(app, engine, "marion"))
            clients = [
                await stack.enter_async_context(visitor(app, engine, name, home=home))
                for name, home, _ in NEIGHBOURS
            ]
            for route in reading(app):
                path = path_of(route).replace("/tables/2026-11-18", "/tables/bookings")
                query = {"action": "LockDoor"} if path.endswith("/change") else {}
                theirs = await other.get(path, params=query)
                there += any(word in theirs.text for word in TELLS)
                if theirs.status_code not in (200, 303, 308, 409, 503) and route.path != NO_PICTURE:
                    told.append(f"{path}: {theirs.status_code} to who may")
                named = "{" in route.path and "{name}" not in route.path
                for client in clients:
                    answer = await client.get(path, params=query)
                    if named and answer.status_code != 404:
                        told.append(f"{path}: {answer.status_code}")
                    if not named and (found := [word for word in TELLS if word in answer.text]):
                        told.append(f"{path}: tells of {found}")
        return told, there

    told, there = asyncio.run(story())
    assert "\n".join(told) == ""
    assert there > 40, "who may read does read it"


def everything(engine: Engine) -> str:
    """All rows but those of accounts that log in and the audit log."""
    with engine.connect() as conn:
        rows = {
            table.name: sorted(map(repr, conn.execute(select(table))))
            for table in schema.metadata.sorted_tables
            if table.name not in ("audit", "sessions", "changes")
        }
    return json.dumps(rows)


@pytest.mark.parametrize(("name", "home", "sites"), NEIGHBOURS)
def test_nothing_is_done_at_another_building(
    app: FastAPI, engine: Engine, name: str, home: str, sites: str | None
) -> None:
    async def story() -> list[str]:
        taken = []
        async with visitor(app, engine, name, home=home) as client:
            await client.get("/account")  # notes when the account was seen
            before = everything(engine)
            for route in routes(app):
                if not changing(route) or route.path in OPEN.keys() | OWN or route.path.startswith("/b/"):
                    continue
                for method in changing(route):
                    path = path_of(route)
                    if "{key}" in route.path:
                        path = path.replace("a" * 32, key_of("*", "marion"))
                    call: dict[str, Any]
                    if route.path.startswith("/api/"):
                        call = {
                            "json": BODIES.get(f"{method} {route.path}"),
                            "headers": {"X-CSRF-Token": CSRF},
                        }
                    else:
                        action = next((a for p, a in ACTIONS.items() if route.path.startswith(p)), "LockDoor")
                        call = {"data": FORM | {"action": action} | OTHER_FORMS.get(route.path, {})}
                    answer = await client.request(method, path, **call)
                    if answer.status_code not in NONE.get(route.path, (403, 404)):
                        taken.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        assert everything(engine) == before
        return taken

    assert "\n".join(asyncio.run(story())) == ""


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"manager"}))
def test_a_role_is_refused_whatever_it_has_no_right_to(app: FastAPI, engine: Engine, role: str) -> None:
    account(engine, "someone", role)

    async def story() -> tuple[list[str], int]:
        taken, refused = [], 0
        async with visitor(app, engine, "someone") as client:
            for route in routes(app):
                rights = [need.right for need in needs(route.dependant)]
                if all(may(role, right) for right in rights):
                    continue
                for method in route.methods or ():
                    answer = await client.request(
                        method, path_of(route), data={"csrf": CSRF}, headers={"X-CSRF-Token": CSRF}
                    )
                    refused += 1
                    if answer.status_code != 403:
                        taken.append(f"{method} {route.path}: {answer.status_code}")
        return taken, refused

    taken, refused = asyncio.run(story())
    assert "\n".join(taken) == ""
    assert refused > 10


def test_who_is_of_no_building_any_more_sees_nothing_and_breaks_nothing(app: FastAPI, engine: Engine) -> None:
    account(engine, "orphan", "manager", sites='["closed-down"]')

    async def story() -> list[str]:
        broken = []
        async with visitor(app, engine, "orphan") as client:
            for route in reading(app):
                path = path_of(route).replace("/tables/2026-11-18", "/tables/bookings")
                if (status := (await client.get(path)).status_code) >= 500:
                    broken.append(f"{path}: {status}")
            test = {"csrf": CSRF, "person": "orphan", "channel": "push"}
            if (status := (await client.post("/notifications/test", data=test)).status_code) >= 500:
                broken.append(f"a test of a channel: {status}")
        return broken

    assert "\n".join(asyncio.run(story())) == ""
