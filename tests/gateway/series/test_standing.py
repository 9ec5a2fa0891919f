"""Agents and hours as the store has them, in the series; corrected hours are written over."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, insert, update

from pleintemps_contract.agent_messages import JournalPosition, Stream
from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.matrix.lanes import HOUR_MS, Hour, hour_of
from pleintemps_gateway.matrix.store import Place, put, put_through
from pleintemps_gateway.series.outbox import Outbox, unpack
from pleintemps_gateway.series.sink import SeriesSink
from pleintemps_gateway.series.standing import Standing, agent_rows, hour_rows, version_number
from pleintemps_gateway.store.engine import open_engine, write_transaction
from pleintemps_gateway.store.schema import agents, journals
from tests.gateway.web import town

JOURNAL = "5" * 32
SITE = next(site for site in town.config().sites if site.site == "moulin")
LAST = hour_of(town.NOW, 0) - HOUR_MS


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    made = open_engine(sqlite_url)
    town.fill(made)
    told = [JournalPosition(journal=JOURNAL, stream=Stream.EVENTS, first=11, next=101)]
    row: dict[str, Any] = {"site": "moulin", "journal": JOURNAL, "stream": "events", "agent": "moulin-1"}
    with write_transaction(made, ["moulin"]) as conn:
        conn.execute(insert(journals).values(row | {"through": 40, "lost": 2}))
        mine = update(agents).where(agents.c.agent == "moulin-1")
        values = {"version": "1.2.3+abc", "certificate_until": town.NOW + 86_400_000 * 3}
        conn.execute(mine.values(values | {"journals": msgspec.json.encode(told).decode()}))
    yield made
    made.dispose()


def put_hours(engine: Engine, hours: dict[int, Hour]) -> None:
    place = Place("moulin", "studio", 0)
    with write_transaction(engine, ["moulin"]) as conn:
        put(conn, place, hours)
        put_through(conn, place, LAST + HOUR_MS)


def _told(sink: SeriesSink, outbox: Outbox) -> list[str]:
    sink.pack()
    parcel = outbox.take()
    assert parcel is not None
    outbox.settle(parcel, written=parcel.lines, refused=0)
    return unpack(parcel.body)


def test_an_agent_is_told_with_what_is_known_of_it(engine: Engine) -> None:
    with engine.connect() as conn:
        (row,) = agent_rows(conn, "moulin", town.NOW)
        others = {row.agent: row for row in agent_rows(conn, "ecole", town.NOW)}
    assert (row.agent, row.online, row.silent_s) == ("moulin-1", True, 2.0)
    assert (row.backlog, row.lost, row.certificate_days) == (60, 2, 3.0)
    assert row.version == 1_002_003
    assert (others["cantine-1"].online, others["cantine-1"].backlog) == (False, None)
    assert others["ecole-1"].ill == 1


@pytest.mark.parametrize(
    ("text", "number"),
    [("0.1.0", 1_000), ("2.11", 2_011_000), ("10.0.7rc1", 10_000_007), ("", None), (None, None), ("x", None)],
)
def test_a_version_is_a_number(text: str | None, number: float | None) -> None:
    assert version_number(text) == number


def test_hours_that_are_over_and_worked_out_are_told_corrected_ones_again(
    engine: Engine, tmp_path: Path
) -> None:
    used = Hour(known=HOUR_MS, used=HOUR_MS // 2, booked=HOUR_MS, both=HOUR_MS // 2)
    put_hours(engine, {LAST: used, LAST + HOUR_MS: used, LAST - 100 * HOUR_MS: used})
    with engine.connect() as conn:
        rows = hour_rows(conn, SITE, town.NOW)
    assert [row.at for row in rows if row.used_ms] == [LAST]
    assert all(town.NOW - 49 * HOUR_MS <= row.at <= LAST for row in rows) and len(rows) == 48
    outbox = Outbox(tmp_path / "series.db", 10_000_000)
    world = ManualWorld(now=town.NOW)
    sink = SeriesSink(outbox)
    standing = Standing([SITE], engine, sink, world)
    standing.tell()
    standing.tell()
    put_hours(engine, {LAST: used._replace(used=HOUR_MS)})
    world.move(HOUR_MS)
    standing.tell()
    told = _told(sink, outbox)
    lines = [line for line in told if line.endswith(str(LAST)) and line.startswith("hours")]
    start = "hours,kind=hour,sensor=*,site=moulin,space=studio known_min=60.0,used_min="
    assert lines == [
        f"{start}30.0,booked_min=60.0,both_min=30.0 {LAST}",
        f"{start}60.0,booked_min=60.0,both_min=30.0 {LAST}",
    ]
    agent = "agent,kind=state,sensor=moulin-1,site=moulin,space=* online=1.0,silent_s=2.0,backlog=60.0,"
    assert sum(line.startswith(agent) for line in told) == 2
    assert sum(line.startswith("hours") for line in told) == 48 + 1  # the others once only
    Standing([SITE], engine, sink, world).tell()  # a new process
    assert sum(line.startswith("hours") for line in _told(sink, outbox)) == 47
    outbox.close()


def test_a_database_that_was_never_told_anything_is_told_all_hours(engine: Engine, tmp_path: Path) -> None:
    used = Hour(known=HOUR_MS, used=HOUR_MS)
    old = LAST - 1_000 * HOUR_MS
    put_hours(engine, {old: used, LAST: used})
    outbox = Outbox(tmp_path / "series.db", 10_000_000)
    sink = SeriesSink(outbox)
    Standing([SITE], engine, sink, ManualWorld(now=town.NOW), fresh=True).fill()
    told = _told(sink, outbox)
    filled = [line for line in told if "used_min=60.0" in line]
    assert [int(line.rsplit(" ", 1)[1]) for line in filled] == [old, LAST]
    assert len(told) > 168  # the weeks of both, whole
    outbox.close()
