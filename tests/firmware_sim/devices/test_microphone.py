"""Samples of the microphone: levels as an ordinary meter measures them, formats, faults, pipe and command."""

import asyncio
import math
import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from pleintemps_contract.world import ManualWorld
from pleintemps_edge.sensing.sound.pcm import WIDTH, decode
from pleintemps_firmware_sim.devices.alone.registry import carry_out
from pleintemps_firmware_sim.devices.microphone import FORMATS, READY_MS, Format, Microphone, Wave
from pleintemps_firmware_sim.errors import ControlError, DatasetError

from .alone import made

RATE = 16_000
QUIET = -20.0


def microphone(form: Format = "S32_LE", *, channels: int = 1, channel: int = 0) -> Microphone:
    """Warm, and without noise of its own."""
    one = Microphone(
        ManualWorld().random_bytes, rate=RATE, form=form, channels=channels, channel=channel, floor_db=QUIET
    )
    one.read(RATE * READY_MS // 1_000)
    return one


def level(data: bytes, form: Format = "S32_LE", channels: int = 1, channel: int = 0) -> float:
    """Effective level where full scale is a peak of 123 dB."""
    samples = decode(data, form, channels, channel).astype(np.float64)
    return 123 + 10 * math.log10(float(np.mean(samples**2)) or 1e-30)


@pytest.mark.parametrize("form", FORMATS)
def test_a_tone_of_94_db_is_26_db_under_full_scale(form: Format) -> None:
    one = microphone(form)
    one.tones[1_000.0] = 94.0
    data = one.read(RATE)
    assert len(data) == RATE * WIDTH[form]
    assert level(data, form) == pytest.approx(94.0, abs=0.01)
    peak = float(np.max(np.abs(decode(data, form, 1, 0))))
    assert peak * (2**23 - 1) == pytest.approx(420_426, rel=0.002)  # data sheet of the INMP441


def test_sources_add_by_energy() -> None:
    one = microphone()
    one.tones = {500.0: 60.0, 1_200.0: 60.0}
    assert level(one.read(RATE)) == pytest.approx(63.01, abs=0.02)
    one.tones = {}
    one.noise_db = 70.0
    assert level(one.read(RATE)) == pytest.approx(70.0, abs=0.2)


def test_it_is_silent_until_it_is_ready_and_then_has_its_own_noise() -> None:
    one = Microphone(ManualWorld().random_bytes, rate=RATE)
    assert not any(one.read(RATE * READY_MS // 1_000))
    assert level(one.read(RATE)) == pytest.approx(33.0, abs=0.3)


def test_too_loud_is_clipped() -> None:
    one = microphone("S16_LE")
    one.tones[1_000.0] = 140.0
    samples = decode(one.read(RATE), "S16_LE", 1, 0)
    assert (float(samples.min()), float(samples.max())) == (-1.0, 32_767 / 32_768)


def test_faults() -> None:
    one = microphone(channels=2, channel=1)
    one.tones[1_000.0] = 60.0
    one.gain_db = 6.0
    data = one.read(RATE)
    assert level(data, channels=2, channel=1) == pytest.approx(66.0, abs=0.01)
    assert level(data, channels=2, channel=0) < 0
    one.channel, one.offset = 0, 0.25
    assert float(np.mean(decode(one.read(RATE), "S32_LE", 2, 0))) == pytest.approx(0.25, abs=1e-4)
    one.dead = True
    assert not any(one.read(RATE))


def recorded(path: Path, width: int, rate: int = RATE) -> Path:
    """A second of a sine 20 dB under full scale."""
    full = (1 << 8 * width - 1) - 1
    with wave.open(str(path), "wb") as file:
        file.setparams((1, width, rate, 0, "NONE", ""))
        for place in range(rate):
            value = round(0.1 * full * math.sin(2 * math.pi * 500 * place / rate))
            file.writeframesraw(value.to_bytes(width, "little", signed=True))
    return path


@pytest.mark.parametrize("width", [2, 3, 4])
def test_a_recording_goes_round_and_round(tmp_path: Path, width: int) -> None:
    one = microphone()
    one.wave = Wave(recorded(tmp_path / "sine.wav", width), RATE)
    one.wave_gain_db = 3.0
    assert level(one.read(2 * RATE + 100)) == pytest.approx(123 - 20 - 3.01 + 3, abs=0.02)


def test_what_is_no_recording(tmp_path: Path) -> None:
    recorded(tmp_path / "slow.wav", 2, 8_000)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "slow.wav").read_bytes()[:20])
    (tmp_path / "text.wav").write_text("no sound at all")
    for name in ("slow", "cut", "text", "absent"):
        with pytest.raises(DatasetError, match=name):
            Wave(tmp_path / f"{name}.wav", RATE)


def test_a_pipe_carries_whole_frames_to_whoever_opens_it(tmp_path: Path) -> None:
    pipe = tmp_path / "microphone"
    world = ManualWorld()
    device = made("microphone", "--link", str(pipe), "--rate", "8000", "--tone", "500:80", world=world)

    async def main() -> bytes:
        life = asyncio.ensure_future(device.run(lambda: None))
        await world.advance(1_000)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        carry_out(device, "tone 500 90")
        await world.advance(200)
        data = os.read(reader, 100_000)
        await world.advance(10_000)
        assert int(carry_out(device, "lost")) > 0, "nobody reads on"
        os.close(reader)
        await world.advance(200)
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
        return data

    data = asyncio.run(main())
    assert len(data) == 2 * 800 * 4
    assert level(data) == pytest.approx(90.0, abs=0.1)
    assert not pipe.exists()


def test_orders_that_mean_nothing(tmp_path: Path) -> None:
    device = made("microphone", "--link", str(tmp_path / "pipe"))
    for order, says in (
        ("tone 50", "say: tone HZ DB|off"),
        ("tone 0 60", "tone: '0' is no number"),
        ("wav /nowhere/a.wav", "/nowhere/a.wav: No such file"),
    ):
        with pytest.raises((ControlError, DatasetError)) as refused:
            carry_out(device, order)
        assert str(refused.value).removeprefix("wav: ").startswith(says)


def test_as_a_program_it_writes_samples_and_talks_beside_them() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pleintemps_firmware_sim.cli", "device", "microphone", "--tone", "1000:94"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    data = process.stdout.read(4 * 9_600)
    process.stdout.close()  # as arecord, it ends when nobody listens any more
    assert b"samples on standard output" in process.stderr.read()
    process.stderr.close()
    assert process.wait(10) == 0
    assert level(data[4 * 4_800 :]) == pytest.approx(94.0, abs=0.05)
