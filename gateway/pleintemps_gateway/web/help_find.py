"""From what a caller says to a booking: number, end of a telephone number, group, room, hour."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, and_, or_, select

from pleintemps_gateway.access.weeks import instant
from pleintemps_gateway.config import GatewayConfig, SiteConfig, SpaceConfig
from pleintemps_gateway.delivery.reference import LENGTH, normalized
from pleintemps_gateway.store.reading import EVERY_SITE
from pleintemps_gateway.store.schema import bookings, contacts, groups

MOST_FOUND: Final = 20
PHONE_DIGITS: Final = 4
"""So many digits are the end of a telephone number; six that could be a booking number are both."""
BEFORE_MS: Final = 12 * 3_600_000
AFTER_MS: Final = 36 * 3_600_000
"""Who is called about a booking that is further away has its number."""
SOON_MS: Final = 2 * 3_600_000
LATE_MS: Final = 3_600_000
_MOST_ROWS: Final = 5_000
_HOUR: Final = re.compile(r"([01]?[0-9]|2[0-3])(?:h|:|h:)([0-5][0-9])?\Z")
_NOW: Final = frozenset({"maintenant", "now", "ce-soir", "tonight"})

When = Literal["now", "soon", "past", "later"]


class Found(NamedTuple):
    """One booking as the list shows it; times are Unix ms, ``status`` that of the store."""

    site: str
    zone: str
    booking: str
    title: str
    place: str
    start: int
    end: int
    status: str
    when: When


class Hour(NamedTuple):
    """A time of day that somebody said."""

    hour: int
    minute: int


def find_bookings(
    conn: Connection, config: GatewayConfig, sites: tuple[str, ...], said: str, now: int
) -> list[Found]:
    """Bookings of ``sites`` that ``said`` may mean, what is on now first; at most :data:`MOST_FOUND`."""
    said = said.strip()
    if not said:
        return []
    rows = {row.booking: row for row in _by_number(conn, sites, said)}
    digits = "".join(sign for sign in said if sign.isdigit())
    if len(digits) >= PHONE_DIGITS and all(sign.isdigit() or sign in " .-()+" for sign in said):
        rows |= {row.booking: row for row in _by_phone(conn, sites, digits, now)}
    elif not rows:
        rows |= {row.booking: row for row in _by_words(conn, config, sites, said, now)}
    return _shown(config, rows.values(), now)


def on_now(conn: Connection, config: GatewayConfig, sites: tuple[str, ...], now: int) -> list[Found]:
    """Whom a call is most likely to be about: bookings that are on, begin soon, or ended a moment ago."""
    near = (bookings.c.start < now + SOON_MS) & (bookings.c.end > now - LATE_MS)
    mine = (bookings.c.site.in_(sites), near, bookings.c.status == "confirmed")
    return _shown(config, conn.execute(select(bookings).where(*mine).limit(_MOST_ROWS)).all(), now)


def when(start: int, end: int, lead_ms: int, tail_ms: int, now: int) -> When:
    """Where ``now`` lies beside a booking whose doors open ``lead_ms`` before it."""
    if start - lead_ms <= now < end + tail_ms:
        return "now"
    if end <= now:
        return "past"
    return "soon" if start - now <= SOON_MS else "later"


def words_of(said: str) -> tuple[list[str], list[Hour], bool]:
    """What was typed as folded words, hours, and whether it asks for what is on now."""
    words, hours, asks_now = [], [], False
    for word in re.split(r"[\s,;]+", said.replace("ce soir", "ce-soir")):
        hour = _HOUR.match(word.casefold())
        if hour:
            hours.append(Hour(int(hour[1]), int(hour[2] or 0)))
        elif word.casefold() in _NOW:
            asks_now = True
        elif word:
            words.append(folded(word))
    return words, hours, asks_now


def folded(text: str) -> str:
    """Without accents and capitals: "Préau" as it is typed in a hurry."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in plain if not unicodedata.combining(sign)).casefold()


def _by_number(conn: Connection, sites: Sequence[str], said: str) -> list[Row[Any]]:
    wanted = normalized(said)
    if not wanted:
        return []
    begins = bookings.c.booking.between(wanted, wanted + "g")
    rows = conn.execute(select(bookings).where(bookings.c.site.in_(sites), begins)).all()
    return [row for row in rows if row.booking[:LENGTH] == wanted]


def _by_phone(conn: Connection, sites: Sequence[str], digits: str, now: int) -> list[Row[Any]]:
    """By the contact of the booking, or of its group. A leading 0 of the country stands for its prefix."""
    ending = digits.lstrip("0") if len(digits) > 8 else digits
    own = and_(contacts.c.site == bookings.c.site, contacts.c.booking == bookings.c.booking)
    of_group = and_(
        groups.c.group == bookings.c.group,
        or_(groups.c.site == bookings.c.site, groups.c.site == EVERY_SITE),
    )
    query = (
        select(bookings, contacts.c.phone, groups.c.phone.label("group_phone"))
        .join(contacts, own, isouter=True)
        .join(groups, of_group, isouter=True)
        .where(*_near(sites, now))
        .where(or_(contacts.c.phone != "", groups.c.phone != ""))
        .limit(_MOST_ROWS)
    )
    return [
        row
        for row in conn.execute(query).all()
        if any(_digits(phone).endswith(ending) for phone in (row.phone, row.group_phone) if phone)
    ]


def _by_words(
    conn: Connection, config: GatewayConfig, sites: Sequence[str], said: str, now: int
) -> list[Row[Any]]:
    words, hours, asks_now = words_of(said)
    if not (words or hours or asks_now):
        return []
    named = {(row.site, row.group): row.name for row in conn.execute(select(groups)).all()}
    known = {site.site: site for site in config.sites}
    found = []
    for row in conn.execute(select(bookings).where(*_near(sites, now)).limit(_MOST_ROWS)).all():
        site = known[row.site]
        group = named.get((row.site, row.group)) or named.get((EVERY_SITE, row.group)) or row.group or ""
        text = folded(" ".join((row.title, group, row.space, _place(site, row.space), site.name)))
        if not all(word in text for word in words):
            continue
        if asks_now and not row.start <= now < row.end:
            continue
        if all(_is_at(row, hour, site.zone, now) for hour in hours):
            found.append(row)
    return found


def _near(sites: Sequence[str], now: int) -> tuple[Any, ...]:
    return (
        bookings.c.site.in_(sites),
        bookings.c.end > now - BEFORE_MS,
        bookings.c.start < now + AFTER_MS,
    )


def _is_at(row: Row[Any], hour: Hour, zone: str, now: int) -> bool:
    """Whether the booking is on at that hour of yesterday, today or tomorrow, or begins within it."""
    here = ZoneInfo(zone)
    today = datetime.fromtimestamp(now / 1000, UTC).astimezone(here).date()
    for offset in (-1, 0, 1):
        at = instant(here, today + timedelta(days=offset), time(hour.hour, hour.minute), fold=0)
        if row.start <= at < row.end or at <= row.start < at + LATE_MS:
            return True
    return False


def _digits(phone: str) -> str:
    return "".join(sign for sign in phone if sign.isdigit())


def _place(site: SiteConfig, space: str) -> str:
    known: SpaceConfig | None = next((each for each in site.spaces if each.space == space), None)
    return known.name if known else space


def _shown(config: GatewayConfig, rows: Iterable[Row[Any]], now: int) -> list[Found]:
    known = {site.site: site for site in config.sites}
    found = []
    for row in rows:
        site = known[row.site]
        lead, tail = round(site.rules.lead_s * 1000), round(site.rules.tail_s * 1000)
        place = f"{site.name}, {_place(site, row.space)}"
        state = when(row.start, row.end, lead, tail, now)
        found.append(
            Found(row.site, site.zone, row.booking, row.title, place, row.start, row.end, row.status, state)
        )
    order = {"now": 0, "soon": 1, "past": 2, "later": 3}
    found.sort(key=lambda each: (each.status != "confirmed", order[each.when], abs(each.start - now)))
    return found[:MOST_FOUND]
