"""A signed document: one spelling, sums as stored, good for as long as the key that signed it is kept."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from pleintemps_contract.envelope import Signer
from pleintemps_contract.errors import EnvelopeError
from pleintemps_gateway.cli import main
from pleintemps_gateway.signing import load_signing, new_key, retire_key, use_key
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import bookings, usage
from pleintemps_gateway.usage.document import encode, read_usage
from pleintemps_gateway.usage.seal import prove, sign
from tests.gateway.house import HOUR, NOW, House, build

from .test_export import MINUTE, export, record

KEY = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))
BODY = b'{"schema":"pleintemps-usage/1","site":"ecole","from":1,"to":2,"cursor":3,"rows":[]}\n'
HEADER = sign(KEY, BODY)


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str) -> Iterator[House]:
    made = build(tmp_path, sqlite_url)
    yield made
    made.engine.dispose()


def stands(header: bytes, body: bytes) -> bool:
    try:
        return prove(header, body, [KEY.public]) == KEY.kid
    except EnvelopeError:
        return False


def test_no_byte_can_be_changed_left_out_or_added() -> None:
    assert stands(HEADER, BODY) and stands(HEADER + b"\n", BODY)
    for place in range(len(HEADER)):
        for other in {HEADER[place] ^ 1, HEADER[place] ^ 0x20, 0x20, 0x0A, 0x09} - {HEADER[place]}:
            assert not stands(HEADER[:place] + bytes([other]) + HEADER[place + 1 :], BODY), place
        assert not stands(HEADER[:place] + HEADER[place + 1 :], BODY), place
        assert not stands(HEADER[:place] + b" " + HEADER[place:], BODY), place
    for place in range(len(BODY)):
        assert not stands(HEADER, BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :]), place
        assert not stands(HEADER, BODY[:place] + BODY[place + 1 :]), place
    for more in (HEADER + b" ", b" " + HEADER, HEADER + b"\n\n", HEADER + b"\r\n", HEADER[:-1] + b',"x":1}'):
        assert not stands(more, BODY), more
    assert not stands(KEY.seal("pleintemps/v1/ecole/state/hall", BODY).partition(b"\n")[0], BODY)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), body=st.binary(max_size=50))
def test_noise_is_refused_and_no_error(data: bytes, body: bytes) -> None:
    assert not stands(data, body)


def test_sums_of_a_document_are_those_of_the_store(house: House) -> None:
    for count, name in enumerate("abcd"):
        spent = {"occupied_ms": count * 17 * MINUTE, "unknown_ms": count * MINUTE}
        spent |= {"overstay_ms": count * 90_000, "shared_ms": count * MINUTE}
        record(house, name, NOW + count * HOUR, settled_at=NOW + count, **spent)
    record(house, "e", NOW, settled_at=NOW + 9, closed_at=None)  # it is followed again
    with house.engine.connect() as conn:
        rows = conn.execute(select(usage).where(usage.c.closed_at.is_not(None))).all()
        whole = read_usage(conn, "ecole", NOW, NOW + 4 * HOUR)
        for row in whole.rows:  # what is asked for step by step is the same
            later = [each for each in whole.rows if each.updated > row.updated]
            assert read_usage(conn, "ecole", NOW, NOW + 4 * HOUR, row.updated).rows == later
    assert len(rows) == 4
    for name, column in (
        ("present_min", "occupied_ms"),
        ("unknown_min", "unknown_ms"),
        ("overstay_min", "overstay_ms"),
        ("shared_min", "shared_ms"),
    ):
        stored = sum(getattr(row, column) // MINUTE for row in rows)
        assert sum(getattr(row, name) for row in whole.rows) == stored > 0
    assert all(row.present_min + row.unknown_min <= row.booked_min for row in whole.rows)
    assert encode(whole, "json") == encode(whole, "json")


def test_a_document_outlives_the_key_with_who_kept_the_public_one(house: House) -> None:
    record(house, "a")
    keys = Path(house.config.keys)
    old = house.file.parent / "old.pub"
    public = load_signing(keys).signer.public
    old.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    out = house.file.parent / "usage.json"
    assert export(house, out=out) == 0
    verify = ["usage", "verify", str(out)]
    with_own = [*verify, "--config", str(house.file)]
    new_key(keys)
    use_key(keys)
    assert main(with_own) == 0  # both keys are believed while the change lasts
    retire_key(keys)
    assert main(with_own) == 1
    assert main([*verify, "--key", str(old)]) == 0
    assert export(house, out=out) == 0  # signed anew
    assert main(with_own) == 0 and main([*verify, "--key", str(old)]) == 1


def test_an_erased_booking_keeps_its_minutes_and_no_uid(house: House) -> None:
    record(house, "a")
    record(house, "b", settled_at=NOW + 1)
    with write_transaction(house.engine, ["ecole"]) as conn:
        conn.execute(update(bookings).where(bookings.c.booking == "a" * 32).values(uid="erased:1"))
        rows = read_usage(conn, "ecole", NOW, NOW + HOUR).rows
    assert [(row.uid, row.present_min) for row in rows] == [("", 50), ("uid-b", 50)]


def test_an_older_document_is_told_apart_by_revision_and_cursor(house: House) -> None:
    record(house, "a")
    out = house.file.parent / "usage.json"
    export(house, out=out)
    first = json.loads(out.read_bytes())
    with write_transaction(house.engine, ["ecole"]) as conn:
        conn.execute(update(usage).values(revision=1, settled_at=NOW + 1, occupied_ms=0))
    export(house, out=out)
    second = json.loads(out.read_bytes())
    assert second["cursor"] > first["cursor"]
    assert [row["revision"] for row in (*first["rows"], *second["rows"])] == [0, 1]
