"""What to believe of a passive infrared detector's output.

After power-up an HC-SR501 goes high up to three times within about 60 s: nothing is believed until the
warm-up has passed. Afterwards the level is the motion, and only its changes are news.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class PirState:
    """``warm_at`` is the monotonic ms at which the warm-up ends; ``motion`` is what was said last."""

    warm_at: int
    motion: bool | None = None


def step(state: PirState, motion: bool, now: int) -> tuple[PirState, bool | None]:
    """The output says ``motion`` at monotonic ``now`` (ms): the new state, and the motion if it is news."""
    if now < state.warm_at or motion == state.motion:
        return state, None
    return replace(state, motion=motion), motion
