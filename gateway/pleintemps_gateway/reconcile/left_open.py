"""A room whose people have gone while its door stands open."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.onvif import DoorPhysicalState
from pleintemps_gateway.alerts.book import AlertBook
from pleintemps_gateway.alerts.records import AlertKind
from pleintemps_gateway.occupancy.room import Estimate

from .ledger import Ledger
from .usage import Margins

GRACE_MS: Final = 60_000
"""A door that is opened later than this after the end and its tail is not theirs."""


class LeftOpen:
    """``doors`` by room. The alert stands until all are closed, or somebody is there or expected."""

    def __init__(self, doors: Mapping[str, Sequence[str]], margins: Margins, alerts: AlertBook) -> None:
        self._doors = doors
        self._margins = margins
        self._alerts = alerts
        self._open: dict[str, bool] = {}

    def door(self, door: str, state: DoorPhysicalState) -> None:
        """The door is open or closed; anything else says nothing."""
        if state in (DoorPhysicalState.OPEN, DoorPhysicalState.CLOSED):
            self._open[door] = state is DoorPhysicalState.OPEN
        else:
            self._open.pop(door, None)

    def tick(self, now: int, ledger: Ledger, sight: Callable[[str], Estimate | None]) -> None:
        """Judge the rooms that people have left, and those of alerts that stand; ``sight`` of a space."""
        for alert in self._alerts.live(AlertKind.ROOM_LEFT_OPEN):
            room = alert.space or ""
            states = [self._open.get(door) for door in self._doors.get(room, ())]
            seen = sight(room)
            there = seen is not None and seen.state is Occupancy.OCCUPIED
            if there or ledger.awaited(room, alert.booking) or all(state is False for state in states):
                self._alerts.resolve(AlertKind.ROOM_LEFT_OPEN, room, now)
        for room, (booking, left_at) in ledger.gone().items():
            seen = sight(room)
            over = booking.end + self._margins.tail
            begins = min(left_at + self._margins.left_after, over)
            if seen is None or seen.state is not Occupancy.VACANT or not begins <= now <= over + GRACE_MS:
                continue
            if ledger.awaited(room, booking.booking):
                continue
            if any(self._open.get(door) for door in self._doors.get(room, ())):
                self._alerts.open(
                    AlertKind.ROOM_LEFT_OPEN,
                    room,
                    now,
                    {"title": booking.title, "left": left_at},
                    space=room,
                    booking=booking.booking,
                )
