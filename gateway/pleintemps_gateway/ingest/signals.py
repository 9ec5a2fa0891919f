"""Warning signals: what each was told, what its agent says of it, when it must be told again.

the rule's word    a signal follows the space's warning; what it was told before no longer counts
not as wanted      told at once, then every REPEAT_MS (longer after FAILURES) until its agent says so
agent begins anew  told at once
on, as wanted      told again every RENEW_MS: an agent lets it go dark by itself
no good answer     after FAILURES in a row its device is ill, until an answer or its own word comes
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from pleintemps_contract.agent_messages import Birth, DeviceInfo, EventRecord, Health, SignalChanged
from pleintemps_contract.onvif import DoorAction
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.store.schema_rooms import signals
from pleintemps_gateway.store.together import table_of

from .pending import Pending

REPEAT_MS: Final = 15_000
RENEW_MS: Final = 240_000
"""Less than the shortest time that an agent may be told to keep one on."""
FAILURES: Final = 3
FOREIGN: Final = "a signal that is not this agent's in the configuration"


def _pause_ms(failures: int) -> int:
    return min(RENEW_MS, REPEAT_MS << min(max(failures - FAILURES, 0), 4))


class SignalWanted(NamedTuple):
    """Tell ``agent`` what ``signal`` should be."""

    signal: str
    agent: str
    action: DoorAction


@dataclass(slots=True)
class _Told:
    """What was said to a signal since the gateway started: when, and how often in a row without success."""

    at: int | None = None
    failures: int = 0


def device(signal: str, detail: str, *, ill: bool) -> DeviceInfo:
    """A signal as the rules of health see it."""
    health = Health.ERROR if ill else Health.OK
    return DeviceInfo(device=signal, driver="signal", health=health, detail=detail)


class SignalBook:
    """The signals of one site's configuration: the rows of ``signals``."""

    def __init__(self, config: SiteConfig) -> None:
        self._site = config.site
        self._config = {signal.signal: signal for signal in config.signals}
        self._told = {name: _Told() for name in self._config}
        self.rows: dict[str, dict[str, Any]] = {
            signal.signal: {
                "site": config.site,
                "signal": signal.signal,
                "agent": signal.agent,
                "space": signal.space,
                "on": False,
                "wanted": False,
                "at": None,
            }
            for signal in config.signals
        }

    def load(self, conn: Connection) -> None:
        """Go on with what a predecessor wanted; a signal that has moved to another space begins anew."""
        for row in table_of(conn, self._site, signals):
            known = self.rows.get(row.signal)
            if known is not None and (known["agent"], known["space"]) == (row.agent, row.space):
                self.rows[row.signal] = dict(row._mapping)

    # --- what agents say ------------------------------------------------------------------------------

    def born(self, agent: str, birth: Birth, pending: Pending) -> bool:
        """Take the signals of a birth; whether all of them are this agent's."""
        for info in birth.signals:
            if self._belongs(info.signal, agent):
                self._told[info.signal].at = None
                self._said(info.signal, info.on, birth.at, pending)
        return all(self._belongs(info.signal, agent) for info in birth.signals)

    def take(self, agent: str, record: EventRecord, pending: Pending) -> str:
        """Take one event; returns a complaint if it tells of a signal that is not this agent's."""
        event = record.event
        if not isinstance(event, SignalChanged):
            return ""
        if not self._belongs(event.signal, agent):
            return FOREIGN
        self._said(event.signal, event.on, record.at, pending)
        return ""

    def _belongs(self, signal: str, agent: str) -> bool:
        return signal in self._config and self._config[signal].agent == agent

    def _said(self, signal: str, on: bool, at: int, pending: Pending) -> None:
        row = self.rows[signal]
        if row["at"] is None or at >= row["at"]:
            self._write(row | {"on": on, "at": at}, pending)

    # --- what is wanted -------------------------------------------------------------------------------

    def want(self, space: str, on: bool, pending: Pending) -> list[str]:
        """The people of ``space`` are to be warned, or no more; returns the signals there."""
        found = [name for name, row in self.rows.items() if row["space"] == space]
        for name in found:
            if self.rows[name]["wanted"] is not on:
                self._told[name].at = None
                self._write(self.rows[name] | {"wanted": on}, pending)
        return found

    def is_as_wanted(self, signal: str) -> bool:
        """Whether a signal that is known here is what it should be, by its agent's word."""
        row = self.rows[signal]
        return bool(row["on"] is row["wanted"])

    def is_due(self, now: int) -> bool:
        """Whether something must be said at ``now``."""
        return any(self._is_due(name, row, now) for name, row in self.rows.items())

    def due(self, now: int) -> list[SignalWanted]:
        """What must be said at ``now``; it counts as said."""
        found = []
        for name, row in self.rows.items():
            if self._is_due(name, row, now):
                self._told[name].at = now
                action = DoorAction.SIGNAL_ON if row["wanted"] else DoorAction.SIGNAL_OFF
                found.append(SignalWanted(name, row["agent"], action))
        return found

    def _is_due(self, name: str, row: dict[str, Any], now: int) -> bool:
        told, wanted = self._told[name], bool(row["wanted"])
        agrees = row["on"] is wanted
        if agrees and not wanted:
            return False
        pause = RENEW_MS if agrees and not told.failures else _pause_ms(told.failures)
        return told.at is None or not told.at <= now < told.at + pause

    def answered(self, signal: str, reason: str) -> bool | None:
        """An answer, or its want (``reason``). True: its device is ill; False: it is well; None: no news."""
        told = self._told.get(signal)
        if told is None:
            return None
        told.failures = told.failures + 1 if reason else 0
        if not reason:
            return False
        return True if told.failures >= FAILURES else None

    def _write(self, row: dict[str, Any], pending: Pending) -> None:
        self.rows[row["signal"]] = pending.signals[row["signal"]] = row
        pending.changes["signals", row["signal"]] = None
