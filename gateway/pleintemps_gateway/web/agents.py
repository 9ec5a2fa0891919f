"""Agents as their page shows them: how each is, by what it said last, and what to do. Read-only."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, func, or_, select

from pleintemps_contract.agent_messages import JournalPosition, StorageInfo
from pleintemps_gateway.alerts.upkeep import CERTIFICATE_MS
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.store import reading
from pleintemps_gateway.store.enrolment import shut_out_agents
from pleintemps_gateway.store.schema import grants, journals

from . import upkeep

BACKLOG_WORTH_A_LOOK: Final = 1_000
"""Records that wait: more than an evening's."""
DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class DeviceView:
    """``health`` is ``ok``, ``silent`` or ``error``; ``alert`` is where a caretaker takes it, if any."""

    device: str
    driver: str
    health: str
    detail: str
    at: int
    alert: str


@dataclass(frozen=True, slots=True)
class AgentView:
    """``state`` is ``never``, ``silent``, ``watch`` or ``fine``; ``todo`` names what to do, the first first.

    ``backlog`` counts records that the last birth told of and that are not stored; None if it told of none.
    ``lacking`` counts codes that its doors do not hold yet. A silent agent's figures are those of the last
    contact. ``timings`` is ``own``, ``sent``, ``applied`` or ``refused``.
    """

    site: str
    site_name: str
    zone: str
    agent: str
    doors: tuple[str, ...]
    state: str
    seen: int | None
    version: str
    boot: str
    born: int | None
    clock: str
    clock_trusted: bool | None
    backlog: int | None
    lost: int
    storage: tuple[StorageInfo, ...]
    certificate_until: int | None
    timings: str
    timings_detail: str
    revision: int | None
    lacking: int
    devices: tuple[DeviceView, ...]
    todo: tuple[str, ...]

    @property
    def ill(self) -> tuple[DeviceView, ...]:
        return tuple(device for device in self.devices if device.health != "ok")

    @property
    def place(self) -> str:
        """What to call it before its own name."""
        return f"{self.site_name}, {self.agent}"


_ORDER: Final = {"silent": 0, "never": 1, "watch": 2, "fine": 3}


def load_agents(conn: Connection, sites: Sequence[SiteConfig], now: int) -> list[AgentView]:
    """Every agent that is configured or was heard of, those that need somebody first."""
    names = [site.site for site in sites]
    rows = {(row.site, row.agent): row for row in reading.agents(conn, names)}
    devices, faulty = reading.devices(conn, names), upkeep.faulty(conn, sites)
    through, lost = _stored(conn, names)
    found: list[AgentView] = []
    for site in sites:
        out = shut_out_agents(conn, site.site)
        silent_ms = int(site.rules.agent_silent_after_s * 1000)
        wanted = {door.agent for door in site.doors} | {panel.agent for panel in site.panels}
        wanted |= {signal.agent for signal in site.signals}
        known = {agent for home, agent in rows if home == site.site}
        for agent in sorted(wanted | known):
            row = rows.get((site.site, agent))
            here = [each for each in devices if (each.site, each.agent) == (site.site, agent)]
            alerts = {item.device: item for item in faulty if (item.site, item.agent) == (site.site, agent)}
            own = _devices(here, alerts)
            view = _view(
                conn, site, agent, row, own, through, lost.get((site.site, agent), 0), now, silent_ms
            )
            found.append(replace(view, state="silent", todo=("shut-out",)) if agent in out else view)
    return sorted(found, key=lambda view: (_ORDER[view.state], -len(view.todo), view.site, view.agent))


def _devices(rows: Sequence[Row[Any]], alerts: dict[str, upkeep.Faulty]) -> tuple[DeviceView, ...]:
    """What devices say of themselves, and what alerts say of them: that counts for more."""
    told = {
        row.device: DeviceView(row.device, row.driver, row.health, row.detail, row.at, "") for row in rows
    }
    for name, alert in alerts.items():
        known = told.get(name)
        ill = known.health if known and known.health != "ok" else "error"
        driver = known.driver if known else ""
        told[name] = DeviceView(name, driver, ill, alert.detail, alert.since, alert.alert)
    return tuple(sorted(told.values(), key=lambda device: (device.health == "ok", device.device)))


def _view(
    conn: Connection,
    site: SiteConfig,
    agent: str,
    row: Row[Any] | None,
    devices: tuple[DeviceView, ...],
    through: dict[tuple[str, str], int],
    lost: int,
    now: int,
    silent_ms: int,
) -> AgentView:
    doors = tuple(door.name for door in site.doors if door.agent == agent)
    if row is None or (row.last_seen is None and row.boot is None):
        return AgentView(
            site=site.site,
            site_name=site.name,
            zone=site.zone,
            agent=agent,
            doors=doors,
            state="never",
            seen=None,
            version="",
            boot="",
            born=None,
            clock="",
            clock_trusted=None,
            backlog=None,
            lost=0,
            storage=(),
            certificate_until=None,
            timings="own",
            timings_detail="",
            revision=None,
            lacking=0,
            devices=devices,
            todo=("never",),
        )
    silent = row.presence != "online" or row.last_seen is None or now - row.last_seen >= silent_ms
    backlog = _backlog(row.journals, through)
    storage = tuple(msgspec.json.decode(row.storage or "[]", type=list[StorageInfo]))
    timings = _timings(row)
    lacking = _lacking(conn, row)
    certificate_days = None if row.certificate_until is None else (row.certificate_until - now) // DAY_MS
    marks = {
        "silent": silent,
        "storage": any(info.health != "ok" for info in storage),
        "clock": row.clock_trusted is False,
        "devices": any(device.health != "ok" for device in devices),
        "certificate-over": certificate_days is not None and certificate_days < 0,
        "certificate": certificate_days is not None and 0 <= certificate_days <= CERTIFICATE_MS // DAY_MS,
        "timings": timings == "refused",
        "grants": bool(row.grants_detail),
        "backlog": backlog is not None and backlog >= BACKLOG_WORTH_A_LOOK and not silent,
    }
    todo = tuple(name for name, is_so in marks.items() if is_so)
    return AgentView(
        site=site.site,
        site_name=site.name,
        zone=site.zone,
        agent=agent,
        doors=doors,
        state="silent" if silent else ("watch" if todo else "fine"),
        seen=row.last_seen,
        version=row.version or "",
        boot=row.boot or "",
        born=row.born_at,
        clock=row.clock or "",
        clock_trusted=row.clock_trusted,
        backlog=backlog,
        lost=lost,
        storage=storage,
        certificate_until=row.certificate_until,
        timings=timings,
        timings_detail=row.config_detail or "",
        revision=row.grants_revision,
        lacking=lacking,
        devices=devices,
        todo=todo,
    )


def _stored(
    conn: Connection, names: Sequence[str]
) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]:
    """(how far each stream of each journal is stored, records lost by agent)."""
    through = {
        (row.journal, row.stream): int(row.through)
        for row in conn.execute(select(journals).where(journals.c.site.in_(names)))
    }
    summed = select(journals.c.site, journals.c.agent, func.sum(journals.c.lost))
    rows = conn.execute(summed.where(journals.c.site.in_(names)).group_by(journals.c.site, journals.c.agent))
    return through, {(site, agent): int(lost or 0) for site, agent, lost in rows}


def _backlog(told: str | None, through: dict[tuple[str, str], int]) -> int | None:
    if not told:
        return None
    positions = msgspec.json.decode(told, type=list[JournalPosition])
    return sum(
        max(0, each.next - 1 - max(each.first - 1, through.get((each.journal, each.stream.value), 0)))
        for each in positions
    )


def _timings(row: Row[Any]) -> str:
    if row.config is None:
        return "own"
    if row.config_applied is None:
        return "sent"
    return "applied" if row.config_applied else "refused"


def _lacking(conn: Connection, row: Row[Any]) -> int:
    """Codes whose revision the agent has not confirmed."""
    epoch, revision = row.grants_epoch or 0, row.grants_revision or 0
    later = or_(grants.c.epoch > epoch, (grants.c.epoch == epoch) & (grants.c.revision > revision))
    mine = (grants.c.site == row.site) & (grants.c.agent == row.agent)
    return int(conn.scalar(select(func.count()).where(mine, later)) or 0)
