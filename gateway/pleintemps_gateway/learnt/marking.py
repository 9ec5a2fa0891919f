"""Hours that people mark as empty or used, and what a room is told to forget.

The hour's lesson is worked out once, from the samples that are still stored, and stays with the mark; data
that come later do not change it."""

from itertools import pairwise
from typing import Final, Literal, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, Row, delete, func, insert, select

from pleintemps_contract.agent_messages import DoorPhysicalChanged, SamplesBatch
from pleintemps_contract.onvif import DoorPhysicalState
from pleintemps_contract.units import Quantity
from pleintemps_contract.world import World
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.errors import MarkError
from pleintemps_gateway.occupancy.marked import LEVELS, SIGNS, Lesson, Said, lesson
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.learnt import keep
from pleintemps_gateway.store.schema import events, sample_batches, series
from pleintemps_gateway.store.schema_rooms import marks

State = Literal["empty", "used"]
LEAST_MS: Final = 5 * 60_000
MOST_MS: Final = 12 * 3_600_000
OLDEST_MS: Final = 7 * 86_400_000
"""Samples of longer ago are not stored any more."""
MOST: Final = 200
"""Marks of one space."""
_BATCH_MS: Final = 10 * 60_000
_WANTED: Final = LEVELS | SIGNS | {Quantity.CONTACT}
_DOOR: Final = str(DoorPhysicalChanged.__struct_config__.tag)
_MOVED: Final = (DoorPhysicalState.OPEN, DoorPhysicalState.CLOSED)
_DECODER: Final = msgspec.json.Decoder(SamplesBatch)


class Wish(NamedTuple):
    """The hour from ``start`` up to ``end`` (Unix ms) that was known to be ``state``."""

    space: str
    start: int
    end: int
    state: State


def mark(engine: Engine, site: SiteConfig, world: World, wish: Wish, by: str) -> Row[tuple[object, ...]]:
    """Mark an hour of a configured space; its row. Raises MarkError."""
    now = world.now()
    if not LEAST_MS <= wish.end - wish.start <= MOST_MS:
        raise MarkError("bad-times", "from five minutes to twelve hours can be marked at once")
    if wish.end > now:
        raise MarkError("ahead", "this time is not over yet")
    if wish.start < now - OLDEST_MS:
        raise MarkError("too-old", "what was measured more than seven days ago is not stored any more")
    with engine.connect() as conn:
        taught = _lesson(conn, site, wish)
    name = world.new_id()
    with write_transaction(engine, [site.site]) as conn:
        mine = (marks.c.site == site.site) & (marks.c.space == wish.space)
        over = mine & (marks.c.start < wish.end) & (marks.c.end > wish.start)
        if conn.execute(select(marks.c.mark).where(over).limit(1)).first() is not None:
            raise MarkError("overlaps", "a part of this time is marked already: remove that mark first")
        if int(conn.execute(select(func.count()).select_from(marks).where(mine)).scalar_one()) >= MOST:
            raise MarkError("too-many", f"a space has at most {MOST} marks")
        body = msgspec.json.encode(taught).decode()
        values = {"site": site.site, "mark": name, "by": by, "at": now, "lesson": body}
        conn.execute(insert(marks).values(**wish._asdict(), **values))
        record_change(conn, site.site, "marks", name, now)
        fields = {"by": by, "mark": name, "state": wish.state, "start": wish.start, "end": wish.end}
        record(conn, site.site, world, "occupancy.marked", f"space/{wish.space}", fields)
        return conn.execute(select(marks).where(marks.c.site == site.site, marks.c.mark == name)).one()


def unmark(engine: Engine, site: SiteConfig, world: World, space: str, name: str, by: str) -> None:
    """Take a mark away, and with it all that it taught; raises MarkError."""
    now = world.now()
    with write_transaction(engine, [site.site]) as conn:
        mine = (marks.c.site == site.site) & (marks.c.space == space) & (marks.c.mark == name)
        if not conn.execute(delete(marks).where(mine)).rowcount:
            raise MarkError("unknown-mark", "this space has no such mark")
        record_change(conn, site.site, "marks", name, now)
        record(conn, site.site, world, "occupancy.unmarked", f"space/{space}", {"by": by, "mark": name})


def reset(engine: Engine, site: SiteConfig, world: World, space: str, by: str) -> int:
    """Let a space forget what it was taught, its marks too; the number of the version that says so."""
    now = world.now()
    with write_transaction(engine, [site.site]) as conn:
        mine = (marks.c.site == site.site) & (marks.c.space == space)
        gone = conn.execute(delete(marks).where(mine)).rowcount
        version = keep(conn, site.site, space, now, None, by)
        record_change(conn, site.site, "learnt", space, now)
        record_change(conn, site.site, "marks", space, now)
        fields = {"by": by, "version": version, "marks": gone}
        record(conn, site.site, world, "occupancy.reset", f"space/{space}", fields)
    return version


def marked(conn: Connection, site: str, space: str) -> list[Row[tuple[object, ...]]]:
    """The marks of a space, the youngest hour first."""
    mine = (marks.c.site == site) & (marks.c.space == space)
    return list(conn.execute(select(marks).where(mine).order_by(marks.c.start.desc())).all())


def _lesson(conn: Connection, site: SiteConfig, wish: Wish) -> Lesson:
    here = (series.c.site == site.site) & (series.c.space == wish.space)
    quantities = {
        (row.agent, row.series): Quantity(row.quantity)
        for row in conn.execute(select(series.c.agent, series.c.series, series.c.quantity).where(here))
        if row.quantity in _WANTED
    }
    said, edges, contacts = _samples(conn, site.site, wish, quantities)
    doors = {d.door: d.agent for d in site.doors if wish.space in (d.from_, d.to)}
    edges += _edges(conn, site.site, wish, doors)
    return lesson(
        wish.start,
        wish.end,
        used=wish.state == "used",
        said=said,
        edges=edges,
        watched=bool(contacts or edges),
    )


def _samples(
    conn: Connection, site: str, wish: Wish, quantities: dict[tuple[str, str], Quantity]
) -> tuple[list[Said], list[int], bool]:
    """What was said in the hour, when contacts changed, and whether there are contacts at all."""
    said: list[Said] = []
    told: dict[tuple[str, str], list[tuple[int, float]]] = {}
    agents = sorted({agent for agent, _ in quantities})
    mine = (sample_batches.c.site == site) & sample_batches.c.agent.in_(agents)
    when = (sample_batches.c.base > wish.start - _BATCH_MS) & (sample_batches.c.base < wish.end)
    for row in conn.execute(select(sample_batches.c.agent, sample_batches.c.body).where(mine, when)):
        batch = _DECODER.decode(row.body)
        for name, column in batch.series.items():
            quantity = quantities.get((row.agent, name))
            if quantity is None:
                continue
            values = [(batch.base + dt, value) for dt, value in zip(column.dt, column.value, strict=True)]
            if quantity is Quantity.CONTACT:
                told.setdefault((row.agent, name), []).extend(values)
            else:
                said += [Said(at, f"{row.agent}/{name}", quantity, value) for at, value in values]
    edges = []
    for contact in told.values():
        contact.sort()
        edges += [at for (_, before), (at, value) in pairwise(contact) if value != before]
    return said, edges, Quantity.CONTACT in quantities.values()


def _edges(conn: Connection, site: str, wish: Wish, doors: dict[str, str]) -> list[int]:
    """When the doors of the space opened and closed, by the records of their own agents."""
    mine = (events.c.site == site) & events.c.door.in_(sorted(doors)) & (events.c.type == _DOOR)
    then = mine & (events.c.at >= wish.start) & (events.c.at < wish.end)
    return [
        int(row.at)
        for row in conn.execute(select(events.c.at, events.c.agent, events.c.door, events.c.body).where(then))
        if doors[row.door] == row.agent
        and msgspec.json.decode(row.body, type=DoorPhysicalChanged).state in _MOVED
    ]
