"""Alerts of upkeep: an agent's disk, the gateway's keys that it believes, the end of its certificate, a
release that has halted, a back-up.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from msgspec import Struct

from pleintemps_contract.agent_messages import Health, StorageInfo, Stream

from .book import AlertBook
from .records import AlertKind, Fact

KEY_GRACE_MS: Final = 5 * 60_000
"""An agent takes a new key when it hears of it and says so by a birth; that may last a moment."""
CERTIFICATE_MS: Final = 30 * 86_400_000
"""A certificate that ends within this time wants a person with a new one."""
_RELEASE: Final = "agents"
"""One release is on its way at a time."""


class Upkeep(Struct, frozen=True, kw_only=True):
    """What an agent's last birth says; ``keys`` is empty where it does not say which keys it believes."""

    storage: tuple[StorageInfo, ...] = ()
    keys: frozenset[str] = frozenset()
    certificate_until: int | None = None


class Halted(NamedTuple):
    """A release that went no further because ``agent`` fell ill: ``why`` and ``detail`` are those of the
    rules of updates; ``at`` is Unix ms.
    """

    version: str
    agent: str
    why: str
    detail: str
    at: int


class UpkeepAlerts:
    """Opens and resolves what the births of a site's agents say, and what time makes of it."""

    def __init__(self, alerts: AlertBook) -> None:
        self._alerts = alerts
        self._told: dict[str, Upkeep] = {}
        self._wanted = ""
        self._changing = False
        self._lacking: dict[str, int] = {}
        self._backup: tuple[int | None, int] | None = None

    def told(self, agent: str, upkeep: Upkeep, at: int) -> None:
        """An agent's birth, or what is stored of it."""
        self._told[agent] = upkeep
        ill = [info for info in upkeep.storage if info.health is not Health.OK]
        if not ill:
            self._alerts.resolve(AlertKind.STORAGE_FAULT, agent, at)
            return
        detail = "; ".join(info.detail or info.health.value for info in ill)
        facts: dict[str, Fact] = {"streams": ", ".join(info.stream.value for info in ill), "detail": detail}
        self._alerts.open(AlertKind.STORAGE_FAULT, agent, at, facts, agent=agent)
        self._alerts.update(AlertKind.STORAGE_FAULT, agent, facts)

    def wanted(self, key: str, changing: bool) -> None:
        """The key id that every agent should believe; ``changing`` while two are announced."""
        self._wanted, self._changing = key, changing

    def stolen(self, since: Mapping[str, int], among: Iterable[str], now: int) -> None:
        """Which agents were stolen when (Unix ms) and have no successor yet, ``among`` all that are known."""
        for agent in among:
            if agent in since:
                facts: dict[str, Fact] = {"at": since[agent]}
                self._alerts.open(AlertKind.AGENT_STOLEN, agent, since[agent], facts, agent=agent)
            else:
                self._alerts.resolve(AlertKind.AGENT_STOLEN, agent, now)

    def halted(self, release: Halted | None, now: int) -> None:
        """The release that has halted and that nobody has given up, or None."""
        if release is None:
            self._alerts.resolve(AlertKind.UPDATE_HALTED, _RELEASE, now)
            return
        facts: dict[str, Fact] = {"version": release.version, "agent": release.agent}
        facts |= {"why": release.why, "detail": release.detail}
        self._alerts.open(AlertKind.UPDATE_HALTED, _RELEASE, release.at, facts, agent=release.agent)
        self._alerts.update(AlertKind.UPDATE_HALTED, _RELEASE, facts)

    def backup(self, last: int | None, within_ms: int) -> None:
        """When the last back-up was made, if ever, and how old it may be."""
        self._backup = (last, within_ms)

    def journal_replaced(self, agent: str, stream: Stream, reason: str, at: int) -> None:
        """An agent began a new journal because the one before could not be used."""
        facts: dict[str, Fact] = {"stream": stream.value, "reason": reason}
        self._alerts.open(AlertKind.JOURNAL_REPLACED, f"{agent}/{stream.value}@{at}", at, facts, agent=agent)

    def tick(self, now: int) -> None:
        if self._backup is not None:
            last, within_ms = self._backup
            if last is None or now - last >= within_ms:
                self._alerts.open(AlertKind.BACKUP_OLD, "store", now, {"last": last})
                self._alerts.update(AlertKind.BACKUP_OLD, "store", {"last": last})
            else:
                self._alerts.resolve(AlertKind.BACKUP_OLD, "store", now)
        for agent, upkeep in self._told.items():
            self._key(agent, upkeep, now)
            until = upkeep.certificate_until
            if until is not None and until <= now + CERTIFICATE_MS:
                self._alerts.open(AlertKind.CERTIFICATE_ENDS, agent, now, {"until": until}, agent=agent)
                self._alerts.update(AlertKind.CERTIFICATE_ENDS, agent, {"until": until})
            else:
                self._alerts.resolve(AlertKind.CERTIFICATE_ENDS, agent, now)

    def _key(self, agent: str, upkeep: Upkeep, now: int) -> None:
        silent = not upkeep.keys and not self._changing  # an agent that does not say, and nothing to doubt
        if not self._wanted or silent or self._wanted in upkeep.keys:
            self._lacking.pop(agent, None)
            self._alerts.resolve(AlertKind.KEY_NOT_HELD, agent, now)
        elif now - self._lacking.setdefault(agent, now) >= KEY_GRACE_MS:
            self._alerts.open(AlertKind.KEY_NOT_HELD, agent, now, {"key": self._wanted}, agent=agent)
