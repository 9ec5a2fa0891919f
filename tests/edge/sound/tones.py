"""Test tones, noise and WAV files; 1 is full scale."""

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleintemps_edge.sensing.sound.filters import Samples
from pleintemps_edge.sensing.sound.meter import Frame, Levels, Meter, levels, merged

FULL_SCALE = 10 * math.log10(2)
"""With this a sine of amplitude 1 has an equivalent level of 0 dB."""


def sine(hertz: float, seconds: float, rate: int, amplitude: float = 1.0) -> Samples:
    time = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def burst(
    hertz: float, seconds: float, rate: int = 48_000, before: float = 1.0, after: float = 2.0
) -> Samples:
    return np.concatenate(
        (
            np.zeros(round(before * rate), np.float32),
            sine(hertz, seconds, rate),
            np.zeros(round(after * rate), np.float32),
        )
    )


def pink(seconds: float, rate: int, seed: int = 1) -> Samples:
    """Noise of equal power in each octave from 20 Hz on, of rms 0.1."""
    size = round(seconds * rate)
    hertz = np.fft.rfftfreq(size, 1 / rate)
    chance = np.random.default_rng(seed)
    spectrum = np.exp(2j * np.pi * chance.random(len(hertz)))
    spectrum *= np.where(hertz >= 20, 1 / np.sqrt(np.maximum(hertz, 20)), 0)
    found = np.fft.irfft(spectrum, size)
    return np.asarray(0.1 * found / found.std(), np.float32)


def frames(samples: Samples, rate: int, portion: int = 10_000) -> tuple[Meter, list[Frame]]:
    meter = Meter(rate)
    found = []
    for start in range(0, len(samples), portion):
        found += meter.feed(samples[start : start + portion])
    return meter, found + meter.end()


def measured(samples: Samples, rate: int, first: int = 0, last: int | None = None) -> Levels:
    """Levels over frames ``first`` to ``last``."""
    meter, found = frames(samples, rate)
    total = merged(found[first:last])
    assert total is not None
    return levels(total, meter, FULL_SCALE)


def db(ratio: complex | float) -> float:
    return 20 * math.log10(abs(ratio))


def known(level: float | None) -> float:
    assert level is not None
    return level


def wav_bytes(
    samples: NDArray[Any], rate: int, bits: int = 16, *, floating: bool = False, extensible: bool = False
) -> bytes:
    """``samples`` (time, or time by channel) as a WAV file."""
    wide = samples[:, None] if samples.ndim == 1 else samples
    channels = wide.shape[1]
    if floating:
        data = wide.astype("<f4").tobytes()
    else:
        whole = np.clip(np.round(wide * 2 ** (bits - 1)), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        octets = whole.astype("<i8").reshape(-1, 1).view(np.uint8)
        data = octets[:, : bits // 8].tobytes()
    tag = 3 if floating else 1
    size = channels * bits // 8
    shape = struct.pack("<HIIHH", channels, rate, rate * size, size, bits)
    if extensible:
        guid = struct.pack("<H", tag) + bytes.fromhex("000000001000800000aa00389b71")
        form = struct.pack("<H", 0xFFFE) + shape + struct.pack("<HHI", 22, bits, 0) + guid
    else:
        form = struct.pack("<H", tag) + shape
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"LIST" + struct.pack("<I", 3) + b"abc\0"
    chunks += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def write_wav(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
