"""Serial lines that say what was recorded.

A device that reports by itself says what it said, when it said it. One that answers says what it answered to
the same question, the one asked nearest to that moment.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from pleintemps_contract.recording import Bytes, Entry, Port, Token
from pleintemps_contract.world import World

NEAR_MS: Final = 60_000
_NOT_THERE: Final = "No such file or directory"


class _Question:
    """Everything that was answered to one question: when it was asked, and what came how long after."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.answers: list[list[tuple[int, bytes]]] = []

    def nearest(self, at: int) -> list[tuple[int, bytes]]:
        place = bisect_left(self.asked, at)
        near = [each for each in (place - 1, place) if 0 <= each < len(self.asked)]
        best = min(near, key=lambda each: abs(self.asked[each] - at))
        return self.answers[best] if abs(self.asked[best] - at) <= NEAR_MS else []


class ReplayPort:
    """One line. Times are ms since the beginning of the recording; ``world`` is the replay's."""

    def __init__(self, entries: list[Entry], *, answers: bool, text: Callable[[Token], bytes]) -> None:
        self.plugged = True
        self._answers = answers
        self._text = text
        self._questions: dict[bytes, _Question] = {}
        self._wire: _ReplayWire | None = None
        self._began = 0
        self.steps: list[tuple[int, Callable[[], None]]] = []
        """What happens by itself, and when."""
        self._learn(entries)

    def _learn(self, entries: list[Entry]) -> None:
        refused = -1
        answer: list[tuple[int, bytes]] | None = None
        asked = 0
        first = True
        for entry in entries:
            if isinstance(entry, Port):
                if entry.state == "refused":
                    self.plugged = self.plugged and not first
                    refused = entry.t
                elif entry.state == "lost":
                    self.steps.append((entry.t, self._lose))
                elif entry.state == "open" and not first:
                    self.steps.append((refused + 1 if refused >= 0 else entry.t, self._plug))
                first = False
            elif isinstance(entry, Token):
                self.steps.append((entry.t, self._saying(self._text(entry))))
            elif isinstance(entry, Bytes) and not self._answers:
                if entry.to:
                    self.steps.append((entry.t, self._saying(entry.data)))
            elif isinstance(entry, Bytes) and entry.to:
                if answer is not None:
                    answer.append((entry.t - asked, entry.data))
            elif isinstance(entry, Bytes):
                question = self._questions.setdefault(entry.data, _Question())
                answer, asked = [], entry.t
                question.asked.append(asked)
                question.answers.append(answer)

    def begin(self, began: int) -> None:
        """The recording begins at this monotonic time."""
        self._began = began

    def open(self, world: World, take: Callable[[bytes], None], lost: Callable[[str], None]) -> "_ReplayWire":
        """Raises OSError."""
        if not self.plugged:
            raise OSError(_NOT_THERE)
        self._wire = _ReplayWire(self, world, take, lost)
        return self._wire

    def asked(self, wire: "_ReplayWire", data: bytes, now: int) -> None:
        """The agent has written ``data``."""
        question = self._questions.get(data)
        if question is None:
            return
        loop = asyncio.get_running_loop()
        for after, answer in question.nearest(now - self._began):
            loop.call_later(after / 1000, wire.hear, answer)

    def closed(self, wire: "_ReplayWire") -> None:
        if self._wire is wire:
            self._wire = None

    def _saying(self, data: bytes) -> Callable[[], None]:
        def say() -> None:
            if self._wire is not None:
                self._wire.hear(data)

        return say

    def _plug(self) -> None:
        self.plugged = True

    def _lose(self) -> None:
        self.plugged = False
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.lost("Input/output error")


class _ReplayWire:
    def __init__(
        self, port: ReplayPort, world: World, take: Callable[[bytes], None], lost: Callable[[str], None]
    ) -> None:
        self._port: ReplayPort | None = port
        self._world = world
        self._take = take
        self.lost = lost

    def hear(self, data: bytes) -> None:
        """From the device."""
        if self._port is not None:
            self._take(data)

    def write(self, data: bytes) -> None:
        if self._port is not None:
            self._port.asked(self, data, self._world.monotonic())

    def in_place(self) -> str:
        return "" if self._port is not None and self._port.plugged else "the port was replaced"

    def close(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            port.closed(self)


class ReplayWires:
    """All lines of the agent, by the path that the replay's configuration gives them."""

    def __init__(self, world: World, ports: Mapping[Path, ReplayPort]) -> None:
        self._world = world
        self._ports = ports

    def open(
        self, port: Path, baud: int, take: Callable[[bytes], None], lost: Callable[[str], None]
    ) -> _ReplayWire:
        """Raises OSError."""
        found = self._ports.get(port)
        if found is None:
            raise OSError(_NOT_THERE)
        return found.open(self._world, take, lost)


def by_port(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """What is recorded of each port, by its configured name."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if isinstance(entry, Port | Bytes | Token):
            found.setdefault(entry.port, []).append(entry)
    return found
