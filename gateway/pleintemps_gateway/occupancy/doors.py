"""How the doors of a room stand, by what their contacts tell.

A position told again is no edge. A door that stays open seals nothing: people come and go without an edge.
What means open is learnt, as contacts are wired either way: doors are opened shortly far more often than they
are closed shortly."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

PASSAGE_MS: Final = 60_000
"""A door that stays as it is for less is being passed."""
UNSEEN: Final = 8
"""After so many edges with nobody seen between, more are no people: a chattering contact, the wind."""
BOUNCE_MS: Final = 1_000
"""Edges closer than this are one."""
_MOST_PASSED: Final = 200


class Passed:
    """How often each door was short in each position (told as closed, as open), by key."""

    __slots__ = (
        "short",
        "version",
    )

    def __init__(self) -> None:
        self.short: dict[str, list[int]] = {}
        self.version = 0
        """Another one whenever something else would be told."""

    def learn(self, key: str, told_open: bool) -> None:
        self.version += 1
        counts = self.short.setdefault(key, [0, 0])
        counts[told_open] += 1
        if sum(counts) > _MOST_PASSED:
            self.short[key] = [each // 2 for each in counts]

    def inverted(self, key: str) -> bool:
        """Whether "closed" means that it is open."""
        closed, opened = self.short.get(key, (0, 0))
        return closed > opened

    def kept(self) -> dict[str, Any]:
        return {key: list(counts) for key, counts in sorted(self.short.items())}

    def take(self, kept: Mapping[str, Sequence[int]]) -> None:
        self.short = {str(key): [int(count) for count in counts] for key, counts in kept.items()}


class Standing(NamedTuple):
    """Told to be open, or closed, since ``since``."""

    open: bool
    since: int


class Doors:
    """All doors of a room, by key."""

    __slots__ = ("_edge_at", "_unseen", "passed", "standing")

    def __init__(self, passed: Passed) -> None:
        self.passed = passed
        self.standing: dict[str, Standing] = {}
        self._unseen = 0
        self._edge_at = -BOUNCE_MS

    def copy(self) -> "Doors":
        twin = Doors.__new__(Doors)
        twin.passed = self.passed
        twin.standing, twin._unseen, twin._edge_at = dict(self.standing), self._unseen, self._edge_at
        return twin

    def again(self, key: str, at: int, opened: bool, moved: bool) -> bool:
        """Whether the door stands as it was known to; one that nobody knew yet does. Not if it ``moved``:
        then the edge between got lost."""
        before = self.standing.get(key)
        if before is None and not moved:
            self.standing[key] = Standing(opened, at)
        return not moved and (before is None or before.open is opened)

    def edge(self, key: str, at: int, opened: bool, learns: bool) -> bool:
        """The door moved; whether that is worth anything."""
        before = self.standing.get(key)
        self.standing[key] = Standing(opened, at)
        if before is not None and learns and BOUNCE_MS <= at - before.since < PASSAGE_MS:
            self.passed.learn(key, before.open)
        if at - self._edge_at >= BOUNCE_MS:
            self._edge_at = at
            self._unseen += 1
        return self._unseen <= UNSEEN

    def seen(self) -> None:
        """A sensor tells of somebody."""
        self._unseen = 0

    def ajar(self, at: int) -> bool:
        """Whether one of them stands open, for longer than people take to pass."""
        return any(
            at - door.since >= PASSAGE_MS and door.open is not self.passed.inverted(key)
            for key, door in self.standing.items()
        )
