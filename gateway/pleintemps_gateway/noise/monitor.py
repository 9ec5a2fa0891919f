"""Levels of one space: windows, overload and background of each meter; the loudest meter that has measured
enough counts."""

from collections.abc import Sequence
from itertools import chain
from math import inf
from operator import sub
from typing import Final, NamedTuple

from pleintemps_contract.units import Quantity
from pleintemps_gateway.stretch import Stretch

from .background import Background
from .energy import powers
from .window import Level, LevelWindow

PUBLIC_MS: Final = 15 * 60_000
"""The window of R1336-1."""
OVER: Final = 2
"""Value of a meter's ``range`` that is overloaded."""
_NOTHING: Final = Level(None, 0.0)
_GAPS: Final = 5
_LATE: Final = 3
"""After a pause of more than so many times its rhythm a value speaks for no more than that: it was not
measured over the pause."""


class _Meter:
    """One level series; ``device`` also says its range."""

    __slots__ = ("_gaps", "background", "device", "last_at", "quantity", "silence_ms", "windows")

    def __init__(
        self, device: str, quantity: Quantity, silence_ms: int, lengths: tuple[int, ...], prior: float | None
    ) -> None:
        self.device = device
        self.quantity = quantity
        self.silence_ms = silence_ms
        self.windows = {length: LevelWindow(length, silence_ms) for length in lengths}
        self.background = Background(prior)
        self.last_at: int | None = None
        self._gaps: tuple[int, ...] = ()

    def add(self, at: int, level_db: float) -> int:
        """Take a level; for how many ms it speaks, 0 if it came too late to count."""
        span = 1000
        if self.last_at is not None:
            gap = at - self.last_at
            if gap <= 0:
                return 0
            rhythm = sorted(self._gaps)[_GAPS // 2] if len(self._gaps) == _GAPS else gap
            span = min(gap, self.silence_ms, _LATE * rhythm)
            self._note(gap)
        self.last_at = at
        for window in self.windows.values():
            window.add(at, level_db, span)
        return span

    def take(self, ats: Sequence[int], levels_db: Sequence[float]) -> list[int]:
        """As :meth:`add` of each: rising times, all younger than the last."""
        spans = self._spans(ats)
        self.last_at = ats[-1]
        raised = powers(levels_db)
        for window in self.windows.values():
            window.take(ats, raised, spans)
        return spans

    def _note(self, gap: int) -> None:
        if self._gaps and gap == self._gaps[-1]:
            gap = self._gaps[-1]  # one object for all of a steady rhythm
        self._gaps = (*self._gaps[1 - _GAPS :], gap)

    def _spans(self, ats: Sequence[int]) -> list[int]:
        last = self.last_at
        if last is not None:
            gaps = list(map(sub, ats, chain((last,), ats)))
            gap = gaps[0]
            if gaps.count(gap) == len(gaps) and self._gaps.count(gap) == _GAPS:  # a steady rhythm
                return [min(gap, self.silence_ms)] * len(gaps)
        spans = []
        for at in ats:
            span = 1000
            if last is not None:
                gap = at - last
                rhythm = sorted(self._gaps)[_GAPS // 2] if len(self._gaps) == _GAPS else gap
                span = min(gap, self.silence_ms, _LATE * rhythm)
                self._note(gap)
            last = at
            spans.append(span)
        return spans


class _Range:
    """What a device says of its own limits, and when it was overloaded last."""

    __slots__ = ("at", "over_at", "value")

    def __init__(self) -> None:
        self.at = 0
        self.over_at: int | None = None
        self.value = 0


class Heard(NamedTuple):
    """LAeq of the loudest meter that has measured enough, or of the loudest of all if none has.

    ``device`` is its own, absent with nothing measured; ``beside_db`` is the highest level of the meters that
    have measured too little.
    """

    level: Level
    device: str | None = None
    background_db: float | None = None
    beside_db: float | None = None


class NoiseMonitor:
    """``lengths`` are the windows (ms) over which levels are asked for, ``least`` the share of one that must
    be measured."""

    __slots__ = (
        "_c_meters",
        "_hot_at",
        "_hot_c_db",
        "_hot_db",
        "_least",
        "_lengths",
        "_meters",
        "_ranges",
        "learning",
        "prior",
    )

    def __init__(self, lengths: tuple[int, ...], least: float) -> None:
        self._lengths = lengths
        self._least = least
        self._meters: dict[str, _Meter] = {}
        self._c_meters: dict[str, _Meter] = {}
        self._ranges: dict[str, _Range] = {}
        self._hot_at: int | None = None
        self._hot_db = self._hot_c_db = inf
        self.prior: float | None = None
        self.learning = False

    def watch(self, level_db: float, level_c_db: float) -> None:
        """:meth:`hot` asks whether one sample was above these, dB(A) or dB(C)."""
        self._hot_db, self._hot_c_db = level_db, level_c_db

    def series(self, key: str, device: str, quantity: Quantity, max_silence_s: int) -> None:
        """Announce a level series (``level``, LAeq, or LCeq); a known one keeps its windows."""
        meters = self._c_meters if quantity is Quantity.LCEQ else self._meters
        known = meters.get(key)
        if known is None:
            lengths = (PUBLIC_MS,) if quantity is Quantity.LCEQ else self._lengths
            meters[key] = _Meter(device, quantity, max_silence_s * 1000, lengths, self.prior)
        else:
            known.device = device

    def forget(self, key: str) -> None:
        self._meters.pop(key, None)
        self._c_meters.pop(key, None)

    def sample(self, key: str, at: int, level_db: float) -> bool:
        """Take a level; False if it came too late to count."""
        meter = self._meters.get(key)
        if meter is None:
            self._heat(at, level_db, self._hot_c_db)
            return self._c_meters[key].add(at, level_db) > 0
        span = meter.add(at, level_db)
        if not span:
            return False
        self._heat(at, level_db, self._hot_db)
        if self.learning:
            meter.background.learn(level_db, span)
        return True

    def levels(self, key: str, stretch: Stretch) -> int:
        """As :meth:`sample` of each of a rising stretch; how many came too late to count."""
        own = self._meters.get(key)
        meter = self._c_meters[key] if own is None else own
        if meter.last_at is not None and stretch.ats[0] <= meter.last_at:
            return sum(not self.sample(key, at, level_db) for at, level_db in stretch.pairs())
        hot_db = self._hot_c_db if own is None else self._hot_db
        if stretch.high > hot_db:
            for at, level_db in stretch.pairs():
                self._heat(at, level_db, hot_db)
        spans = meter.take(stretch.ats, stretch.values)
        if own is not None and self.learning:
            own.background.learn_all(stretch.values, spans)
        return 0

    def _heat(self, at: int, level_db: float, hot_db: float) -> None:
        if level_db > hot_db and (self._hot_at is None or at > self._hot_at):
            self._hot_at = at

    def range(self, device: str, at: int, value: int) -> bool:
        """A meter says whether it can measure what it hears; False if it came too late to count."""
        known = self._ranges.setdefault(device, _Range())
        if at <= known.at:
            return False
        known.at, known.value = at, value
        if value == OVER:
            known.over_at = at
        return True

    @property
    def last_at(self) -> int | None:
        """The youngest level."""
        return max((m.last_at for m in self._meters.values() if m.last_at is not None), default=None)

    def hot(self, since: int) -> bool:
        return self._hot_at is not None and self._hot_at > since

    def heard(self, start: int, now: int, length: int) -> Heard:
        """LAeq from ``start`` to ``now`` in the window of ``length``."""
        found, beside = Heard(_NOTHING), -inf
        for meter in self._meters.values():
            level = meter.windows[length].over(start, now)
            if level.level_db is None:
                continue
            if level.coverage < self._least:
                beside = max(beside, level.level_db)
            if found.device is None or self._rank(level) > self._rank(found.level):
                found = Heard(level, meter.device, meter.background.level_db)
        return found if beside == -inf else found._replace(beside_db=beside)

    def _rank(self, level: Level) -> tuple[bool, float]:
        assert level.level_db is not None
        return level.coverage >= self._least, level.level_db

    def heard_c(self, start: int, now: int) -> Level:
        """LCeq over 15 min, of the loudest meter that has measured enough of it."""
        levels = [meter.windows[PUBLIC_MS].over(start, now) for meter in self._c_meters.values()]
        return max(
            (level for level in levels if level.level_db is not None), key=self._rank, default=_NOTHING
        )

    def range_of(self, device: str | None, start: int, now: int) -> int | None:
        """2 if the meter was overloaded since ``start``, 1 if under its floor; None if it never said."""
        known = self._ranges.get(device) if device is not None else None
        if known is None:
            return None
        if known.value == OVER or (known.over_at is not None and start < known.over_at <= now):
            return OVER
        return known.value

    @property
    def background_db(self) -> float | None:
        """Of several meters the highest: it warns last."""
        levels = [meter.background.level_db for meter in self._meters.values()]
        return max((level for level in levels if level is not None), default=None)
