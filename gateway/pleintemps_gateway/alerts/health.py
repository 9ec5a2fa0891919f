"""Alerts of the machinery: silent agents, ill devices, messages and calendars that cannot be read."""

from typing import Final

from pleintemps_contract.agent_messages import Health

from .book import AlertBook
from .records import AlertKind, Fact

OFFLINE_GRACE_MS: Final = 15_000
"""A goodbye or a last will is a hint: an agent that is back within this time was only restarted."""
SILENT_GRACE_MS: Final = 10_000
"""A device that has said nothing yet may only be starting; one that reports an error is ill at once."""
MESSAGES_QUIET_MS: Final = 15 * 60_000
"""Bad messages are over when none came for this long."""


class _Agent:
    __slots__ = ("heard", "offline_at")

    def __init__(self, heard: int | None) -> None:
        self.heard = heard
        self.offline_at: int | None = None


class HealthAlerts:
    """Opens and resolves what concerns agents, devices, messages and feeds."""

    def __init__(self, alerts: AlertBook, silent_after_ms: int, now: int) -> None:
        self._alerts = alerts
        self._silent_after_ms = silent_after_ms
        self._start = now
        self._agents: dict[str, _Agent] = {}
        self._refused: dict[str, int] = {}
        self._waiting: dict[str, tuple[int, str, dict[str, Fact]]] = {}  # silent devices: since, agent, facts

    def expect(self, agent: str) -> None:
        """``agent`` should be there, heard or not."""
        self._agents.setdefault(agent, _Agent(None))

    def heard(self, agent: str, at: int) -> None:
        """Something of ``agent`` arrived at ``at``."""
        known = self._agents.setdefault(agent, _Agent(None))
        if known.heard is None or at > known.heard:
            known.heard = at
        if known.offline_at is not None and at > known.offline_at:
            known.offline_at = None

    def presence(self, agent: str, online: bool, last_seen: int, now: int) -> None:
        """The agent, or its last will, says whether it is there."""
        known = self._agents.setdefault(agent, _Agent(None))
        if last_seen > 0 and (known.heard is None or last_seen > known.heard):
            known.heard = last_seen
        if online:
            known.offline_at = None
        elif known.offline_at is None:
            known.offline_at = now

    def is_heard(self, agent: str, now: int) -> bool:
        """Whether ``agent`` speaks, as far as is known at ``now``."""
        known = self._agents.get(agent)
        if known is None or known.heard is None or known.offline_at is not None:
            return False
        return now - known.heard < self._silent_after_ms

    def device(self, agent: str, device: str, health: Health, detail: str, at: int) -> None:
        """What ``device`` says of itself; see SILENT_GRACE_MS for one that says nothing."""
        about = f"{agent}/{device}"
        since, _, _ = self._waiting.pop(about, (at, "", {}))
        if health is Health.OK:
            self._alerts.resolve(AlertKind.DEVICE_FAULT, about, at)
            return
        facts: dict[str, Fact] = {"device": device, "detail": detail or health.value}
        if health is Health.SILENT and self._alerts.get(AlertKind.DEVICE_FAULT, about) is None:
            self._waiting[about] = (since, agent, facts)
            return
        self._alerts.open(AlertKind.DEVICE_FAULT, about, at, facts, agent=agent)
        self._alerts.update(AlertKind.DEVICE_FAULT, about, facts)

    def refusal(self, source: str, reason: str, count: int, at: int) -> None:
        """``count`` messages of ``source`` were refused so far for ``reason``."""
        facts: dict[str, Fact] = {"source": source, "reason": reason, "count": count}
        self._refused[source] = max(at, self._refused.get(source, at))
        self._alerts.open(AlertKind.BAD_MESSAGES, source, at, facts)
        self._alerts.update(AlertKind.BAD_MESSAGES, source, facts)

    def feed(self, feed: str, error: str | None, at: int) -> None:
        if error is None:
            self._alerts.resolve(AlertKind.FEED_FAULT, feed, at)
        else:
            facts: dict[str, Fact] = {"feed": feed, "error": error}
            self._alerts.open(AlertKind.FEED_FAULT, feed, at, facts)
            self._alerts.update(AlertKind.FEED_FAULT, feed, facts)

    def tick(self, now: int) -> None:
        for agent, known in self._agents.items():
            last = self._start if known.heard is None else known.heard
            gone = known.offline_at is not None and now - known.offline_at >= OFFLINE_GRACE_MS
            if gone or now - last >= self._silent_after_ms:
                facts: dict[str, Fact] = {"last_seen": known.heard}
                self._alerts.open(AlertKind.AGENT_SILENT, agent, now, facts, agent=agent)
            else:
                self._alerts.resolve(AlertKind.AGENT_SILENT, agent, now)
        for about in [
            about for about, (since, _, _) in self._waiting.items() if now - since >= SILENT_GRACE_MS
        ]:
            _, agent, facts = self._waiting.pop(about)
            self._alerts.open(AlertKind.DEVICE_FAULT, about, now, facts, agent=agent)
        for source in [source for source, at in self._refused.items() if now - at >= MESSAGES_QUIET_MS]:
            del self._refused[source]
            self._alerts.resolve(AlertKind.BAD_MESSAGES, source, now)

    def restore(self, now: int) -> None:
        """Alerts that a predecessor left: messages age from now on, an agent stays silent until it is
        heard."""
        for alert in self._alerts.live(AlertKind.AGENT_SILENT):
            if alert.agent is not None:
                seen = alert.facts.get("last_seen")
                self._agents[alert.agent] = _Agent(seen if isinstance(seen, int) else 0)
        for alert in self._alerts.live(AlertKind.BAD_MESSAGES):
            self._refused.setdefault(alert.subject.partition(":")[2], now)
