"""What is stored of a booking's time, as the replay of its record wants it. Nothing is written here."""

from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, select

from pleintemps_contract.agent_messages import (
    AccessGranted,
    DeviceHealth,
    DoorPhysicalChanged,
    Health,
    SamplesBatch,
    SeriesInfo,
)
from pleintemps_contract.onvif import DoorPhysicalState
from pleintemps_gateway.bookings.calendars import calendar_of
from pleintemps_gateway.config import SiteConfig, SpaceConfig
from pleintemps_gateway.noise.hours import NoiseHours
from pleintemps_gateway.reconcile.records import Booking, UsageState
from pleintemps_gateway.reconcile.replay import Case, DoorTold, Facts, FaultTold, NoiseRule, Sample
from pleintemps_gateway.reconcile.usage import MAX_OVERSTAY_MS, Margins
from pleintemps_gateway.store.learnt import valid_at
from pleintemps_gateway.store.schema import bookings, credentials, events, sample_batches, series

from .snapshot import booking_of, info_of

BATCH_MS: Final = 10 * 60_000
"""No batch of samples is longer."""
ILL_MS: Final = 7 * 86_400_000
"""A device that fell ill longer before is ill no more, or its agent has told again."""
_OPENED: Final = (DoorPhysicalState.OPEN.value, DoorPhysicalState.CLOSED.value)
_DECODER: Final = msgspec.json.Decoder(SamplesBatch)
_DOOR: Final = str(DoorPhysicalChanged.__struct_config__.tag)
_HEALTH: Final = str(DeviceHealth.__struct_config__.tag)
_GRANTED: Final = str(AccessGranted.__struct_config__.tag)


def margins_of(config: SiteConfig) -> Margins:
    """The site's rules in milliseconds."""
    rules = config.rules
    seconds = (rules.lead_s, rules.tail_s, rules.no_show_after_s, rules.overstay_after_s, rules.left_after_s)
    return Margins(*(round(each * 1000) for each in seconds))


def case_of(conn: Connection, config: SiteConfig, row: Row[Any]) -> Case | None:
    """What is to be found out about the row of ``usage``; None if its booking or space is not known."""
    mine = (bookings.c.site == config.site) & (bookings.c.booking == row.booking)
    booked = conn.execute(select(bookings).where(mine)).first()
    space = next((s for s in config.spaces if booked is not None and s.space == booked.space), None)
    if booked is None or space is None:
        return None
    margins = margins_of(config)
    cancelled = row.state == UsageState.CANCELLED.value and booked.status == "cancelled"
    around = (bookings.c.site == config.site) & (bookings.c.space == space.space)
    near = (bookings.c.start < booked.end + MAX_OVERSTAY_MS + margins.lead) & (
        bookings.c.end > booked.start - 2 * MAX_OVERSTAY_MS
    )
    others = around & near & (bookings.c.status == "confirmed") & (bookings.c.booking != row.booking)
    found = conn.execute(select(bookings).where(others).order_by(bookings.c.start, bookings.c.booking))
    case = Case(
        booking=msgspec.structs.replace(booking_of(booked), cancelled=False),
        others=[booking_of(other) for other in found],
        margins=margins,
        noise=noise_of(config, space),
        series=series_of(conn, config.site, space.space),
        opened_at=_opened(conn, config.site, booking_of(booked), margins.lead, row.opened_at),
        planned_to=booked.planned_end,
        cancelled_at=row.closed_at if cancelled else None,
    )
    return case._replace(learnt=valid_at(conn, config.site, space.space, case.begin))


def series_of(conn: Connection, site: str, space: str) -> dict[str, SeriesInfo]:
    """What is measured in a space, by ``agent/series``."""
    in_space = (series.c.site == site) & (series.c.space == space)
    found = conn.execute(select(series).where(in_space))
    return {f"{each.agent}/{each.series}": info_of(each) for each in found}


def noise_of(config: SiteConfig, space: SpaceConfig) -> NoiseRule:
    """The noise rule of a space by the calendar of now."""
    rules = config.rules
    special = {kind: (hours.from_, hours.to) for kind, hours in rules.quiet.items()}
    hours = NoiseHours(calendar_of(config), (rules.quiet_from, rules.quiet_to), special)
    noise = space.noise

    def limit(at: int) -> float:
        return min(each.limit_db for each in hours.limits(noise, hours.at(at)))

    return NoiseRule(round(noise.window_s * 1000), noise.min_coverage, limit)


def _opened(conn: Connection, site: str, booking: Booking, lead: int, known: int | None) -> int | None:
    """When a code of the booking opened a door first; what is known already outlives the records of it."""
    mine = (credentials.c.site == site) & (credentials.c.booking == booking.booking)
    own = {str(grant) for grant in conn.scalars(select(credentials.c.grant).where(mine))}
    within = (events.c.at >= booking.start - lead) & (events.c.at <= booking.end)
    granted = (events.c.site == site) & within & (events.c.type == _GRANTED)
    times = [] if known is None else [known]
    for row in conn.execute(select(events.c.at, events.c.body).where(granted)) if own else ():
        if msgspec.json.decode(row.body, type=AccessGranted).grant in own:
            times.append(int(row.at))
    return min(times, default=None)


def first_facts(conn: Connection, config: SiteConfig, case: Case) -> Facts:
    """How doors and devices stood where the replay begins."""
    doors = []
    for name, agent in _doors_of(config, case.booking.space).items():
        mine = (events.c.site == config.site) & (events.c.door == name) & (events.c.agent == agent)
        before = mine & (events.c.at <= case.begin) & (events.c.type == _DOOR) & events.c.trusted
        last = select(events.c.at, events.c.body).where(before).order_by(events.c.at.desc()).limit(1)
        doors += [told for row in conn.execute(last) if (told := _door_told(row.at, name, row.body))]
    ill: dict[str, FaultTold] = {}
    for fault in _faults(conn, config.site, case, case.begin - ILL_MS, case.begin):
        ill[fault.device] = fault._replace(at=case.begin)
    return Facts(doors=doors, faults=[fault for fault in ill.values() if fault.ill])


def facts_between(conn: Connection, config: SiteConfig, case: Case, start: int, end: int) -> Facts:
    """What is stored of the time after ``start``, up to and with ``end`` (Unix ms)."""
    site = config.site
    agents = sorted({key.partition("/")[0] for key in case.series})
    wanted = (sample_batches.c.site == site) & sample_batches.c.agent.in_(agents)
    when = (sample_batches.c.base > start - BATCH_MS) & (sample_batches.c.base <= end)
    samples = []
    columns = (sample_batches.c.agent, sample_batches.c.body)
    for row in conn.execute(select(*columns).where(wanted, when)) if agents else ():
        batch = _DECODER.decode(row.body)
        if not batch.trusted:
            continue  # nobody knows when that was: unknown, and of no other booking's time
        for name, column in batch.series.items():
            if (key := f"{row.agent}/{name}") in case.series:
                for dt, value in zip(column.dt, column.value, strict=True):
                    if start < (at := batch.base + dt) <= end:
                        samples.append(Sample(at, key, batch.journal, batch.seq, value))
    doors = _doors_of(config, case.booking.space)
    told = (events.c.site == site) & events.c.door.in_(sorted(doors)) & (events.c.type == _DOOR)
    told &= events.c.trusted
    then = told & (events.c.at > start) & (events.c.at <= end)
    query = select(events.c.at, events.c.agent, events.c.door, events.c.body).where(then)
    return Facts(
        samples,
        [
            found
            for row in conn.execute(query)
            if doors[row.door] == row.agent and (found := _door_told(row.at, row.door, row.body))
        ],
        _faults(conn, site, case, start, end),
    )


def _doors_of(config: SiteConfig, space: str) -> dict[str, str]:
    """Doors of a space, and whose they are."""
    return {door.door: door.agent for door in config.doors if space in (door.from_, door.to)}


def _door_told(at: int, door: str, body: str) -> DoorTold | None:
    state = msgspec.json.decode(body, type=DoorPhysicalChanged).state.value
    return DoorTold(at, door, state == _OPENED[0]) if state in _OPENED else None


def _faults(conn: Connection, site: str, case: Case, start: int, end: int) -> list[FaultTold]:
    devices = {f"{key.partition('/')[0]}/{info.device}" for key, info in case.series.items()}
    agents = sorted({name.partition("/")[0] for name in devices})
    told = (events.c.site == site) & (events.c.type == _HEALTH) & events.c.agent.in_(agents)
    then = told & (events.c.at > start) & (events.c.at <= end)
    found = []
    for row in conn.execute(select(events.c.at, events.c.agent, events.c.body).where(then)):
        event = msgspec.json.decode(row.body, type=DeviceHealth)
        if (device := f"{row.agent}/{event.device}") in devices:
            found.append(FaultTold(row.at, device, event.health is not Health.OK))
    return sorted(found)
