"""``pleintemps-edge meter``: the levels of a recording, in constant memory. Nothing of it is kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from .errors import RecordingError
from .sensing.sound import meter, pcm, wav

_PORTION: Final = 65_536
_SHORTEST_S: Final = 1 / meter.FRAMES_PER_S
_DIGITS: Final = 2


@dataclass(frozen=True, slots=True)
class Wish:
    """What to measure. ``channel`` 1 is the first; ``series_s`` is 0.125, 1 or None for no series."""

    full_scale_db: float
    channel: int = 1
    noise_floor_db: float | None = None
    series_s: float | None = None


def measure(path: Path, wish: Wish) -> dict[str, Any]:
    """Levels by name, in dB re 20 uPa; raises RecordingError with one line."""
    try:
        with path.open("rb") as file:
            recording = wav.open_recording(file)
            if not 1 <= wish.channel <= recording.channels:
                raise RecordingError(f"has {recording.channels} channels, not {wish.channel}")
            return _told(recording, wish, *_frames(file, recording, wish))
    except OSError as error:
        if isinstance(error, RecordingError):
            raise
        raise RecordingError(error.strerror or str(error)) from error


def _frames(
    file: Any, recording: wav.Recording, wish: Wish
) -> tuple[meter.Meter, meter.Frame | None, list[float | None]]:
    metering = meter.Meter(recording.rate)
    whole: meter.Frame | None = None
    series: list[float | None] = []
    second: list[meter.Frame] = []
    wanted = round((wish.series_s or 0) * meter.FRAMES_PER_S)

    def take(frames: list[meter.Frame]) -> None:
        nonlocal whole
        for frame in frames:
            second.append(frame)
            if wanted and len(second) == wanted:
                total = meter.merged(second)
                assert total is not None
                series.append(_rounded(meter.levels(total, metering, wish.full_scale_db).LAeq))
            if len(second) == wanted or not wanted:
                second.clear()
            if whole is None:
                whole = frame if not wanted else meter.merged([frame])
            else:
                whole.add(frame)

    for portion in wav.read(file, recording, _PORTION):
        samples = pcm.decode(portion, recording.form, recording.channels, wish.channel - 1)
        if not np.isfinite(samples).all() or float(np.abs(samples).max()) > 1e6:
            raise RecordingError("damaged: holds samples that are no sensible numbers")
        take(metering.feed(samples))
    take(metering.end())
    return metering, whole, series


def _told(
    recording: wav.Recording,
    wish: Wish,
    metering: meter.Meter,
    whole: meter.Frame | None,
    series: list[float | None],
) -> dict[str, Any]:
    if whole is None or whole.length < _SHORTEST_S * recording.rate:
        raise RecordingError(f"too short: want {_SHORTEST_S} s or more")
    found = meter.levels(whole, metering, wish.full_scale_db)
    told: dict[str, Any] = {
        name: _rounded(getattr(found, name))
        for name in (
            *("LAeq", "LCeq", "LZeq", "LAFmax", "LASmax"),
            *("LCpeak", "L10", "L50", "L90"),
        )
    }
    told["octaves"] = {str(nominal): _rounded(level) for nominal, level in found.octaves.items()}
    told["duration_s"] = round(found.seconds, 6)
    told["overload"] = found.overload
    told["under_floor"] = (
        None if wish.noise_floor_db is None else meter.under_floor(found.LAeq, wish.noise_floor_db)
    )
    told["rate"] = recording.rate
    told["channels"] = recording.channels
    told["channel"] = wish.channel
    told["full_scale_db"] = wish.full_scale_db
    if wish.series_s is not None:
        told["series_s"] = wish.series_s
        told["series"] = series
    return told


def _rounded(level: float | None) -> float | None:
    return None if level is None else round(float(level), _DIGITS)


def describe(told: dict[str, Any]) -> str:
    """``told`` for a person."""
    units = {"LC": "dB(C)", "LZ": "dB"}
    lines = []
    for name in ("LAeq", "LAFmax", "LASmax", "LCeq", "LCpeak", "LZeq", "L10", "L50", "L90"):
        level = "silence" if told[name] is None else f"{told[name]:.1f} {units.get(name[:2], 'dB(A)')}"
        lines.append(f"{name:8} {level}")
    for nominal, level in told["octaves"].items():
        lines.append(f"{nominal + ' Hz':8} " + ("silence" if level is None else f"{level:.1f} dB"))
    lines.append(f"{told['duration_s']:.2f} s at {told['rate']} Hz, channel {told['channel']}")
    if told["overload"]:
        lines.append("overloaded: some samples reach full scale, the true levels are higher")
    if told["under_floor"]:
        lines.append("under the floor: this may be the microphone's own noise")
    return "\n".join(lines)
