"""Microphone whose samples a program writes: an I2S or USB microphone through ``arecord`` by default.

Samples are turned into levels in this process and forgotten; none is written or sent. The arithmetic runs in
a thread of its own, so that no door waits for it. numpy is imported when the first microphone starts.
"""

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec import Meta

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.identifiers import Slug
from pleintemps_contract.units import OCTAVES, Quantity, SeriesKind
from pleintemps_edge.calibration import load
from pleintemps_edge.errors import StateError

from .base import Emit, Sampled, SeriesSpec
from .health import HealthReporter
from .pcm_stream import StreamLost, stream
from .registry import Context, DeviceConfig, driver

if TYPE_CHECKING:
    from pleintemps_edge.sensing.sound.session import Session, Sound

_PAUSES_MS: Final = (1_000, 2_000, 4_000, 8_000, 16_000, 30_000)
_FRAMES_PER_S: Final = 8
_WELL_MS: Final = 60_000
"""A program that lasted for so long has earned a short pause again."""
_ZEROS_S: Final = 3.0
_COUNTED_MS: Final = 30_000
_OFF_RATE: Final = 0.05
"""By more than this the samples that come in 30 s are those of another rate, or some are lost."""
_STEP_MS: Final = 500
_FOLLOW: Final = 0.02
_LONGEST_NAME: Final = 31
_LEVELS: Final = (Quantity.LAEQ, Quantity.LAFMAX, Quantity.LCPEAK)
_SPECTRUM: Final = (Quantity.LCEQ, *OCTAVES.values())
_PERCENTILES: Final = (Quantity.L10, Quantity.L50, Quantity.L90)


class I2sMicrophoneConfig(DeviceConfig, frozen=True, kw_only=True):
    """``full_scale_db`` is the peak sound pressure level (dB re 20 uPa) of a sample of full scale, from the
    data sheet: 94 dB + 26 dB + 3 dB for an INMP441 (-26 dBFS at 94 dB). ``command`` writes raw samples.
    """

    space: Slug
    pcm: Annotated[str, Meta(min_length=1, max_length=200)] = "default"
    command: tuple[Annotated[str, Meta(min_length=1)], ...] = ()
    rate: Literal[16_000, 32_000, 44_100, 48_000, 96_000] = 48_000
    format: Literal["S16_LE", "S24_3LE", "S32_LE", "FLOAT_LE"] = "S32_LE"
    channels: Annotated[int, Meta(ge=1, le=8)] = 1
    channel: Annotated[int, Meta(ge=1, le=8)] = 1
    full_scale_db: Annotated[float, Meta(ge=60, le=200)] = 123.0
    noise_floor_db: Annotated[float, Meta(ge=-20, le=80)] = 33.0
    level_s: Annotated[float, Meta(ge=0.125, le=60)] = 1.0
    spectrum_s: Annotated[float, Meta(ge=1, le=600)] = 10.0
    percentile_s: Annotated[float, Meta(ge=1, le=600)] = 60.0
    max_silence_s: Annotated[int, Meta(ge=1, le=86_400)] = 45

    def __post_init__(self) -> None:
        if len(self.device) > _LONGEST_NAME:
            raise ValueError(f"`device` of a microphone has {_LONGEST_NAME} characters at most")
        if self.channel > self.channels:
            raise ValueError("`channel` is one of `channels`")
        for key in ("level_s", "spectrum_s", "percentile_s"):
            if not (getattr(self, key) * _FRAMES_PER_S).is_integer():
                raise ValueError(f"`{key}` is a multiple of 0.125")
        if self.level_s > self.max_silence_s:
            raise ValueError("`level_s` is longer than `max_silence_s`")
        if any("\0" in part for part in (self.pcm, *self.command)):
            raise ValueError("`pcm` and `command` hold no NUL")

    @property
    def program(self) -> list[str]:
        """What is started to hear the microphone."""
        sound = ["-f", self.format, "-r", str(self.rate), "-c", str(self.channels), "-t", "raw"]
        return list(self.command) or ["arecord", "-q", "-D", self.pcm, *sound]


def sound(config: I2sMicrophoneConfig, offset_db: float) -> "Sound":
    """``config`` for the meter; ``offset_db`` comes from a calibration. Imports numpy."""
    from pleintemps_edge.sensing.sound.session import Sound

    return Sound(
        rate=config.rate,
        form=config.format,
        channels=config.channels,
        channel=config.channel - 1,
        full_scale_db=config.full_scale_db + offset_db,
        noise_floor_db=config.noise_floor_db,
        level=round(config.level_s * _FRAMES_PER_S),
        spectrum=round(config.spectrum_s * _FRAMES_PER_S),
        percentiles=round(config.percentile_s * _FRAMES_PER_S),
    )


def _session(config: I2sMicrophoneConfig, offset_db: float) -> "Session":
    from pleintemps_edge.sensing.sound.session import Session

    return Session(sound(config, offset_db))


def series_name(device: str, quantity: Quantity) -> str:
    """LAeq has the device's own name, the others add theirs."""
    return device if quantity is Quantity.LAEQ else f"{device}-{quantity.value.lower()}"


class Pace:
    """Whether samples come as fast as they should: a sound card that cannot do a rate may take another."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._since: tuple[int, int] | None = None
        self._wrong = ""

    def judge(self, received: int, now: int) -> str:
        """What is wrong with the pace of the last 30 s, empty if nothing; ``now`` is monotonic ms."""
        if self._since is None:
            self._since = (received, now)
        before, then = self._since
        if now - then >= _COUNTED_MS:
            found = (received - before) * 1000 / (now - then)
            far = abs(found - self._rate) > _OFF_RATE * self._rate
            self._wrong = f"{found:.0f} samples come in a second, not {self._rate}" if far else ""
            self._since = (received, now)
        return self._wrong


@driver("i2s_microphone", I2sMicrophoneConfig)
class I2sMicrophone:
    """Levels, octaves, percentiles and range. A program that ends or falls silent is started again after
    pauses that grow from 1 s to 30 s; so long the device is in error. So is one that hears only zeros or one
    value, or whose samples come at another rate than the configured one, which gives no levels.
    """

    def __init__(self, config: I2sMicrophoneConfig, context: Context) -> None:
        self.device = config.device
        self._config = config
        self._context = context
        self._offset_db = 0.0
        try:
            known = load(context.state).get(config.device)
        except StateError as error:
            self._words = f"not calibrated: {error}"
        else:
            if known is None:
                self._words = "not calibrated"
            elif known.full_scale_db not in (None, config.full_scale_db):
                self._words = f"not calibrated: `full_scale_db` has changed since {known.date}"
            else:
                self._words = f"calibrated {known.date}"
                self._offset_db = known.offset_db
        self.series = tuple(
            SeriesSpec(
                series=series_name(config.device, quantity),
                device=config.device,
                space=config.space,
                quantity=quantity,
                kind=SeriesKind.STATE if quantity is Quantity.RANGE else SeriesKind.LEVEL,
                max_silence_s=max(config.max_silence_s, round(2 * every)),
            )
            for quantities, every in (
                (_LEVELS, 0.0),
                (_SPECTRUM, config.spectrum_s),
                (_PERCENTILES, config.percentile_s),
                ((Quantity.RANGE,), 0.0),
            )
            for quantity in quantities
        )

    async def run(self, emit: Emit) -> None:
        health = HealthReporter(self.device, emit)
        world = self._context.world
        attempt = 0
        while True:
            began = world.monotonic()
            try:
                await self._listen(emit, health)
            except StreamLost as lost:
                attempt = 0 if health.ok and world.monotonic() - began >= _WELL_MS else attempt
                health.report(Health.ERROR, str(lost))
            pause = _PAUSES_MS[min(attempt, len(_PAUSES_MS) - 1)]
            attempt += 1
            await world.sleep_until(world.monotonic() + pause)

    async def _listen(self, emit: Emit, health: HealthReporter) -> None:
        world = self._context.world
        session = await asyncio.to_thread(_session, self._config, self._offset_db)
        began: float | None = None
        pace = Pace(self._config.rate)
        hear = self._context.hear
        heard = stream(self._config.program, self._context) if hear is None else hear(self.device)
        async with aclosing(heard) as portions:
            async for data in portions:
                now = world.now()
                readings = await asyncio.to_thread(session.feed, data)
                heard_ms = session.received * 1000 / self._config.rate
                # portions come unevenly, samples do not: the clock is followed slowly, a step at once
                off = 0.0 if began is None else now - heard_ms - began
                began = now - heard_ms if began is None or abs(off) > _STEP_MS else began + _FOLLOW * off
                wrong = pace.judge(session.received, self._context.line.monotonic())
                for reading in () if wrong else readings:
                    at = max(0, round(began + heard_ms) - reading.lag_ms)
                    emit(Sampled(series_name(self.device, reading.quantity), at, reading.value))
                if session.silent_s >= _ZEROS_S:
                    health.report(
                        Health.ERROR, "nothing but zeros or one value: is the microphone connected?"
                    )
                elif wrong:
                    health.report(Health.ERROR, wrong)
                elif readings:
                    health.report(Health.OK, self._words)
