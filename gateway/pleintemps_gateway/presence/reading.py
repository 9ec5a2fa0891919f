"""What is stored of presence without a booking, and of how many codes of a booking were used."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, select

from pleintemps_contract.agent_messages import AccessGranted
from pleintemps_gateway.access.purposes import EXTRA, MAIN
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.store import reading
from pleintemps_gateway.store.schema import bookings, credentials, events

from .unbooked import MAX_OVERSTAY_MS, Booked, Changed, Margins, Unbooked, unbooked

MOST_MS: Final = 31 * 86_400_000
"""So long a time is read at once."""
_GRANTED: Final = str(AccessGranted.__struct_config__.tag)


def read_unbooked(conn: Connection, site: SiteConfig, start: int, end: int, now: int) -> list[Unbooked]:
    """Records of the rooms of ``site`` that overlap ``start`` to ``end`` (Unix ms), by space and begin."""
    rules = site.rules
    margins = Margins(
        *(round(each * 1000) for each in (rules.lead_s, rules.tail_s, rules.unexpected_after_s))
    )
    early = start - MAX_OVERSTAY_MS - margins.tail
    near = (bookings.c.end > early) & (bookings.c.start < end + margins.lead)
    mine = (bookings.c.site == site.site) & (bookings.c.status == "confirmed")
    booked: dict[str, list[Booked]] = {}
    for row in conn.execute(select(bookings.c.space, bookings.c.start, bookings.c.end).where(mine, near)):
        booked.setdefault(row.space, []).append(Booked(row.start, row.end))
    anywhere = [each for some in booked.values() for each in some]
    changes: dict[str, list[Changed]] = {}
    for row in reading.occupancy(conn, (site.site,), start, end):
        told = Changed(row.since, row.state, row.probability, row.evidence)
        changes.setdefault(row.space, []).append(told)
    found: list[Unbooked] = []
    for space in site.spaces:
        if space.kind != "room":
            continue  # nobody is expected in a locker
        # through a passage come the people of every booking
        expected = booked.get(space.space, []) if space.bookable else anywhere
        told_of = sorted(changes.get(space.space, ()))
        records = unbooked(space.space, told_of, expected, margins, now)
        found += [each for each in records if each.begin < end and (each.end is None or each.end > start)]
    return found


def codes_used(conn: Connection, site: SiteConfig, names: Sequence[str]) -> dict[str, int]:
    """How many different codes of each of the bookings ``names`` opened a door: so many people came at least.

    Codes that stand in for another (offline, for once) count nobody. Empty where the records have expired.
    """
    grants: dict[str, str] = {}
    kinds = credentials.c.purpose.in_((MAIN, EXTRA))
    for some in _chunks(names):
        mine = (credentials.c.site == site.site) & credentials.c.booking.in_(some)
        for row in conn.execute(select(credentials.c.grant, credentials.c.booking).where(mine, kinds)):
            grants[row.grant] = row.booking
    if not grants:
        return {}
    times = [
        (row.start, row.end)
        for some in _chunks(names)
        for row in conn.execute(
            select(bookings.c.start, bookings.c.end).where(
                bookings.c.site == site.site, bookings.c.booking.in_(some)
            )
        )
    ]
    lead = round(site.rules.lead_s * 1000)
    first, last = min(start for start, _ in times) - lead, max(end for _, end in times)
    used: dict[str, set[str]] = {}
    told = (events.c.site == site.site) & (events.c.at >= first) & (events.c.at <= last)
    for row in conn.execute(select(events.c.body).where(told, events.c.type == _GRANTED)):
        grant = msgspec.json.decode(row.body, type=AccessGranted).grant
        if grant in grants:
            used.setdefault(grants[grant], set()).add(grant)
    return {booking: len(found) for booking, found in used.items()}


def _chunks(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[start : start + 500] for start in range(0, len(names), 500))
