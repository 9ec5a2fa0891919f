"""What a door should be in, told by the words of the rules: the tests' own account of its layers."""

from hypothesis import strategies as st

from pleintemps_contract.onvif import DoorAction, DoorMode
from pleintemps_edge.door import (
    CodeAccepted,
    Commanded,
    DoorEvent,
    DoorState,
    FireInput,
    FreeOpening,
    LockdownButton,
    Neighbour,
    Plan,
)

L, U, A = DoorMode.LOCKED, DoorMode.UNLOCKED, DoorMode.ACCESSED
B, D, O = DoorMode.BLOCKED, DoorMode.LOCKED_DOWN, DoorMode.LOCKED_OPEN  # noqa: E741
CONFIRM_MS = 500
"""The shortest patience with a lock among the plans."""
PLANS = st.builds(
    Plan,
    release_ms=st.integers(1_000, 10_000),
    open_ms=st.integers(1_000, 60_000),
    extended_release_ms=st.integers(10_000, 20_000),
    extended_open_ms=st.integers(60_000, 90_000),
    relock_delay_ms=st.integers(0, 5_000),
    pre_alarm_ms=st.integers(0, 61_000),
    relock=st.sampled_from(["open", "close"]),
    exit_releases=st.booleans(),
    frees_when_idle=st.booleans(),
    confirms=st.booleans(),
    confirm_ms=st.integers(CONFIRM_MS, 5_000),
)


class Layers:
    """All layers of one door, fed with what was not refused."""

    def __init__(self) -> None:
        self.fire = self.panel = self.lockdown = self.open = self.busy = False
        self.operator = L
        self.until: int | None = None
        self.on = self.dismissed = False

    def mode(self, state: DoorState) -> DoorMode:
        if self.fire:
            return O if state.plan.frees_when_idle else B
        if self.lockdown:
            return D
        if self.open:
            return O
        if self.operator is not L:
            return self.operator
        if self.on and not self.busy:
            return U
        return A if state.access is not None else L

    def lapse(self, now: int) -> None:
        if self.until is not None and now >= self.until:
            self.until, self.on, self.dismissed = None, False, False

    def take(self, event: DoorEvent, now: int) -> None:
        """An event that was not refused."""
        self.lapse(now)
        if isinstance(event, CodeAccepted):
            if self.fire:
                assert event.staff, "only a person of the house confirms"
                self.fire = False
            elif self.until is not None and not self.dismissed:
                self.on = True
        elif isinstance(event, Commanded):
            self.command(event.action)
        elif isinstance(event, LockdownButton):
            self.lockdown = True
        elif isinstance(event, FireInput):
            self.panel = event.active
            self.fire = self.fire or event.active
        elif isinstance(event, Neighbour):
            self.busy = event.busy
        elif isinstance(event, FreeOpening):
            if event.until is None or event.until <= now:
                self.until, self.on, self.dismissed = None, False, False
            else:
                self.until = event.until
                self.on = self.on or not (event.first_person or self.dismissed)

    def command(self, action: DoorAction) -> None:
        if action is DoorAction.CONFIRM_FIRE_RESET:
            assert self.fire and not self.panel, "first the panel, then a person"
            self.fire = False
        elif action in (DoorAction.UNLOCK, DoorAction.LOCK, DoorAction.BLOCK):
            self.operator = {DoorAction.UNLOCK: U, DoorAction.LOCK: L, DoorAction.BLOCK: B}[action]
            if action is DoorAction.LOCK and self.until is not None:
                self.on, self.dismissed = False, True
        elif action in (DoorAction.LOCK_DOWN, DoorAction.LOCK_DOWN_RELEASE):
            self.lockdown = action is DoorAction.LOCK_DOWN
        elif action in (DoorAction.LOCK_OPEN, DoorAction.LOCK_OPEN_RELEASE):
            self.open = action is DoorAction.LOCK_OPEN
