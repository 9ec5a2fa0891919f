"""What devices observe, each to whom it concerns: doors, desk, dialogues, measurements. Decides nothing."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any

from pleintemps_contract.agent_messages import DeviceHealth, Health
from pleintemps_contract.world import World

from .access.desk import Desk
from .access.dialogue import Dialogue, Entered, press, spoil
from .config import DoorConfig
from .door import Closed, ContactLost, ExitEnded, ExitPressed, Opened
from .drivers.base import (
    ContactChanged,
    Driver,
    ExitRequested,
    HealthChanged,
    KeyPressed,
    Observation,
    Sampled,
    Unreadable,
)
from .journal.events import EventJournal
from .keeper import Keeper
from .metering import Metering


class Router:
    """Hands on the observations of all devices of one agent."""

    def __init__(
        self,
        configs: Sequence[DoorConfig],
        doors: Mapping[str, Keeper],
        observers: Iterable[Driver],
        desk: Desk,
        metering: Metering,
        events: EventJournal,
        world: World,
    ) -> None:
        self._doors = doors
        self._desk = desk
        self._metering = metering
        self._events = events
        self._world = world
        self.health = {each.device: HealthChanged(each.device, Health.SILENT, "") for each in observers}
        """What each device that observes has said of itself last."""
        self._contacts = {door.contact: door.door for door in configs if door.contact is not None}
        self._exits = {door.exit: door.door for door in configs if door.exit is not None}
        self._readers = {reader: door.door for door in configs for reader in door.readers}
        self._open: dict[str, bool] = {}
        self.dialogues: dict[str, Dialogue] = {}
        self.attempts: set[asyncio.Task[Any]] = set()

    def close(self) -> None:
        """Give up the checks that are under way."""
        for attempt in self.attempts:
            attempt.cancel()

    def observe(self, seen: Observation) -> None:
        """Take one observation of a driver."""
        if isinstance(seen, Sampled):
            self._metering.take(seen)
        elif isinstance(seen, ContactChanged):
            self._open[seen.device] = seen.open
            self._tell_contact(seen.device, seen.monotonic)
        elif isinstance(seen, KeyPressed):
            dialogue, entered = press(self._dialogue(seen.device), seen.key, seen.monotonic)
            self.dialogues[seen.device] = dialogue
            if entered is not None:
                self._enter(seen.device, entered)
        elif isinstance(seen, ExitRequested):
            if (door := self._exits.get(seen.device)) is not None:
                self._doors[door].happen(ExitPressed() if seen.held else ExitEnded(), seen.monotonic)
        elif isinstance(seen, Unreadable):
            self.dialogues[seen.device] = spoil(self._dialogue(seen.device), seen.monotonic)
        elif isinstance(seen, HealthChanged):
            self._health_changed(seen)

    # --- readers ------------------------------------------------------------------------------------

    def _dialogue(self, reader: str) -> Dialogue:
        return self.dialogues.get(reader, Dialogue())

    def _enter(self, reader: str, entered: Entered) -> None:
        door = self._readers.get(reader)
        if door is not None:
            self._attempt(self._desk.enter(door, entered))

    def _attempt(self, check: Coroutine[Any, Any, Any]) -> None:
        attempt = asyncio.get_running_loop().create_task(check)
        self.attempts.add(attempt)
        attempt.add_done_callback(self.attempts.discard)

    # --- contacts, exits, health --------------------------------------------------------------------

    def _tell_contact(self, device: str, monotonic: int | None = None) -> None:
        door = self._contacts.get(device)
        if door is not None and device in self._open:
            self._doors[door].happen(Opened() if self._open[device] else Closed(), monotonic)

    def _health_changed(self, seen: HealthChanged) -> None:
        before = self.health[seen.device]
        self.health[seen.device] = seen
        if (before.health, before.detail) == (seen.health, seen.detail):
            return
        well = seen.health is Health.OK
        self._metering.set_health(seen.device, well)
        detail = seen.detail[:200]
        self._events.append([DeviceHealth(device=seen.device, health=seen.health, detail=detail)])
        if seen.device in self._contacts:
            if well:
                self._tell_contact(seen.device)
            else:
                self._doors[self._contacts[seen.device]].happen(ContactLost())
        if seen.device in self._exits and not well:
            self._doors[self._exits[seen.device]].happen(ExitEnded())
