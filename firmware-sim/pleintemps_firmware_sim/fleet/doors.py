"""What a person at a door makes its agent write, and what a command does. Pure; as the agent's own rules
have it, without a lock to move.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from pleintemps_contract.agent_messages import (
    AccessGranted,
    AccessRefused,
    CommandExecuted,
    DoorModeChanged,
    DoorPhysicalChanged,
    Event,
    LockPhysicalChanged,
    ModeCause,
    RefusalReason,
)
from pleintemps_contract.gateway_messages import Command
from pleintemps_contract.onvif import DoorAction, DoorMode, DoorPhysicalState, LockPhysicalState

OPENS_MS: Final = 700
SHUTS_MS: Final = 3_000
MODES: Final = {
    DoorAction.UNLOCK: DoorMode.UNLOCKED,
    DoorAction.LOCK: DoorMode.LOCKED,
    DoorAction.BLOCK: DoorMode.BLOCKED,
    DoorAction.LOCK_DOWN: DoorMode.LOCKED_DOWN,
    DoorAction.LOCK_DOWN_RELEASE: DoorMode.LOCKED,
    DoorAction.LOCK_OPEN: DoorMode.LOCKED_OPEN,
    DoorAction.LOCK_OPEN_RELEASE: DoorMode.LOCKED,
}
"""Commands that leave a door in another mode."""

After = tuple[int, Event]
"""An event, so many ms later."""


class DoorState(NamedTuple):
    """What a door does with codes and commands."""

    mode: DoorMode = DoorMode.LOCKED

    @property
    def takes_codes(self) -> bool:
        return self.mode is DoorMode.LOCKED

    @property
    def is_shut(self) -> bool:
        """Whether nobody is let in, by no command either, until the mode is taken back."""
        return self.mode in (DoorMode.BLOCKED, DoorMode.LOCKED_DOWN)


def enter(door: str, state: DoorState, grant: str | None) -> Iterator[After]:
    """Somebody types a code: ``grant`` is what it names, None what no agent knows."""
    if state.mode in (DoorMode.UNLOCKED, DoorMode.LOCKED_OPEN):
        yield from _leaf(door)
    elif grant is None:
        yield 0, AccessRefused(door=door, reason=RefusalReason.UNKNOWN)
    elif not state.takes_codes:
        yield 0, AccessRefused(door=door, reason=RefusalReason.DOOR_MODE, grant=grant)
    else:
        yield 0, AccessGranted(door=door, grant=grant)
        yield from _release(door, ModeCause.CODE, grant)


def leave(door: str) -> Iterator[After]:
    """Somebody goes out by the handle inside, which needs no lock to move."""
    yield from _leaf(door)


def commanded(command: Command) -> Iterator[After]:
    """What a command that is carried out makes the agent write."""
    yield 0, CommandExecuted(door=command.door, command=command.id, action=command.action)
    if command.action is DoorAction.ACCESS:
        yield from _release(command.door, ModeCause.COMMAND, command.id)
    elif (mode := MODES.get(command.action)) is not None:
        yield (
            0,
            DoorModeChanged(door=command.door, mode=mode, cause=ModeCause.COMMAND, reference=command.id),
        )


def _release(door: str, cause: ModeCause, reference: str) -> Iterator[After]:
    yield 0, DoorModeChanged(door=door, mode=DoorMode.ACCESSED, cause=cause, reference=reference)
    yield 0, LockPhysicalChanged(door=door, state=LockPhysicalState.UNLOCKED)
    yield from _leaf(door)
    yield SHUTS_MS, DoorModeChanged(door=door, mode=DoorMode.LOCKED, cause=ModeCause.RELOCK)
    yield SHUTS_MS, LockPhysicalChanged(door=door, state=LockPhysicalState.LOCKED)


def _leaf(door: str) -> Iterator[After]:
    yield OPENS_MS, DoorPhysicalChanged(door=door, state=DoorPhysicalState.OPEN)
    yield SHUTS_MS, DoorPhysicalChanged(door=door, state=DoorPhysicalState.CLOSED)
