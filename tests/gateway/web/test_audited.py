"""What people do on the pages stands in the audit log: under a thing, with names that can be erased."""

import ast
import asyncio
import json
import re
from pathlib import Path

from fastapi import FastAPI
from sqlalchemy import Engine, select

import pleintemps_gateway
from pleintemps_gateway.store.schema import audit
from pleintemps_gateway.web.audit_list import KINDS, Item
from pleintemps_gateway.web.audit_words import AuditWords
from pleintemps_gateway.web.i18n import catalogue
from pleintemps_gateway.web.words import Words

from . import town
from .clients import browser, log_in

PACKAGE = Path(pleintemps_gateway.__file__).parent
ACTION = re.compile(r"[a-z]+\.[a-z]+(-[a-z]+)*")


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
    entered = ["user.log-in-failed", "user.logged-in", "user.logged-in"]
    assert actions == ["alert.acknowledged", "door.command", *entered]
    assert all("camille" not in row.subject and "camille" in row.fields for row in rows)
    command = next(row for row in rows if row.action == "door.command")
    assert (command.site, command.subject) == ("moulin", "door/studio")
    assert json.loads(command.fields)["action"] == "AccessDoor"


def test_every_action_that_the_gateway_records_has_words_and_a_kind() -> None:
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for call in (
            node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)
        ):
            name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
            if name not in ("record", "written", "_note", "_record"):
                continue
            texts = (
                each.value for arg in call.args for each in ast.walk(arg) if isinstance(each, ast.Constant)
            )
            found |= {text for text in texts if isinstance(text, str) and ACTION.fullmatch(text)}
    assert {"user.link", "agent.enrolled", "push.subscribed", "webhook.on", "door.command"} <= found
    for language in ("fr", "en"):
        says = AuditWords(catalogue(language), Words(catalogue(language)))
        for action in found:
            item = Item("moulin", 1, 0, action, "x/y", "", {})
            assert says.tell(item) != action, f"{action} has no words"
    starts = tuple(start for each in KINDS.values() for start in each)
    assert [action for action in sorted(found) if not action.startswith(starts)] == []
