"""Alerts of doors: forced, held open, and people who try codes."""

from collections import deque
from typing import Final

from pleintemps_contract.agent_messages import RefusalReason
from pleintemps_contract.onvif import DoorAlarm, DoorPhysicalState

from .book import AlertBook
from .records import AlertKind, AlertState, Fact

ATTEMPTS: Final = 5
ATTEMPTS_WITHIN_MS: Final = 10 * 60_000
"""So many refused codes within this time are worth a look; a throttled one is at once."""
_MOST_TRIES: Final = 1_000
_TRIES: Final = frozenset(
    {RefusalReason.UNKNOWN, RefusalReason.NOT_YET, RefusalReason.EXPIRED, RefusalReason.WRONG_DOOR}
)


class DoorAlerts:
    """What the doors of a site report, as alerts.

    A forced door stays an alert until a person has acknowledged it *and* the door is closed; a door held open
    until it is closed; attempts until ten minutes have passed without one.
    """

    def __init__(self, alerts: AlertBook) -> None:
        self._alerts = alerts
        self._closed: dict[str, bool] = {}
        self._tries: dict[str, deque[int]] = {}

    def alarm(self, door: str, agent: str, alarm: DoorAlarm, at: int) -> None:
        """The door's alarm became ``alarm``."""
        if alarm is DoorAlarm.FORCED_OPEN:
            self._closed[door] = False
            self._alerts.open(AlertKind.DOOR_FORCED_OPEN, door, at, {"door": door}, door=door, agent=agent)
        elif alarm is DoorAlarm.OPEN_TOO_LONG:
            self._closed[door] = False
            self._alerts.open(AlertKind.DOOR_OPEN_TOO_LONG, door, at, {"door": door}, door=door, agent=agent)
        else:
            self._quiet(door, at)

    def physical(self, door: str, state: DoorPhysicalState, at: int) -> None:
        """The door was opened or closed."""
        if state is DoorPhysicalState.CLOSED:
            self._quiet(door, at)
        else:
            self._closed[door] = False

    def _quiet(self, door: str, at: int) -> None:
        self._closed[door] = True
        self._alerts.resolve(AlertKind.DOOR_OPEN_TOO_LONG, door, at)
        self._settle(door, at)

    def acknowledged(self, door: str, at: int) -> None:
        """A person has acknowledged the alert about a forced door."""
        self._settle(door, at)

    def _settle(self, door: str, at: int) -> None:
        alert = self._alerts.get(AlertKind.DOOR_FORCED_OPEN, door)
        if alert is not None and alert.state is AlertState.ACKNOWLEDGED and self._closed.get(door, False):
            self._alerts.resolve(AlertKind.DOOR_FORCED_OPEN, door, at)

    def refused(
        self, door: str, agent: str, reason: RefusalReason, at: int, now: int, times: int = 1
    ) -> None:
        """Credentials were refused, so many ``times`` in one record; what is older than the window when it
        arrives is history.
        """
        if at <= now - ATTEMPTS_WITHIN_MS or (reason not in _TRIES and reason is not RefusalReason.THROTTLED):
            return
        tries = self._tries.setdefault(door, deque(maxlen=_MOST_TRIES))
        tries.extend([at] * min(times, _MOST_TRIES))
        count = sum(1 for moment in tries if moment > now - ATTEMPTS_WITHIN_MS)
        if count >= ATTEMPTS or reason is RefusalReason.THROTTLED:
            facts: dict[str, Fact] = {"door": door, "count": count}
            self._alerts.open(AlertKind.CODE_ATTEMPTS, door, at, facts, door=door, agent=agent)
            self._alerts.update(AlertKind.CODE_ATTEMPTS, door, facts)

    def tick(self, now: int) -> None:
        """Let attempts age."""
        for door in list(self._tries):
            if max(self._tries[door]) <= now - ATTEMPTS_WITHIN_MS:
                del self._tries[door]
                self._alerts.resolve(AlertKind.CODE_ATTEMPTS, door, now)

    def restore(self, now: int) -> None:
        """Attempts whose alert a predecessor left age from now on."""
        for alert in self._alerts.live(AlertKind.CODE_ATTEMPTS):
            if alert.door is not None:
                self._tries.setdefault(alert.door, deque([now], maxlen=_MOST_TRIES))
