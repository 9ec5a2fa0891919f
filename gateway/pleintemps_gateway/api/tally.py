"""Counting what the web tier refuses, where a caretaker sees it; a flood is few writes."""

import threading
from typing import Any, Final

from sqlalchemy import ColumnElement, Engine, case

from pleintemps_contract.world import World
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import refusals
from pleintemps_gateway.store.upsert import Incoming, upsert

EVERY_MS: Final = 10_000
"""A site's counts are written at once, then at most so often."""


class Tally:
    """Refusals by site, source and reason; reasons are few. Any thread may call."""

    def __init__(self, engine: Engine, world: World) -> None:
        self._engine = engine
        self._world = world
        self._lock = threading.Lock()
        self._counts: dict[str, dict[tuple[str, str], int]] = {}
        self._first: dict[str, int] = {}
        self._written: dict[str, int] = {}

    def add(self, site: str, source: str, reason: str) -> None:
        """Count one refusal."""
        now = self._world.monotonic()
        with self._lock:
            counts = self._counts.setdefault(site, {})
            counts[source, reason] = counts.get((source, reason), 0) + 1
            self._first.setdefault(site, self._world.now())
            last = self._written.get(site)
            if last is not None and now < last + EVERY_MS:
                return
            self._written[site] = now
        self._write(site)

    def flush(self) -> None:
        """Write what is counted: the process ends."""
        for site in list(self._counts):
            self._write(site)

    def _write(self, site: str) -> None:
        with self._lock:
            counts, since = self._counts.pop(site, {}), self._first.pop(site, self._world.now())
        if not counts:
            return
        now = self._world.now()
        rows = [
            {"site": site, "source": source[:120], "reason": reason[:200], "count": count}
            | {"first_at": since, "last_at": now}
            for (source, reason), count in counts.items()
        ]
        with write_transaction(self._engine, [site]) as conn:
            upsert(conn, refusals, rows, _added)
            for row in rows:
                record_change(conn, site, "refusals", f"{row['source']}/{row['reason']}", now)


def _added(new: Incoming) -> dict[str, ColumnElement[Any]]:
    old = refusals.c
    first = case((old.first_at < new.first_at, old.first_at), else_=new.first_at)
    return {"count": old["count"] + new["count"], "first_at": first}
