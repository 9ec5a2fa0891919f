"""Hours in the store: what they are made of, worked out, put down. Readers and the writer use it alike."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, delete, func, insert, or_, select

from pleintemps_gateway.bookings.availability import Span
from pleintemps_gateway.store.prepared import Prepared
from pleintemps_gateway.store.schema import (
    bookings,
    hours,
    hours_booked,
    hours_due,
    hours_through,
    occupancy,
    presence_found,
)
from pleintemps_gateway.store.together import table_of
from pleintemps_gateway.store.upsert import Incoming, upsert

from .hours import Found, Told, hours_between, timeline
from .lanes import EMPTY, HOUR_MS, Hour, Week, hour_of, known_used, patched, week_of

CONFIRMED: Final = "confirmed"
_STANDARD: Final = 1_768_478_400_000  # 2026-01-15 12:00 UTC


def shift_of(zone: str) -> int:
    """How far the hours of a zone begin from those of UTC, in ms: 0 nearly everywhere."""
    offset = datetime.fromtimestamp(_STANDARD / 1000, UTC).astimezone(ZoneInfo(zone)).utcoffset()
    return 0 if offset is None else round(offset.total_seconds() * 1000) % HOUR_MS


_OLDEST: Final = [
    Prepared(
        select(func.min(row[name])).where(row.site == bindparam("site"), row.space == bindparam("space"))
    )
    for row, name in ((occupancy.c, "since"), (presence_found.c, "start"), (hours_booked.c, "start"))
]
_DUES: Final = Prepared(
    select(hours_due.c.space, hours_due.c.hour, hours_due.c.replay, hours_due.c.due)
    .where(hours_due.c.site == bindparam("site"), hours_due.c.due <= bindparam("now"))
    .order_by(hours_due.c.due, hours_due.c.space, hours_due.c.hour)
    .limit(bindparam("most"))
)


class Place(NamedTuple):
    """A space, and where its hours begin."""

    site: str
    space: str
    shift: int


# --- what hours are made of -------------------------------------------------------------------------------


def beliefs(conn: Connection, place: Place, first: int, last: int) -> list[Told]:
    """What was believed of the space from ``first`` to ``last``, with what was so at ``first``."""
    row = occupancy.c
    mine = (row.site == place.site) & (row.space == place.space)
    before = select(func.max(row.since)).where(mine, row.since <= first).scalar_subquery()
    query = select(row.since, row.state).where(
        mine, row.since < last, row.since >= func.coalesce(before, first)
    )
    return [Told(*told) for told in conn.execute(query.order_by(row.since))]


def corrections(conn: Connection, place: Place, first: int, last: int) -> list[Found]:
    """What was found of the time afterwards."""
    row = presence_found.c
    mine = (row.site == place.site) & (row.space == place.space) & (row.start < last) & (row.end > first)
    return [Found(*found) for found in conn.execute(select(row.start, row.end, row.state).where(mine))]


def booked(conn: Connection, place: Place, first: int, last: int) -> list[Span]:
    """The times of confirmed bookings, as they count."""
    row = hours_booked.c
    mine = (row.site == place.site) & (row.space == place.space)
    query = select(row.start, row.end).where(mine, row.end > first, row.start < last)
    return [Span(*span) for span in conn.execute(query)]


def presence(conn: Connection, place: Place, first: int, last: int) -> list[Found]:
    """Who was there, as it is known now: pieces in order without overlap; gaps are unknown."""
    return timeline(first, last, beliefs(conn, place, first, last), corrections(conn, place, first, last))


def worked_out(conn: Connection, place: Place, first: int, last: int) -> dict[int, Hour]:
    """The hours from ``first`` to ``last``, both where hours begin, from scratch."""
    found = hours_between(
        first,
        (last - first) // HOUR_MS,
        beliefs(conn, place, first, last),
        corrections(conn, place, first, last),
        booked(conn, place, first, last),
    )
    return {first + number * HOUR_MS: hour for number, hour in enumerate(found)}


def oldest(conn: Connection, place: Place) -> int | None:
    """From when on something is stored of the space."""
    params = {"site": place.site, "space": place.space}
    found = [row[0] for query in _OLDEST if (row := query.first(conn, params)) is not None]
    return min((int(at) for at in found if at is not None), default=None)


# --- putting down -----------------------------------------------------------------------------------------


def put(conn: Connection, place: Place, found: Mapping[int, Hour]) -> None:
    """Put hours down by their first moment."""
    weeks: dict[int, dict[int, Hour]] = {}
    for at, hour in found.items():
        week = week_of(at, place.shift)
        weeks.setdefault(week, {})[(at - week) // HOUR_MS] = hour
    row = hours.c
    mine = (row.site == place.site) & (row.space == place.space)
    known: dict[int, Week] = {}
    some = sorted(weeks)
    for start in range(0, len(some), 500):
        query = select(row.week, row.figures, row.counts).where(mine, row.week.in_(some[start : start + 500]))
        known |= {each.week: Week(each.figures, each.counts) for each in conn.execute(query)}
    rows = []
    for week, slots in weeks.items():
        made = patched(known.get(week, EMPTY), slots)
        if known.get(week) != made:
            key = {"site": place.site, "space": place.space, "week": week}
            known_ms, used_ms = known_used(int.from_bytes(made.figures, "little"))
            rows.append(key | made._asdict() | {"known": known_ms, "used": used_ms})
    upsert(conn, hours, rows)


def throughs(conn: Connection, site: str) -> dict[str, int]:
    """How far the hours of each space of a site are there."""
    return {row.space: row.through for row in table_of(conn, site, hours_through)}


def put_through(conn: Connection, place: Place, through: int) -> None:
    upsert(conn, hours_through, [{"site": place.site, "space": place.space, "through": through}])


def correct(conn: Connection, place: Place, pieces: Sequence[Found]) -> None:
    """Replace what was known of the time that ``pieces`` (in order, without gaps) hold."""
    if not pieces:
        return
    first, last = pieces[0].start, pieces[-1].end
    row = presence_found.c
    mine = (row.site == place.site) & (row.space == place.space)
    old = corrections(conn, place, first, last)
    conn.execute(delete(presence_found).where(mine, row.start < last, row.end > first))
    kept = [Found(o.start, first, o.state) for o in old if o.start < first]
    kept += [Found(last, o.end, o.state) for o in old if o.end > last]
    rows = [
        {"site": place.site, "space": place.space, **piece._asdict()}
        for piece in _joined(sorted([*kept, *pieces]))
    ]
    conn.execute(insert(presence_found), rows)


def _joined(pieces: Sequence[Found]) -> list[Found]:
    found: list[Found] = []
    for piece in pieces:
        if found and found[-1].end == piece.start and found[-1].state == piece.state:
            found[-1] = found[-1]._replace(end=piece.end)
        else:
            found.append(piece)
    return found


# --- what is to be done again -----------------------------------------------------------------------------


class Due(NamedTuple):
    """Hours that lie side by side, from ``first`` to ``last``; ``replay``: from the stored samples."""

    space: str
    first: int
    last: int
    replay: bool
    due: int


def _both(new: Incoming) -> Mapping[str, ColumnElement[Any]]:
    old = hours_due.c
    # always another due: who is at work on the old one must not take this one away with it
    later = case((new["due"] > old.due, new["due"]), else_=old.due + 1)
    return {"replay": or_(old.replay, new["replay"]), "due": later}


class Again(NamedTuple):
    """From ``first`` to ``last`` (Unix ms) the hours of ``place`` are to be worked out anew at ``due``."""

    place: Place
    first: int
    last: int
    due: int
    replay: bool = False


def _hours(place: Place, first: int, last: int) -> range:
    start = hour_of(first, place.shift)
    return range(start, max(last, start + 1), HOUR_MS)


def put_due(conn: Connection, what: Iterable[Again]) -> None:
    """Note it. No space may be in it twice."""
    rows = [
        {"site": place.site, "space": place.space, "hour": hour, "due": due, "replay": replay}
        for place, first, last, due, replay in what
        for hour in _hours(place, first, last)
    ]
    upsert(conn, hours_due, rows, _both)


def dues(conn: Connection, site: str, now: int, most: int) -> list[Due]:
    """At most ``most`` hours that are due, side by side where they can be."""
    runs: list[Due] = []
    found = _DUES.all(conn, {"site": site, "now": now, "most": most})
    for space, hour, replay, due in sorted(found, key=lambda each: (each[0], each[1])):
        last = runs[-1] if runs else None
        if last and (last.space, last.last, last.replay) == (space, hour, bool(replay)):
            runs[-1] = last._replace(last=hour + HOUR_MS, due=max(last.due, due))
        else:
            runs.append(Due(space, hour, hour + HOUR_MS, bool(replay), due))
    return runs


def done(conn: Connection, site: str, due: Due) -> None:
    """Take away what was done, but for what has become due anew since it was read."""
    row = hours_due.c
    these = (row.hour >= due.first) & (row.hour < due.last) & (row.due <= due.due)
    conn.execute(delete(hours_due).where(row.site == site, row.space == due.space, these))


# --- bookings that changed --------------------------------------------------------------------------------


class Moved(NamedTuple):
    """A booking as it counted and as it is: (space, start, end), or None where it did or does not count."""

    booking: str
    before: tuple[str, int, int] | None
    after: tuple[str, int, int] | None


def moved(conn: Connection, site: str, names: Iterable[str] | None = None) -> list[Moved]:
    """Bookings that are not as they count; of ``names`` alone, or of all."""
    is_here, counts = bookings.c, hours_booked.c
    same = and_(counts.site == is_here.site, counts.booking == is_here.booking)
    wanted: list[list[str] | None] = [None]
    if names is not None:
        every = sorted(names)
        wanted = [every[start : start + 500] for start in range(0, len(every), 500)]
    found: list[Moved] = []
    columns = (is_here.booking, is_here.space, is_here.start, is_here.end, is_here.status)
    old = (counts.space.label("old_space"), counts.start.label("old_start"), counts.end.label("old_end"))
    for some in wanted:
        query = select(*columns, *old).join(hours_booked, same, isouter=True).where(is_here.site == site)
        if some is not None:
            query = query.where(is_here.booking.in_(some))
        for row in conn.execute(query):
            before = None if row.old_space is None else (row.old_space, row.old_start, row.old_end)
            after = (row.space, row.start, row.end)
            now = after if row.status == CONFIRMED and row.start < row.end else None
            if before != now:
                found.append(Moved(row.booking, before, now))
        gone = select(counts.booking, counts.space, counts.start, counts.end).where(
            counts.site == site, counts.booking.not_in(select(is_here.booking).where(is_here.site == site))
        )
        if some is not None:
            gone = gone.where(counts.booking.in_(some))
        found += [Moved(row.booking, (row.space, row.start, row.end), None) for row in conn.execute(gone)]
    return found


def count_moved(conn: Connection, site: str, changes: Sequence[Moved]) -> None:
    """From now on they count as they are."""
    rows = [
        {"site": site, "booking": m.booking, "space": m.after[0], "start": m.after[1], "end": m.after[2]}
        for m in changes
        if m.after is not None
    ]
    upsert(conn, hours_booked, rows)
    gone = [m.booking for m in changes if m.after is None]
    for start in range(0, len(gone), 500):
        some = hours_booked.c.booking.in_(gone[start : start + 500])
        conn.execute(delete(hours_booked).where(hours_booked.c.site == site, some))
