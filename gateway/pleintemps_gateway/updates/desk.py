"""Rollouts in the store, releases and offers as files below ``state/updates`` that the web process hands out.

    releases/<version>/<machine>/release.json and its files
    <site>/<agent>/offer                                        signed by the gateway, for this agent

All of it is public: whoever fetches it checks its signature. Only a key that this gateway does not have
makes a release.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import Connection, Engine, select

from pleintemps_contract.envelope import Signer
from pleintemps_contract.errors import ReleaseError
from pleintemps_contract.releases import (
    MAX_MANIFEST,
    RELEASE_FILE,
    Offer,
    Release,
    open_release,
    seal_offer,
    version_key,
)
from pleintemps_contract.world import World
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.config import GatewayConfig, SiteConfig
from pleintemps_gateway.errors import SettingsError
from pleintemps_gateway.store import reading
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema_updates import rollouts
from pleintemps_gateway.store.upsert import upsert
from pleintemps_gateway.web.agents import load_agents

from .rules import AgentFact, Pace, Rollout, advance, halt, offer_to, start, waves_of
from .settings import UpdatesConfig

FOLDER: Final = "updates"
RELEASES: Final = "releases"
OFFER: Final = "offer"
_HOUR_MS: Final = 3_600_000
_ILL: Final = ("storage", "clock")


def read_release(folder: Path, settings: UpdatesConfig) -> tuple[bytes, Release]:
    """A release whose signature and files were checked; raises SettingsError or ContractError."""
    try:
        data = (folder / RELEASE_FILE).read_bytes()[: MAX_MANIFEST + 1]
        release = open_release(data, settings.trusted)
        for file in release.files:
            state = hashlib.sha256((folder / file.name).read_bytes()).hexdigest()
            if state != file.sha256:
                raise SettingsError(f"{folder / file.name}: it is not what was signed")
    except OSError as error:
        raise SettingsError(f"{error.filename}: {error.strerror}") from error
    return data, release


def put_release(state: Path, folder: Path, settings: UpdatesConfig) -> Release:
    """Check a release and lay it out to be fetched; raises SettingsError, ContractError or OSError."""
    data, release = read_release(folder, settings)
    place = state / FOLDER / RELEASES / release.version
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    target, unfinished = place / release.machine, place / f".{release.machine}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    for file in release.files:
        shutil.copyfile(folder / file.name, unfinished / file.name)
    (unfinished / RELEASE_FILE).write_bytes(data)
    shutil.rmtree(target, ignore_errors=True)
    unfinished.rename(target)
    return release


def facts_of(conn: Connection, site: SiteConfig, now: int) -> dict[str, AgentFact]:
    """What the site's agents tell, by name: the same readings as their page."""
    doors: dict[str, list[str]] = {}
    for row in reading.doors(conn, [site.site]):
        if "Fault" in (row.physical, row.lock):
            doors.setdefault(row.agent, []).append(f"door {row.door}")
    found = {}
    for view in load_agents(conn, [site], now):
        faults = {f"device {device.device}" for device in view.ill}
        faults |= {word for word in view.todo if word in _ILL} | set(doors.get(view.agent, ()))
        online = view.state not in ("silent", "never")
        found[view.agent] = AgentFact(view.version, online, view.seen, frozenset(faults))
    return found


def youngest(conn: Connection, site: str) -> Rollout | None:
    """The rollout that counts; raises ReleaseError for one that cannot be read."""
    query = select(rollouts.c.body).where(rollouts.c.site == site).order_by(rollouts.c.number.desc())
    body = conn.execute(query.limit(1)).scalar()
    if body is None:
        return None
    try:
        return msgspec.json.decode(body, type=Rollout)
    except msgspec.MsgspecError as error:
        raise ReleaseError(f"{site}: the rollout cannot be read: {error}") from error


class Desk:
    """One gateway's updates. ``pace`` is that of the configuration."""

    def __init__(
        self, config: GatewayConfig, settings: UpdatesConfig, engine: Engine, signer: Signer, world: World
    ) -> None:
        self._config = config
        self._settings = settings
        self._engine = engine
        self._signer = signer
        self._world = world

    def _pace(self, site: SiteConfig) -> Pace:
        patience = round(self._settings.patience_min * 60_000)
        silent = max(10 * 60_000, round(site.rules.agent_silent_after_s * 1000))
        return Pace(round(self._settings.soak_h * _HOUR_MS), patience, silent)

    def offer(self, site: SiteConfig, version: str, canaries: list[str]) -> Rollout:
        """Begin a rollout with these agents; raises SettingsError where that is not possible now."""
        now = self._world.now()
        with write_transaction(self._engine, [site.site]) as conn:
            facts = facts_of(conn, site, now)
            last = youngest(conn, site.site)
            if last is not None and last.state == "running":
                raise SettingsError(f"{site.site}: {last.version} is on its way: halt it, or wait")
            for agent in canaries:
                fact = facts.get(agent)
                if fact is None or not fact.online:
                    raise SettingsError(f"{site.site}: {agent} is not there: a canary has to be")
                if fact.faults:
                    raise SettingsError(f"{site.site}: {agent} is ill: {', '.join(sorted(fact.faults))}")
                if _is_newer(fact.version, version):
                    raise SettingsError(f"{site.site}: {agent} has {fact.version}, which is not older")
            number = max(now // 1000, last.number + 1 if last else 0)
            waves = waves_of(canaries, sorted(facts), self._settings.waves)
            rollout = start(number, version, waves, facts, now)
            self._keep(conn, site.site, rollout, now)
            record(conn, site.site, self._world, "update.offered", f"site/{site.site}", {"version": version})
        self._write(site, rollout, facts)
        return rollout

    def step(self, site: SiteConfig) -> Rollout | None:
        """Bring the site's rollout and its offers to what they are by now; None without one."""
        return self._change(site, "")

    def halt(self, site: SiteConfig, reason: str) -> Rollout | None:
        """Offer the release to nobody any more, and to those who have it to go back; what has halted by
        itself is given up, and its alert is over.
        """
        return self._change(site, reason)

    def _change(self, site: SiteConfig, reason: str) -> Rollout | None:
        now = self._world.now()
        with write_transaction(self._engine, [site.site]) as conn:
            before = youngest(conn, site.site)
            if before is None:
                return None
            facts = facts_of(conn, site, now)
            rollout = halt(before, reason) if reason else advance(before, facts, self._pace(site), now)
            if rollout != before:
                self._keep(conn, site.site, rollout, now)
            if (rollout.state, rollout.reason) != (before.state, before.reason):
                told = {"version": rollout.version, "reason": rollout.reason}
                record(conn, site.site, self._world, f"update.{rollout.state}", f"site/{site.site}", told)
        self._write(site, rollout, facts)
        return rollout

    def _keep(self, conn: Connection, site: str, rollout: Rollout, now: int) -> None:
        row = {"site": site, "number": rollout.number, "version": rollout.version, "state": rollout.state}
        upsert(conn, rollouts, [row | {"at": now, "body": msgspec.json.encode(rollout).decode()}])
        record_change(conn, site, "rollouts", str(rollout.number), now)

    def _write(self, site: SiteConfig, rollout: Rollout, facts: Mapping[str, AgentFact]) -> None:
        for agent, fact in facts.items():
            told = offer_to(rollout, agent, fact)
            offer = Offer(
                site=site.site, agent=agent, number=told.number, action=told.action, version=told.version
            )
            folder = Path(self._config.state) / FOLDER / site.site / agent
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            unfinished = folder / f".{OFFER}-{os.getpid()}"
            unfinished.write_bytes(seal_offer(offer, self._signer))
            unfinished.replace(folder / OFFER)


def _is_newer(there: str, version: str) -> bool:
    """Whether an agent has this version or a newer one; what is no version of ours is not."""
    try:
        return version_key(there) >= version_key(version)
    except ReleaseError:
        return False
