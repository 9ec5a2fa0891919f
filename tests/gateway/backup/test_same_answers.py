"""Back up, wipe, restore, start: every GET of the API answers as before."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import MetaData, delete, select, text, update

from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import encode
from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.access.vault import Vault
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.api.docs import describe
from pleintemps_gateway.backup.restoring import restore, restore_keys
from pleintemps_gateway.backup.saving import save
from pleintemps_gateway.backup.sealing import new_seal
from pleintemps_gateway.delivery.outbox import Outbox
from pleintemps_gateway.keys import load_gateway_keys
from pleintemps_gateway.store.engine import migrate, open_engine, write_transaction
from pleintemps_gateway.store.schema import alerts, commands, feeds, occupancy, spaces, usage
from pleintemps_gateway.users import put_user
from tests.gateway.house import HOUR, NOW, House, build
from tests.gateway.light_agent import LightAgent
from tests.gateway.player import batch
from tests.gateway.test_backup import Gateway
from tests.gateway.web.clients import browser
from tests.gateway.web.town import add

PASSWORD = "a lamp for each room"
WORDS = "the key lies elsewhere"
ENDLESS = "/api/v1/live"
RESTORED = "store-restored"
MINUTE = 60_000
OF_ASKING = {"user.logged-in", "access.looked", "store.restored"}
"""What asking and restoring themselves write into the audit log."""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.soak)])
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    (tmp_path / "house").mkdir()
    made = build(tmp_path / "house", str(request.getfixturevalue(f"{request.param}_url")))
    yield made
    made.engine.dispose()


@asynccontextmanager
async def log_in(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(app) as client:
        token = await client.post("/api/v1/sessions", json={"name": "anne", "password": PASSWORD})
        client.headers["authorization"] = f"Bearer {token.json()['token']}"
        yield client


async def fill(app: FastAPI) -> dict[str, str]:
    """What people do over the API; the ids of what they made."""
    async with log_in(app) as client:

        async def post(path: str, **body: Any) -> dict[str, Any]:
            answer = await client.post(f"/api/v1/{path}", json=body)
            assert answer.status_code in (200, 201, 202), answer.text
            return answer.json() if answer.content else {}

        hall = {"site": "ecole", "space": "hall"}
        contact = {"name": "Anémone", "mail": "anemone@example.org", "phone": "+33 1 23", "language": "fr"}
        times = {"start": NOW + HOUR, "end": NOW + 2 * HOUR}
        booking = await post("bookings", **hall, **times, title="Chœur", people=12, contact=contact)
        later = {"start": NOW + 5 * HOUR, "end": NOW + 6 * HOUR}
        gone = await post("bookings", **hall, **later, title="Tango")
        assert (await client.delete(f"/api/v1/bookings/{gone['booking']}")).status_code == 204
        command = await post("doors/ecole/hall/commands", action="AccessDoor", reason="visit")
        return {"booking": booking["booking"], "command": command["command"]}


def measured(house: House, ids: dict[str, str]) -> None:
    """What agents, sensors and calendars have brought."""
    with write_transaction(house.engine, ["ecole"]) as conn:
        for space, state, level in (("hall", "occupied", 61.5), ("class", "vacant", 33.0)):
            since = NOW - 40 * MINUTE
            believed: dict[str, Any] = {"site": "ecole", "space": space, "state": state, "since": since}
            add(conn, spaces, **believed, probability=0.9, at=NOW - MINUTE, evidence="radar", level_db=level)
            add(conn, occupancy, **believed, probability=0.9, evidence="radar")
        seen = {"state": "in-use", "since": NOW - HOUR, "arrived_at": NOW - HOUR}
        add(conn, usage, site="ecole", booking=ids["booking"], space="hall", **seen)
        add(conn, feeds, site="ecole", feed="agenda", tried=NOW, good=NOW, bookings=3, rejected=1)
        told: dict[str, Any] = {"rank": "alert", "subject": "noise/hall", "state": "open", "opened": NOW}
        facts = json.dumps({"level_db": 74.2, "limit_db": 65})
        add(conn, alerts, site="ecole", alert="a1" * 16, kind="noise", space="hall", facts=facts, **told)


def start(house: House, doors: dict[str, LightAgent]) -> None:
    """Ingest takes the site over and publishes; the agents hold everything and tell what they know."""
    gateway = Gateway(house, doors)
    for index, name in enumerate(doors):
        events = batch(1, 3, journal=f"{index}a" * 16)
        gateway._take(Topic.of_agent("ecole", name, Channel.EVENTS), encode(events))
    gateway.spread()


async def answers(app: FastAPI, ids: dict[str, str]) -> dict[str, Any]:
    """Every GET that the OpenAPI document has, asked for what is there."""
    known = ids | {"site": "ecole", "space": "hall", "door": "hall", "alert": "a1" * 16}
    found: dict[str, Any] = {}
    async with log_in(app) as client:
        for path, methods in describe(app)["paths"].items():
            if "get" in methods and path != ENDLESS:
                answer = await client.get(path.format(**known))
                assert answer.status_code == 200, (path, answer.text)
                found[path] = answer.json()
    for agent in found["/api/v1/agents"]["items"]:  # of this reign: the epoch rises so that agents obey
        assert agent.pop("grants_epoch") > 0 and agent.pop("grants_revision") > 0
    found["/api/v1/live/since"].pop("frame")  # of this process
    log = found["/api/v1/audit"]["items"]
    found["/api/v1/audit"]["items"] = [entry for entry in log if entry["action"] not in OF_ASKING]
    return found


def wipe(house: House) -> None:
    """Nothing is left but the configuration, and an empty database where that is a server's."""
    with house.engine.begin() as conn:
        if conn.dialect.name == "postgresql":
            ours = "nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'"
            for name in conn.execute(text(f"SELECT nspname FROM pg_namespace WHERE {ours}")).scalars().all():
                conn.execute(text(f'DROP SCHEMA "{name}" CASCADE'))
            conn.execute(text("CREATE SCHEMA public"))
        else:
            there = MetaData()
            there.reflect(conn)
            there.drop_all(conn)
    house.engine.dispose()
    shutil.rmtree(house.config.state, ignore_errors=True)
    shutil.rmtree(house.config.keys)


def put_back(house: House, copies: Path) -> House:
    """The gateway as it stands on the empty machine after one `restore`."""
    config, world = house.config, house.world
    assert restore_keys(config, world, copies, WORDS)
    sealing = load_gateway_keys(Path(config.keys)).sealing
    migrate(config.database_url)
    engine = open_engine(config.database_url)
    restore(config, engine, Vault(sealing, world), world, copies, passphrase=WORDS)
    desk = CodeDesk(sealing, world, Outbox(config.delivery, sealing, world))
    return house._replace(engine=engine, desk=desk)


def set_aside(house: House) -> None:
    """The alert by which the restore tells of itself; it is the only one."""
    told = alerts.c.kind == RESTORED
    with write_transaction(house.engine, ["ecole"]) as conn:
        assert conn.execute(select(alerts.c.facts).where(told)).scalars().all() == [f'{{"made":{NOW}}}']
        conn.execute(delete(alerts).where(told))


def test_every_answer_is_as_before(house: House, tmp_path: Path) -> None:
    copies, world = tmp_path / "copies", house.world
    put_user(house.engine, "*", "anne", PASSWORD, "manager", world)
    doors = {name: LightAgent(house.agent_keys(name)) for name in ("entrance", "upstairs")}
    app = create_app(house.config, world, house.engine, house.desk)
    ids = asyncio.run(fill(app))
    measured(house, ids)
    start(house, doors)
    with write_transaction(house.engine, ["ecole"]) as conn:  # one that is under way is over after a restore
        conn.execute(update(commands).values(outcome="done", answered=NOW))
    before = asyncio.run(answers(app, ids))
    assert len(before) > 25 and before["/api/v1/bookings/{booking}"]["code_on_door"] is True

    seal = new_seal(world, WORDS, 10)
    save(house.config, house.engine, house.desk.vault, world, copies, seal=seal, with_keys=True)
    wipe(house)
    restored = put_back(house, copies)
    start(restored, doors)
    set_aside(restored)
    after = asyncio.run(answers(create_app(restored.config, world, restored.engine, restored.desk), ids))
    restored.engine.dispose()
    assert after == before
