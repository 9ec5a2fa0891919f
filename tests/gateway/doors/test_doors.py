"""All doors, their codes, and what changes their modes: in two steps, with a reason, by page and by REST."""

import json
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from sqlalchemy import insert, select, update

from pleintemps_contract.onvif import DoorAction, DoorMode
from pleintemps_gateway.access.on_door import codes_at_doors
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.config import FreeOpeningConfig
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import agents, audit, commands, devices, doors, grants
from pleintemps_gateway.web.door_list import codes_of_door, load_site_doors, offered, openings_of
from pleintemps_gateway.web.door_words import DoorWords
from pleintemps_gateway.web.formats import Formats
from pleintemps_gateway.web.i18n import catalogue
from pleintemps_gateway.web.words import Words
from tests.gateway.web.clients import browser, csrf_of, log_in
from tests.gateway.web.visitors import HOUR, PASSWORD, Visitors

from .conftest import NOW
from .test_help import a_door

pytestmark = pytest.mark.anyio


def stand(people: Visitors, door: str, mode: DoorMode, **more: Any) -> None:
    values = {"physical": "Closed", "lock": "Locked", "alarm": "Normal", "since": NOW, "at": NOW} | more
    with write_transaction(people.engine, ["ecole"]) as conn:
        conn.execute(
            insert(doors).values(site="ecole", door=door, agent="entrance", mode=mode.value, **values)
        )


def test_what_is_offered_is_what_the_agent_would_carry_out() -> None:
    """The table of the agent's door controller, besides what moves nothing."""
    lock, unlock, block = DoorAction.LOCK, DoorAction.UNLOCK, DoorAction.BLOCK
    hold, down = DoorAction.LOCK_OPEN, DoorAction.LOCK_DOWN
    expected = {
        DoorMode.LOCKED: {unlock, hold, block, down},
        DoorMode.UNLOCKED: {lock, hold, block, down},
        DoorMode.ACCESSED: {unlock, lock, hold, block, down},
        DoorMode.BLOCKED: {unlock, lock, hold, down},
        DoorMode.LOCKED_DOWN: {DoorAction.LOCK_DOWN_RELEASE},
        DoorMode.LOCKED_OPEN: {DoorAction.LOCK_OPEN_RELEASE, down},
    }
    for mode, actions in expected.items():
        assert set(offered(a_door(mode=mode.value))) == actions, mode
    assert offered(a_door(fire=True)) == ()
    assert len(offered(a_door(known=False))) == 7


def test_codes_are_counted_with_what_keeps_them_off_the_door(people: Visitors) -> None:
    known, _ = people.book(NOW, NOW + HOUR)
    with write_transaction(people.engine, ["ecole"]) as conn:
        conn.execute(
            insert(devices).values(
                site="ecole",
                agent="entrance",
                device="lock-1",
                driver="nuki",
                health="ok",
                detail="battery critical",
                at=NOW,
            )
        )
        conn.execute(
            insert(devices).values(
                site="ecole", agent="entrance", device="pir-1", driver="pir", health="ok", detail="", at=NOW
            )
        )
    with people.engine.connect() as conn:
        (here,) = load_site_doors(conn, people.config, [people.site], NOW)
    gate = here.rows[0]
    assert (gate.codes.held, gate.codes.lacking) == (1, 0)
    assert [fault.device for fault in gate.faults] == ["lock-1"]
    assert [row.door.door for row in here.silent] == ["class"]
    later, _ = people.book(NOW + 40 * HOUR, NOW + 41 * HOUR)
    with write_transaction(people.engine, ["ecole"]) as conn:
        conn.execute(update(grants).where(grants.c.start > NOW + HOUR).values(epoch=9, revision=9))
        conn.execute(update(agents).values(presence="offline"))
    without, _ = people.book(NOW + 3 * HOUR, NOW + 4 * HOUR)
    people.change(without, withheld="no-insurance")
    with write_transaction(people.engine, ["ecole"]) as conn:
        conn.execute(grants.delete().where(grants.c.start > NOW + HOUR, grants.c.start < NOW + 5 * HOUR))
        conn.execute(update(grants).where(grants.c.start > NOW + 20 * HOUR).values(epoch=9, revision=9))
    with people.engine.connect() as conn:
        codes = codes_at_doors(conn, people.site, NOW)
        assert {(code.door, code.booking, code.reason) for code in codes} == {
            ("gate", known, ""), ("hall", known, ""),
            ("gate", later, "agent-silent"), ("hall", later, "agent-silent"),
        }  # fmt: skip
        rows = codes_of_door(conn, people.site, people.site.doors[0], NOW)
        assert codes_of_door(conn, people.site, people.site.doors[2], NOW) == []
        (here,) = load_site_doors(conn, people.config, [people.site], NOW)
    assert [(row.booking, row.reason) for row in rows] == [
        (without, "no-insurance"), (later, "agent-silent"), (known, ""),
    ]  # fmt: skip
    texts = catalogue("en")
    words = DoorWords(texts, Formats(texts), Words(texts))
    assert words.codes(here.rows[0].codes) == "1 on the door, 1 not: agent silent"
    assert words.code(rows[0]) == "not on the door: no insurance"
    assert words.fault(here.rows[0].faults[0]) == "lock-1: battery critical"
    assert words.way(here.rows[1]) == "Cour → Grande salle"


def test_the_next_free_openings_are_those_that_the_door_is_told(people: Visitors) -> None:
    rule = FreeOpeningConfig(days=["mon", "tue"], from_="08:00", to="18:00", door="gate", first_person=True)
    site = replace(people.site, free_openings=[rule])
    (opening,) = openings_of(site, site.doors[0], NOW)
    assert opening.next[0].start == NOW - (3 * 3600 + 13 * 60 + 20) * 1000 + 8 * HOUR
    assert openings_of(site, site.doors[1], NOW) == []
    texts = catalogue("fr")
    told = DoorWords(texts, Formats(texts), Words(texts)).opening(opening)
    assert told == "lundi, mardi 08:00–18:00, dès qu'une personne est entrée avec un code"


async def test_a_mode_is_changed_in_two_steps_with_a_reason(
    client: httpx.AsyncClient, people: Visitors
) -> None:
    stand(people, "gate", DoorMode.LOCKED)
    people.book(NOW, NOW + HOUR)
    await log_in(client, password=PASSWORD)
    listed = (await client.get("/doors")).text
    assert "verrouillée, les codes ouvrent" in listed and 'href="/lockdown/ecole"' in listed
    page = (await client.get("/doors/ecole/gate")).text
    assert "change?action=BlockDoor" in page and "change?action=LockDoor" not in page
    assert "Yoga &amp; thé" in page
    asked = (await client.get("/doors/ecole/gate/change?action=BlockDoor")).text
    assert "Ni code ni carte ne l&#39;ouvre" in asked
    csrf = await csrf_of(client)
    form = {"csrf": csrf, "action": "BlockDoor"}
    assert (await client.post("/doors/ecole/gate/change", data=form)).status_code == 422
    assert (
        await client.post("/doors/ecole/gate/open", data={"csrf": csrf, "reason": " "})
    ).status_code == 422
    wrong = {**form, "action": "LockDoor", "reason": "x"}
    assert (await client.post("/doors/ecole/gate/change", data=wrong)).status_code == 409
    assert (
        await client.post("/doors/ecole/gate/change", data={**form, "csrf": "x", "reason": "x"})
    ).status_code == 403
    sent = await client.post("/doors/ecole/gate/change", data={**form, "reason": "Vitre cassée"})
    assert sent.status_code == 303 and "/commands/ecole/" in sent.headers["location"]
    with people.engine.connect() as conn:
        (row,) = conn.execute(select(commands)).all()
        assert (row.door, row.action, row.user, row.reason) == (
            "gate",
            "BlockDoor",
            "camille",
            "Vitre cassée",
        )
        entry = conn.execute(select(audit).where(audit.c.action == "door.command")).one()
        assert json.loads(entry.fields)["reason"] == "Vitre cassée"
        looks = conn.execute(select(audit.c.subject).where(audit.c.action == "access.looked")).scalars().all()
    assert looks == ["door/gate"]


async def test_a_site_is_locked_down_and_released(client: httpx.AsyncClient, people: Visitors) -> None:
    stand(people, "gate", DoorMode.LOCKED)
    await log_in(client, password=PASSWORD)
    page = (await client.get("/lockdown/ecole")).text.replace("\u00a0", " ")
    assert "3 portes ne laissent plus entrer personne" in page and "il faut y aller : Classe." in page
    csrf = await csrf_of(client)
    form = {"csrf": csrf, "action": "LockDownDoor", "reason": "Intrusion"}
    assert (await client.post("/lockdown/ecole", data=form)).status_code == 422
    assert (
        await client.post("/lockdown/ecole", data={**form, "sure": "yes", "action": "LockDoor"})
    ).status_code == 422
    assert (await client.post("/lockdown/ecole", data={**form, "sure": "yes"})).status_code == 303
    with people.engine.connect() as conn:
        asked = conn.execute(select(commands)).all()
    assert {(row.door, row.action, row.reason) for row in asked} == {
        (door, "LockDownDoor", "Intrusion") for door in ("gate", "hall", "class")
    }
    assert 'data-pending="yes"' in (await client.get("/lockdown/ecole")).text
    people.answer("done")
    with write_transaction(people.engine, ["ecole"]) as conn:
        conn.execute(update(doors).values(mode="LockedDown"))
    page = (await client.get("/lockdown/ecole")).text.replace("\u00a0", " ")
    assert "Confinement : fait à 03:13" in page and 'data-pending="no"' in page
    assert "Lever le confinement…" in (await client.get("/doors")).text
    assert "redevient ce qu" in (await client.get("/lockdown/ecole?action=LockDownReleaseDoor")).text
    assert (await client.get("/lockdown/ecole?action=BlockDoor")).status_code == 422
    await client.post("/logout", data={"csrf": csrf})
    await log_in(client, "vera", PASSWORD)
    assert (await client.get("/lockdown/ecole")).status_code == 403
    assert "Confiner" not in (await client.get("/doors")).text.partition("<main")[2]
    assert "ne regarde que les gardiens" in (await client.get("/doors/ecole/gate")).text


async def test_programs_do_the_same(people: Visitors) -> None:
    rule = FreeOpeningConfig(days=["mon"], from_="08:00", to="18:00", door="gate")
    site = replace(people.site, free_openings=[rule])
    booking, _ = people.book(NOW, NOW + HOUR)
    app = create_app(replace(people.config, sites=[site]), people.world, people.engine, people.desk)
    async with browser(app) as client:
        token = await client.post("/api/v1/sessions", json={"name": "camille", "password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {token.json()['token']}"
        codes = (await client.get("/api/v1/doors/ecole/gate/codes")).json()
        assert (codes["held"], codes["lacking"]) == (1, 0)
        assert (codes["items"][0]["booking"], codes["items"][0]["reason"]) == (booking, "")
        (opening,) = (await client.get("/api/v1/doors/ecole/gate/openings")).json()["items"]
        assert (opening["days"], opening["from"], len(opening["next"])) == (["mon"], "08:00", 5)
        assert (await client.post("/api/v1/sites/ecole/lockdown", json={})).status_code == 422
        asked = await client.post("/api/v1/sites/ecole/lockdown", json={"reason": "Exercice"})
        assert asked.status_code == 202
        assert [each["door"] for each in asked.json()["items"]] == ["gate", "hall", "class"]
        first = await client.get(asked.json()["items"][0]["status_url"])
        assert (first.json()["action"], first.json()["reason"]) == ("LockDownDoor", "Exercice")
        body = {"action": "AccessDoor", "reason": "Livraison"}
        assert (await client.post("/api/v1/doors/ecole/gate/commands", json=body)).status_code == 202
