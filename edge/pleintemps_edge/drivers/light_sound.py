"""Plays what a reader has to say on its lights and its sounder, for whichever driver owns them."""

import asyncio
from collections.abc import Callable
from typing import Final

from pleintemps_contract.world import World
from pleintemps_edge.access.feedback import Light, Step, pattern, repeats
from pleintemps_edge.waiting import wait_until

from .base import Feedback

Put = Callable[[Light, bool], None]
"""Puts the lights and the sounder so, at once."""
_DARK: Final[tuple[Light, bool]] = ("off", False)


class Player:
    """Plays one feedback at a time in the time of ``line``: people, eyes and ears are real.

    ``put`` is called at changes only. :meth:`show` may be called before :meth:`run`.
    """

    def __init__(self, line: World, put: Put) -> None:
        self._line = line
        self._put = put
        self._shown = _DARK
        self._steps: list[Step] = []
        self._again: tuple[Step, ...] = ()
        self._news = asyncio.Event()

    def show(self, feedback: Feedback) -> None:
        """Begin with ``feedback``; what is being shown ends."""
        self._again = pattern(feedback) if repeats(feedback) else ()
        self._steps = list(pattern(feedback))
        self._news.set()

    async def run(self) -> None:
        """Play until cancelled; then everything is off."""
        try:
            while True:
                self._news.clear()
                due = self._next()
                await wait_until(self._line, self._news, due)
        finally:
            self._show(_DARK)

    def _next(self) -> int | None:
        """Put the next step; when it is over, None if nothing follows."""
        if not self._steps:
            self._steps = list(self._again)
        if not self._steps:
            self._show(_DARK)
            return None
        step = self._steps.pop(0)
        self._show((step.light, step.sound))
        return self._line.monotonic() + step.ms

    def _show(self, wanted: tuple[Light, bool]) -> None:
        if wanted != self._shown:
            self._shown = wanted
            self._put(*wanted)
