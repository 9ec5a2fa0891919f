"""What is stored of one space on one axis of time, in at most 2,000 points a series."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import log10
from typing import Final, Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from pleintemps_gateway.bookings.calendars import calendar_of
from pleintemps_gateway.config import SiteConfig, SpaceConfig
from pleintemps_gateway.matrix import store
from pleintemps_gateway.matrix.lanes import HOUR_MS, Week, hours_in
from pleintemps_gateway.noise.hours import NoiseHours
from pleintemps_gateway.store.schema import bookings, events, hours, minutes, occupancy, series

Range = Literal["evening", "day", "week", "month", "year"]
RANGES: Final[tuple[Range, ...]] = get_args(Range)
MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * HOUR_MS
MOST_EVENTS: Final = 300
WINDOW: Final = 15
"""Minutes of the sliding level."""
_SOUND: Final = ("LAeq", "level")
_DOOR_EVENTS: Final = ("door-physical", "access-granted", "access-refused", "door-alarm")


class Axis(NamedTuple):
    """From ``start`` to ``end`` (Unix ms) in steps of ``step``; ``row`` is a line of the table; ``now``."""

    name: Range
    start: int
    end: int
    step: int
    row: int
    now: int

    @property
    def steps(self) -> int:
        return (self.end - self.start) // self.step

    @property
    def times(self) -> list[int]:
        return [self.start + n * self.step for n in range(self.steps)]

    @property
    def is_short(self) -> bool:
        """Whether single bookings and events are told."""
        return self.name in ("evening", "day", "week")


class Booked(NamedTuple):
    start: int
    end: int
    title: str


class Event(NamedTuple):
    """``kind``: open, granted, refused or alarm."""

    at: int
    kind: str


class Series(NamedTuple):
    """Lists by step: ``presence`` 0 to 1, ``booked`` 0 to 1, ``level``, ``window`` (over 15 min), ``limit``
    in dB; None where nothing is known. ``quiet`` are quiet hours.
    """

    axis: Axis
    presence: list[float | None]
    booked: list[float]
    level: list[float | None]
    window: list[float | None]
    limit: list[float | None]
    quiet: list[tuple[int, int]]
    bookings: list[Booked]
    events: list[Event]


def axis_of(range_: Range, zone: str, now: int) -> Axis:
    """The evening is from 17:00 to 01:00 local; the others end now."""
    if range_ == "evening":
        local = datetime.fromtimestamp(now / 1000, UTC).astimezone(ZoneInfo(zone))
        day = local.date() - timedelta(days=1 if local.hour < 5 else 0)
        begin = datetime(day.year, day.month, day.day, 17, tzinfo=ZoneInfo(zone))
        start = round(begin.timestamp() * 1000)
        return Axis(range_, start, start + 8 * HOUR_MS, MINUTE_MS, HOUR_MS, now)
    days, step, row = {
        "day": (1, MINUTE_MS, HOUR_MS),
        "week": (7, 10 * MINUTE_MS, DAY_MS),
        "month": (30, 30 * MINUTE_MS, DAY_MS),
        "year": (364, 6 * HOUR_MS, 28 * DAY_MS),
    }[range_]
    end = now - now % step + step
    return Axis(range_, end - days * DAY_MS, end, step, row, now)


def load_series(conn: Connection, site: SiteConfig, space: SpaceConfig, axis: Axis) -> Series:
    """Reads and thins out; no more than the axis has steps."""
    place = store.Place(site.site, space.space, store.shift_of(site.zone))
    spans = _bookings(conn, place, axis)
    level = _levels(conn, site.site, space.space, axis)
    window = _window(level, axis)
    limit, quiet = _limits(site, space, axis)
    if axis.is_short:
        presence = _believed(conn, place, axis)
        booked = _share([(each.start, each.end) for each in spans], axis)
    else:
        presence, booked = _from_hours(conn, place, axis)
    told = _events(conn, site, space.space, axis) if axis.is_short else []
    known = [level_db if level_db is None else round(level_db, 1) for level_db in level]
    return Series(axis, presence, booked, known, window, limit, quiet, spans if axis.is_short else [], told)


def _bookings(conn: Connection, place: store.Place, axis: Axis) -> list[Booked]:
    if not axis.is_short:
        return []
    row = bookings.c
    mine = (row.site == place.site) & (row.space == place.space) & (row.status == "confirmed")
    near = (row.start < axis.end) & (row.end > axis.start)
    query = select(row.start, row.end, row.title).where(mine, near).order_by(row.start).limit(MOST_EVENTS)
    return [Booked(*each) for each in conn.execute(query)]


def _levels(conn: Connection, site: str, space: str, axis: Axis) -> list[float | None]:
    """LAeq of each step by energy, of the loudest series."""
    row = series.c
    mine = (row.site == site) & (row.space == space) & row.quantity.in_(_SOUND)
    found: list[float | None] = [None] * axis.steps
    for agent, name in conn.execute(select(row.agent, row.series).where(mine)).all():
        told = minutes.c
        place = ((told.minute - axis.start) // axis.step).label("place")
        own = (told.site == site) & (told.agent == agent) & (told.series == name)
        then = own & (told.minute >= axis.start) & (told.minute < axis.end) & (told.count > 0)
        query = select(place, func.sum(told.energy), func.sum(told.count)).where(then).group_by(place)
        for number, energy, count in conn.execute(query):
            if energy and count:
                level = 10 * log10(energy / count)
                before = found[int(number)]
                found[int(number)] = level if before is None else max(before, level)
    return found


def _window(level: Sequence[float | None], axis: Axis) -> list[float | None]:
    """The sliding level, where steps are minutes."""
    if axis.step != MINUTE_MS:
        return [None] * axis.steps
    found: list[float | None] = []
    energies = [None if each is None else 10 ** (each / 10) for each in level]
    for n in range(len(level)):
        known = [each for each in energies[max(0, n - WINDOW + 1) : n + 1] if each is not None]
        enough = level[n] is not None and len(known) >= WINDOW // 2
        found.append(round(10 * log10(sum(known) / len(known)), 1) if enough else None)
    return found


def _limits(
    site: SiteConfig, space: SpaceConfig, axis: Axis
) -> tuple[list[float | None], list[tuple[int, int]]]:
    rules = site.rules
    special = {kind: (each.from_, each.to) for kind, each in rules.quiet.items()}
    noise = NoiseHours(calendar_of(site), (rules.quiet_from, rules.quiet_to), special)
    if not axis.is_short:
        return [None] * axis.steps, []
    limits: list[float | None] = []
    quiet: list[tuple[int, int]] = []
    every = max(1, 10 * MINUTE_MS // axis.step)
    for n, at in enumerate(axis.times):
        if n % every:
            limits.append(limits[-1])
            continue
        moment = noise.at(at)
        limits.append(min(each.limit_db for each in noise.limits(space.noise, moment)))
        if moment.quiet.quiet:
            span = (max(moment.quiet.start, axis.start), min(moment.quiet.end, axis.end))
            if not quiet or quiet[-1] != span:
                quiet.append(span)
    return limits, quiet


def _believed(conn: Connection, place: store.Place, axis: Axis) -> list[float | None]:
    """The probability of presence as it was noted at each change, corrected where data came late."""
    row = occupancy.c
    mine = (row.site == place.site) & (row.space == place.space)
    near = (row.since < axis.end) & (row.since >= axis.start - 7 * DAY_MS)
    odds = {
        since: chance for since, chance in conn.execute(select(row.since, row.probability).where(mine, near))
    }
    known: list[float | None] = [None] * axis.steps
    for piece in store.presence(conn, place, axis.start, min(axis.end, axis.now)):
        if piece.state not in ("occupied", "vacant"):
            continue
        chance = odds.get(piece.start)
        if chance is None or (chance < 0.5) is (piece.state == "occupied"):
            chance = 0.95 if piece.state == "occupied" else 0.05
        first, last = (piece.start - axis.start) // axis.step, -(-(piece.end - axis.start) // axis.step)
        known[first:last] = [round(chance, 2)] * (min(last, axis.steps) - first)
    return known


def _share(spans: Sequence[tuple[int, int]], axis: Axis) -> list[float]:
    found = [0.0] * axis.steps
    for start, end in spans:
        for n in range(max(0, (start - axis.start) // axis.step), axis.steps):
            begin = axis.start + n * axis.step
            if begin >= end:
                break
            found[n] = min(1.0, found[n] + (min(end, begin + axis.step) - max(start, begin)) / axis.step)
    return [round(each, 3) for each in found]


def _from_hours(conn: Connection, place: store.Place, axis: Axis) -> tuple[list[float | None], list[float]]:
    """Shares of each step from the hours that are put down."""
    row = hours.c
    mine = (row.site == place.site) & (row.space == place.space)
    near = (row.week > axis.start - 7 * DAY_MS) & (row.week < axis.end)
    sums = [[0, 0, 0] for _ in range(axis.steps)]
    for week, figures, counts in conn.execute(select(row.week, row.figures, row.counts).where(mine, near)):
        for slot, hour in enumerate(hours_in(Week(figures, counts))):
            number = (week + slot * HOUR_MS - axis.start) // axis.step
            if 0 <= number < axis.steps:
                total = sums[number]
                total[0] += hour.known
                total[1] += hour.used
                total[2] += hour.booked
    whole = max(axis.step, HOUR_MS)
    steps = max(1, HOUR_MS // axis.step)
    presence: list[float | None] = []
    booked: list[float] = []
    for number in range(axis.steps):
        # an hour is two steps of half an hour
        known, used, taken = sums[number - number % steps] if steps > 1 else sums[number]
        presence.append(None if 4 * known < whole else round(used / known, 3))
        booked.append(round(min(1.0, taken / whole), 3))
    return presence, booked


def _events(conn: Connection, site: SiteConfig, space: str, axis: Axis) -> list[Event]:
    doors = [door.door for door in site.doors if space in (door.from_, door.to)]
    row = events.c
    mine = (row.site == site.site) & row.door.in_(doors) & row.type.in_(_DOOR_EVENTS)
    then = (row.at >= axis.start) & (row.at < axis.end)
    query = select(row.at, row.type, row.body).where(mine, then).order_by(row.at.desc()).limit(MOST_EVENTS)
    found = []
    for at, kind, body in conn.execute(query):
        if kind == "door-physical" and '"Open"' not in body:
            continue
        if kind == "door-alarm" and '"Normal"' in body:
            continue
        name = {"door-physical": "open", "access-granted": "granted", "access-refused": "refused"}
        found.append(Event(at, name.get(kind, "alarm")))
    return found[::-1]
