"""Erasures and house-keeping in whatever order: the audit log holds, and nobody is left in any row."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select

from pleintemps_gateway.audit.log import check, record
from pleintemps_gateway.bookings.service import create
from pleintemps_gateway.bookings.sources.base import Contact
from pleintemps_gateway.privacy.erasing import Counts, entries_for, erase
from pleintemps_gateway.privacy.finding import Wanted, find
from pleintemps_gateway.privacy.retention import forget
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import audit, calls, contacts, hooked
from tests.support.laws import examples

from .house import HOUR, House, build

DAY = 24 * HOUR


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str) -> Iterator[House]:
    made = build(tmp_path, sqlite_url)
    yield made
    made.engine.dispose()


def book(house: House, number: int) -> tuple[str, str]:
    """A new booking of somebody, with a call and a webhook that told of it; its id and the address."""
    mail = f"p{number}-{house.world.new_id()}@example.org"
    with write_transaction(house.engine, ["ecole"]) as conn:
        start = house.world.now() + HOUR
        contact = Contact("Anne", mail, "", "fr")
        made = create(
            *(conn, house.site, house.desk),
            space="hall",
            start=start,
            end=start + HOUR,
            title="Yoga",
            contact=contact,
        )
        call = {"key": f"for-{mail}", "salt": b"s", "digest": "d", "booking": made.booking}
        conn.execute(insert(calls).values(site="ecole", at=house.world.now(), **call))
        body = f'{{"uid": "u", "name": "Anne", "mail": "{mail}", "title": "Yoga"}}'
        told = {"feed": "town", "uid": house.world.new_id(), "body": body}
        conn.execute(insert(hooked).values(site="ecole", at=1, ends=house.world.now() + 99 * DAY, **told))
        record(conn, "ecole", house.world, "booking.changed", f"booking/{made.booking}", {"mail": mail})
    return made.booking, mail


def wipe_rows(house: House, mail: str) -> Counts:
    vault, world = house.desk.vault, house.world
    wanted = Wanted("mail", mail)
    with write_transaction(house.engine, ["*", "ecole"]) as conn:
        found = find(conn, "ecole", wanted)
        entries = entries_for(conn, "ecole", wanted, found, vault, world)
        return erase(conn, house.site, found, entries, vault, world)


def holding(house: House, word: str) -> set[str]:
    """Tables that name ``word``."""
    found = set()
    with house.engine.connect() as conn:
        for table in (audit, calls, contacts, hooked):
            if any(word in repr(tuple(row)) for row in conn.execute(select(table))):
                found.add(table.name)
    return found


@pytest.mark.law
@examples(some=15, many=400)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("book"), st.just(0)),
            st.tuples(st.just("erase"), st.integers(0, 3)),
            st.tuples(st.just("keep"), st.integers(0, 3)),
        ),
        max_size=12,
    )
)
def test_the_log_holds_whatever_goes_first(house: House, steps: list[tuple[str, int]]) -> None:
    people = [book(house, number) for number in range(2)]
    erased: set[str] = set()
    for what, number in steps:
        house.world.move(DAY)
        if what == "book":
            people.append(book(house, len(people)))
        elif what == "erase":
            mail = people[number % len(people)][1]
            wipe_rows(house, mail)
            erased.add(mail)
        else:
            now = house.world.now()
            with write_transaction(house.engine, ["ecole", "*"]) as conn:
                forget(conn, "ecole", now - number * DAY, now)
        with house.engine.connect() as conn:
            assert check(conn, "ecole", {}).broken is None
        assert all(holding(house, mail) == set() for mail in erased)


def test_an_erasure_takes_calls_and_webhooks_too(house: House) -> None:
    (_, mail), (_, other) = book(house, 0), book(house, 1)
    assert holding(house, mail) == {"audit", "calls", "contacts", "hooked"}
    counts = wipe_rows(house, mail)
    assert holding(house, mail) == set()
    assert (counts["calls"], counts["hooked"]) == (1, 1)
    assert holding(house, other) == {"audit", "calls", "contacts", "hooked"}
