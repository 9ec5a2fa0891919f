"""Presence that no booking explains."""

from typing import Final

from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_gateway.alerts.book import AlertBook
from pleintemps_gateway.alerts.records import AlertKind
from pleintemps_gateway.occupancy.room import Estimate

from .ledger import Ledger

SIGNS_SPAN: Final = 0.25
"""Signs of presence must span this share of the time: one false trigger of a PIR alone wakes nobody."""


class Unexpected:
    """Watches one space: somebody for ``after_ms`` without a booking is an alert until gone or expected."""

    def __init__(self, space: str, after_ms: int, alerts: AlertBook) -> None:
        self._space = space
        self._after_ms = after_ms
        self._alerts = alerts
        self._expected_at: int | None = None

    def look(self, now: int, estimate: Estimate, ledger: Ledger) -> None:
        """Judge the space as it is believed at ``now``. Unknown neither opens nor resolves."""
        if estimate.state is Occupancy.VACANT:
            self._alerts.resolve(AlertKind.UNEXPECTED_PRESENCE, self._space, now)
            return
        if ledger.expected(self._space):
            self._expected_at = now
            self._alerts.resolve(AlertKind.UNEXPECTED_PRESENCE, self._space, now)
            return
        if estimate.state is not Occupancy.OCCUPIED:
            return
        began = max(estimate.since, self._expected_at or 0)
        signs = (estimate.positive_at or 0) - estimate.since
        if now - began >= self._after_ms and signs >= SIGNS_SPAN * self._after_ms:
            self._alerts.open(
                AlertKind.UNEXPECTED_PRESENCE,
                self._space,
                now,
                {"probability": estimate.probability, "evidence": estimate.evidence},
                space=self._space,
            )
