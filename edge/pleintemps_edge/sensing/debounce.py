"""A contact's raw edges as open and closed.

    raw edge            the contact is unsettled, the 30 ms start again
    30 ms without edge  settled: news if it differs from what was believed
    1 s unsettled, or   flapping: said once; from now on only 1 s without edge settles
    20 changes in 10 s
    settled again       steady: said once

So a bouncing reed gives one change, and a broken one a bounded number: nobody's journal fills up.
Bounce of a reed is about 1 ms; 30 ms is the middle of the usual 20 to 50. Contacts with other wishes bring
their own 30 ms, one for each direction, and their own second (:class:`Timing`).
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

STABLE_MS: Final = 30
STEADY_MS: Final = 1_000
UNSETTLED_MS: Final = 1_000
CHANGES: Final = 20
CHANGES_WITHIN_MS: Final = 10_000


class Flap(Enum):
    """The contact went from sound to flapping, or back."""

    FLAPPING = "flapping"
    STEADY = "steady"


@dataclass(frozen=True, slots=True)
class Changed:
    """The contact settled on ``level``, which is new."""

    level: bool


Effect = Changed | Flap


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a level must last to be believed, and how long unrest is none yet. All in ms."""

    low_ms: int = STABLE_MS
    high_ms: int = STABLE_MS
    unsettled_ms: int = UNSETTLED_MS


@dataclass(frozen=True, slots=True)
class ContactState:
    """``believed`` is the settled level, None before the first. All times are monotonic ms."""

    timing: Timing = Timing()
    believed: bool | None = None
    level: bool = False
    edge_at: int | None = None
    unsettled_since: int = 0
    changes: tuple[int, ...] = ()
    flapping: bool = False

    @property
    def due(self) -> int | None:
        """When to call :func:`step` again if no edge comes; None while settled."""
        if self.edge_at is None:
            return None
        stable_ms = self.timing.high_ms if self.level else self.timing.low_ms
        return self.edge_at + (STEADY_MS if self.flapping else stable_ms)


def step(state: ContactState, level: bool | None, now: int) -> tuple[ContactState, tuple[Effect, ...]]:
    """An edge to ``level``, or None when only time passed, at monotonic ``now`` (ms)."""
    effects: list[Effect] = []
    if state.due is not None and now >= state.due:
        state = _settle(state, now, effects)
    if level is not None:
        since = now if state.edge_at is None else state.unsettled_since
        state = replace(state, level=level, edge_at=now, unsettled_since=since)
        if not state.flapping and now - since >= state.timing.unsettled_ms:
            state = replace(state, flapping=True)
            effects.append(Flap.FLAPPING)
    return state, tuple(effects)


def _settle(state: ContactState, now: int, effects: list[Effect]) -> ContactState:
    steady = state.flapping
    changes = () if steady else state.changes
    if state.level != state.believed:
        effects.append(Changed(state.level))
        changes = (*(at for at in changes if now - at < CHANGES_WITHIN_MS), now)
    if steady:
        effects.append(Flap.STEADY)
    flapping = len(changes) >= CHANGES
    if flapping:
        effects.append(Flap.FLAPPING)
    return replace(state, believed=state.level, edge_at=None, changes=changes, flapping=flapping)
