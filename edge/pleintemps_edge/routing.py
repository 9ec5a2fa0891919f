"""What devices observe, each to whom it concerns: doors, desk, dialogues, measurements. Decides nothing."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from pleintemps_contract.agent_messages import DeviceHealth, FireInputChanged, Health, TamperChanged

from .access.desk import Desk
from .access.dialogue import Dialogue, Entered, press, spoil
from .config import DoorConfig
from .door import (
    Closed,
    ContactLost,
    ExitEnded,
    ExitPressed,
    FireInput,
    LockdownButton,
    LockReported,
    Opened,
)
from .drivers import base
from .drivers.base import Driver, Feedback, HealthChanged, Observation, Reader
from .journal.events import EventJournal
from .keeper import Keeper
from .metering import Metering
from .panel import PanelKeeper


class Readers:
    """The readers of one agent, those with light or sound and those without, and the doors they serve."""

    def __init__(self, configs: Sequence[DoorConfig], shows: Mapping[str, Reader]) -> None:
        """``shows`` are the devices that can show something."""
        self._shows = shows
        self._at = {door.door: door.readers for door in configs}
        self._doors = {reader: door.door for door in configs for reader in door.readers}

    def door(self, reader: str) -> str | None:
        """The door that ``reader`` serves."""
        return self._doors.get(reader)

    def show(self, reader: str, feedback: Feedback) -> None:
        """Show ``feedback``, where the reader can."""
        device = self._shows.get(reader)
        if device is not None:
            device.show(feedback)

    def show_at(self, door: str, feedback: Feedback) -> None:
        """Show ``feedback`` at every reader of ``door``."""
        for reader in self._at[door]:
            self.show(reader, feedback)


def _serving(
    configs: Sequence[DoorConfig], device: Callable[[DoorConfig], str | None]
) -> dict[str, list[str]]:
    """The doors that each device of one kind serves."""
    doors: dict[str, list[str]] = {}
    for door in configs:
        if (name := device(door)) is not None:
            doors.setdefault(name, []).append(door.door)
    return doors


class Router:
    """Hands on the observations of all devices of one agent."""

    def __init__(
        self,
        configs: Sequence[DoorConfig],
        doors: Mapping[str, Keeper],
        observers: Iterable[Driver],
        readers: Readers,
        desk: Desk,
        metering: Metering,
        events: EventJournal,
        panels: Mapping[str, PanelKeeper],
    ) -> None:
        """``panels`` by their device."""
        self._doors = doors
        self._panels = panels
        self._readers = readers
        self._desk = desk
        self._metering = metering
        self._events = events
        self.health = {each.device: HealthChanged(each.device, Health.SILENT, "") for each in observers}
        """What each device that observes has said of itself last."""
        self._contacts = _serving(configs, lambda door: door.contact)
        self._exits = _serving(configs, lambda door: door.exit)
        self._locks = _serving(configs, lambda door: door.lock)
        self._fires = _serving(configs, lambda door: door.fire)
        self._lockdowns = _serving(configs, lambda door: door.lockdown)
        self._open: dict[str, bool] = {}
        self._burning: dict[str, bool] = {}
        self._unread: set[str] = set()
        self._recorded: dict[str, bool] = {}
        self.dialogues: dict[str, Dialogue] = {}
        self.attempts: set[asyncio.Task[Any]] = set()
        self.witness: Callable[[Observation], None] | None = None
        """Told of every observation before it is followed."""
        self._routes: dict[type[Observation], Callable[[Any], None]] = {
            base.Sampled: metering.take,
            base.ContactChanged: self._contact_changed,
            base.KeyPressed: self._key_pressed,
            base.CodeTyped: lambda seen: self._enter(seen.device, Entered(seen.code)),
            base.CardRead: self._card_read,
            base.TokenRead: self._token_read,
            base.ExitRequested: self._exit_requested,
            base.Unreadable: self._unreadable,
            base.LockReported: self._lock_reported,
            base.FireChanged: self._fire_changed,
            base.TamperChanged: self._tamper_changed,
            base.LockdownPressed: self._lockdown_pressed,
            base.PanelReported: self._panel_reported,
            base.HealthChanged: self._health_changed,
        }

    def close(self) -> None:
        """Give up the checks that are under way."""
        for attempt in self.attempts:
            attempt.cancel()

    def observe(self, seen: Observation) -> None:
        """Take one observation of a driver."""
        if self.witness is not None:
            self.witness(seen)
        route = self._routes.get(type(seen))
        if route is not None:
            route(seen)

    # --- readers ------------------------------------------------------------------------------------

    def _dialogue(self, reader: str) -> Dialogue:
        return self.dialogues.get(reader, Dialogue())

    def _key_pressed(self, seen: base.KeyPressed) -> None:
        self._readers.show(seen.device, Feedback.KEY)
        dialogue, entered = press(self._dialogue(seen.device), seen.key, seen.monotonic)
        self.dialogues[seen.device] = dialogue
        if entered is not None:
            self._enter(seen.device, entered)

    def _unreadable(self, seen: base.Unreadable) -> None:
        """What is being typed is refused at its end. A card has no end: the first that is unreadable is
        refused at once, and so is noise, once until the line was quiet.
        """
        dialogue = spoil(self._dialogue(seen.device), seen.monotonic)
        self.dialogues[seen.device] = dialogue
        if not dialogue.digits and dialogue.began == seen.monotonic:
            self._enter(seen.device, Entered(None))

    def _enter(self, reader: str, entered: Entered) -> None:
        if (door := self._readers.door(reader)) is not None:
            self._attempt(self._desk.enter(door, entered, reader))

    def _card_read(self, seen: base.CardRead) -> None:
        if (door := self._readers.door(seen.device)) is not None:
            self._attempt(self._desk.card(door, seen.card, seen.device))

    def _token_read(self, seen: base.TokenRead) -> None:
        if (door := self._readers.door(seen.device)) is not None:
            self._attempt(self._desk.token(door, seen.text, seen.device))

    def _attempt(self, check: Coroutine[Any, Any, Any]) -> None:
        attempt = asyncio.get_running_loop().create_task(check)
        self.attempts.add(attempt)
        attempt.add_done_callback(self.attempts.discard)

    # --- doors --------------------------------------------------------------------------------------

    def _contact_changed(self, seen: base.ContactChanged) -> None:
        self._open[seen.device] = seen.open
        self._tell_contact(seen.device, seen.monotonic)

    def _tell_contact(self, device: str, monotonic: int | None = None) -> None:
        if device in self._open:
            for door in self._contacts.get(device, ()):
                self._doors[door].happen(Opened() if self._open[device] else Closed(), monotonic)

    def _exit_requested(self, seen: base.ExitRequested) -> None:
        for door in self._exits.get(seen.device, ()):
            self._doors[door].happen(ExitPressed() if seen.held else ExitEnded(), seen.monotonic)

    def _lock_reported(self, seen: base.LockReported) -> None:
        for door in self._locks.get(seen.device, ()):
            self._doors[door].happen(LockReported(seen.state), seen.monotonic)

    def _lockdown_pressed(self, seen: base.LockdownPressed) -> None:
        for door in self._lockdowns.get(seen.device, ()):
            self._doors[door].happen(LockdownButton(), seen.monotonic)

    def _panel_reported(self, seen: base.PanelReported) -> None:
        if (panel := self._panels.get(seen.device)) is not None:
            panel.take(seen)

    def _fire_changed(self, seen: base.FireChanged) -> None:
        self._burning[seen.device] = seen.active
        self._tell_fire(seen.device)

    def _tell_fire(self, device: str) -> None:
        """An input that cannot be read counts as a fire, and so it does until it says otherwise."""
        if device not in self._unread and device not in self._burning:
            return
        active = device in self._unread or self._burning[device]
        for door in self._fires.get(device, ()):
            self._doors[door].happen(FireInput(active))
        if self._recorded.get(device) is not active:
            self._recorded[device] = active
            self._events.append([FireInputChanged(device=device, active=active)])

    def _tamper_changed(self, seen: base.TamperChanged) -> None:
        if self._recorded.get(seen.device) is not seen.active:
            self._recorded[seen.device] = seen.active
            self._events.append([TamperChanged(device=seen.device, active=seen.active)])

    # --- health -------------------------------------------------------------------------------------

    def _health_changed(self, seen: HealthChanged) -> None:
        before = self.health[seen.device]
        self.health[seen.device] = seen
        well = seen.health is Health.OK
        if seen.device in self._fires:
            self._unread = self._unread - {seen.device} if well else self._unread | {seen.device}
            self._tell_fire(seen.device)
        if (before.health, before.detail) == (seen.health, seen.detail):
            return
        self._metering.set_health(seen.device, well)
        detail = seen.detail[:200]
        self._events.append([DeviceHealth(device=seen.device, health=seen.health, detail=detail)])
        if well:
            self._tell_contact(seen.device)
            return
        for door in self._contacts.get(seen.device, ()):
            self._doors[door].happen(ContactLost())
        for door in self._exits.get(seen.device, ()):
            self._doors[door].happen(ExitEnded())
