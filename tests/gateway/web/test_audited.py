"""What people do on the pages stands in the audit log: under a thing, with names that can be erased."""

import asyncio
import json

from fastapi import FastAPI
from sqlalchemy import Engine, select

from pleintemps_gateway.store.schema import audit

from . import town
from .clients import browser, log_in


def test_log_ins_alerts_and_commands_are_written_down(app: FastAPI, engine: Engine) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await log_in(client, password="wrong")
            await log_in(client)
        async with browser(app) as client:
            body = {"name": "camille", "password": town.PASSWORD}
            answer = await client.post("/api/v1/sessions", json=body)
            client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
            taken = await client.post(f"/api/v1/alerts/{town.NOISE}/acknowledge", json={"comment": ""})
            again = await client.post(f"/api/v1/alerts/{town.NOISE}/acknowledge", json={"comment": ""})
            asked = await client.post("/api/v1/doors/moulin/studio/commands", json={"action": "AccessDoor"})
            assert (taken.status_code, again.status_code, asked.status_code) == (204, 409, 202)

    asyncio.run(story())
    with engine.connect() as conn:
        rows = conn.execute(select(audit).order_by(audit.c.at, audit.c.site, audit.c.seq)).all()
    actions = sorted(row.action for row in rows)
    assert actions == ["alert.acknowledged", "door.command", "user.logged-in", "user.logged-in"]
    assert all("camille" not in row.subject and "camille" in row.fields for row in rows)
    command = next(row for row in rows if row.action == "door.command")
    assert (command.site, command.subject) == ("moulin", "door/studio")
    assert json.loads(command.fields)["action"] == "AccessDoor"
