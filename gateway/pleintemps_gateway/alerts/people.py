"""Alerts of people: who stands before a door that does not open, and who could not be told."""

from typing import Final

from .book import AlertBook
from .records import Alert, AlertKind, Fact

STANDS_MS: Final = 7 * 86_400_000
"""A message that did not arrive is forgotten by then, or when one for the same booking has arrived."""


class PeopleAlerts:
    """Opens what ingest learns of, and ends what the web tier has opened for people."""

    def __init__(self, alerts: AlertBook) -> None:
        self._alerts = alerts

    def called(self, alert: Alert) -> None:
        """Take over a call for help that the page of a booking has stored."""
        if self._alerts.by_id(alert.alert) is None:
            self._alerts.restore([alert])

    def delivery(self, about: str, template: str, channel: str, error: str | None, at: int) -> None:
        """A message about a booking or right has failed for good, or (``error`` None) has arrived."""
        if error is None:
            self._alerts.resolve(AlertKind.DELIVERY_FAILED, about, at)
            return
        facts: dict[str, Fact] = {"template": template, "channel": channel, "error": error}
        self._alerts.open(AlertKind.DELIVERY_FAILED, about, at, facts, booking=about)
        self._alerts.update(AlertKind.DELIVERY_FAILED, about, facts)

    def tick(self, now: int) -> None:
        for alert in self._alerts.live(AlertKind.HELP):
            until = alert.facts.get("until")
            if not isinstance(until, int) or now >= until:
                self._alerts.resolve(AlertKind.HELP, alert.subject.partition(":")[2], now)
        for alert in self._alerts.live(AlertKind.DELIVERY_FAILED):
            if now >= alert.opened + STANDS_MS:
                self._alerts.resolve(AlertKind.DELIVERY_FAILED, alert.subject.partition(":")[2], now)
