"""The audit log: it holds, it shows what was changed, and it forgets people without breaking."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, update

from pleintemps_contract.envelope import Signer
from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.audit.chain import GENESIS, Entry, chain_of, digest_of, verify
from pleintemps_gateway.audit.log import check, erase, public_keys, record, sign_head
from pleintemps_gateway.store.engine import migrate, open_engine, write_transaction
from pleintemps_gateway.store.schema import audit, audit_heads

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
    migrate(store_url)
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
