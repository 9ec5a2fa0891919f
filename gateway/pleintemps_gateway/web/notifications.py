"""Who is on duty, how each is reached, and what became of what was sent."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, select

from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.notify.duty import PUSH, DutyBook, PersonConfig
from pleintemps_gateway.store.reading import EVERY_SITE
from pleintemps_gateway.store.schema import alerts, notices, push_subscriptions

from .board import Alert
from .tonight import alert_view

PAGE = 50


class Channel(NamedTuple):
    """``last`` is its youngest notice that was tried, if any."""

    name: str
    last: Row[Any] | None


class Reached(NamedTuple):
    """A person of the duty file, or the reader who is not in it; ``browsers`` are those of web push."""

    person: PersonConfig
    channels: list[Channel]
    browsers: int


class Sent(NamedTuple):
    row: Row[Any]
    alert: Alert | None


class Notifications(NamedTuple):
    people: list[Reached]
    mine: list[Row[Any]]
    sent: list[Sent]
    pages: int


def load_notifications(
    conn: Connection, sites: Sequence[SiteConfig], book: DutyBook, name: str, page: int
) -> Notifications:
    """As a reader called ``name`` sees it; ``page`` of what was sent, from 1."""
    named = {site.site: site for site in sites}
    places = [*named, EVERY_SITE]
    table = push_subscriptions
    browsers = conn.execute(select(table).where(table.c.site.in_(places)).order_by(table.c.created)).all()
    count: dict[str, int] = {}
    for row in browsers:
        count[row.person] = count.get(row.person, 0) + 1
    last = _last(conn, list(named))
    known = list(book.people)
    if book.person(name) is None:
        known.append(PersonConfig(person=name))
    people = []
    for person in known:
        names = [*person.channels, *([PUSH] if person.push and count.get(person.person) else [])]
        found = [Channel(each, last.get((person.person, each))) for each in names]
        people.append(Reached(person, found, count.get(person.person, 0)))
    mine = notices.c.site.in_(named)
    total = int(conn.scalar(select(func.count()).select_from(notices).where(mine)) or 0)
    order = (notices.c.created.desc(), notices.c.notice)
    rows = conn.execute(
        select(notices).where(mine).order_by(*order).limit(PAGE).offset((page - 1) * PAGE)
    ).all()
    about = _alerts(conn, named, [row.alert for row in rows if row.alert])
    sent = [Sent(row, about.get((row.site, row.alert or ""))) for row in rows]
    return Notifications(people, [row for row in browsers if row.person == name], sent, -(-total // PAGE))


def _last(conn: Connection, sites: Sequence[str]) -> dict[tuple[str, str], Row[Any]]:
    """The youngest that was sent or has failed, by person and channel."""
    tried = notices.c.site.in_(sites) & notices.c.state.in_(("sent", "failed"))
    newest = (
        select(notices.c.person, notices.c.channel, func.max(notices.c.done).label("done"))
        .where(tried)
        .group_by(notices.c.person, notices.c.channel)
        .subquery()
    )
    same = (notices.c.person == newest.c.person) & (notices.c.channel == newest.c.channel)
    query = select(notices).join(newest, same & (notices.c.done == newest.c.done)).where(tried)
    return {(row.person, row.channel): row for row in conn.execute(query)}


def _alerts(
    conn: Connection, sites: dict[str, SiteConfig], names: Sequence[str]
) -> dict[tuple[str, str], Alert]:
    mine = alerts.c.site.in_(sites) & alerts.c.alert.in_(names)
    rows = conn.execute(select(alerts).where(mine)).all()
    return {(row.site, row.alert): alert_view(row, sites[row.site]) for row in rows}
