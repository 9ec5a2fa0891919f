"""What the three sensors of a room say, drawn once and encoded once. Pure.

Readings of one width stand in a ring of bytes, written twice, so that any run of them is one slice. A scene
has several rings; rooms start at different places of them.
"""

from typing import Final, NamedTuple

from .days import Scene, chance_of

_BATCH_BYTES: Final = 48_000
_READING_BYTES: Final = 12
"""Of one reading with its time, at most; of names and digits beside them comes less than the rest allows."""
RING: Final = 600
"""Readings until a room says the same again; no batch holds more of a series."""
VARIANTS: Final = 8
LEVEL_WIDTH: Final = 5
STATE_WIDTH: Final = 4
_LEVELS: Final = {
    Scene.NIGHT: (28.0, 1.5),
    Scene.DAY: (35.0, 3.0),
    Scene.FEW: (48.0, 6.0),
    Scene.MANY: (62.0, 6.0),
    Scene.LOUD: (80.0, 7.0),
}
"""Middle and half width (dB)."""
_MOVING_MS: Final = {Scene.FEW: (5_000, 12_000), Scene.MANY: (12_000, 6_000), Scene.LOUD: (30_000, 4_000)}
"""How long somebody moves, and how long nobody does, on average."""


class Pace(NamedTuple):
    """A reading every ``period_ms``, ``flush`` of them in a batch where no state changes."""

    period_ms: float
    flush: int

    @classmethod
    def of(cls, rate: float, series: int, flush_ms: int = 5_000) -> "Pace":
        """Readings a second and sensor; levels leave an agent within ``flush_ms``."""
        period = 1000 / rate
        most = max(1, _BATCH_BYTES // (_READING_BYTES * series))
        return cls(period, max(1, min(most, int(flush_ms / period))))


class Pattern(NamedTuple):
    """One ring. ``changes`` has a 1 where a state differs from the reading before."""

    level: bytes
    motion: bytes
    radar: bytes
    changes: bytes


def rings(seed: int, scene: Scene, period_ms: float) -> list[Pattern]:
    """The rings of one scene for readings every ``period_ms``."""
    return [_ring(seed, scene, period_ms, variant) for variant in range(VARIANTS)]


def _ring(seed: int, scene: Scene, period_ms: float, variant: int) -> Pattern:
    chance = chance_of(seed, scene.name, variant)
    middle, half = _LEVELS[scene]
    levels = [middle + half * (chance.random_below(2001) - 1000) / 1000 for _ in range(RING)]
    moving: list[int] = []
    means = _MOVING_MS.get(scene)
    while len(moving) < RING:
        for value, mean in zip((1, 0), means or (), strict=False):
            run = (mean // 2 + chance.random_below(mean)) / period_ms
            moving += [value] * max(1, round(run))
        if means is None:
            moving = [0] * RING
    moving = moving[:RING]
    radar = [0 if means is None else 3 if value else 2 for value in moving]
    changes = bytes(int(moving[place] != moving[place - 1]) for place in range(RING))
    return Pattern(
        b"".join(b"%.1f," % level for level in levels) * 2,
        b"".join(b"%d.0," % value for value in moving) * 2,
        b"".join(b"%d.0," % value for value in radar) * 2,
        changes,
    )
