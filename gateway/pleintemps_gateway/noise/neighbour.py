"""Emergence of one space whose neighbour an acoustician has measured: octaves in, durations counted.

The ambient level is that of the time when the noise is there (R1336-6): pauses within the window neither
lower it nor count as noise.
"""

from typing import Final

from pleintemps_contract.units import Quantity
from pleintemps_gateway.alerts.records import Fact

from . import emergence as law
from .days import NoiseDays
from .findings import Finding, Rule, judged
from .hours import Moment, NoiseHours
from .settings import GLOBAL, NoiseConfig, by_octave
from .window import LevelWindow

OCTAVES: Final = (
    Quantity.LEQ_125,
    Quantity.LEQ_250,
    Quantity.LEQ_500,
    Quantity.LEQ_1000,
    Quantity.LEQ_2000,
    Quantity.LEQ_4000,
)
_PARTS: Final = 2_000
"""Moments of a device that may wait for the rest of their octaves."""
PRESENT_MS: Final = 60_000
"""A noise that was there for less of the window is not judged, and one that was last heard so long ago is
over: our choice, so that a door that slams calls nobody."""
_Levels = tuple[float, ...]


class _Device:
    """The octaves of one meter: all of them, and those of the moments when the noise was at the neighbour."""

    __slots__ = ("last_at", "parts", "present", "present_at", "silence_ms", "windows")

    def __init__(self) -> None:
        self.windows: dict[int, LevelWindow] = {}
        self.present: dict[int, LevelWindow] = {}
        self.parts: dict[int, dict[int, float]] = {}
        self.silence_ms = 0
        self.last_at: int | None = None
        self.present_at: int | None = None


class Neighbour:
    """Needs a measurement in ``config``. A device without all six octaves gives no emergence."""

    def __init__(self, config: NoiseConfig, days: NoiseDays) -> None:
        measured = config.measurement
        assert measured is not None
        self._config = config
        self._window_ms = round(config.window_s * 1000)
        self._measured = measured
        self._difference = by_octave(measured.difference_db)
        residual = measured.residual_db
        self._residual = {
            night: (by_octave(levels), levels[GLOBAL])
            for night, levels in ((False, residual.day), (True, residual.night))
        }
        self._floor_db = law.FLOOR_DWELLING_DB if measured.dwelling else law.FLOOR_ELSEWHERE_DB
        self._days = days
        self._devices: dict[str, _Device] = {}
        self._series: dict[str, tuple[str, int]] = {}
        self._present_ms = min(PRESENT_MS, round(config.min_coverage * self._window_ms))
        self._whole: list[tuple[int, str, _Levels]] = []
        self._last_at: int | None = None

    def series(self, key: str, device: str, quantity: Quantity, max_silence_s: int) -> None:
        """Announce an octave; a known one keeps its window."""
        band = OCTAVES.index(quantity)
        if self._series.get(key) == (device, band):
            return
        self._series[key] = (device, band)
        known = self._devices.setdefault(device, _Device())
        known.silence_ms = max_silence_s * 1000
        known.windows[band] = LevelWindow(self._window_ms, known.silence_ms)
        known.present[band] = LevelWindow(self._window_ms, known.silence_ms)

    def forget(self, key: str) -> None:
        gone = self._series.pop(key, None)
        if gone is not None:
            self._devices[gone[0]].windows.pop(gone[1], None)
            self._devices[gone[0]].present.pop(gone[1], None)

    def sample(self, key: str, at: int, level_db: float) -> bool:
        """Take the level of an octave; False if it came too late to count."""
        name, band = self._series[key]
        device = self._devices[name]
        if not device.windows[band].add(at, level_db):
            return False
        part = device.parts.setdefault(at, {})
        part[band] = level_db
        if len(part) == len(OCTAVES):
            del device.parts[at]
            self._whole.append((at, name, tuple(part[i] for i in range(len(OCTAVES)))))
        elif len(device.parts) > _PARTS:
            del device.parts[min(device.parts)]
        return True

    def look(self, moment: Moment, hours: NoiseHours, amplified: bool) -> Finding | None:
        """Count what has come, and judge the window, or its part since day or night began; None where no
        meter has all octaves."""
        whole = [device for device in self._devices.values() if len(device.windows) == len(OCTAVES)]
        if not whole:
            return None
        self._count(hours)
        night, now = moment.legal.quiet, moment.now
        duration_ms = self._days.duration_ms(moment.day, night)
        limits = law.allowed(night, amplified, duration_ms)
        start = max(now - self._window_ms, moment.legal.start)
        found = [self._judge(device, start, now, night, limits) for device in whole]
        best = max((item for item in found if item is not None), key=lambda item: item[0], default=None)
        if best is None:
            return Finding(Rule.EMERGENCE, None, limits.overall_db, self._window_ms, None, None)
        excess, heard, levels, octave, reduction, there = best
        loud = judged(excess, self._config.hysteresis_db) if there else False
        level = law.room_level(levels)
        facts: dict[str, Fact] = {
            "emergence_db": round(heard.overall_db if octave is None else heard.octaves_db[octave], 1),
            "emergence_limit_db": limits.overall_db if octave is None else limits.octaves_db[octave],
            "octave": None if octave is None else law.OCTAVES_HZ[octave],
            "overall_db": round(heard.overall_db, 1),
            "night": night,
            "amplified": amplified,
            "duration_s": duration_ms // 1000,
            "correction_db": limits.correction_db,
            "measured_on": self._measured.date.isoformat(),
            "measured_by": self._measured.by,
        }
        return Finding(Rule.EMERGENCE, level, level - reduction, self._window_ms, loud, loud, facts)

    def _judge(
        self, device: _Device, start: int, now: int, night: bool, limits: law.Allowed
    ) -> tuple[float, law.AtNeighbour, _Levels, int | None, float, bool] | None:
        levels, there = [], self._is_there(device, start, now)
        for band in range(len(OCTAVES)):
            level = device.windows[band].over(start, now)
            if level.level_db is None or level.coverage < self._config.min_coverage:
                return None
            present = device.present[band].over(start, now) if there else level
            levels.append(level.level_db if present.level_db is None else present.level_db)
        heard = law.at_neighbour(levels, self._difference, *self._residual[night])
        pairs: list[tuple[float, float, int | None]] = [(heard.overall_db, limits.overall_db, None)]
        pairs += [
            (value, limit, band)
            for band, (value, limit) in enumerate(zip(heard.octaves_db, limits.octaves_db, strict=True))
        ]
        over, octave = max(((value - limit, band) for value, limit, band in pairs), key=lambda item: item[0])
        reduction = max(law.too_much(value, limit) for value, limit, _ in pairs)
        return min(over, heard.ambient_db - self._floor_db), heard, tuple(levels), octave, reduction, there

    def _is_there(self, device: _Device, start: int, now: int) -> bool:
        """Whether the noise was there for long enough, and as far as is known still is."""
        if device.present_at is None or device.last_at is None:
            return False
        if device.last_at - device.present_at > PRESENT_MS:
            return False
        heard_ms = device.present[0].over(start, now).coverage * self._window_ms
        return heard_ms >= self._present_ms

    def _count(self, hours: NoiseHours) -> None:
        """Moments in the order of time; durations of each once, whichever meter tells it first."""
        whole, self._whole = sorted(self._whole), []
        for at, name, levels in whole:
            device = self._devices[name]
            span = _span(device.last_at, at, device.silence_ms)
            device.last_at = at
            period = hours.legal(at - 1)
            heard = law.at_neighbour(levels, self._difference, *self._residual[period.quiet])
            present = heard.is_present(self._floor_db)
            if present:
                device.present_at = at
                for band, window in device.present.items():
                    window.add(at, levels[band], span)
            before = self._last_at
            if before is not None and at <= before:
                continue
            self._last_at = at
            if present and at > self._days.counted_to:  # else a predecessor has counted it
                span = _span(before, at, device.silence_ms)
                self._days.count(hours.day(period.start), period.quiet, at, span, heard.highest_db)


def _span(before: int | None, at: int, silence_ms: int) -> int:
    return 1000 if before is None else min(at - before, silence_ms)
