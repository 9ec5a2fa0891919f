"""The audit log: it holds, it shows what was changed, and it forgets people without breaking."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, update

from pleintemps_contract.envelope import Signer
from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.audit.chain import GENESIS, Entry, chain_of, digest_of, verify
from pleintemps_gateway.audit.daily import DAY_MS, sign_daily
from pleintemps_gateway.audit.log import check, erase, erase_named, public_keys, record, sign_head
from pleintemps_gateway.cli import main
from pleintemps_gateway.keys import load_gateway_keys
from pleintemps_gateway.store.engine import open_engine, write_transaction
from pleintemps_gateway.store.schema import audit, audit_heads
from pleintemps_gateway.users import put_user
from tests.support.stores import make_store

from .house import NOW, House, build

SITE = "saint-aubin"
SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(b"g" * 32))
KEYS = public_keys([SIGNER.public])


def chain(said: list[tuple[str, str, str]]) -> list[Entry]:
    entries: list[Entry] = []
    before = GENESIS
    for seq, (action, subject, fields) in enumerate(said, start=1):
        salt = seq.to_bytes(32, "big")
        digest = digest_of(salt, fields)
        before = chain_of(before, SITE, seq, seq, action, subject, digest)
        entries.append(Entry(seq, seq, action, subject, salt, fields, digest, before))
    return entries


TEXT = st.text(max_size=12)
SAID = st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=12)


@given(SAID, st.data())
def test_every_change_is_found_where_it_is(said: list[tuple[str, str, str]], data: st.DataObject) -> None:
    entries = chain(said)
    assert verify(SITE, entries).broken is None
    assert verify("elsewhere", entries).broken == 1
    place = data.draw(st.integers(0, len(entries) - 1))
    one = entries[place]
    changes: dict[str, Any] = {
        "seq": one.seq + 1,
        "at": one.at + 1,
        "action": one.action + "x",
        "subject": "x" + one.subject,
        "salt": b"\1" * 32,
        "fields": (one.fields or "") + "x",
        "digest": digest_of(b"", "x"),
        "chain": GENESIS,
    }
    name = data.draw(st.sampled_from(sorted(changes)))
    entries[place] = one._replace(**{name: changes[name]})
    assert verify(SITE, entries).broken == one.seq


@given(SAID, st.data())
def test_erased_entries_hold_and_are_counted(said: list[tuple[str, str, str]], data: st.DataObject) -> None:
    entries = chain(said)
    gone = data.draw(st.sets(st.integers(0, len(entries) - 1)))
    for place in gone:
        entries[place] = entries[place]._replace(salt=None, fields=None)
    verdict = verify(SITE, entries)
    assert (verdict.broken, verdict.erased, verdict.entries) == (None, len(gone), len(entries))


def test_parts_cannot_be_moved_into_one_another() -> None:
    assert digest_of(b"ab", "c") != digest_of(b"a", "bc")
    assert chain_of(GENESIS, SITE, 1, 1, "ab", "c", "d") != chain_of(GENESIS, SITE, 1, 1, "a", "bc", "d")


@pytest.fixture
def engine(store_url: str) -> Engine:
    make_store(store_url)
    return open_engine(store_url)


def fill(engine: Engine, world: ManualWorld, count: int) -> None:
    with write_transaction(engine, [SITE]) as conn:
        for number in range(count):
            record(conn, SITE, world, "code.issued", f"booking/{number}", {"user": "anna", "n": number})


def test_the_log_of_a_store(engine: Engine) -> None:
    world = ManualWorld()
    fill(engine, world, 3)
    with write_transaction(engine, [SITE]) as conn:
        assert sign_head(conn, SITE, SIGNER, world.now())
        assert not sign_head(conn, SITE, SIGNER, world.now())
    fill(engine, world, 2)
    with write_transaction(engine, [SITE]) as conn:
        assert erase(conn, SITE, subject="booking/1") == 2
        assert erase(conn, SITE, subject="booking/1") == 0
    with engine.connect() as conn:
        verdict = check(conn, SITE, KEYS)
        assert (verdict.entries, verdict.erased, verdict.broken) == (5, 2, None)
        assert check(conn, "nowhere", KEYS).entries == 0
    engine.dispose()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (update(audit).where(audit.c.seq == 2).values(fields='{"user":"eve"}'), "what it says was changed"),
        (update(audit).where(audit.c.seq == 2).values(action="door.opened"), "it was changed"),
        (update(audit).where(audit.c.seq == 2).values(salt=None), "it is half erased"),
        (delete(audit).where(audit.c.seq == 2), "an entry is missing"),
        (delete(audit).where(audit.c.seq == 3), "it is not what was signed"),
        (update(audit_heads).values(signature="AA=="), "its signature is not the gateway's"),
    ],
)
def test_who_changes_the_store_is_found_out(engine: Engine, spoil: object, reason: str) -> None:
    world = ManualWorld()
    fill(engine, world, 3)
    with write_transaction(engine, [SITE]) as conn:
        sign_head(conn, SITE, SIGNER, world.now())
        conn.execute(spoil)  # type: ignore[call-overload]
    with engine.connect() as conn:
        verdict = check(conn, SITE, KEYS)
    assert verdict.broken is not None
    assert verdict.reason == reason
    engine.dispose()


def test_the_head_is_signed_once_a_day_and_covers_what_was_before(engine: Engine) -> None:
    world = ManualWorld()
    old = Signer(Ed25519PrivateKey.from_private_bytes(b"o" * 32))
    fill(engine, world, 2)

    def sign(signer: Signer) -> bool:
        with write_transaction(engine, [SITE]) as conn:
            return sign_daily(conn, SITE, signer, world.now())

    def proved() -> tuple[int, int, int | None]:
        with engine.connect() as conn:
            verdict = check(conn, SITE, KEYS)
        return verdict.heads, verdict.unproved, verdict.broken

    assert sign(old) and proved() == (0, 2, None)
    fill(engine, world, 1)
    world.move(DAY_MS - 1)
    assert not sign(SIGNER)
    world.move(1)
    assert sign(SIGNER) and proved() == (1, 0, None)
    fill(engine, world, 1)
    assert proved() == (1, 1, None)
    world.move(DAY_MS)
    assert sign(SIGNER)
    world.move(DAY_MS)
    assert not sign(SIGNER)
    engine.dispose()


def test_small_steps_and_words_within(engine: Engine) -> None:
    world = ManualWorld()
    fill(engine, world, 5)
    with write_transaction(engine, [SITE]) as conn:
        record(conn, SITE, world, "door.command", "door/gate", {"note": "for ÉLODIE@example.org"})
        assert erase(conn, SITE, before=world.now() + 1, limit=2) == 2
        assert erase_named(conn, SITE, ["élodie@example.org"]) == 1
        assert erase_named(conn, SITE, ["", "élodie@example.org"]) == 0
        assert check(conn, SITE, KEYS).erased == 3
    engine.dispose()


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    made = build(tmp_path, store_url)
    yield made
    made.engine.dispose()


def verify_json(house: House, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, Any]]:
    code = main(["audit", "verify", "--config", str(house.file), "--json", *more])
    return code, json.loads(capsys.readouterr().out)


def test_verify_says_what_holds(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    put_user(house.engine, "*", "anne", "a long password", "caretaker", house.world)
    with write_transaction(house.engine, ["ecole"]) as conn:
        for number in range(3):
            record(conn, "ecole", house.world, "code.issued", f"booking/{number}", {"to": "anna"})
        signer = load_gateway_keys(Path(house.config.keys)).signer
        assert sign_daily(conn, "ecole", signer, NOW)
        erase(conn, "ecole", subject="booking/1")
        record(conn, "ecole", house.world, "code.issued", "booking/4", {"to": "anna"})
    code, shown = verify_json(house, capsys)
    whole = shown["sites"].pop("ecole")
    assert (code, shown["entries"], shown["erased"], shown["broken"]) == (0, 5, 1, None)
    assert (shown["heads"], shown["unproved"], shown["reason"]) == (2, 1, "")
    assert (whole["entries"], whole["unproved"]) == (4, 1)
    noted = whole["head"]
    assert verify_json(house, capsys, "--site", "ecole", "--head", noted)[0] == 0
    assert main(["audit", "verify", "--config", str(house.file)]) == 0
    assert "ecole: whole: 4 entries, 1 erased, 1 signed heads, 1 not signed yet" in capsys.readouterr().out
    wrong = noted[:-1] + ("0" if noted[-1] != "0" else "1")
    code, shown = verify_json(house, capsys, "--site", "ecole", "--head", wrong)
    assert (code, shown["broken"], shown["reason"]) == (1, 4, "it is not the head that was noted")
    with write_transaction(house.engine, ["ecole"]) as conn:
        conn.execute(update(audit).where(audit.c.seq == 2, audit.c.site == "ecole").values(action="x"))
    code, shown = verify_json(house, capsys)
    assert (code, shown["broken"], shown["reason"]) == (1, 2, "it was changed")
    assert main(["audit", "verify", "--config", str(house.file)]) == 1
    assert "ecole: broken at entry 2: it was changed" in capsys.readouterr().out


def test_the_log_can_be_read(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    with write_transaction(house.engine, ["ecole"]) as conn:
        record(conn, "ecole", house.world, "code.issued", "booking/1", {"to": "anna"})
        record(conn, "ecole", house.world, "code.issued", "booking/2", {"to": "bob"})
        erase(conn, "ecole", subject="booking/2")
    command = ["audit", "list", "--config", str(house.file)]
    assert main([*command, "--subject", "booking/1", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["entries"]
    assert (entry["site"], entry["seq"], entry["action"]) == ("ecole", 1, "code.issued")
    assert entry["fields"] == {"to": "anna"}
    assert main(command) == 0
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ['"anna"}', "erased"]
    assert main([*command, "--site", "attic"]) == 2
    assert "no site is called 'attic'" in capsys.readouterr().err


def test_a_step_of_the_signing_key_is_written_down(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", str(house.file)]
    assert main(["key", "new", *config]) == 0
    assert main(["key", "use", *config, "--force"]) == 0
    assert main(["key", "retire", *config, "--force"]) == 0
    capsys.readouterr()
    assert main(["audit", "list", *config, "--site", "*", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)["entries"]
    assert [entry["action"] for entry in entries] == ["key.made", "key.used", "key.retired"]
    assert len({entry["subject"] for entry in entries}) == 1
