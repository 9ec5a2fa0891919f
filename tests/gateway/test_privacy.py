"""What is held about people is found, handed out, and erased: rows, bytes, spool, what sources say."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from sqlalchemy import insert, select

from pleintemps_gateway.audit.log import check, record
from pleintemps_gateway.bookings.following import follow_feed
from pleintemps_gateway.bookings.rows import Occurrence
from pleintemps_gateway.bookings.service import create
from pleintemps_gateway.bookings.sources.base import Contact
from pleintemps_gateway.cli import main
from pleintemps_gateway.delivery.messages import Message
from pleintemps_gateway.delivery.sealing import Envelopes
from pleintemps_gateway.ingest.memory import GatewayMemory, take_over
from pleintemps_gateway.ingest.site import SiteMemory
from pleintemps_gateway.keys import load_gateway_keys, load_peppers
from pleintemps_gateway.privacy.finding import Kind, Wanted
from pleintemps_gateway.privacy.hooks import blanked
from pleintemps_gateway.privacy.lists import FILE, append, read
from pleintemps_gateway.privacy.masking import blank_told, without_erased
from pleintemps_gateway.privacy.scrub import TABLES
from pleintemps_gateway.privacy.wiping import Wiped, wipe
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import (
    alerts,
    audit,
    bookings,
    calls,
    contacts,
    credentials,
    deliveries,
    erasures,
    events,
    grants,
    groups,
    hooked,
    metadata,
    rights,
)

from .house import HOUR, NOW, House, build

NAME, MAIL, TITLE, PHONE = "Anémone Vaillant", "Anemone.V@example.org", "Répétition Vaillant", "+33611223344"
FEED = """
[[sites.feeds]]
feed = "mairie"
url = "file.ics"
space = "class"
"""
PEOPLE = frozenset(TABLES)
ROOMS = (
    "agents audit_heads changes devices doors erasures feeds grants housekeeping journals minutes occupancy"
)
DESK = "notices push_subscriptions"
MORE = "panels refusals tellings reigns salts sample_batches series sessions space_secrets spaces users"
TAUGHT = "learnt noise_days signals"
ACCOUNTS = "account_links setup_steps"
HOURS = "hours hours_booked hours_due hours_through presence_found"
CONNECTIONS = "calendar_links posts webhooks"
GATEWAYS = "gateways leases"
AGENTS = "enrolments rollouts shut_out"
OF_ROOMS = frozenset(
    [
        *ACCOUNTS.split(),
        *HOURS.split(),
        *CONNECTIONS.split(),
        *GATEWAYS.split(),
        *AGENTS.split(),
        *ROOMS.split(),
        *MORE.split(),
        *DESK.split(),
        *TAUGHT.split(),
    ]
)


def test_every_table_is_one_of_people_or_of_rooms() -> None:
    """Who adds a table says here what an erasure does about it, and in docs/privacy.md."""
    assert metadata.tables.keys() == PEOPLE | OF_ROOMS
    assert not PEOPLE & OF_ROOMS


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    made = build(tmp_path, store_url, extra=FEED)
    yield made
    made.engine.dispose()


class Held(NamedTuple):
    rest: str
    feed: str
    grant: str


def occurrence(**changes: Any) -> Occurrence:
    values: dict[str, Any] = {
        "uid": "k7qx@mairie",
        "space": "class",
        "title": TITLE,
        "start": NOW + 5 * HOUR,
        "end": NOW + 6 * HOUR,
        "contact": Contact(NAME, MAIL, PHONE, "fr"),
        "group": "Chorale Vaillant",
    }
    return Occurrence(**(values | changes))


def fill(house: House) -> Held:
    """Somebody in every table, and somebody else beside them."""
    site, desk, world = house.site, house.desk, house.world
    envelopes = Envelopes(load_gateway_keys(Path(house.config.keys)).sealing, world)
    contact = Contact(NAME, MAIL, PHONE, "fr")
    with write_transaction(house.engine, ["*", "ecole"]) as conn:
        times: dict[str, Any] = {"start": NOW + HOUR, "end": NOW + 2 * HOUR}
        made = create(conn, site, desk, space="hall", title=TITLE, contact=contact, by="camille", **times)
        create(conn, site, desk, space="hall", title="Yoga", by="camille", **times)
        follow_feed(conn, site, desk, "mairie", [occurrence()], NOW)
        fed = conn.execute(select(bookings.c.booking).where(bookings.c.source == "mairie")).scalar_one()
        grant = conn.execute(
            select(credentials.c.grant).where(credentials.c.booking == made.booking)
        ).scalar_one()
        opened = {"type": "access-granted", "door": "hall", "grant": grant}
        event = {"agent": "entrance", "boot": "b" * 32, "at": NOW, "trusted": True, "monotonic": 1}
        event |= {"received": NOW, "type": "access-granted", "door": "hall", "journal": "a" * 32}
        other = json.dumps(opened | {"grant": "f" * 32})
        rows = [event | {"seq": 1, "body": json.dumps(opened)}, event | {"seq": 2, "body": other}]
        conn.execute(insert(events), [{"site": "ecole", **row} for row in rows])
        for number, (booking, title) in enumerate([(made.booking, TITLE), (None, TITLE), (None, "Yoga")]):
            facts = msgspec.json.encode({"title": title, "start": NOW}).decode()
            conn.execute(
                insert(alerts).values(
                    site="ecole",
                    alert=str(number) * 32,
                    kind="no-show",
                    rank="watch",
                    subject=f"no-show:{number}",
                    space="hall",
                    booking=booking,
                    state="open",
                    opened=NOW,
                    facts=facts,
                    comment="called Anémone Vaillant" if booking else None,
                )
            )
        call = {"key": "vaillant-key", "salt": b"s", "digest": "d", "booking": made.booking}
        conn.execute(insert(calls).values(site="ecole", at=NOW, **call))
        delivery = world.new_id()
        message = Message(site="ecole", booking=made.booking, title=TITLE)
        conn.execute(
            insert(deliveries).values(
                site="ecole",
                delivery=delivery,
                booking=made.booking,
                template="code",
                channel="mail",
                state="queued",
                due=NOW,
                sealed=envelopes.seal("ecole", delivery, message),
                created=NOW,
            )
        )
        link = {
            "uid": "k7qx@mairie",
            "before": "",
            "title": TITLE,
            "name": NAME,
            "mail": MAIL,
            "start": 1,
        }
        conn.execute(
            insert(hooked).values(
                site="ecole", feed="mairie", uid=link["uid"], body=json.dumps(link), at=NOW, ends=NOW
            )
        )
        group = {"group": "chorale-vaillant", "name": "Chorale Vaillant", "contact": NAME, "mail": MAIL}
        conn.execute(insert(groups).values(site="*", phone=PHONE, language="fr", updated=NOW, **group))
        right = {"right": "9" * 32, "person": NAME, "mail": MAIL.lower(), "phone": PHONE, "language": "fr"}
        rule = {"kind": "code", "spaces": '["hall"]', "rule": "{}", "extended": False, "updated": NOW}
        period = {"valid_from": NOW, "valid_until": NOW + 99 * HOUR}
        conn.execute(insert(rights).values(site="ecole", **right, **rule, **period))
        record(conn, "ecole", world, "group.changed", "group/chorale-vaillant", {"mail": MAIL})
        record(conn, "ecole", world, "door.command", "door/hall", {"note": f"for {MAIL.upper()}"})
        record(conn, "ecole", world, "door.command", "door/hall", {"note": "for the fire service"})
    outbox = Path(house.config.state) / "outbox"
    outbox.mkdir(parents=True, exist_ok=True)
    told = {"site": "ecole", "booking": made.booking, "title": TITLE, "contact": {"mail": MAIL}}
    (outbox / "1.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    (outbox / "2.json").write_text('{"site": "ecole", "title": "Yoga"}', encoding="utf-8")
    return Held(made.booking, fed, grant)


def files_with(folder: Path, *words: str) -> set[str]:
    """Which files below ``folder`` hold one of ``words``, in UTF-8, escaped by JSON, or in small letters."""
    wanted = {form.encode() for word in words for form in (word, word.lower(), json.dumps(word)[1:-1])}
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found |= {path.name for word in wanted if word in data}
    return found


def rows_with(house: House, *words: str) -> set[str]:
    """Which tables hold one of ``words``, in whatever column."""
    found = set()
    with house.engine.connect() as conn:
        for table in metadata.sorted_tables:
            for row in conn.execute(select(table)):
                said = " ".join(str(value) for value in row).casefold()
                found |= {table.name for word in words if word.casefold() in said}
    return found


def wipe_out(house: House, kind: Kind, text: str) -> Wiped:
    wanted = Wanted(kind, text)
    return wipe(house.config, house.engine, house.desk.vault, house.world, wanted, "test")


def export_of(house: House, capsys: pytest.CaptureFixture[str], mail: str) -> dict[str, Any]:
    assert main(["person", "export", "--mail", mail, "--config", str(house.file), "--json"]) == 0
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    return shown


def test_an_erased_person_is_in_no_file_and_in_no_row(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = fill(house)
    everything = (NAME, MAIL, TITLE, PHONE, "vaillant-key")
    spread = {"calls", "alerts", "audit", "bookings", "contacts", "groups", "hooked", "rights"}
    assert rows_with(house, *everything) == spread
    on_sqlite = house.engine.dialect.name == "sqlite"
    before = files_with(tmp_path, *everything)
    assert "1.json" in before and (not on_sqlite or before & {"store.db", "store.db-wal"})

    assert main(["person", "erase", "--mail", MAIL, "--config", str(house.file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == 1 and told["rows"]["ecole"]["bookings"] == 2
    # the group is an association: it stays, the person who answers for it goes
    assert rows_with(house, *everything) == set()
    assert files_with(tmp_path, *everything) == set()
    assert told["remains"] == [] or not on_sqlite
    with house.engine.connect() as conn:
        assert conn.execute(select(contacts)).all() == conn.execute(select(deliveries)).all() == []
        assert [row.seq for row in conn.execute(select(events))] == [2]
        assert {row.title for row in conn.execute(select(bookings))} == {"", "Yoga"}
        kept = [
            msgspec.json.decode(row.facts) for row in conn.execute(select(alerts).order_by(alerts.c.alert))
        ]
        assert kept == [{"title": "", "start": NOW}] * 2 + [{"title": "Yoga", "start": NOW}]
        verdict = check(conn, "ecole", {})
        assert verdict.broken is None and verdict.erased >= 4
        spared = conn.execute(select(audit.c.fields).where(audit.c.fields.contains("fire service")))
        assert len(spared.all()) == 1
        group = conn.execute(select(groups)).one()
        assert (group.name, group.contact, group.mail, group.phone) == ("Chorale Vaillant", "", "", "")
    assert rows_with(house, held.grant) <= {"credentials", "changes"}


def test_the_code_of_an_erased_booking_leaves_the_doors(house: House) -> None:
    held = fill(house)
    with house.engine.connect() as conn:
        assert held.grant in set(conn.execute(select(grants.c.grant)).scalars())
    wipe_out(house, "booking", held.rest)
    with house.engine.connect() as conn:
        assert held.grant not in set(conn.execute(select(grants.c.grant)).scalars())
        code = conn.execute(select(credentials).where(credentials.c.grant == held.grant)).one()
        assert (code.booking, code.encrypted_code, code.sealed_hash) == (None, b"", b"")
        assert code.rests_until is not None  # nobody else gets these digits soon
        row = conn.execute(select(bookings).where(bookings.c.booking == held.rest)).one()
        assert (row.status, row.withheld, row.title, row.start) == ("confirmed", "erased", "", NOW + HOUR)
        # who else has booked keeps everything
        assert {row.title for row in conn.execute(select(bookings))} == {"", TITLE, "Yoga"}
        assert len(conn.execute(select(contacts)).all()) == 1


def test_a_source_that_goes_on_naming_it_brings_nothing_back(house: House) -> None:
    held = fill(house)
    wipe_out(house, "booking", held.feed)

    def poll(*found: Occurrence) -> Any:
        with write_transaction(house.engine, ["ecole"]) as conn:
            named = without_erased(conn, "ecole", "mairie", found, house.desk.vault)
            follow_feed(conn, house.site, house.desk, "mairie", named, NOW)
            rows = conn.execute(select(bookings).where(bookings.c.source == "mairie")).all()
        return {row.booking: row for row in rows}

    later = {"start": NOW + 7 * HOUR, "end": NOW + 8 * HOUR}
    rows = poll(occurrence(**later), occurrence(uid="other@mairie", title="Judo"))
    erased = rows[held.feed]
    assert len(rows) == 2
    assert (erased.title, erased.group, erased.start) == ("", None, NOW + 7 * HOUR)
    assert (erased.status, erased.withheld) == ("confirmed", "erased")
    assert rows_with(house, NAME, TITLE) <= {"alerts", "bookings", "audit", "groups", "rights", "contacts"}
    with house.engine.connect() as conn:
        assert held.feed not in set(conn.execute(select(contacts.c.booking)).scalars())
        assert held.feed not in set(conn.execute(select(credentials.c.booking)).scalars())
    assert poll(occurrence(uid="other@mairie", title="Judo"))[held.feed].status == "cancelled"


def test_a_webhook_that_tells_it_again_keeps_no_name(house: House) -> None:
    fill(house)
    wipe_out(house, "mail", MAIL)

    def link(uid: str, before: str, name: str = NAME) -> dict[str, Any]:
        body = {"uid": uid, "before": before, "name": name, "mail": f"{name}@example.org", "start": 7}
        row = {"feed": "mairie", "uid": uid, "body": json.dumps(body), "at": NOW, "ends": NOW}
        return {"site": "ecole", **row}

    rows = [link("moved", "k7qx@mairie"), link("again", "moved"), link("other", "", "Judo")]
    with write_transaction(house.engine, ["ecole"]) as conn:
        conn.execute(insert(hooked), rows)
        assert blank_told(conn, "ecole", "mairie", house.desk.vault) == 2
        assert blank_told(conn, "ecole", "mairie", house.desk.vault) == 0
        assert blank_told(conn, "elsewhere", "mairie", house.desk.vault) == 0
    assert rows_with(house, NAME) == set()
    with house.engine.connect() as conn:
        told = {row.uid: json.loads(row.body) for row in conn.execute(select(hooked))}
    assert told["again"] == {"uid": "again", "before": "moved", "name": "", "mail": "", "start": 7}
    assert told["other"]["name"] == "Judo"


def test_a_group_and_a_right(house: House) -> None:
    fill(house)
    wipe_out(house, "right", "9" * 32)
    with house.engine.connect() as conn:
        right = conn.execute(select(rights)).one()
        assert (right.person, right.mail, right.phone) == ("", "", "") and right.ended is not None
        assert conn.execute(select(groups)).one().contact == NAME
    wipe_out(house, "group", "chorale-vaillant")
    with house.engine.connect() as conn:
        assert conn.execute(select(groups)).all() == []
        fed = conn.execute(select(bookings).where(bookings.c.source == "mairie")).one()
        assert (fed.title, fed.group) == ("", None)


def test_what_is_held_is_handed_out_without_codes(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    held = fill(house)
    shown = export_of(house, capsys, MAIL.lower())
    tables = shown["sites"]["ecole"]
    assert set(tables) == (PEOPLE | {"grants"}) - {
        "alert_acts",
        "commands",
        "marks",
        "usage",
        "usage_corrections",
    }
    assert {row["booking"] for row in tables["bookings"]} == {held.rest, held.feed}
    assert [row["name"] for row in tables["contacts"]] == [NAME, NAME]
    assert [row["body"]["grant"] for row in tables["events"]] == [held.grant]
    assert {row["action"] for row in tables["audit"]} >= {"booking.created", "group.changed", "door.command"}
    assert "Yoga" not in json.dumps(tables)
    assert [Path(name).name for name in shown["files"]] == ["1.json"]
    for secret in ("sealed", "encrypted_code", "link_hash", "uniqueness"):
        assert secret not in tables["credentials"][0] and secret not in tables["deliveries"][0]
    assert export_of(house, capsys, "nobody@example.org") == {"sites": {}, "files": []}


def test_the_agents_hold_no_name(house: House) -> None:
    """Pages and manifests, as an agent stores them: grants, never people."""
    held = fill(house)
    keys = load_gateway_keys(Path(house.config.keys))
    said: list[tuple[str, bytes]] = []
    epoch = take_over(house.engine, "ecole", house.world)
    peppers = load_peppers(Path(house.config.keys), "ecole")
    memory = SiteMemory(house.site, house.world, keys.signing, house.desk.vault, peppers, epoch)
    gateway = GatewayMemory([memory], lambda topic, payload, _: said.append((topic, payload)))

    def flush() -> bytes:
        said.clear()
        with write_transaction(house.engine, ["ecole"]) as conn:
            memory.follow(conn)
            gateway.flush(conn)
        gateway.committed()
        return b"".join(payload for topic, payload in said if "/grants/" in topic)

    with house.engine.connect() as conn:
        gateway.reload(conn)
    published = flush()
    assert held.grant.encode() in published
    for word in (NAME, TITLE, MAIL, PHONE, "vaillant", held.rest, held.feed):
        assert word.encode() not in published
    wipe_out(house, "mail", MAIL)
    after = flush()
    assert b"manifest" in b"".join(topic.encode() for topic, _ in said)
    assert held.grant.encode() not in after


def test_the_record_of_a_webhook_keeps_its_chain() -> None:
    told = {"uid": "2", "before": "1", "start": 5, "name": "Ana", "deep": [{"mail": "a@b", "n": 1}]}
    kept = {"uid": "2", "before": "1", "start": 5, "name": "", "deep": [{"mail": "", "n": 1}]}
    assert json.loads(blanked(json.dumps(told))) == kept


def test_the_list_survives_a_cut_and_repeats_do_no_harm(house: House, tmp_path: Path) -> None:
    held = fill(house)
    for _ in range(2):
        wipe_out(house, "booking", held.rest)
    listed = read(Path(house.config.state))
    with house.engine.connect() as conn:
        stored = {row.erasure for row in conn.execute(select(erasures))}
    assert {entry.erasure for entry in listed} == stored
    assert [entry.kind for entry in listed] == ["booking", "uid", "booking"]
    file = Path(house.config.state) / FILE
    assert not file.stat().st_mode & 0o077
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])
    assert read(file.parent) == listed[:-1]
    append(file.parent, [listed[-1]])
    assert file.read_bytes() == whole


@pytest.mark.parametrize("arguments", [["erase"], ["erase", "--mail", "a", "--right", "b"], ["export"]])
def test_one_thing_is_named(house: House, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["person", *arguments, "--config", str(house.file)])
    assert ended.value.code == 2
