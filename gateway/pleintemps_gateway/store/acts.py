"""The life of alerts in the store: rows as records, every act one more row, in the writer's transaction.

Who wants to know what happens to alerts (a page, a webhook) follows ``alert_acts`` in the feed of changes.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, func, insert, select, update

from pleintemps_gateway.alerts.life import ActKind, Done, Life
from pleintemps_gateway.alerts.records import AlertState

from .changes import record_change
from .schema import alert_acts, alerts

MAX_COMMENT: Final = 500


def life_of(row: Row[Any]) -> Life:
    """A row of ``alerts`` as the rules of its life want it."""
    return Life(
        state=AlertState(row.state),
        version=row.version,
        taken=row.acknowledged,
        by=row.acknowledged_by,
        until=row.paused_until,
        given=row.assigned,
        asked=tuple(msgspec.json.decode(row.asked, type=list[str])) if row.asked else (),
        due=row.due,
    )


def put_life(conn: Connection, site: str, alert: str, life: Life, at: int, **more: Any) -> None:
    """Store where ``alert`` stands (``more``: other columns) and say so in the feed of changes."""
    mine = (alerts.c.site == site) & (alerts.c.alert == alert)
    values = {
        "state": life.state.value,
        "version": life.version,
        "acknowledged": life.taken,
        "acknowledged_by": life.by,
        "paused_until": life.until,
        "assigned": life.given,
        "asked": msgspec.json.encode(life.asked).decode() if life.asked else None,
        "due": life.due,
    }
    conn.execute(update(alerts).where(mine).values(values | more))
    record_change(conn, site, "alerts", alert, at)


def note(conn: Connection, site: str, alert: str, at: int, done: Iterable[Done], comment: str = "") -> None:
    """Add ``done`` to the history of ``alert``; ``comment`` belongs to the first of them."""
    mine = (alert_acts.c.site == site) & (alert_acts.c.alert == alert)
    seq = conn.scalar(select(func.coalesce(func.max(alert_acts.c.seq), 0)).where(mine)) or 0
    for each in done:
        seq += 1
        values = {
            "site": site,
            "alert": alert,
            "seq": seq,
            "at": at,
            "act": each.kind.value,
            "by": each.by,
            "person": each.person,
            "until": each.until,
            "comment": comment[:MAX_COMMENT] or None,
        }
        conn.execute(insert(alert_acts).values(values))
        record_change(conn, site, "alert_acts", f"{alert}/{seq}", at)
        comment = ""


def note_one(conn: Connection, site: str, alert: str, at: int, kind: ActKind) -> None:
    """What the gateway did by itself."""
    note(conn, site, alert, at, [Done(kind=kind)])


def acts(conn: Connection, site: str, alert: str) -> list[Row[Any]]:
    """The history of ``alert``, oldest first."""
    mine = (alert_acts.c.site == site) & (alert_acts.c.alert == alert)
    return list(conn.execute(select(alert_acts).where(mine).order_by(alert_acts.c.seq)))
