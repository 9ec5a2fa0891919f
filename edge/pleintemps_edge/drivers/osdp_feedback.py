"""Lights and tones of :mod:`pleintemps_edge.access.feedback` as OSDP's LED and BUZ commands. Pure.

OSDP counts in tenths of a second, and one command is one rhythm. So each step is rounded to whole tenths,
at least one. Steps of one light that follow one another are one light; a light and the dark after it are a
pulse; equal pulses that follow one another are one command, sent when the first of them begins:

    LED   temporary, for the time of its pulses: colour for ``on``, dark for ``off``
    BUZ   default tone for ``on``, silence for ``off``, ``count`` times

Every light is temporary and every tone is counted: a reader that loses its agent falls dark and silent by
itself. A pattern that repeats is sent again. The end is a cancelled light and tone "off".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final

from pleintemps_edge.access.feedback import Light, Step, pattern, repeats

from .base import Feedback

TENTH_MS: Final = 100


@dataclass(frozen=True, slots=True)
class Led:
    """Show ``light`` for ``on`` tenths, dark for ``off``, ``count`` times; ``count`` 0 ends it."""

    light: Light
    on: int
    off: int
    count: int

    @property
    def tenths(self) -> int:
        """How long it takes in all."""
        return self.count * (self.on + self.off)


@dataclass(frozen=True, slots=True)
class Buzzer:
    """Sound for ``on`` tenths, silence for ``off``, ``count`` times; ``count`` 0 ends it."""

    on: int
    off: int
    count: int


@dataclass(frozen=True, slots=True)
class Cue:
    """``command`` is due ``after_ms`` after the begin of the pattern."""

    after_ms: int
    command: Led | Buzzer


END: Final = (Cue(0, Led("off", 0, 0, 0)), Cue(0, Buzzer(0, 0, 0)))


def cues(steps: Sequence[Step]) -> tuple[Cue, ...]:
    """The commands that show ``steps`` once, in order of time; :data:`END` for none."""
    if not steps:
        return END
    lights = [(step.light, _tenths(step)) for step in steps]
    sounds: list[tuple[Light, int]] = [("amber" if step.sound else "off", _tenths(step)) for step in steps]
    found = [Cue(at, Led(light, on, off, count)) for at, light, on, off, count in _commands(lights)]
    found += [Cue(at, Buzzer(on, off, count)) for at, _, on, off, count in _commands(sounds)]
    return tuple(sorted(found, key=lambda cue: cue.after_ms))


def _tenths(step: Step) -> int:
    return max(1, (step.ms + TENTH_MS // 2) // TENTH_MS)


def _commands(shown: Sequence[tuple[Light, int]]) -> Iterator[tuple[int, Light, int, int, int]]:
    """Begin in ms, colour, on, off and count of each row of equal pulses."""
    runs = [
        (light, sum(tenths for _, tenths in run)) for light, run in groupby(shown, key=lambda each: each[0])
    ]
    pulses: list[tuple[int, Light, int, int]] = []
    at = 0
    for (light, on), (after, off) in pairwise([*runs, ("off", 0)]):
        if light != "off":
            pulses.append((at * TENTH_MS, light, on, off if after == "off" else 0))
        at += on
    for (light, on, off), row in groupby(pulses, key=lambda pulse: pulse[1:]):
        begins = [pulse[0] for pulse in row]
        yield begins[0], light, on, off, len(begins)


class Show:
    """What one reader shows, and what it has to be sent when. Times are monotonic ms."""

    def __init__(self) -> None:
        self._left: list[tuple[int, Led | Buzzer]] = []
        self._again: tuple[int, Feedback] | None = None

    def begin(self, feedback: Feedback, now: int) -> None:
        """Show ``feedback`` from ``now`` on, and nothing else any more."""
        steps = pattern(feedback)
        self._left = [(now + cue.after_ms, cue.command) for cue in cues(steps)]
        self._again = (now + sum(step.ms for step in steps), feedback) if repeats(feedback) else None

    def due(self, now: int) -> list[Led | Buzzer]:
        """The commands that are due by ``now``; each is handed out once."""
        if self._again is not None and now >= self._again[0]:
            self.begin(self._again[1], now)
        found = [command for at, command in self._left if at <= now]
        self._left = [(at, command) for at, command in self._left if at > now]
        return found
