"""What a room's sound level tells of presence, learnt from the room itself.

Nobody labels anything: a level heard within ``NEAR_MS`` of a sign of presence belongs to people who move, one
with signs before and after it to people who sit still, one with no sign for ``LABEL_MS`` on either side to an
empty room. The label is given ``LABEL_MS`` later, so all that is used comes from the past. A level is a step
of ``STEP_DB``; its weight grows with what has been heard of both an empty and a used room."""

from array import array
from collections.abc import Mapping
from math import floor, log
from typing import Any, Final

STEP_DB: Final = 3.0
"""Levels closer than this are one."""
APART_MS: Final = 25_000
"""Levels that follow one another faster are one piece of evidence."""
NEAR_MS: Final = 45_000
LABEL_MS: Final = 15 * 60_000
GAP_MS: Final = 120_000
"""Without a level for this long, what waits for its label is dropped."""
HALF_WEIGHT: Final = 60
"""Levels of the rarer state that give half the weight (30 minutes of it)."""
STILL_SILENT: Final = 0.5
"""A still person nobody has heard yet: silent as an empty room so often, else like people who move."""
LEAST_HEARD: Final = 30
"""Levels of the rarer state before sound says anything: a quarter of an hour of it."""
MOST_LLR: Final = 2.0
"""No level multiplies odds by more than e^2."""
MOST_COUNTED: Final = 20_000
"""Levels kept of one state (a week); beyond, old ones lose half their weight."""
_HIT_MS: Final = 5_000


def step(level_db: float) -> int:
    """The step in which a level lies."""
    return floor(level_db / STEP_DB + 0.5)


UNHEARD: Final[tuple[Mapping[int, int], ...]] = ({}, {}, {})
"""No marked hour has told anything."""


class SoundMemory:
    """Levels heard in an empty room, with people moving, with people still; and those that wait."""

    __slots__ = (
        "_hits",
        "_levels",
        "_waiting",
        "counts",
        "marked",
        "totals",
        "version",
    )

    def __init__(self) -> None:
        self.counts: tuple[dict[int, float], ...] = ({}, {}, {})
        self.totals = [0.0, 0.0, 0.0]
        self.marked = UNHEARD
        """What marked hours teach beside it."""
        self.version = 0
        """Another one whenever something else would be told."""
        # columns: these are hundreds in a room that is used
        self._waiting, self._levels = array("q"), array("h")
        self._hits = array("q")

    # --- learning -------------------------------------------------------------------------------------

    def hit(self, at: int) -> None:
        """A sensor told of somebody at ``at``; times do not go back."""
        if not self._hits or at - self._hits[-1] >= _HIT_MS:
            self._hits.append(at)

    def gap(self) -> None:
        """The sensors that could have told of somebody were silent: nothing can be said of what waits."""
        del self._waiting[:], self._levels[:]

    def heard(self, at: int, level: int) -> None:
        """A level in ``STEP_DB`` at ``at``, in order of time."""
        waiting, hits = self._waiting, self._hits
        if waiting and at - waiting[-1] > GAP_MS:
            self.gap()
        waiting.append(at)
        self._levels.append(level)
        while at - waiting[0] >= LABEL_MS:
            then, what = waiting.pop(0), self._levels.pop(0)
            while len(hits) > 1 and hits[1] <= then:
                del hits[0]
            label = self._label(then)
            if label is not None:
                self._add(label, what)

    def _label(self, then: int) -> int | None:
        before = after = LABEL_MS + 1
        for hit in self._hits:
            if hit <= then:
                before = min(before, then - hit)
            else:
                after = min(after, hit - then)
                break
        if min(before, after) <= NEAR_MS:
            return 1
        if before <= LABEL_MS and after <= LABEL_MS:
            return 2
        if before > LABEL_MS and after > LABEL_MS:
            return 0
        return None

    def _add(self, label: int, level: int) -> None:
        self.version += 1
        counts = self.counts[label]
        counts[level] = counts.get(level, 0.0) + 1
        self.totals[label] += 1
        if self.totals[label] > MOST_COUNTED:
            for each in counts:
                counts[each] /= 2
            self.totals[label] /= 2

    # --- evidence -------------------------------------------------------------------------------------

    @property
    def weight(self) -> float:
        """0 (too little is known of one state) to 1."""
        least = min(self._total(0), self._total(1))
        return 0.0 if least < LEAST_HEARD else least / (least + HALF_WEIGHT)

    def tells(self, level: int) -> tuple[float, float]:
        """Logarithms of how much likelier ``level`` is with people active, and still, than in an empty
        room."""
        if not self.weight:
            return 0.0, 0.0
        steps = len({level}.union(*self.counts, *self.marked))

        def likelihood(state: int) -> float:
            return (self._near(state, level) + 1) / (2 * self._total(state) + steps)

        vacant, active = likelihood(0), likelihood(1)
        # people sit still for minutes, so such levels come in runs: they earn their own weight, not that of
        # the many levels of people who move
        guess = STILL_SILENT * vacant + (1 - STILL_SILENT) * active
        own = 2 * HALF_WEIGHT
        still = (self._near(2, level) + own * guess) / (2 * self._total(2) + own)
        return self._ratio(active, vacant), self._ratio(still, vacant)

    def _near(self, state: int, level: int) -> float:
        """Twice the number of levels heard there, a neighbour for half."""
        return self._count(state, level) + 0.5 * (
            self._count(state, level - 1) + self._count(state, level + 1)
        )

    def _count(self, state: int, level: int) -> float:
        return self.counts[state].get(level, 0.0) + self.marked[state].get(level, 0)

    def _total(self, state: int) -> float:
        return self.totals[state] + sum(self.marked[state].values())

    def _ratio(self, some: float, none: float) -> float:
        return max(-MOST_LLR, min(MOST_LLR, self.weight * log(some / none)))

    def begin(self) -> None:
        """Another stretch of time begins: what waits for its label is dropped."""
        self.gap()
        del self._hits[:]

    # --- what is kept ---------------------------------------------------------------------------------

    def kept(self) -> dict[str, Any]:
        """Plain data: per state the number heard in each step."""
        return {
            "step_db": STEP_DB,
            "weight": round(self.weight, 3),
            **{
                name: {str(level): round(count, 3) for level, count in sorted(counts.items())}
                for name, counts in zip(("vacant", "active", "still"), self.counts, strict=True)
            },
        }

    def take(self, kept: Mapping[str, Any]) -> None:
        """What :meth:`kept` gave; what waits for its label is not part of it."""
        self.counts = tuple(
            {int(level): float(count) for level, count in kept.get(name, {}).items()}
            for name in ("vacant", "active", "still")
        )
        self.totals = [sum(counts.values()) for counts in self.counts]
