"""Grants at the edges: doors that change hands, long lists of what is denied, sets that are too large, agents
that say more than they were told.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import insert, select, update

from pleintemps_contract.agent_messages import ManifestResult
from pleintemps_contract.gateway_messages import GrantsManifest, GrantsPage
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import MAX_PAYLOAD
from pleintemps_gateway.access.on_door import codes_on_doors, rights_on_doors
from pleintemps_gateway.bookings.right_rules import RightRule
from pleintemps_gateway.bookings.rights import Right, add_right
from pleintemps_gateway.bookings.service import create
from pleintemps_gateway.ingest import grants as grants_module
from pleintemps_gateway.ingest.judge import Judge
from pleintemps_gateway.ingest.pending import Pending
from pleintemps_gateway.signing import load_signing
from pleintemps_gateway.store.changes import record_changes
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import agents, credentials

from .house import HOUR, NOW, House, build
from .light_agent import Town
from .test_ingest_site import Site

RULE = RightRule(days=["mon"], from_="08:00", to="12:00")
MONDAY = 1_795_417_200_000  # 2026-11-23 08:00 in Paris
DENIED = 256 + 512 + 30


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str) -> Iterator[House]:
    built = build(tmp_path, sqlite_url)
    yield built
    built.engine.dispose()


def town_of(house: House) -> Town:
    keys = [house.agent_keys(name) for name in ("entrance", "upstairs")]
    signing = load_signing(Path(house.config.keys))
    return Town(house.site, house.engine, house.world, house.desk, signing, keys)


def test_codes_follow_a_door_that_another_agent_holds_now(house: House) -> None:
    right = Right(person="Zoé", spaces=["class"], rule=RULE, valid_from=NOW, valid_until=NOW + 900 * HOUR)
    with write_transaction(house.engine, ["ecole"]) as conn:
        name = add_right(conn, house.site, house.desk, right)
        weekly = house.desk.issue_right(conn, house.site, name)
        made = create(
            conn, house.site, house.desk, space="class", start=NOW, end=MONDAY + 4 * HOUR, title="x"
        )
    assert weekly is not None
    codes, town = (weekly.code, made.issued.code), town_of(house)
    entrance, upstairs = town.agents["entrance"], town.agents["upstairs"]
    assert all(upstairs.refusal("class", code, MONDAY) is None for code in codes)
    doors = [replace(door, agent="entrance") for door in house.site.doors]
    moved = house._replace(site=replace(house.site, doors=doors))
    town.start(moved.site)
    judge = Judge(Site(moved).memory, house.desk)
    while judge.is_due():
        with write_transaction(house.engine, ["ecole"]) as conn:
            judge.run(conn)
    town.start(moved.site)
    for code in codes:
        assert entrance.refusal("class", code, MONDAY) is None
        assert entrance.refusal("gate", code, MONDAY) is None
        assert upstairs.refusal("class", code, MONDAY) is not None
    assert upstairs.table.count == 0  # it was told, although no door is its own any more
    with house.engine.connect() as conn:
        for reports in (
            codes_on_doors(conn, moved.site, [made.booking], NOW)[made.booking],
            rights_on_doors(conn, moved.site, [name], NOW)[name],
        ):
            assert [(report.door, report.held) for report in reports] == [("gate", True), ("class", True)]


def withdrawn_tokens(house: House, first: int, last: int) -> list[str]:
    names = [f"{number:032x}" for number in range(first, last)]
    facts = {"kind": "token", "salt_id": "first", "sealed_hash": b"", "encrypted_code": b"", "created": NOW}
    with write_transaction(house.engine, ["ecole"]) as conn:
        for place, name in enumerate(names, first):
            conn.execute(
                insert(credentials).values(
                    **facts,
                    site="ecole",
                    grant=name,
                    uniqueness=name,
                    link_hash=name,
                    start=NOW,
                    end=NOW + HOUR,
                    rests_until=NOW + 10 * HOUR + place,
                )
            )
        record_changes(conn, "ecole", [("grants", f"entrance/{name}") for name in names], NOW)
    return names


def test_what_is_denied_has_no_end(house: House) -> None:
    town = town_of(house)
    entrance = town.agents["entrance"]
    names = withdrawn_tokens(house, 0, DENIED)
    town.publish()
    assert entrance.table.denied_tokens == set(names)
    assert town.largest <= MAX_PAYLOAD
    pages = dict(town.retained)
    names += withdrawn_tokens(house, DENIED, DENIED + 1)
    town.publish()
    assert entrance.table.denied_tokens == set(names)
    new = [topic for topic in town.retained if topic not in pages and "/entrance/" in topic]
    assert len(new) == 1  # the last page alone
    manifest = next(
        msgspec.json.decode(payload.partition(b"\n")[2], type=GrantsManifest)
        for topic, payload in town.retained.items()
        if Topic.parse(topic).channel is Channel.MANIFEST and "/entrance/" in topic
    )
    assert manifest.denied_tokens == names[:256]
    town.world.move(HOUR)
    town.speaker.grants_changed("entrance")
    town.publish()
    assert entrance.table.denied_tokens == frozenset()
    assert GrantsPage(epoch=1, revision=1, grants=[]).denied_tokens == []


def test_a_set_that_is_too_large_is_not_sent_and_the_last_one_stays(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    town = town_of(house)
    before = dict(town.retained)
    monkeypatch.setattr(grants_module, "MAX_PAGES", 1)
    with write_transaction(house.engine, ["ecole"]) as conn:
        made = create(conn, house.site, house.desk, space="class", start=NOW, end=NOW + HOUR, title="x")
    town.publish()
    assert town.retained == before
    assert "grants-not-published" in caplog.text and "pages, 1 allowed" in caplog.text
    with house.engine.connect() as conn:
        reports = codes_on_doors(conn, house.site, [made.booking], NOW)[made.booking]
    assert {report.reason for report in reports} == {"not-sent"}


def test_an_agent_cannot_confirm_what_was_never_sent(house: House) -> None:
    town = town_of(house)
    with write_transaction(house.engine, ["ecole"]) as conn:
        row, pending = {"grants_epoch": None}, Pending()
        for revision in (10**6, 2**53):
            claim = ManifestResult(epoch=town.speaker.epoch, revision=revision, applied=True, grants=1)
            assert "never sent" in town.speaker.answered(conn, "entrance", claim, row, pending)
        assert row == {"grants_epoch": None}


def test_younger_grants_of_a_lost_store_are_not_ours(house: House) -> None:
    town = town_of(house)
    with write_transaction(house.engine, ["ecole"]) as conn:
        made = create(conn, house.site, house.desk, space="class", start=NOW, end=NOW + HOUR, title="x")
    town.publish()
    for epoch, held in ((town.speaker.epoch, True), (town.speaker.epoch + 10**6, False)):
        with write_transaction(house.engine, ["ecole"]) as conn:
            conn.execute(update(agents).values(grants_epoch=epoch))
        with house.engine.connect() as conn:
            assert conn.execute(select(agents.c.presence)).scalars().all() == ["online"] * 2
            reports = codes_on_doors(conn, house.site, [made.booking], NOW)[made.booking]
        assert {(report.held, report.reason) for report in reports} == {(held, "" if held else "refused")}
