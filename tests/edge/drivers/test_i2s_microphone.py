"""A microphone whose samples a program writes: levels, faults of the program, of the wire and of the part."""

import asyncio
import json
import os
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.errors import ConfigError
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.calibration import Calibration, load, save
from pleintemps_edge.cli import main
from pleintemps_edge.drivers.base import HealthChanged, Sampled
from pleintemps_edge.drivers.i2s_microphone import I2sMicrophone, Pace
from pleintemps_edge.drivers.registry import Context, build
from pleintemps_edge.errors import StateError
from tests.edge.actors import write_setup

from .running import Seen, built, running, settled

MIC: dict[str, Any] = {"device": "hall-mic", "driver": "i2s_microphone", "space": "hall", "rate": 16_000}
# a tone of 1 kHz as 32-bit samples in portions of an eighth of a second, then whatever is asked for
SOURCE = """
import array, math, sys, time
amplitude, seconds, ending = float(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
full = amplitude * (2**31 - 1)
portion = array.array("i", [round(full * math.sin(math.tau * n / 16)) for n in range(2000)])
for _ in range(int(seconds * 8)):
    sys.stdout.buffer.write(portion.tobytes())
sys.stdout.flush()
if ending == "wait":
    time.sleep(60)
sys.exit("audio open error: Device or resource busy" if ending == "complain" else 0)
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.py"
    path.write_text(textwrap.dedent(SOURCE))
    return path


def tone(source: Path, amplitude: float, seconds: float, ending: str = "wait") -> list[str]:
    return [sys.executable, str(source), str(amplitude), str(seconds), ending]


def latest(seen: Seen) -> dict[str, float]:
    return {sampled.series: sampled.value for sampled in seen.of(Sampled)}


def has(series: str, times: int = 1) -> Any:
    return lambda seen: sum(sampled.series == series for sampled in seen.of(Sampled)) >= times


def ill(times: int) -> Any:
    return lambda seen: seen.health.count(Health.ERROR) == times


def test_every_series_is_announced_and_filled(context: Context, source: Path) -> None:
    async def main() -> None:
        mic = built(
            context,
            I2sMicrophone,
            **MIC,
            command=tone(source, 0.01, 14),
            percentile_s=10.0,
            full_scale_db=123.0,
        )
        specs = {spec.series: spec for spec in mic.series}
        levels = {quantity for quantity in Quantity if quantity.value.startswith("L")}
        assert {spec.quantity for spec in mic.series} == {*levels, Quantity.RANGE}
        assert {spec.quantity for spec in mic.series if spec.kind is SeriesKind.STATE} == {Quantity.RANGE}
        async with running(mic) as seen:
            await seen.until(lambda seen: set(latest(seen)) == set(specs))
            await seen.until(has("hall-mic", 11))
        found = latest(seen)
        level = 123.0 - 40 - 3.01
        for series in ("hall-mic", "hall-mic-lafmax", "hall-mic-lceq", "hall-mic-leq-1000", "hall-mic-l50"):
            assert found[series] == pytest.approx(level, abs=0.1)
        assert found["hall-mic-lcpeak"] == pytest.approx(level + 3.01, abs=0.1)
        assert found["hall-mic-range"] == 0
        assert seen.of(HealthChanged) == [HealthChanged("hall-mic", Health.OK, "not calibrated")]

    asyncio.run(main())


def test_levels_are_a_second_apart_and_end_when_they_were_heard(
    context: Context, world: ManualWorld, source: Path
) -> None:
    async def main() -> None:
        start = world.now()
        async with running(built(context, I2sMicrophone, **MIC, command=tone(source, 0.01, 6))) as seen:
            await seen.until(has("hall-mic", 4))
        for sampled in seen.of(Sampled):
            assert start - 8_000 <= sampled.at <= start + 8_000

    asyncio.run(main())


@pytest.mark.parametrize(("amplitude", "state"), [(1.0, 2), (0.01, 0), (1e-5, 1)])
def test_range_is_said(context: Context, source: Path, amplitude: float, state: int) -> None:
    async def main() -> None:
        async with running(built(context, I2sMicrophone, **MIC, command=tone(source, amplitude, 6))) as seen:
            await seen.until(has("hall-mic-range", 2))
        assert latest(seen)["hall-mic-range"] == state

    asyncio.run(main())


def test_nothing_but_zeros_is_an_error_and_no_level(context: Context, source: Path) -> None:
    async def main() -> None:
        async with running(built(context, I2sMicrophone, **MIC, command=tone(source, 0.0, 8))) as seen:
            await seen.until(lambda seen: seen.health == [Health.ERROR])
        assert "zeros" in seen.of(HealthChanged)[0].detail
        assert seen.values == []

    asyncio.run(main())


def test_a_program_that_ends_is_started_again_with_growing_pauses(
    context: Context, world: ManualWorld, source: Path
) -> None:
    async def main() -> None:
        command = tone(source, 0.01, 4, "complain")
        async with running(built(context, I2sMicrophone, **MIC, command=command)) as seen:
            await seen.until(lambda seen: seen.health == [Health.OK, Health.ERROR])
            assert seen.of(HealthChanged)[-1].detail.endswith("Device or resource busy")
            before = len(seen.values)
            await settled()
            await world.advance(999)
            assert len(seen.values) == before
            await world.advance(1)
            await seen.until(lambda seen: seen.health[:4] == [Health.OK, Health.ERROR] * 2)

    asyncio.run(main())


class Noted(ManualWorld):
    """Notes for how long it was slept."""

    slept: list[int]

    async def sleep_until(self, monotonic: int) -> None:
        self.slept.append(monotonic - self.monotonic())
        await super().sleep_until(monotonic)


def test_a_program_that_ends_again_and_again_is_given_longer_pauses(source: Path, tmp_path: Path) -> None:
    """It was heard each time; that alone earns no short pause."""
    world = Noted()
    world.slept = []
    context = Context(world=world, base=tmp_path, line=ManualWorld())

    async def main() -> None:
        command = tone(source, 0.01, 4, "complain")
        async with running(built(context, I2sMicrophone, **MIC, command=command)) as seen:
            for turn, pause in enumerate((1_000, 2_000, 4_000), start=1):
                await seen.until(ill(turn))
                await settled()
                await world.advance(pause)
        assert seen.health == [Health.OK, Health.ERROR] * 3
        assert [pause for pause in world.slept if pause < 5_000] == [1_000, 2_000, 4_000]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("rate", "wrong"), [(48_000, False), (49_000, False), (44_100, True), (96_000, True)]
)
def test_samples_of_another_rate_are_noticed_within_half_a_minute(rate: int, wrong: bool) -> None:
    pace = Pace(48_000)
    words = [pace.judge(rate * second // 8, 125 * second) for second in range(8 * 31)]
    assert not any(words[: 8 * 29])
    assert bool(words[-1]) is wrong
    if wrong:
        assert words[-1].startswith(f"{rate} samples come in a second, not 48000")
        back = [pace.judge(rate * 31 + 6_000 * n, 31_000 + 125 * n) for n in range(8 * 62)]
        assert back[-1] == ""


class Hurried(ManualWorld):
    """A line on which two seconds pass each time that somebody looks at the clock."""

    def monotonic(self) -> int:
        self._hurry = getattr(self, "_hurry", 0) + 2_000
        return self._hurry


def test_a_microphone_whose_samples_are_lost_is_in_error_and_gives_no_levels(
    world: ManualWorld, source: Path, tmp_path: Path
) -> None:
    context = Context(world=world, base=tmp_path, line=Hurried())

    async def main() -> None:
        async with running(built(context, I2sMicrophone, **MIC, command=tone(source, 0.01, 30))) as seen:
            await seen.until(lambda seen: Health.ERROR in seen.health)
            assert "samples come in a second, not 16000" in seen.of(HealthChanged)[-1].detail
            told = len(seen.values)
            await asyncio.sleep(0)
            assert len(seen.values) == told

    asyncio.run(main())


def test_a_program_that_does_not_exist_is_an_error(context: Context) -> None:
    async def main() -> None:
        async with running(built(context, I2sMicrophone, **MIC, command=["/nowhere/arecord"])) as seen:
            await seen.until(lambda seen: seen.health == [Health.ERROR])
        assert seen.of(HealthChanged)[0].detail == "/nowhere/arecord: No such file or directory"

    asyncio.run(main())


def test_a_program_that_writes_nothing_any_more_is_killed(
    context: Context, world: ManualWorld, source: Path
) -> None:
    async def main() -> None:
        async with running(built(context, I2sMicrophone, **MIC, command=tone(source, 0.01, 4))) as seen:
            await seen.until(lambda seen: seen.health == [Health.OK])
            await seen.until(has("hall-mic", 2))
            for _ in range(300):  # what it wrote is still being read, in a thread
                await asyncio.to_thread(int)
                await world.advance(1_000)
                if len(seen.health) > 1:
                    break
            await seen.until(lambda seen: Health.ERROR in seen.health)
            assert seen.of(HealthChanged)[1].detail.endswith("writes nothing")

    asyncio.run(main())


def test_a_calibration_counts_for_the_full_scale_that_it_was_made_with(
    world: ManualWorld, source: Path, tmp_path: Path
) -> None:
    known = Calibration(offset_db=-1.5, level_db=94.0, at=1_795_000_000_000, full_scale_db=123.0)
    save(tmp_path / "state", "hall-mic", known)
    context = Context(world=world, base=tmp_path, line=world, state=tmp_path / "state")
    keys = MIC | {"command": tone(source, 0.01, 4)}

    async def main(full_scale_db: float) -> Seen:
        async with running(built(context, I2sMicrophone, **keys, full_scale_db=full_scale_db)) as seen:
            await seen.until(has("hall-mic", 2))
        return seen

    assert latest(asyncio.run(main(123.0)))["hall-mic"] == pytest.approx(123.0 - 1.5 - 43.01, abs=0.1)
    changed = asyncio.run(main(121.5))
    assert latest(changed)["hall-mic"] == pytest.approx(121.5 - 43.01, abs=0.1)
    words = "not calibrated: `full_scale_db` has changed since 2026-11-18"
    assert changed.of(HealthChanged) == [HealthChanged("hall-mic", Health.OK, words)]


def test_a_calibration_shifts_the_levels_and_shows_its_date(
    world: ManualWorld, source: Path, tmp_path: Path
) -> None:
    at = 1_795_000_000_000
    save(tmp_path / "state", "hall-mic", Calibration(offset_db=-1.5, level_db=94.0, at=at))
    context = Context(world=world, base=tmp_path, line=world, state=tmp_path / "state")

    async def main() -> None:
        async with running(built(context, I2sMicrophone, **MIC, command=tone(source, 0.01, 4))) as seen:
            await seen.until(has("hall-mic", 2))
        assert latest(seen)["hall-mic"] == pytest.approx(123.0 - 1.5 - 43.01, abs=0.1)
        assert seen.of(HealthChanged) == [HealthChanged("hall-mic", Health.OK, "calibrated 2026-11-18")]

    asyncio.run(main())


def test_calibrations_are_kept_side_by_side_and_a_damaged_file_is_said(
    world: ManualWorld, tmp_path: Path
) -> None:
    first = Calibration(offset_db=1.0, level_db=94.0, at=1)
    second = Calibration(offset_db=-2.0, level_db=114.0, at=2)
    save(tmp_path, "a", first)
    save(tmp_path, "b", second)
    assert load(tmp_path) == {"a": first, "b": second}
    assert (tmp_path / "calibration.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "calibration.json").write_text('{"a": {"offset_db": 99}}')
    with pytest.raises(StateError, match="damaged"):
        load(tmp_path)
    context = Context(world=world, base=tmp_path, state=tmp_path)
    assert isinstance(build(MIC, context), I2sMicrophone)  # it measures, uncalibrated


def _site(tmp_path: Path, command: list[str]) -> Path:
    config = write_setup(tmp_path, 1883)
    table = MIC | {"command": command}
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items())
    config.write_text(config.read_text() + f"\n[[devices]]\n{lines}\n")
    return config


def test_calibrate_stores_what_it_hears(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = _site(tmp_path, tone(source, 0.05, 6))
    assert main(["calibrate", "--config", str(config), "hall-mic", "--level", "94", "--seconds", "3"]) == 0
    # a twentieth of full scale is 123 - 26.02 - 3.01 dB
    assert capsys.readouterr().out.startswith("hall-mic: +0.03 dB, calibrated 20")
    (found,) = load(tmp_path / "state").values()
    assert found.level_db == 94.0
    assert found.offset_db == pytest.approx(0.03, abs=0.011)


@pytest.mark.parametrize(
    ("amplitude", "words"),
    [(0.9, "more than 12 dB off"), (0.0, "nothing but zeros"), (1.0, "overloaded")],
)
def test_what_is_no_calibrator_is_refused(
    amplitude: float, words: str, tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = _site(tmp_path, tone(source, amplitude, 6))
    assert main(["calibrate", "--config", str(config), "hall-mic", "--seconds", "3"]) == 1
    assert words in capsys.readouterr().err
    assert load(tmp_path / "state") == {}


def test_calibrate_wants_a_microphone(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = _site(tmp_path, tone(source, 0.05, 6))
    for arguments in (["hall-strike"], ["nobody"], ["hall-mic", "--level", "10"]):
        assert main(["calibrate", "--config", str(config), *arguments]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"device": "m" * 32}, "31 characters"),
        ({"channel": 2}, "one of `channels`"),
        ({"level_s": 0.3}, "multiple of 0.125"),
        ({"level_s": 50.0, "max_silence_s": 45}, "longer than"),
        ({"rate": 8_000}, "rate"),
        ({"command": ["a\0b"]}, "NUL"),
        ({"format": "U8"}, "format"),
    ],
)
def test_a_wrong_table_is_refused(context: Context, keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build(MIC | keys, context)


def test_an_agent_without_a_microphone_loads_no_numpy(context: Context) -> None:
    program = (
        "import sys; import pleintemps_edge.agent, pleintemps_edge.cli;"
        "from pleintemps_edge.drivers.registry import drivers; drivers(); sys.exit('numpy' in sys.modules)"
    )

    async def main() -> int:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, env=dict(os.environ))
        return await process.wait()

    assert asyncio.run(main()) == 0
