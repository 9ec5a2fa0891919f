"""An older back-up is restored while doors hold newer grants: they end with what the restored store says."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from pleintemps_gateway.bookings.service import cancel, move
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import bookings, grants, reigns
from tests.support.laws import examples

from .house import HOUR, NOW, House, build
from .light_agent import LightAgent
from .test_backup import Gateway, back_up, book, put_back

STEPS = st.lists(st.sampled_from(("book", "move", "cancel", "reissue", "spread")), max_size=6)


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str) -> Iterator[House]:
    folder = tmp_path / "house"
    folder.mkdir()
    made = build(folder, sqlite_url)
    yield made
    made.engine.dispose()


class Town:
    """A gateway with two agents, and every code that was ever given out."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.doors = {name: LightAgent(house.agent_keys(name)) for name in ("entrance", "upstairs")}
        self.gateway = Gateway(house, self.doors)
        self.codes: dict[str, str] = {}

    def book(self) -> None:
        _, grant, code = book(self.house, "Yoga")
        self.codes[grant] = code

    def act(self, what: str) -> None:
        if what == "spread":
            self.gateway.spread()
            return
        with self.house.engine.connect() as conn:
            living = list(conn.scalars(select(bookings.c.booking).where(bookings.c.status == "confirmed")))
        if what == "book" or not living:
            self.book()
            return
        site, desk = self.house.site, self.house.desk
        with write_transaction(self.house.engine, ["ecole"]) as conn:
            if what == "move":
                move(conn, site, desk, living[0], start=NOW + 20 * HOUR, end=NOW + 21 * HOUR)
            elif what == "cancel":
                cancel(conn, site, desk, living[0])
            else:
                issued = desk.reissue(conn, site, living[0])
                self.codes[issued.grant] = issued.code

    def restart(self) -> None:
        self.gateway = Gateway(self.house, self.doors)

    def opening(self, at: int) -> set[str]:
        """Grants whose codes open the hall at ``at``, as the agent of its door judges."""
        door = self.doors["entrance"]
        return {grant for grant, code in self.codes.items() if door.refusal("hall", code, at) is None}

    def stored(self, at: int) -> set[str]:
        """Grants that the store wants to open the hall at ``at``."""
        with self.house.engine.connect() as conn:
            rows = conn.execute(select(grants).where(grants.c.agent == "entrance")).all()
        return {row.grant for row in rows if row.start <= at < row.end and row.grant in self.codes}

    def epochs(self) -> set[int]:
        return {door.table.manifest.epoch for door in self.doors.values() if door.table.manifest}

    def epoch(self) -> int:
        with self.house.engine.connect() as conn:
            return int(conn.execute(select(reigns.c.epoch)).scalar_one())


@pytest.mark.law
@examples(some=6, many=100)
@given(before=STEPS, since=STEPS)
def test_doors_end_with_what_the_restored_store_says(
    house: House, tmp_path: Path, before: list[str], since: list[str]
) -> None:
    town, copies = Town(house), tmp_path / house.world.new_id()
    town.book()
    for what in before:
        town.act(what)
    back_up(house, copies)
    for what in [*since, "spread"]:
        town.act(what)
    held = town.epochs()
    put_back(house, copies)
    town.restart()
    town.gateway.spread()
    # an agent takes nothing older than what it holds: the new reign is above every one before it
    assert town.epochs() == {town.epoch()} and town.epoch() > max(held)
    for at in (NOW + 2 * HOUR, NOW + 20 * HOUR + 1):
        assert town.opening(at) == town.stored(at)
    # and what is made from now on opens
    town.book()
    town.gateway.spread()
    newest = list(town.codes)[-1]
    assert newest in town.opening(NOW + 2 * HOUR)
