"""What other processes have written since the last look: into the rules, and to who says it on."""

from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, select

from pleintemps_gateway.alerts.records import AlertKind, AlertState
from pleintemps_gateway.engine import SiteEngine
from pleintemps_gateway.store.changes import changes_since, last_change
from pleintemps_gateway.store.learnt import youngest
from pleintemps_gateway.store.marks import lessons
from pleintemps_gateway.store.schema import alerts, bookings, deliveries
from pleintemps_gateway.updates.standing import halted

from .snapshot import alert_of, booking_of
from .speaker import Speaker

FOLLOWED: Final = (
    "alerts",
    "bookings",
    "commands",
    "deliveries",
    "grants",
    "hooked",
    "learnt",
    "marks",
    "rights",
    "rollouts",
    "trust",
)
"""Tables that other processes write for us."""


class Followed(NamedTuple):
    """How far the feed of changes was read, and the keys of what changed."""

    through: int
    bookings: frozenset[str] = frozenset()
    rights: frozenset[str] = frozenset()
    hooked: frozenset[str] = frozenset()
    trust: frozenset[str] = frozenset()


def follow(
    conn: Connection, site: str, engine: SiteEngine, speaker: Speaker, since: int, now: int
) -> Followed:
    """Take notice of every change after ``since``."""
    keys: dict[str, set[str]] = {}
    for kind, key in changes_since(conn, site, since, FOLLOWED):
        keys.setdefault(kind, set()).add(key)
    through = last_change(conn, site)
    if found := keys.get("bookings"):
        mine = bookings.c.site == site
        named = select(bookings).where(mine, bookings.c.booking.in_(sorted(found)))
        changed = [booking_of(row) for row in conn.execute(named)]
        engine.on_bookings(changed)
        speaker.bookings_changed(changed)
    if found := keys.get("alerts"):
        _alerts(conn, site, engine, found, now)
    if found := keys.get("deliveries"):
        mine = (deliveries.c.site == site) & deliveries.c.delivery.in_(sorted(found))
        for row in conn.execute(select(deliveries).where(mine, deliveries.c.state != "queued")):
            error = (row.error or "") if row.state == "failed" else None
            about = row.booking or row.right or row.delivery
            engine.on_delivery(about, row.template, row.channel, error)
    if found := keys.get("learnt"):
        known = youngest(conn, site)
        for space in sorted(found):
            if space in known and known[space]["body"] is None:
                engine.on_reset(space)
    if "marks" in keys:
        engine.on_marks(lessons(conn, site))
    if "rollouts" in keys:
        engine.on_halted(halted(conn, site))
    if "commands" in keys:
        speaker.commands_changed()
    for key in keys.get("grants", ()):
        speaker.grants_changed(key.partition("/")[0])
    named_keys = (frozenset(keys.get(kind, ())) for kind in ("bookings", "rights", "hooked", "trust"))
    return Followed(through, *named_keys)


def _alerts(conn: Connection, site: str, engine: SiteEngine, found: set[str], now: int) -> None:
    told = (alerts.c.site == site) & alerts.c.alert.in_(sorted(found))
    calls = told & (alerts.c.kind == AlertKind.HELP.value) & (alerts.c.state == "open")
    for row in conn.execute(select(alerts).where(calls)):
        engine.on_called(alert_of(row))
    for row in conn.execute(select(alerts).where(told, alerts.c.state == "acknowledged")):
        at, by = row.acknowledged or now, row.acknowledged_by or ""
        engine.on_acknowledged(row.alert, at, by, row.comment)
    for row in conn.execute(select(alerts).where(told, alerts.c.state.in_(("open", "paused")))):
        engine.on_given_back(row.alert, AlertState(row.state))
    erased = told & (alerts.c.state != "resolved") & alerts.c.facts.contains(':""')
    for row in conn.execute(select(alerts).where(erased)):
        facts = msgspec.json.decode(row.facts, type=dict[str, Any])
        engine.on_blanked(row.alert, [name for name, value in facts.items() if value == ""])
