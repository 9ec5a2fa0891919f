"""Queueing what a caretaker is told: one row a channel, in the transaction of what it is about."""

import json
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from pleintemps_contract.world import World
from pleintemps_gateway.alerts.life import ActKind, Done
from pleintemps_gateway.alerts.records import Rank
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.reading import EVERY_SITE
from pleintemps_gateway.store.schema import alerts, notices, push_subscriptions, users

from .duty import PUSH, DutyBook, PersonConfig, tell_at

KINDS: Final = {
    ActKind.ASKED: "alert",
    ActKind.ESCALATE: "alert",
    ActKind.GIVE: "given",
    ActKind.BACK: "back",
    ActKind.REMINDED: "reminder",
}
"""What is sent because of an act."""
NO_CHANNEL: Final = "no-channel"
TOLD_RECENTLY: Final = "told-recently"


def queue_acts(
    conn: Connection, site: SiteConfig, alert: Row[Any], done: Iterable[Done], book: DutyBook, world: World
) -> None:
    """Queue what ``done`` wants to be told about ``alert``; nothing where there is no rota.

    What the same person was told of the same subject a short while ago is dropped, and says so.
    """
    if book.rota(site.site) is None:
        return
    now = world.now()
    for each in done:
        if not each.tell or not each.person:
            continue
        kind = KINDS[each.kind]
        person = book.person(each.person) or PersonConfig(person=each.person)
        again = kind == "alert" and _told(conn, site.site, alert, each.person, now - book.again_ms(site.site))
        rank = alert.rank if kind == "alert" else Rank.ALERT.value  # what a person wants is no disturbance
        due = tell_at(person, rank, site.zone, now)
        for channel in channels_of(conn, site.site, person):
            values: dict[str, Any] = {"alert": alert.alert, "due": due}
            if again:
                values |= {"state": "dropped", "error": TOLD_RECENTLY, "done": now}
            put(conn, site.site, kind, each.person, channel, world, **values)


def channels_of(conn: Connection, site: str, person: PersonConfig) -> list[str]:
    """Those that reach ``person``: of the file, and browsers that asked for it; empty text: none does."""
    found = list(person.channels)
    if person.push and subscriptions(conn, site, person.person):
        found.append(PUSH)
    return found or [""]


def subscriptions(conn: Connection, site: str, person: str) -> list[Row[Any]]:
    """Browsers of ``person`` for what happens at ``site``: of an account that may log in and sees it."""
    table = push_subscriptions
    account = (users.c.site == table.c.site) & (users.c.name == table.c.person) & users.c.disabled.is_(None)
    mine = table.c.site.in_((site, EVERY_SITE)) & (table.c.person == person)
    query = select(table, users.c.sites.label("sites")).join(users, account).where(mine)
    rows = conn.execute(query.order_by(table.c.subscription))
    return [row for row in rows if row.sites is None or site in json.loads(row.sites)]


def put(conn: Connection, site: str, kind: str, person: str, channel: str, world: World, **more: Any) -> str:
    """One row, due at once; returns its id. Without a channel it has failed already."""
    now, notice = world.now(), world.new_id()
    values: dict[str, Any] = {"state": "queued", "due": now, "error": None, "done": None}
    if not channel:
        values |= {"state": "failed", "error": NO_CHANNEL, "done": now}
        more.pop("due", None)
    conn.execute(
        insert(notices).values(
            site=site,
            notice=notice,
            kind=kind,
            person=person,
            channel=channel,
            created=now,
            **(values | more),
        )
    )
    record_change(conn, site, "notices", notice, now)
    return notice


def next_now(conn: Connection, site: str, row: Row[Any], now: int) -> None:
    """Nothing reached who was asked: the next is asked at once instead of after the wait."""
    mine = (notices.c.site == site) & (notices.c.alert == row.alert) & (notices.c.person == row.person)
    hope = mine & notices.c.state.in_(("queued", "sent")) & (notices.c.created >= row.created)
    if conn.scalar(select(notices.c.notice).where(hope).limit(1)) is not None:
        return
    waiting = (alerts.c.site == site) & (alerts.c.alert == row.alert) & (alerts.c.state == "open")
    conn.execute(update(alerts).where(waiting, alerts.c.due > now).values(due=now))
    record_change(conn, site, "alerts", row.alert, now)


def _told(conn: Connection, site: str, alert: Row[Any], person: str, since: int) -> bool:
    """Of an earlier alert about the same: one that flaps is told once."""
    same = (alerts.c.site == site) & (alerts.c.subject == alert.subject) & (alerts.c.alert != alert.alert)
    told = (notices.c.site == site) & (notices.c.person == person) & (notices.c.created > since)
    query = select(notices.c.notice).join(
        alerts, (alerts.c.site == notices.c.site) & (alerts.c.alert == notices.c.alert)
    )
    live = notices.c.state.in_(("queued", "sent"))
    return conn.scalar(query.where(same, told, live, notices.c.kind == "alert").limit(1)) is not None
