"""Alerts of safety and of what guards the house: duress, fire, tampering, locks, intrusion panels."""

from typing import Final

from pleintemps_contract.agent_messages import (
    AccessGranted,
    DoorFireChanged,
    DoorInfo,
    Event,
    FireInputChanged,
    LockPhysicalChanged,
    PanelChanged,
    PanelRefused,
    PanelState,
    TamperChanged,
)
from pleintemps_contract.onvif import LockPhysicalState

from .book import AlertBook
from .records import AlertKind, AlertState, Fact

KEPT_MS: Final = 3_600_000
"""What is a moment and not a state stays for so long after a person has taken it, for others to see."""
_MOMENTS: Final = (
    AlertKind.DURESS,
    AlertKind.JOURNAL_REPLACED,
    AlertKind.PANEL_REFUSED,
    AlertKind.STORE_RESTORED,
)


class SafetyAlerts:
    """A fire ends by the door's own word, a fault by a good report, tampering when the cover is back.

    Each use of a duress code is an alert of its own: the second one must call people again.
    """

    def __init__(self, alerts: AlertBook) -> None:
        self._alerts = alerts

    def door(self, info: DoorInfo, agent: str, at: int) -> None:
        """A door as it stands at a birth."""
        self._fire(info.door, agent, info.fire, at)
        self._lock(info.door, agent, info.lock, at)

    def event(self, agent: str, event: Event, at: int) -> None:
        """One record of a journal; what does not concern safety is passed over."""
        match event:
            case AccessGranted(duress=True):
                facts: dict[str, Fact] = {"door": event.door, "at": at}
                about = f"{event.door}@{at}"
                self._alerts.open(AlertKind.DURESS, about, at, facts, door=event.door, agent=agent)
            case DoorFireChanged():
                self._fire(event.door, agent, event.active, at)
            case FireInputChanged():
                self._device(AlertKind.FIRE_INPUT, agent, event.device, event.active, at)
            case TamperChanged():
                self._device(AlertKind.TAMPER, agent, event.device, event.active, at)
            case LockPhysicalChanged():
                self._lock(event.door, agent, event.state, at)
            case PanelChanged():
                self.panel(event.panel, agent, event.state, at)
            case PanelRefused():
                self.panel_refused(event.panel, agent, event.reason, at)
            case _:
                pass

    def _fire(self, door: str, agent: str, active: bool, at: int) -> None:
        if active:
            self._alerts.open(AlertKind.FIRE, door, at, {"door": door}, door=door, agent=agent)
        else:
            self._alerts.resolve(AlertKind.FIRE, door, at)

    def _device(self, kind: AlertKind, agent: str, device: str, active: bool, at: int) -> None:
        about = f"{agent}/{device}"
        if active:
            self._alerts.open(kind, about, at, {"device": device}, agent=agent)
        else:
            self._alerts.resolve(kind, about, at)

    def _lock(self, door: str, agent: str, state: LockPhysicalState, at: int) -> None:
        if state is LockPhysicalState.FAULT:
            self._alerts.open(AlertKind.LOCK_FAULT, door, at, {"door": door}, door=door, agent=agent)
        elif state is not LockPhysicalState.UNKNOWN:
            self._alerts.resolve(AlertKind.LOCK_FAULT, door, at)

    def panel(self, panel: str, agent: str, state: PanelState, at: int) -> None:
        """The panel says how it is, at a birth or by an event."""
        if state is PanelState.ALARM:
            self._alerts.open(AlertKind.PANEL_ALARM, panel, at, {"panel": panel}, agent=agent)
        elif state is not PanelState.UNKNOWN:
            self._alerts.resolve(AlertKind.PANEL_ALARM, panel, at)
        if state is PanelState.SET:
            self._alerts.resolve(AlertKind.PANEL_REFUSED, panel, at)

    def panel_refused(self, panel: str, agent: str, reason: str, at: int) -> None:
        """The panel was not set, or did not obey."""
        facts: dict[str, Fact] = {"panel": panel, "reason": reason}
        self._alerts.open(AlertKind.PANEL_REFUSED, panel, at, facts, agent=agent)
        self._alerts.update(AlertKind.PANEL_REFUSED, panel, facts)

    def tick(self, now: int) -> None:
        """Let go of moments that a person has taken."""
        for kind in _MOMENTS:
            for alert in list(self._alerts.live(kind)):
                taken = alert.acknowledged if alert.state is AlertState.ACKNOWLEDGED else None
                if taken is not None and now >= taken + KEPT_MS:
                    self._alerts.resolve(kind, alert.subject.partition(":")[2], now)
