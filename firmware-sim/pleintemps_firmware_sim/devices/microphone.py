"""Digital microphone as a sound card gives it: raw interleaved little-endian samples of sources that add up.

Levels are unweighted dB re 20 uPa. ``full_scale_db`` is the peak level of a sample of full scale: 123 dB for
an INMP441 (94 dB at -26 dBFS, and 3 dB from effective value to peak of a sine). That one is ready 85 ms after
power-up, has 24 bits in words of 32, and noise of its own of 33 dB.
"""

import math
import sys
import wave
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from pleintemps_firmware_sim.errors import DatasetError

Format = Literal["S16_LE", "S24_3LE", "S32_LE", "FLOAT_LE"]
FORMATS: Final[tuple[Format, ...]] = ("S16_LE", "S24_3LE", "S32_LE", "FLOAT_LE")
FULL_SCALE_DB: Final = 123.0
FLOOR_DB: Final = 33.0
READY_MS: Final = 85
_SINE_DB: Final = 10 * math.log10(2)
_UNIFORM_RMS: Final = 32_768 / math.sqrt(3)
_LONGEST_WAV_S: Final = 3_600


class Wave:
    """One channel of a WAV file (PCM of 16, 24 or 32 bits), played round and round. Full scale is 1."""

    def __init__(self, path: Path, rate: int) -> None:
        """Raises DatasetError for what is no such file, or has another rate."""
        try:
            with wave.open(str(path), "rb") as file:
                self._width, channels, found = file.getsampwidth(), file.getnchannels(), file.getframerate()
                frames = min(file.getnframes(), _LONGEST_WAV_S * found)
                data = file.readframes(frames)
        except OSError as error:
            raise DatasetError(f"{path}: {error.strerror or error}") from error
        except (EOFError, wave.Error) as error:
            raise DatasetError(f"{path}: {str(error) or 'ends too soon'}") from error
        if found != rate:
            raise DatasetError(f"{path}: has {found} samples a second, wanted are {rate}")
        if self._width not in (2, 3, 4):
            raise DatasetError(f"{path}: samples of {8 * self._width} bits, wanted are 16, 24 or 32")
        self._step = self._width * channels
        self._data = data[: len(data) // self._step * self._step]
        if not self._data:
            raise DatasetError(f"{path}: holds no sound")
        self._at = 0

    def read(self, count: int) -> list[float]:
        full = float(1 << 8 * self._width - 1)
        samples = []
        for _ in range(count):
            raw = self._data[self._at : self._at + self._width]
            samples.append(int.from_bytes(raw, "little", signed=True) / full)
            self._at = (self._at + self._step) % len(self._data)
        return samples


class Microphone:
    """``channel`` (from 0) of ``channels`` hears, the others are silent. ``random`` gives that many bytes."""

    def __init__(
        self,
        random: Callable[[int], bytes],
        *,
        rate: int = 48_000,
        form: Format = "S32_LE",
        channels: int = 1,
        channel: int = 0,
        full_scale_db: float = FULL_SCALE_DB,
        floor_db: float = FLOOR_DB,
    ) -> None:
        self.rate = rate
        self.tones: dict[float, float] = {}
        """Levels of the tones, by frequency in Hz."""
        self.noise_db: float | None = None
        self.wave: Wave | None = None
        self.wave_gain_db = 0.0
        self.gain_db = 0.0
        """A fault: it is so much more sensitive than it should be."""
        self.offset = 0.0
        """A fault: a constant part, of full scale."""
        self.dead = False
        """A fault: unplugged data line, nothing but zeros."""
        self.channel = channel
        self._random = random
        self._form = form
        self._channels = channels
        self._full = full_scale_db
        self._floor = floor_db
        self._frames = 0
        self._ready = rate * READY_MS // 1_000

    def read(self, frames: int) -> bytes:
        """The next ``frames`` sample frames."""
        start, self._frames = self._frames, self._frames + frames
        if self.dead:
            samples = [0.0] * frames
        else:
            samples = self._hear(start, frames)
            for place in range(min(frames, max(0, self._ready - start))):
                samples[place] = 0.0
        return self._encode(samples)

    def _hear(self, start: int, frames: int) -> list[float]:
        gain = 10 ** (self.gain_db / 20)
        samples = self._noise(frames, gain)
        for hertz, level in self.tones.items():
            peak = gain * 10 ** ((level + _SINE_DB - self._full) / 20)
            step = 2 * math.pi * hertz / self.rate
            samples = [old + peak * math.sin(step * (start + place)) for place, old in enumerate(samples)]
        if self.wave is not None:
            loud = gain * 10 ** (self.wave_gain_db / 20)
            samples = [old + loud * new for old, new in zip(samples, self.wave.read(frames), strict=True)]
        return [sample + self.offset for sample in samples] if self.offset else samples

    def _noise(self, frames: int, gain: float) -> list[float]:
        """White noise of the room and of the microphone itself, which add by energy."""
        energy = 10 ** (self._floor / 10) + (0.0 if self.noise_db is None else 10 ** (self.noise_db / 10))
        # full scale is the peak; the effective value of a source is given against the same pressure
        rms = gain * math.sqrt(energy) * 10 ** (-self._full / 20)
        raw = array("h", self._random(2 * frames))
        return [rms / _UNIFORM_RMS * value for value in raw]

    def _encode(self, samples: list[float]) -> bytes:
        clipped = [min(1.0, max(-1.0, sample)) for sample in samples]
        words: array[int] | array[float]
        if self._form == "FLOAT_LE":
            words = array("f", clipped)
        elif self._form == "S16_LE":
            words = array("h", [min(32_767, round(sample * 32_768)) for sample in clipped])
        else:
            # 24 bits in both: the lowest eight of 32 are zero, as on the wire
            words = array("i", [min(0x7F_FFFF, round(sample * 0x80_0000)) << 8 for sample in clipped])
        if sys.byteorder == "big":
            words.byteswap()
        data, width = words.tobytes(), words.itemsize
        if self._form == "S24_3LE":
            data = b"".join(data[at + 1 : at + 4] for at in range(0, len(data), 4))
            width = 3
        if self._channels == 1:
            return data
        silent = bytes(width)
        before, after = silent * self.channel, silent * (self._channels - 1 - self.channel)
        return b"".join(before + data[at : at + width] + after for at in range(0, len(data), width))
