"""Whether a command may be carried out: once, at this boot, in time. Pure.

``boot`` is new at every start of the agent and counters only rise within it, so a command that was ever
seen, or that was meant for an earlier boot, can never work again, whatever the clock says.
"""

from collections.abc import Container
from dataclasses import dataclass

from pleintemps_contract.agent_messages import CommandRefusal
from pleintemps_contract.gateway_messages import Command

from .inbox import Reason

_FAULTS = {Reason.RETAINED: CommandRefusal.RETAINED, Reason.OLD_EPOCH: CommandRefusal.OLD_EPOCH}


@dataclass(slots=True)
class CommandGuard:
    """``counter`` is that of the last command of this boot."""

    boot: str
    doors: Container[str]
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
        if command.door not in self.doors:
            return CommandRefusal.UNKNOWN_DOOR
        if now is not None and now >= command.expires:
            return CommandRefusal.EXPIRED
        return None
