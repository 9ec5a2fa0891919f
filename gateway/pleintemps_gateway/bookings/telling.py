"""Asking that the source of a booking be told of its release, in the transaction that makes it true."""

from typing import Any

from sqlalchemy import Connection, Row

from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.schema_rooms import tellings
from pleintemps_gateway.store.upsert import upsert


def ask_to_tell(conn: Connection, site: SiteConfig, row: Row[Any], now: int) -> None:
    """Queue what has become of ``row`` of ``bookings``, if its feed is told. What was queued before it and
    not told yet is told no more: the state counts."""
    feed = next((source for source in site.sources if source.feed == row.source), None)
    if feed is None or not feed.is_told:
        return
    key = {"site": site.site, "booking": row.booking}
    values = {"feed": feed.feed, "state": "queued", "asked": now, "attempts": 0, "due": now, "error": None}
    upsert(conn, tellings, [key | values])
    record_change(conn, site.site, "tellings", row.booking, now)
