"""What stands in the store and changes without an event, told as rows again and again: agents, hours.

Hours are told for two days back, and again when late data have corrected them. To a database that was never
told anything all hours that the store has are told first.
"""

import asyncio
import re
from array import array
from collections.abc import Collection, Iterable
from typing import Any, Final
from zlib import crc32

import msgspec
from sqlalchemy import Connection, Engine, Row, func, select

from pleintemps_contract.agent_messages import ClockSource, Health, JournalPosition, Presence
from pleintemps_contract.world import World
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.matrix.lanes import HOUR_MS, Week, hour_of, hours_in, week_of
from pleintemps_gateway.matrix.store import shift_of, throughs
from pleintemps_gateway.store.schema import agents, devices, hours, journals

from .rows import AgentNow, SpaceHour
from .sink import SeriesSink

TELL_MS: Final = 60_000
BACK_MS: Final = 48 * HOUR_MS
ALL_MS: Final = 10 * 366 * 24 * HOUR_MS
_DAY_MS: Final = 86_400_000
_SLOTS: Final = 64
"""Hours remembered of a space: more than are told."""
_VERSION: Final = re.compile(r"(\d{1,4})\.(\d{1,3})(?:\.(\d{1,3}))?")


def version_number(text: str | None) -> float | None:
    """1002003 for 1.2.3 and what begins so; None for anything else."""
    found = _VERSION.match(text or "")
    if found is None:
        return None
    major, minor, patch = (int(part or 0) for part in found.groups())
    return float(major * 1_000_000 + minor * 1_000 + patch)


def agent_rows(conn: Connection, site: str, now: int) -> list[AgentNow]:
    """Every agent of ``site`` that was ever heard of."""
    through: dict[tuple[str, str], int] = {}
    lost: dict[str, int] = {}
    for row in conn.execute(select(journals).where(journals.c.site == site)):
        through[row.journal, row.stream] = row.through
        lost[row.agent] = lost.get(row.agent, 0) + row.lost
    unwell = select(devices.c.agent, func.count()).where(
        devices.c.site == site, devices.c.health != Health.OK.value
    )
    ill = {agent: number for agent, number in conn.execute(unwell.group_by(devices.c.agent))}
    found = conn.execute(select(agents).where(agents.c.site == site).order_by(agents.c.agent))
    return [_agent(row, now, through, lost, ill) for row in found]


def _agent(
    row: Row[Any],
    now: int,
    through: dict[tuple[str, str], int],
    lost: dict[str, int],
    ill: dict[str, int],
) -> AgentNow:
    until = row.certificate_until
    return AgentNow(
        agent=row.agent,
        at=now,
        online=row.presence == Presence.ONLINE,
        silent_s=None if row.last_seen is None else max(0, now - row.last_seen) / 1000,
        backlog=_backlog(row.journals, through),
        lost=lost.get(row.agent, 0),
        ill=ill.get(row.agent, 0),
        clock=None if row.clock is None else ClockSource(row.clock),
        clock_trusted=row.clock_trusted,
        version=version_number(row.version),
        certificate_days=None if until is None else (until - now) / _DAY_MS,
    )


def _backlog(told: str | None, through: dict[tuple[str, str], int]) -> int | None:
    if not told:
        return None
    positions = msgspec.json.decode(told, type=list[JournalPosition])
    held = ((each, through.get((each.journal, each.stream.value), 0)) for each in positions)
    return sum(max(0, each.next - 1 - max(each.first - 1, stored)) for each, stored in held)


def hour_rows(
    conn: Connection, site: SiteConfig, now: int, back_ms: int = BACK_MS, space: str = ""
) -> list[SpaceHour]:
    """The hours that are over and worked out, ``back_ms`` back, of one ``space`` or of all."""
    shift = shift_of(site.zone)
    first = hour_of(now - back_ms, shift)
    known = throughs(conn, site.site)
    mine = (hours.c.site == site.site) & (hours.c.week >= week_of(first, shift))
    if space:
        mine &= hours.c.space == space
    found: list[SpaceHour] = []
    for row in conn.execute(select(hours).where(mine).order_by(hours.c.space, hours.c.week)):
        for slot, hour in enumerate(hours_in(Week(row.figures, row.counts))):
            at = row.week + slot * HOUR_MS
            if first <= at and at + HOUR_MS <= min(now, known.get(row.space, 0)):
                found.append(
                    SpaceHour(
                        space=row.space,
                        at=at,
                        known_ms=hour.known,
                        used_ms=hour.used,
                        booked_ms=hour.booked,
                        both_ms=hour.both,
                    )
                )
    return found


class Standing:
    """Tells agents every minute, hours every hour. ``fresh``: nothing was ever told to this database."""

    def __init__(
        self,
        sites: Iterable[SiteConfig],
        engine: Engine,
        sink: SeriesSink,
        world: World,
        *,
        fresh: bool = False,
        held: Collection[str] | None = None,
    ) -> None:
        """``held``: those of ``sites`` that are ours now; all of them if it is left out."""
        self._sites = list(sites)
        self._held = held
        self._fresh = fresh
        self._engine = engine
        self._sink = sink
        self._world = world
        self._hour: dict[str, int] = {}
        self._told: dict[tuple[str, str], array[int]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        if self._fresh:
            await asyncio.to_thread(self.fill)
        while True:
            due = self._world.monotonic() + TELL_MS
            await asyncio.to_thread(self.tell)
            await self._world.sleep_until(due)

    def fill(self) -> None:
        """Tell every hour that is stored, one space after another."""
        now = self._world.now()
        for site in self._sites:
            for space in site.spaces:
                with self._engine.connect() as conn:
                    self._sink.add_when_room(site.site, hour_rows(conn, site, now, ALL_MS, space.space))

    def tell(self) -> None:
        """One round. Hours a quarter of an hour after they are over, when they are worked out."""
        now = self._world.now()
        for site in self._sites:
            if self._held is not None and site.site not in self._held:
                continue
            with self._engine.connect() as conn:
                self._sink.add_when_room(site.site, agent_rows(conn, site.site, now))
                hour = (now - HOUR_MS // 4) // HOUR_MS
                if self._hour.get(site.site) != hour:
                    self._hour[site.site] = hour
                    hours = hour_rows(conn, site, now)
                    self._sink.add_when_room(
                        site.site, [row for row in hours if self._is_news(site.site, row)]
                    )

    def _is_news(self, site: str, row: SpaceHour) -> bool:
        """Whether the hour was not told yet as it is now; it is from here on."""
        told = self._told.setdefault((site, row.space), array("Q", bytes(8 * _SLOTS)))
        slot = row.at // HOUR_MS % _SLOTS
        news = row.at // HOUR_MS << 32 | crc32(msgspec.msgpack.encode(row))
        is_news, told[slot] = told[slot] != news, news
        return is_news
