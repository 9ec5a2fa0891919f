"""Whether a command may be carried out: once, at this boot, in time. Pure.

``boot`` is new at every start of the agent and counters only rise within it, so a command that was ever
seen, or that was meant for an earlier boot, can never work again, whatever the clock says. Counters may
have gaps. Only what is proved, of this reign and of this boot moves the counter: nothing else can spoil the
number of a command that is still to come.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from pleintemps_contract.agent_messages import CommandRefusal
from pleintemps_contract.gateway_messages import Command
from pleintemps_contract.onvif import DoorAction

from .inbox import Reason

PANEL_ACTIONS: Final = frozenset({DoorAction.SET_PANEL, DoorAction.UNSET_PANEL})
"""Those that name a panel in the place of the door."""
SIGNAL_ACTIONS: Final = frozenset({DoorAction.SIGNAL_ON, DoorAction.SIGNAL_OFF})
"""Those that name a warning signal."""
_FAULTS: Final = {Reason.RETAINED: CommandRefusal.RETAINED, Reason.OLD_EPOCH: CommandRefusal.OLD_EPOCH}


@dataclass(slots=True)
class CommandGuard:
    """``counter`` is that of the last command of this boot."""

    boot: str
    doors: Container[str]
    panels: Container[str] = ()
    signals: Container[str] = ()
    counter: int = 0

    def judge(self, command: Command, fault: Reason | None, now: int | None) -> CommandRefusal | None:
        """None if it may be carried out. ``now`` is trusted wall time (Unix ms), None without it."""
        if fault is not None:
            return _FAULTS[fault]
        if command.boot != self.boot:
            return CommandRefusal.FOREIGN_BOOT
        if command.counter <= self.counter:
            return CommandRefusal.REPEATED
        self.counter = command.counter
        if command.door not in self._those_of(command.action):
            return CommandRefusal.UNKNOWN_DOOR
        if now is not None and now >= command.expires:
            return CommandRefusal.EXPIRED
        return None

    def _those_of(self, action: DoorAction) -> Container[str]:
        if action in SIGNAL_ACTIONS:
            return self.signals
        return self.panels if action in PANEL_ACTIONS else self.doors
