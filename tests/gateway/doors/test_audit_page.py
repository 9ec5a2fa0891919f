"""The audit log for managers: found, proved, kept in pages; and what is held of a person."""

import csv
import io
import json
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace
from sqlalchemy import select, update

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.access.vault import Vault
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.audit.log import erase, record
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import audit, bookings, contacts, users
from pleintemps_gateway.web.audit_list import KINDS, PAGE, Prover, Search, logs_of, search
from pleintemps_gateway.web.audit_words import AuditWords
from pleintemps_gateway.web.i18n import catalogue
from pleintemps_gateway.web.words import Words
from tests.gateway.web.clients import browser, csrf_of, log_in
from tests.gateway.web.visitors import HOUR, PASSWORD, Visitors

from .conftest import NOW

pytestmark = pytest.mark.anyio
DAY = 86_400_000


def write(people: Visitors, world: ManualWorld) -> None:
    with write_transaction(people.engine, ["ecole", "*"]) as conn:
        for subject, action, fields in (
            ("door/gate", "door.command", {"by": "camille", "action": "AccessDoor", "reason": "Livraison"}),
            ("door/hall", "door.command", {"by": "zoé", "action": "LockDownDoor"}),
            ("booking/" + "a" * 32, "booking.made-up", {"by": "link"}),
        ):
            record(conn, "ecole", world, action, subject, fields)
            world.move(1_000)
        record(conn, "*", world, "user.logged-in", "session/0", {"name": "camille"})


def actions(people: Visitors, wanted: Search, page: int = 0) -> list[str]:
    with people.engine.connect() as conn:
        return [item.action for item in search(conn, ["ecole", "*"], wanted, page)[0]]


def test_entries_are_found_by_kind_door_person_and_time(people: Visitors, world: ManualWorld) -> None:
    write(people, world)
    everything = ["user.logged-in", "booking.made-up", "door.command", "door.command"]
    assert actions(people, Search()) == everything
    assert actions(people, Search(kind="doors")) == ["door.command"] * 2
    assert actions(people, Search(kind="people")) == ["user.logged-in"]
    assert actions(people, Search(door="gate")) == ["door.command"]
    assert actions(people, Search(who="camille")) == ["user.logged-in", "door.command"]
    assert actions(people, Search(who="zoé")) == ["door.command"]
    assert actions(people, Search(who="%")) == [] and actions(people, Search(who='"')) == []
    assert actions(people, Search(start=NOW + 1_000, end=NOW + 2_000)) == ["door.command"]
    with people.engine.connect() as conn:
        assert search(conn, ["ecole"], Search(), 0, 2)[1] and not search(conn, ["ecole"], Search(), 1, 2)[1]
        assert [item.seq for item in search(conn, ["ecole"], Search(), 1, 2)[0]] == [1]
    assert logs_of(["ecole"], everywhere=False) == ["ecole"]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_entry_has_words_and_an_erased_one_nobody(
    people: Visitors, world: ManualWorld, language: str
) -> None:
    write(people, world)
    with write_transaction(people.engine, ["ecole"]) as conn:
        erase(conn, "ecole", subject="door/hall")
    texts = catalogue(language)
    words = AuditWords(texts, Words(texts))
    with people.engine.connect() as conn:
        items = {item.subject: item for item in search(conn, ["ecole"], Search())[0]}
    told = {
        subject: (words.tell(item), words.who(item), words.details(item)) for subject, item in items.items()
    }
    opened, nobody = texts.gettext("Opening"), texts.gettext("no longer known")
    assert told["door/gate"] == (opened, "camille", "Livraison")
    assert told["door/hall"] == (texts.gettext("Command to a door"), nobody, "")
    assert told["booking/" + "a" * 32][1] == texts.gettext("by the link of a booking")
    assert all(words.kind(kind) for kind in KINDS)


def test_a_long_chain_is_followed_again_when_asked_and_a_change_is_seen(
    people: Visitors, world: ManualWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(people, world)
    prover = Prover()
    monkeypatch.setattr(Prover, "SHORT", 2)
    with people.engine.connect() as conn:
        (whole, _) = prover.prove(conn, ["ecole", "*", "none"], {}, NOW, again=False)
    assert (whole.verdict.entries, whole.verdict.broken, whole.checked) == (3, None, NOW)
    with people.engine.begin() as conn:
        conn.execute(update(audit).where(audit.c.seq == 2, audit.c.site == "ecole").values(subject="door/x"))
    with people.engine.connect() as conn:
        (known,) = prover.prove(conn, ["ecole"], {}, NOW + 1, again=False)
        assert known.verdict.broken is None, "what was found is kept for an hour"
        (again,) = prover.prove(conn, ["ecole"], {}, NOW + 1, again=True)
        assert again.verdict.broken == 2
        (later,) = prover.prove(conn, ["ecole"], {}, NOW + 2 * HOUR, again=False)
        assert later.verdict.broken == 2


async def test_the_page_is_for_managers_and_looking_is_an_entry(
    client: httpx.AsyncClient, people: Visitors, world: ManualWorld
) -> None:
    write(people, world)
    with write_transaction(people.engine, ["ecole"]) as conn:
        for _ in range(PAGE):
            record(conn, "ecole", world, "alert.acknowledged", "alert/x", {"by": "camille"})
    await log_in(client, password=PASSWORD)
    for path in ("/audit", "/audit.csv", "/api/v1/audit", "/person"):
        assert (await client.get(path)).status_code == 403, path
    await client.post("/logout", data={"csrf": await csrf_of(client)})
    await log_in(client, "marion", PASSWORD)
    page = (await client.get("/audit")).text
    assert "Alerte prise en charge" in page and 'rel="next"' in page and "entier, 53 écritures" in page
    older = (await client.get("/audit?page=1")).text
    assert "Livraison" in older and 'rel="prev"' in older
    filtered = (
        await client.get("/audit?kind=doors&door=hall&who=zo%C3%A9&from=2026-11-23&to=2026-11-23")
    ).text
    assert filtered.partition("</main>")[0].count("<tr>") == 2 and "Confinement" in filtered
    assert "Aucune écriture" in (await client.get("/audit?to=2026-11-22")).text
    assert (await client.get("/audit?to=2026-13-45")).status_code == 422
    file = await client.get("/audit.csv?kind=doors")
    rows = list(csv.DictReader(io.StringIO(file.text)))
    assert [(row["by"], row["about"]) for row in rows] == [("zoé", "door/hall"), ("camille", "door/gate")]
    told = (await client.get("/api/v1/audit?kind=doors&limit=1")).json()["items"]
    assert [(item["who"], item["facts"]["action"]) for item in told] == [("zoé", "LockDownDoor")]
    looks = [item for item in actions(people, Search(kind="looks"))]
    assert looks == ["access.looked"] * 2, "the list, once, and the file"


async def test_what_is_held_is_handed_out_and_erased(
    client: httpx.AsyncClient, people: Visitors, tmp_path: Path
) -> None:
    booking, issued = people.book(NOW, NOW + HOUR)
    config = replace(people.config, state=str(tmp_path))
    app = create_app(config, people.world, people.engine, people.desk)
    assert isinstance(people.desk.vault, Vault)
    async with browser(app) as client:
        await log_in(client, "marion", PASSWORD)
        wanted = {"csrf": await csrf_of(client), "kind": "mail", "text": "zoe@example.org"}
        assert (await client.post("/person", data={**wanted, "csrf": "x"})).status_code == 403
        page = await client.post("/person", data=wanted)
        assert "<dt>bookings</dt><dd>1 ligne</dd>" in page.text and "zoe@example.org" not in str(page.url)
        file = await client.post("/person/export", data=wanted)
        held = json.loads(file.content)["sites"]["ecole"]
        assert held["contacts"][0]["name"] == "Zoé Petit" and issued.code not in file.text
        erase_it = {**wanted, "reason": "Demande du 20 novembre", "sure": "yes"}
        for lacks in ("reason", "sure"):
            assert (await client.post("/person/erase", data={**erase_it, lacks: ""})).status_code == 422
        with write_transaction(people.engine, ["*"]) as conn:
            conn.execute(update(users).where(users.c.name == "marion").values(sites='["ecole"]'))
        assert (await client.post("/person/erase", data=erase_it)).status_code == 403, "not of every site"
        with write_transaction(people.engine, ["*"]) as conn:
            conn.execute(update(users).where(users.c.name == "marion").values(sites=None))
        done = await client.post("/person/erase", data=erase_it)
        assert done.status_code == 200 and "contacts 1" in done.text
        assert "Rien n&#39;est gardé" in (await client.post("/person", data=wanted)).text
    with people.engine.connect() as conn:
        assert conn.execute(select(contacts)).all() == []
        assert conn.scalar(select(bookings.c.title).where(bookings.c.booking == booking)) == ""
        entry = conn.execute(select(audit).where(audit.c.action == "person.erasure-asked")).one()
    assert json.loads(entry.fields)["reason"] == "Demande du 20 novembre"
