"""What a reader does with its light and its sounder, for each thing that it may have to say. Pure.

Two senses carry the same message, each enough alone. By ear, without pitch, which many sounders lack: number
and length of the tones differ. By eye, without colour, which one man in twelve cannot tell apart and which a
reader with one lamp does not have: number and length of the lights are those of the tones. Colour only adds.

    accepted          one long tone        green, steady, stays after the tone
    refused           three short tones    red, three blinks
    wait              two slow tones       amber, then red: two slow blinks
    no trusted time   long, short, short   amber in the same rhythm
    pre-alarm         a tone each second   red, again and again until something else is shown
    key               a tick               a flicker

No pattern flashes more than three times in a second (WCAG 2.2, 2.3.1). Amber is red and green together.
"""

from dataclasses import dataclass
from typing import Final, Literal

from pleintemps_edge.drivers.base import Feedback

Light = Literal["off", "red", "green", "amber"]


@dataclass(frozen=True, slots=True)
class Step:
    """For ``ms`` milliseconds this light, and the sounder on or off."""

    ms: int
    light: Light
    sound: bool


def _pulses(*pulses: tuple[int, Light], pause: int) -> tuple[Step, ...]:
    """Tones with their light, ``pause`` ms of nothing after each."""
    return tuple(step for ms, light in pulses for step in (Step(ms, light, True), Step(pause, "off", False)))


_PATTERNS: Final[dict[Feedback, tuple[Step, ...]]] = {
    Feedback.KEY: (Step(40, "amber", True),),
    Feedback.ACCEPTED: (Step(1_000, "green", True), Step(2_000, "green", False)),
    Feedback.REFUSED: _pulses((160, "red"), (160, "red"), (160, "red"), pause=180),
    Feedback.WAIT: _pulses((600, "amber"), (600, "red"), pause=600),
    Feedback.NO_TRUSTED_TIME: _pulses((600, "amber"), (160, "amber"), (160, "amber"), pause=250),
    Feedback.PRE_ALARM: (Step(250, "red", True), Step(750, "off", False)),
    Feedback.QUIET: (),
}


def pattern(feedback: Feedback) -> tuple[Step, ...]:
    """The steps of ``feedback``, once; after the last one light and sound are off. Empty: off at once."""
    return _PATTERNS[feedback]


def repeats(feedback: Feedback) -> bool:
    """Whether the pattern begins again at its end, until something else is shown."""
    return feedback is Feedback.PRE_ALARM
