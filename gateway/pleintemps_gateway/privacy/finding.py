"""What is held about a booking, a person's address, a group or a right: which rows of one site."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, Table, and_, func, or_, select

from pleintemps_gateway.store.reading import EVERY_SITE
from pleintemps_gateway.store.schema import (
    alert_acts,
    alerts,
    bookings,
    commands,
    contacts,
    credentials,
    events,
    groups,
    hooked,
    rights,
)
from pleintemps_gateway.store.schema_rooms import marks

Kind = Literal["booking", "mail", "group", "right"]
GONE: Final = ("erased:", "expired:")
"""What the uid of a booking begins with that nobody can be found by any more."""
_CHUNK: Final = 50


class Wanted(NamedTuple):
    """Who asks, or for whom: one booking, everything under an address, a group, a right."""

    kind: Kind
    text: str


class Found(NamedTuple):
    """Names of rows. ``groups`` and ``group_contacts`` are (site, slug): of the first everything goes, of the
    second the person who answers for it. ``words`` are looked for in texts that name no row.
    """

    bookings: tuple[str, ...] = ()
    groups: tuple[tuple[str, str], ...] = ()
    group_contacts: tuple[tuple[str, str], ...] = ()
    rights: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.bookings or self.groups or self.group_contacts or self.rights)


def find(conn: Connection, site: str, wanted: Wanted) -> Found:
    """The rows of ``site``, and of groups of every site, that ``wanted`` means."""
    text = wanted.text
    match wanted.kind:
        case "booking":
            mine = (bookings.c.site == site) & (bookings.c.booking == text)
            return Found(bookings=_column(conn, bookings, "booking", mine), words=(text,))
        case "right":
            mine = (rights.c.site == site) & (rights.c.right == text)
            return Found(rights=_column(conn, rights, "right", mine), words=(text,))
        case "group":
            own = (bookings.c.site == site) & (bookings.c.group == text)
            return Found(
                bookings=_column(conn, bookings, "booking", own),
                groups=_groups(conn, site, groups.c.group == text),
                words=(f'"{text}"',),
            )
    return _by_mail(conn, site, text)


def _by_mail(conn: Connection, site: str, mail: str) -> Found:
    told = (contacts.c.site == site) & _same(contacts.c.mail, mail)
    entitled = (rights.c.site == site) & _same(rights.c.mail, mail)
    titled = (bookings.c.site == site) & (
        func.lower(bookings.c.title).contains(mail.lower(), autoescape=True)
        | func.lower(bookings.c.uid).contains(mail.lower(), autoescape=True)
    )
    booked = {
        *_column(conn, contacts, "booking", told),
        *_column(conn, bookings, "booking", titled),
        *_of_hooked(conn, site, mail),
    }
    return Found(
        bookings=tuple(sorted(booked)),
        group_contacts=_groups(conn, site, _same(groups.c.mail, mail)),
        rights=_column(conn, rights, "right", entitled),
        words=(mail,),
    )


def _same(column: Any, mail: str) -> Any:
    return func.lower(column) == mail.lower()


def _column(conn: Connection, table: Table, name: str, where: Any) -> tuple[str, ...]:
    return tuple(str(key) for key in conn.execute(select(table.c[name]).where(where)).scalars())


def _groups(conn: Connection, site: str, where: Any) -> tuple[tuple[str, str], ...]:
    here = groups.c.site.in_((site, EVERY_SITE))
    rows = conn.execute(select(groups.c.site, groups.c.group).where(here, where))
    return tuple((str(row.site), str(row.group)) for row in rows)


def _of_hooked(conn: Connection, site: str, mail: str) -> Iterator[str]:
    """Bookings that a webhook told of with this address, though the store kept no contact."""
    for row in conn.execute(select(hooked).where(hooked.c.site == site)):
        if mail.casefold() in row.body.casefold():
            mine = (bookings.c.site == site) & (bookings.c.source == row.feed) & (bookings.c.uid == row.uid)
            yield from _column(conn, bookings, "booking", mine)


def booking_rows(conn: Connection, site: str, found: Found) -> list[Row[Any]]:
    return _rows(conn, bookings, bookings.c.site == site, bookings.c.booking, found.bookings)


def credential_rows(conn: Connection, site: str, found: Found) -> list[Row[Any]]:
    mine = credentials.c.site == site
    rows = _rows(conn, credentials, mine, credentials.c.booking, found.bookings)
    return rows + _rows(conn, credentials, mine, credentials.c.right, found.rights)


def event_keys(conn: Connection, site: str, grants: Iterable[str]) -> list[tuple[str, int]]:
    """(journal, seq) of the events that name one of ``grants``; reads every event of the site."""
    names = sorted(grants)
    keys: list[tuple[str, int]] = []
    for start in range(0, len(names), _CHUNK):
        named = or_(*(events.c.body.contains(name) for name in names[start : start + _CHUNK]))
        query = select(events.c.journal, events.c.seq).where(events.c.site == site, named)
        keys += [(str(row.journal), int(row.seq)) for row in conn.execute(query.order_by(events.c.at))]
    return keys


def alert_rows(conn: Connection, site: str, booked: Iterable[Row[Any]]) -> list[Row[Any]]:
    """Alerts about these bookings, and those of their spaces that say their titles."""
    found: dict[str, Row[Any]] = {}
    for booking in booked:
        near = and_(alerts.c.space == booking.space, alerts.c.facts != "{}")
        about = or_(alerts.c.booking == booking.booking, near)
        for row in conn.execute(select(alerts).where(alerts.c.site == site, about)):
            said = msgspec.json.decode(row.facts, type=dict[str, Any]).values()
            if row.booking == booking.booking or (booking.title and booking.title in said):
                found[row.alert] = row
    return list(found.values())


def act_rows(conn: Connection, site: str, booked: Iterable[Row[Any]]) -> list[Row[Any]]:
    """What was done about those alerts."""
    names = [row.alert for row in alert_rows(conn, site, booked)]
    rows: list[Row[Any]] = []
    for start in range(0, len(names), 500):
        mine = (alert_acts.c.site == site) & alert_acts.c.alert.in_(names[start : start + 500])
        rows += conn.execute(select(alert_acts).where(mine).order_by(alert_acts.c.at, alert_acts.c.seq))
    return rows


def command_rows(conn: Connection, site: str, found: Found) -> list[Row[Any]]:
    """Commands asked for in the name of one of these, as from a booking's page, or whose reason names one."""
    rows: dict[str, Row[Any]] = {}
    for name in (*found.bookings, *found.rights, *found.words):
        said = commands.c.reason.contains(name, autoescape=True)
        mine = (commands.c.site == site) & (commands.c.user.contains(name, autoescape=True) | said)
        rows |= {row.command: row for row in conn.execute(select(commands).where(mine))}
    return list(rows.values())


def mark_rows(conn: Connection, site: str, words: Iterable[str]) -> list[Row[Any]]:
    """Hours that somebody has marked whose name here is, or holds, one of ``words``."""
    found: dict[str, Row[Any]] = {}
    for word in words:
        mine = (marks.c.site == site) & marks.c.by.contains(word, autoescape=True)
        found |= {row.mark: row for row in conn.execute(select(marks).where(mine))}
    return list(found.values())


def hooked_rows(
    conn: Connection, site: str, booked: Iterable[Row[Any]], words: Iterable[str]
) -> list[Row[Any]]:
    """What webhooks told of these bookings, whatever name they had before, or of these words."""
    rows = list(conn.execute(select(hooked).where(hooked.c.site == site)).all())
    names = {(row.source, row.uid) for row in booked if not row.uid.startswith(GONE)}
    wanted = [word.casefold() for word in words]
    found: dict[tuple[str, str], Row[Any]] = {}
    before = -1
    while before != len(found):
        before = len(found)
        for row in rows:
            named = any(row.feed == feed and f'"{uid}"' in row.body for feed, uid in names)
            said = any(word in row.body.casefold() for word in wanted)
            if (row.feed, row.uid) in names or named or said:
                found[row.feed, row.uid] = row
        # one chain of names is one booking
        names |= found.keys()
    return list(found.values())


def _rows(conn: Connection, table: Table, where: Any, column: Any, names: Iterable[str]) -> list[Row[Any]]:
    wanted = sorted(names)
    rows: list[Row[Any]] = []
    for start in range(0, len(wanted), 500):
        rows += conn.execute(select(table).where(where, column.in_(wanted[start : start + 500]))).all()
    return rows
