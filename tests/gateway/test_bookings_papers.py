"""A series whose group has papers that end half-way: before it codes stay, after it is said why not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from pleintemps_gateway.access.placing import live_grant
from pleintemps_gateway.bookings.groups import NO_INSURANCE
from pleintemps_gateway.bookings.judging import START, settle_some
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import bookings, deliveries, grants

from .house import House, build
from .test_bookings_groups import CHOIR, DAY, EXTRA, book, evening, know

WEEKS = 5
LAST_WITH = 2


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    built = build(tmp_path, store_url, extra=EXTRA)
    yield built
    built.engine.dispose()


def weeks(house: House) -> list[tuple[str | None, str | None]]:
    """Why each booking of the series has no code, and its code's grant, in order of time."""
    with house.engine.connect() as conn:
        rows = conn.execute(select(bookings).order_by(bookings.c.start)).all()
        return [(row.withheld, live_grant(conn, "ecole", row.booking)) for row in rows]


def on_doors(house: House) -> set[str]:
    with house.engine.connect() as conn:
        return set(conn.scalars(select(grants.c.grant)))


def told(house: House) -> list[Any]:
    with house.engine.connect() as conn:
        return list(conn.scalars(select(deliveries.c.template).where(deliveries.c.template == "withheld")))


def test_papers_that_end_within_a_series(house: House) -> None:
    know(house)
    for week in range(WEEKS):
        book(house, 1 + 7 * week)
    before = weeks(house)
    assert all(reason is None and grant is not None for reason, grant in before)
    # the third evening ends in the moment in which the insurance does
    ends = evening(1 + 7 * LAST_WITH)[1]
    know(house, replace(CHOIR, insurance_until=ends))
    after = weeks(house)
    assert after[: LAST_WITH + 1] == before[: LAST_WITH + 1]
    assert after[LAST_WITH + 1 :] == [(NO_INSURANCE, None)] * (WEEKS - 1 - LAST_WITH)
    assert on_doors(house) == {grant for _, grant in after if grant}
    assert len(told(house)) == WEEKS - 1 - LAST_WITH
    # nothing changes by itself when the day has come: what was judged was the end of each booking
    house.world.move(20 * DAY)
    with write_transaction(house.engine, ["ecole"]) as conn:
        assert settle_some(conn, house.site, house.desk, START, 100) is None
    assert [reason for reason, _ in weeks(house)] == [reason for reason, _ in after]
    # the new policy comes: those ahead get other codes, the digits that were taken away stay dead
    know(house)
    renewed = weeks(house)
    assert all(reason is None for reason, _ in renewed)
    gone = {grant for _, grant in before[LAST_WITH + 1 :]}
    assert gone.isdisjoint(on_doors(house))


def test_an_insurance_that_ends_a_moment_before_the_booking_is_none(house: House) -> None:
    know(house, replace(CHOIR, insurance_until=evening(1)[1] - 1))
    book(house, 1)
    assert weeks(house) == [(NO_INSURANCE, None)]
