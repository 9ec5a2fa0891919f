"""When a building's intrusion alarm should be set: nobody is there, and nobody is to come."""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from pleintemps_contract.agent_messages import PanelState
from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_gateway.config import PanelConfig
from pleintemps_gateway.occupancy.room import Estimate

from .records import Booking

SURE_BELOW: Final = 0.05
"""Vacant with certainty: a sensor that speaks says nobody, and presence is less likely than this."""
OPENING_MS: Final = 12 * 3_600_000
"""A booking that ended longer ago is of another opening: others use the house without bookings."""


class PanelWanted(Struct, frozen=True, kw_only=True):
    """Ask the agent for the panel to be set: the row of a command."""

    command: str
    panel: str
    agent: str
    at: int


class PanelRule:
    """One panel. Asks once after the last booking of an opening, never because of what it does not know."""

    def __init__(self, config: PanelConfig) -> None:
        self.config = config
        self._vacant_ms = round(config.vacant_s * 1000)
        self._ahead_ms = round(config.ahead_s * 1000)
        self._bookings: dict[str, Booking] = {}
        self._vacant_since: int | None = None
        self._state: PanelState | None = None
        self._asked = 0

    def told(self, state: PanelState, asked: int | None) -> None:
        """How the panel says it is; ``asked`` is when it was asked to be set last."""
        self._state = state
        self._asked = max(self._asked, asked or 0)

    def bookings(self, bookings: Iterable[Booking]) -> None:
        """New and changed bookings; those of other spaces are passed over."""
        for booking in bookings:
            if booking.space in self.config.spaces and not booking.cancelled:
                self._bookings[booking.booking] = booking
            else:
                self._bookings.pop(booking.booking, None)

    def wants(self, estimates: Mapping[str, Estimate | None], now: int) -> bool:
        """Whether the panel is to be set now; True once for an opening. Look about once a second."""
        if not all(_certain(estimates.get(space)) for space in self.config.spaces):
            self._vacant_since = None
            return False
        if self._vacant_since is None:
            self._vacant_since = now
        if now - self._vacant_since < self._vacant_ms:
            return False
        if self._state is None or self._state in (PanelState.SET, PanelState.ALARM):
            return False
        ended = self._last_end(now)
        if ended is None or ended <= self._asked:
            return False
        self._asked = now
        return True

    def _last_end(self, now: int) -> int | None:
        """The end of the opening's last booking; None while one is on or near, or if there was none."""
        booked = self._bookings.values()
        if any(booking.end > now and booking.start < now + self._ahead_ms for booking in booked):
            return None
        ended = [booking.end for booking in booked if now - OPENING_MS < booking.end <= now]
        return max(ended, default=None)


def _certain(estimate: Estimate | None) -> bool:
    """Without a word of evidence a state only stays as it was: that is no certainty."""
    if estimate is None or estimate.state is not Occupancy.VACANT or estimate.probability is None:
        return False
    return estimate.probability < SURE_BELOW and bool(estimate.evidence)
