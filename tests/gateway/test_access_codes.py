"""Codes: drawn without patterns, kept unreadable, on the right doors, freed and rested."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import msgspec
import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from sqlalchemy import Connection, select

from pleintemps_contract.credentials import hash_code
from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.access.allocator import draw, is_weak
from pleintemps_gateway.access.on_door import codes_on_doors
from pleintemps_gateway.access.service import (
    PAGE_GRANTS,
    REST_MS,
    UNPUBLISHED,
    ensure_salt,
    free_ended,
    without_code,
)
from pleintemps_gateway.access.vault import Vault, decrypt_code, link_hash
from pleintemps_gateway.bookings.service import cancel, create, move
from pleintemps_gateway.errors import BookingError, CodesExhaustedError
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import bookings, credentials, grants

from .house import HOUR, NOW, House, build


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    built = build(tmp_path, store_url)
    yield built
    built.engine.dispose()


@pytest.mark.parametrize(
    "code",
    [
        "00000000",
        "11111112",
        "12121212",
        "12341234",
        "01234567",
        "98765432",
        "78901234",
        "94712345",
        "14071989",
        "19890714",
        "07141989",
        "1234567890",
        "55555550",
    ],
)
def test_patterns_are_weak(code: str) -> None:
    assert is_weak(code)


@pytest.mark.parametrize("code", ["48678622", "00417295", "31405718", "9081726354"])
def test_others_are_not(code: str) -> None:
    assert not is_weak(code)


@given(st.integers(0, 2**32), st.integers(8, 12))
def test_codes_are_distinct_and_strong(seed: int, digits: int) -> None:
    world, taken = ManualWorld(seed=seed), set[str]()
    for _ in range(20):
        code = draw(world, digits, taken.__contains__)
        assert len(code) == digits and code.isdigit() and not is_weak(code)
        assert code not in taken
        taken.add(code)


def test_few_codes_are_refused_as_weak() -> None:
    world = ManualWorld(seed=1)
    codes = [str(world.random_below(10**8)).zfill(8) for _ in range(20_000)]
    assert sum(map(is_weak, codes)) / len(codes) < 0.02


def test_a_full_code_space_is_said() -> None:
    with pytest.raises(CodesExhaustedError):
        draw(ManualWorld(), 8, lambda _code: True)


def test_what_is_sealed_opens_only_where_it_belongs() -> None:
    world = ManualWorld()
    vault, other = Vault(b"k" * 32, world), Vault(b"j" * 32, world)
    sealed = vault.seal_hash("a", "1", b"hash")
    assert vault.open_hash("a", "1", sealed) == b"hash"
    for wrong, site, grant in ((other, "a", "1"), (vault, "b", "1"), (vault, "a", "2")):
        with pytest.raises(InvalidTag):
            wrong.open_hash(site, grant, sealed)
    encrypted = vault.encrypt_code("a", "1", "link", "0123")
    assert decrypt_code("a", "1", "link", encrypted) == "0123"
    with pytest.raises(InvalidTag):
        decrypt_code("a", "1", "other", encrypted)
    assert vault.uniqueness("a", "1") != other.uniqueness("a", "1") != vault.uniqueness("b", "1")


def reasons(conn: Connection, house: House, booking: str, now: int = NOW) -> list[str]:
    return [report.reason for report in codes_on_doors(conn, house.site, [booking], now)[booking]]


def test_a_booking_gets_one_code_that_moves_with_it(house: House) -> None:
    start, end = NOW + HOUR, NOW + 2 * HOUR
    with write_transaction(house.engine, ["ecole"]) as conn:
        made = create(conn, house.site, house.desk, space="hall", start=start, end=end, title="x", people=12)
        assert house.desk.issue(conn, house.site, made.booking) is None
    with house.engine.connect() as conn:
        row = conn.execute(select(credentials)).one()
        placed = conn.execute(select(grants)).one()
        parameters = ensure_salt(conn, house.site, house.world)
    assert (placed.agent, placed.epoch, placed.page) == ("entrance", UNPUBLISHED, 0)
    assert msgspec.json.decode(placed.doors) == ["gate", "hall"]
    assert (placed.start, placed.end) == (start - 900_000, end + 900_000)
    vault = house.desk.vault
    assert vault.open_hash("ecole", row.grant, row.sealed_hash) == hash_code(made.issued.code, parameters)
    assert decrypt_code("ecole", row.grant, made.issued.link, row.encrypted_code) == made.issued.code
    assert row.link_hash == link_hash(made.issued.link)
    everything = (Path(house.config.state) / "gateway.db").parent
    for file in everything.rglob("*"):
        if file.is_file():
            assert made.issued.code.encode() not in file.read_bytes()
    with write_transaction(house.engine, ["ecole"]) as conn:
        move(conn, house.site, house.desk, made.booking, start=start + HOUR, end=end + HOUR)
        moved = conn.execute(select(grants)).one()
        assert (moved.grant, moved.start) == (placed.grant, placed.start + HOUR)
        assert reasons(conn, house, made.booking) == ["not-sent"] * 2
        cancel(conn, house.site, house.desk, made.booking)
        assert conn.execute(select(grants)).all() == []
        assert reasons(conn, house, made.booking) == ["cancelled"] * 2
        with pytest.raises(BookingError, match="already"):
            cancel(conn, house.site, house.desk, made.booking)
        with pytest.raises(BookingError, match="no such"):
            cancel(conn, house.site, house.desk, "0" * 32)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"space": "attic"}, "unknown-space"),
        ({"space": "yard"}, "unknown-space"),
        ({"end": NOW + HOUR}, "bad-times"),
        ({"start": NOW - 3 * HOUR, "end": NOW - HOUR}, "bad-times"),
        ({"end": NOW + 9999 * HOUR}, "bad-times"),
        ({"people": -1}, "bad-people"),
    ],
)
def test_a_booking_that_makes_no_sense_is_refused(
    tmp_path: Path, sqlite_url: str, changes: dict[str, int], reason: str
) -> None:
    house = build(tmp_path, sqlite_url)
    values = {"space": "hall", "start": NOW + HOUR, "end": NOW + 2 * HOUR, "title": "x"} | changes
    with pytest.raises(BookingError) as raised, write_transaction(house.engine, ["ecole"]) as conn:
        create(conn, house.site, house.desk, **values)  # type: ignore[arg-type]
    assert raised.value.reason == reason
    with house.engine.connect() as conn:
        assert conn.execute(select(bookings)).all() == []
    house.engine.dispose()


def test_codes_of_ended_bookings_are_freed_and_rest(house: House) -> None:
    with write_transaction(house.engine, ["ecole"]) as conn:
        made = create(conn, house.site, house.desk, space="class", start=NOW, end=NOW + HOUR, title="x")
        assert {row.agent for row in conn.execute(select(grants))} == {"entrance", "upstairs"}
        closed = NOW + HOUR + 900_000
        assert free_ended(conn, house.site, closed - 1) == 0
        assert free_ended(conn, house.site, closed) == 1
        assert conn.execute(select(grants)).all() == []
        assert conn.execute(select(credentials.c.rests_until)).scalar_one() == closed + REST_MS
        assert without_code(conn, house.site, closed) == []
        assert reasons(conn, house, made.booking, closed) == ["over"] * 2
        assert reasons(conn, house, made.booking, closed - 1) == ["no-code"] * 2
        free_ended(conn, house.site, closed + REST_MS)
        assert conn.execute(select(credentials)).all() == []


def test_a_grant_keeps_its_page_and_pages_are_bounded(tmp_path: Path, sqlite_url: str) -> None:
    house = build(tmp_path, sqlite_url)
    made = []
    with write_transaction(house.engine, ["ecole"]) as conn:
        for number in range(PAGE_GRANTS + 2):
            start = NOW + number * HOUR
            one = create(conn, house.site, house.desk, space="hall", start=start, end=start + HOUR, title="x")
            made.append(one.booking)
        pages = list(conn.execute(select(grants.c.page).order_by(grants.c.page)).scalars())
        assert pages == [0] * PAGE_GRANTS + [1, 1]
        cancel(conn, house.site, house.desk, made[0])
        start = NOW + 500 * HOUR
        create(conn, house.site, house.desk, space="hall", start=start, end=start + HOUR, title="x")
        pages = list(conn.execute(select(grants.c.page).order_by(grants.c.page)).scalars())
        assert pages == [0] * PAGE_GRANTS + [1, 1]
    house.engine.dispose()
