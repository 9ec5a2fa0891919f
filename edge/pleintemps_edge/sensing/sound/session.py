"""From the bytes of one microphone to the values of its series. Pure; the bytes are forgotten at once."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from pleintemps_contract.units import OCTAVES, Quantity

from . import pcm
from .meter import FRAMES_PER_S, Frame, Levels, Meter, levels, merged, under_floor

DISCARD_S: Final = 1
"""A microphone that has just been switched on settles for so long."""
IN_RANGE: Final = 0
UNDER_FLOOR: Final = 1
OVERLOADED: Final = 2


@dataclass(frozen=True, slots=True)
class Sound:
    """How samples come and what they mean. ``channel`` 0 is the first; lengths in frames of 125 ms."""

    rate: int
    form: pcm.Format
    channels: int
    channel: int
    full_scale_db: float
    noise_floor_db: float
    level: int
    spectrum: int
    percentiles: int


_STEADY: Final = 1e-12
"""A microphone that hears anything moves by more than that part of the power of its offset."""


def is_dead(frame: Frame) -> bool:
    """Whether every sample has the same value: a data line that nobody drives is not always zero."""
    return frame.z <= frame.total**2 / frame.length * (1 + _STEADY)


class Reading(NamedTuple):
    """One value; it stands for an interval that ended ``lag_ms`` before the last sample that was fed."""

    quantity: Quantity
    value: float
    lag_ms: int


class Session:
    """Feed it bytes as they come. ``silent_s`` is for how long nothing but zeros, or one value, has come."""

    def __init__(self, sound: Sound) -> None:
        self._sound = sound
        self.meter = Meter(sound.rate)
        self.silent_s = 0.0
        self.received = 0
        self._rest = b""
        self._skip = DISCARD_S * FRAMES_PER_S
        self._kept: dict[str, list[Frame]] = {"level": [], "spectrum": [], "percentiles": []}

    def frames(self, data: bytes) -> list[Frame]:
        """Take ``data`` and give the frames that are complete, without those of the first second."""
        sound = self._sound
        data = self._rest + data
        size = len(data) - len(data) % (pcm.WIDTH[sound.form] * sound.channels)
        self._rest = data[size:]
        samples = pcm.decode(data[:size], sound.form, sound.channels, sound.channel)
        self.received += len(samples)
        found = self.meter.feed(samples.clip(-1, 1))
        skipped = min(self._skip, len(found))
        self._skip -= skipped
        return found[skipped:]

    def feed(self, data: bytes) -> list[Reading]:
        """Take ``data`` and give what it completes."""
        return [reading for frame in self.frames(data) for reading in self._readings(frame)]

    def _readings(self, frame: Frame) -> list[Reading]:
        self.silent_s = self.silent_s + 1 / FRAMES_PER_S if is_dead(frame) else 0.0
        lag = round((self.received - frame.start - frame.length) * 1000 / self._sound.rate)
        found: list[Reading] = []
        for name, wanted in (
            ("level", self._sound.level),
            ("spectrum", self._sound.spectrum),
            ("percentiles", self._sound.percentiles),
        ):
            kept = self._kept[name]
            kept.append(frame)
            if len(kept) < wanted:
                continue
            total = merged(kept)
            kept.clear()
            if total is not None and self.silent_s * FRAMES_PER_S < wanted:
                known = levels(total, self.meter, self._sound.full_scale_db)
                values = self._values(name, known)
                found += [Reading(what, round(value, 2), lag) for what, value in values if value is not None]
        return found

    def _values(self, name: str, known: Levels) -> list[tuple[Quantity, float | None]]:
        if name == "level":
            low = under_floor(known.LAeq, self._sound.noise_floor_db)
            state = OVERLOADED if known.overload else UNDER_FLOOR if low else IN_RANGE
            return [
                (Quantity.LAEQ, known.LAeq),
                (Quantity.LAFMAX, known.LAFmax),
                (Quantity.LCPEAK, known.LCpeak),
                (Quantity.RANGE, float(state)),
            ]
        if name == "percentiles":
            return [(Quantity.L10, known.L10), (Quantity.L50, known.L50), (Quantity.L90, known.L90)]
        octaves = [(OCTAVES[nominal], level) for nominal, level in known.octaves.items()]
        return [(Quantity.LCEQ, known.LCeq), *octaves]
