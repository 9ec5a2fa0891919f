"""The keeper of codes: everything at its start and when told so, between that what has changed alone."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from pleintemps_gateway.bookings.right_rules import RightRule
from pleintemps_gateway.bookings.rights import Right, add_right
from pleintemps_gateway.bookings.service import create
from pleintemps_gateway.ingest.codes import CodeKeeper
from pleintemps_gateway.signing import load_signing
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import credentials, grants
from pleintemps_gateway.store.writer import Writer
from tests.support.waiting import wait_for

from .house import HOUR, NOW, House, build

RULE = RightRule(days=["mon"], from_="08:00", to="12:00")
WAIT_S = 20


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str) -> Iterator[House]:
    built = build(tmp_path, sqlite_url)
    yield built
    built.engine.dispose()


class NoMemory:
    """Nothing goes with the store here."""

    def flush(self, conn: object) -> None: ...

    def committed(self) -> None: ...

    def reload(self, conn: object) -> None: ...


def without_codes(house: House, count: int) -> list[str]:
    """Bookings, the nearest first, and a right at the end; none has a code."""
    right = Right(person="Zoé", spaces=["hall"], rule=RULE, valid_from=NOW, valid_until=NOW + 900 * HOUR)
    with write_transaction(house.engine, ["ecole"]) as conn:
        names = []
        for number in range(1, count + 1):
            start = NOW + number * HOUR
            new = create(conn, house.site, house.desk, space="hall", start=start, end=start + HOUR, title="")
            names.append(new.booking)
        conn.execute(delete(grants))
        conn.execute(delete(credentials))
        return [*names, add_right(conn, house.site, house.desk, right)]


def coded(house: House) -> set[str]:
    with house.engine.connect() as conn:
        found = conn.execute(select(credentials.c.booking, credentials.c.right))
        return {str(row.booking or row.right) for row in found}


def test_what_has_changed_gets_its_code_and_the_rest_when_its_turn_comes(house: House) -> None:
    signing = load_signing(Path(house.config.keys))
    writer = Writer(house.engine, ["ecole"], memory=NoMemory())
    keeper = CodeKeeper(house.site, house.desk, house.engine, writer, lambda: signing.signer)

    async def have(*names: str) -> None:
        await asyncio.to_thread(wait_for, lambda: set(names) <= coded(house), within_s=WAIT_S, what="codes")

    async def work() -> None:
        first = without_codes(house, 2)
        running = asyncio.create_task(keeper.run())
        await have(*first)
        near, named, right = without_codes(house, 2)
        keeper.wake([], [])
        keeper.wake([named], [])
        await have(named)
        assert coded(house) == {named}
        keeper.wake([], [right])
        await have(named, right)
        assert coded(house) == {named, right}
        keeper.wake_for_all()
        await have(near, named, right)
        many = without_codes(house, 1)
        keeper.wake([f"{number}" for number in range(201)], [])  # too many to be named one by one
        await have(*many)
        running.cancel()

    asyncio.run(work())
    writer.close()
