"""``pleintemps-edge calibrate``: one microphone in the calibrator, listened to for some seconds."""

import asyncio
import math
from contextlib import aclosing

from .calibration import MOST_DB, Calibration
from .drivers.i2s_microphone import I2sMicrophoneConfig, sound
from .drivers.pcm_stream import stream
from .drivers.registry import Context
from .errors import CalibrationError
from .sensing.sound.meter import FRAMES_PER_S, Frame, Levels, Meter, levels, merged
from .sensing.sound.session import Session, is_dead

STEADY_DB = 0.3
"""How much the seconds may differ from one another, and 1 kHz from the rest."""


async def calibrate(
    config: I2sMicrophoneConfig, context: Context, level_db: float, seconds: int
) -> Calibration:
    """The calibration for a tone of 1 kHz at ``level_db`` (dB re 20 uPa) that sounds now.

    Raises CalibrationError if what is heard is no such tone, StreamLost if nothing is.
    """
    session = Session(sound(config, 0.0))
    frames: list[Frame] = []
    async with aclosing(stream(config.program, context)) as portions:
        async for data in portions:
            frames += await asyncio.to_thread(session.frames, data)
            if len(frames) >= seconds * FRAMES_PER_S:
                break
    measured = judge(frames[: seconds * FRAMES_PER_S], session.meter, config.full_scale_db)
    offset = round(level_db - measured, 2)
    if abs(offset) > MOST_DB:
        raise CalibrationError(
            f"hears {measured:.1f} dB instead of {level_db:g}: more than {MOST_DB:g} dB off;"
            " is the calibrator on, and `full_scale_db` right?"
        )
    return Calibration(
        offset_db=offset, level_db=level_db, at=context.world.now(), full_scale_db=config.full_scale_db
    )


def judge(frames: list[Frame], meter: Meter, full_scale_db: float) -> float:
    """The level of the tone over ``frames``; raises CalibrationError if it is not a steady one of 1 kHz."""
    whole = _over(frames, meter, full_scale_db)
    if whole.LAeq is None or whole.LCeq is None or all(map(is_dead, frames)):
        raise CalibrationError("hears nothing but zeros or one value: is the microphone connected?")
    if whole.overload:
        raise CalibrationError("is overloaded: the calibrator is too loud for it")
    tone = whole.octaves[1000]
    if tone is None or abs(tone - whole.LAeq) > STEADY_DB or abs(whole.LCeq - whole.LAeq) > STEADY_DB:
        raise CalibrationError("hears no pure tone of 1 kHz: is the calibrator on and tight?")
    each = [
        _over(frames[start : start + FRAMES_PER_S], meter, full_scale_db).LAeq or -math.inf
        for start in range(0, len(frames), FRAMES_PER_S)
    ]
    if max(each) - min(each) > STEADY_DB:
        raise CalibrationError("hears a level that is not steady: keep it still and try again")
    return whole.LAeq


def _over(frames: list[Frame], meter: Meter, full_scale_db: float) -> Levels:
    total = merged(frames)
    if total is None:
        raise CalibrationError("hears nothing")
    return levels(total, meter, full_scale_db)
