"""Who looked at access records stands in the audit log, once for each look."""

import json

from fastapi import FastAPI
from sqlalchemy import Engine, select

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.auth import Account
from pleintemps_gateway.api.looking import LOOKED, SAME_MS, Looks, looked
from pleintemps_gateway.store.schema import audit


def test_a_look_is_written_down_once_and_again_after_a_while(
    app: FastAPI, engine: Engine, world: ManualWorld
) -> None:
    context = app.state.context
    camille = Account("camille", "caretaker", ("moulin", "ecole"), "", "t1", False)
    marion = Account("marion", "manager", ("moulin", "ecole"), "", "t2", False)
    for account, what, site in (
        (camille, "door/studio", "moulin"),
        (camille, "door/studio", "moulin"),
        (camille, "audit/list", "*"),
        (marion, "door/studio", "moulin"),
    ):
        looked(context, account, what, site)
    world.move(SAME_MS)
    looked(context, camille, "door/studio", "moulin")
    with engine.connect() as conn:
        rows = conn.execute(select(audit).where(audit.c.action == LOOKED)).all()
    told = sorted((row.site, row.subject, json.loads(row.fields)["by"]) for row in rows)
    assert told == [
        ("*", "audit/list", "camille"),
        ("moulin", "door/studio", "camille"),
        ("moulin", "door/studio", "camille"),
        ("moulin", "door/studio", "marion"),
    ]


def test_what_is_remembered_is_bounded() -> None:
    looks = Looks()
    for number in range(10_001):
        assert looks.is_new("s", "*", str(number), 0)
    assert looks.is_new("s", "*", "0", 0)
    assert not looks.is_new("s", "*", "10000", 0)
