"""Scenarios with real processes: the same files, the same judgement.

The demo's evening is played by tests/e2e/test_demo.py in every run of the tests.
"""

import asyncio
from pathlib import Path

import pytest

from pleintemps_firmware_sim.cli import main
from pleintemps_firmware_sim.real.play import RealPlay
from pleintemps_firmware_sim.scenario.loading import Scenario, load
from pleintemps_firmware_sim.scenario.running import RunOptions, run
from tests.support.broker import find_mosquitto

pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
]


def assert_met(scenario: Scenario) -> None:
    said: list[str] = []
    result = asyncio.run(run(scenario, RealPlay(None, said.append), RunOptions(mode="real", speed=10)))
    assert result.verdicts
    assert [(each.name, each.why) for each in result.verdicts if not each.met] == []


@pytest.mark.soak
@pytest.mark.parametrize(
    "name",
    [
        "bounce-storm",
        "code-guessing",
        "drifting-meter",
        "duplicate-messages",
        "full-disk",
        "jammed-lock",
        "low-battery",
        "network-loss",
        "plugged-in-anew",
        "power-cut",
        "propped-door",
        "reordered-messages",
        "split-frames",
    ],
)
def test_what_a_scenario_expects_comes_true_with_real_processes(name: str) -> None:
    assert_met(load(name))


def test_a_disk_that_nobody_may_mount_is_said_before_anything_is_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["run", "full-disk", "--data", str(tmp_path / "data")]) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("pleintemps-sim: disk-full needs a small disk of its own for agent hall")
    assert "mount: No such file or directory" in said
