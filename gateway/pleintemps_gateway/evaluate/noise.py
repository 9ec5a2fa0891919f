"""The report of ``evaluate noise``: a recording of levels through the gateway's own rules."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

from pleintemps_gateway.alerts.book import AlertBook
from pleintemps_gateway.alerts.records import Alert, AlertKind, AlertOpened, AlertResolved
from pleintemps_gateway.bookings.calendars import calendar_of
from pleintemps_gateway.config import SiteConfig, SpaceConfig
from pleintemps_gateway.noise.energy import Energy, energy_of, merged
from pleintemps_gateway.noise.histogram import LevelHistogram
from pleintemps_gateway.noise.hours import NoiseHours
from pleintemps_gateway.noise.neighbour import OCTAVES
from pleintemps_gateway.noise.records import NoiseDay, NoiseFigures, WarningWanted
from pleintemps_gateway.noise.watch import NoiseWatch, Said

from .levels import LevelRecording, Series

ALONE: Final = SiteConfig(
    site="recording", name="recording", spaces=[SpaceConfig(space="room", name="room")], doors=[]
)
"""The rules' own limits in Paris, for a recording without a configuration."""
_STEP_DB: Final = 0.1
_LOOK_MS: Final = 1_000
_LONG_LOOK_MS: Final = 5_000
_LONG_MS: Final = 86_400_000
"""A recording longer than this is looked at as often as the gateway looks at a room where nothing changes, or
as levels come in it, at least once in five minutes."""
_SELDOM_MS: Final = 300_000


def report(recording: LevelRecording, site: SiteConfig, space: SpaceConfig) -> dict[str, Any]:
    """Figures as plain data. The loudest level series counts; levels are those at the sensor."""
    figures = {series.name: _figures(series) for series in recording.levels}
    name, loudest = max(figures.items(), key=lambda item: (item[1]["LAeq"], item[0]))
    own = next(series for series in recording.levels if series.name == name)
    replayed = _Replay(recording, site, space)
    return {
        "of": name,
        **loudest,
        "window_s": space.noise.window_s,
        "windows": _windows(own, round(space.noise.window_s * 1000)),
        **replayed.run(),
        "series": figures,
        "rejected": recording.rejected,
        "repeated": recording.repeated,
    }


def _figures(series: Series) -> dict[str, Any]:
    heard, parts = LevelHistogram(_STEP_DB), []
    for value, span in series.spans:
        heard.add(value, span)
        parts.append(energy_of(value, span))
    whole = merged(parts)
    lasted = series.samples[-1][0] - series.samples[0][0] + series.step_ms
    return {
        "LAeq": _rounded(whole.level_db),
        "max": max(value for _, value in series.samples),
        "L10": _rounded(heard.exceeded(10)),
        "L50": _rounded(heard.exceeded(50)),
        "L90": _rounded(heard.exceeded(90)),
        "duration_s": round(lasted / 1000, 3),
        "coverage": round(min(1.0, whole.ms / lasted), 4),
        "samples": len(series.samples),
        "step_s": series.step_ms / 1000,
    }


def _windows(series: Series, length: int) -> list[dict[str, Any]]:
    """One after the other, on the clock's own multiples of their length."""
    found: dict[int, Energy] = {}
    for (at, _), (value, span) in zip(series.samples, series.spans, strict=True):
        start = at - span
        while start < at:
            index = start // length
            end = min(at, (index + 1) * length)
            found[index] = merged([found.get(index, Energy()), energy_of(value, end - start)])
            start = end
    return [
        {
            "start": _iso(index * length),
            "LAeq": _rounded(energy.level_db),
            "coverage": round(energy.ms / length, 4),
        }
        for index, energy in sorted(found.items())
    ]


class _Replay:
    """The rules of one space, fed and looked at as the gateway does it; nobody has booked."""

    def __init__(self, recording: LevelRecording, site: SiteConfig, space: SpaceConfig) -> None:
        numbers = count(1)
        self._alerts = AlertBook(lambda: f"{next(numbers):032x}")
        self._watch = NoiseWatch(space.space, space.noise, self._alerts)
        rules = site.rules
        special = {kind: (hours.from_, hours.to) for kind, hours in rules.quiet.items()}
        self._hours = NoiseHours(calendar_of(site), (rules.quiet_from, rules.quiet_to), special)
        self._measured = space.noise.measurement is not None
        self._octaves = {series.quantity for series in recording.series} >= set(OCTAVES)
        self._samples: list[tuple[int, str, float]] = []
        for series in recording.series:
            key = f"{series.name}/{series.quantity.value}"
            self._watch.series(key, series.name, series.quantity, series.silence_s)
            self._samples += [(at, key, value) for at, value in series.samples]
        self._samples.sort()
        self._rhythm_ms = min(series.step_ms for series in recording.levels)
        self._window_ms = round(space.noise.window_s * 1000)
        self._min_coverage = space.noise.min_coverage
        self._unused = 0

    def run(self) -> dict[str, Any]:
        said: list[Said] = []
        opened: dict[str, Alert] = {}
        highest, emergence, seen = None, None, NoiseFigures()
        for now in self._looks():
            seen = self._watch.look(self._hours.at(now), self._hours, None, None, said)
            if seen.level_db is not None and (seen.level_coverage or 0) >= self._min_coverage:
                highest = max(seen.level_db, seen.level_db if highest is None else highest)
            if seen.emergence_db is not None:
                emergence = max(seen.emergence_db, 0.0 if emergence is None else emergence)
            for output in self._alerts.take():
                if isinstance(output, AlertOpened | AlertResolved) or output.alert.alert in opened:
                    opened[output.alert.alert] = output.alert
        return {
            "loudest_window": highest,  # of those that were measured enough to be judged
            "warnings": _warnings(said),
            "alerts": [_alert(alert) for alert in opened.values() if alert.kind is AlertKind.NOISE],
            "background_db": seen.background_db,
            "emergence": self._emergence(emergence, said),
            "unused": self._unused,
        }

    def _emergence(self, highest: float | None, said: list[Said]) -> dict[str, Any] | str:
        if not self._measured:
            return "not calculated: no measurement is configured for the space"
        if not self._octaves:
            return "not calculated: the file has not all octaves from 125 Hz to 4 kHz"
        days = {row.day: row for row in said if isinstance(row, NoiseDay)}
        return {
            "indicator_db": highest,
            "days": [
                {"day": row.day, "day_s": row.day_ms / 1000, "night_s": row.night_ms / 1000}
                for row in days.values()
            ],
        }

    def _looks(self) -> Iterator[int]:
        """Feed what has come up to each look. Nothing is looked at where nothing was recorded for long."""
        samples, fed = self._samples, 0
        first, last = samples[0][0], samples[-1][0]
        seldom = max(_LONG_LOOK_MS, min(self._rhythm_ms, _SELDOM_MS))
        step = _LOOK_MS if last - first <= _LONG_MS else seldom
        now = first
        while now < last + step:
            while fed < len(samples) and samples[fed][0] <= now:
                at, key, value = samples[fed]
                self._unused += self._watch.sample(key, at, value) is not None
                fed += 1
            yield now
            now += step
            if fed < len(samples) and samples[fed][0] > now + 2 * self._window_ms:
                now = samples[fed][0]


def _warnings(said: list[Said]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for item in said:
        if isinstance(item, WarningWanted):
            levels = {"level_db": item.level_db, "limit_db": item.limit_db}
            found.append({"since": _iso(item.since), "ended": None, "heard": None, **levels})
        elif not isinstance(item, NoiseDay):
            found[-1] |= {"ended": _iso(item.at), "heard": item.heard}
    return found


def _alert(alert: Alert) -> dict[str, Any]:
    names = ("rule", "level_db", "limit_db", "window_s", "quiet")
    times = {"opened": _iso(alert.opened), "closed": None if alert.resolved is None else _iso(alert.resolved)}
    return times | {name: alert.facts[name] for name in names}


def _rounded(level_db: float | None) -> float | None:
    return None if level_db is None else round(level_db, 2)


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
