"""Scenarios with real processes: the same files, the same judgement."""

import asyncio

import pytest

from pleintemps_firmware_sim.real.play import RealPlay
from pleintemps_firmware_sim.scenario.loading import load
from pleintemps_firmware_sim.scenario.running import RunOptions, run
from tests.support.broker import find_mosquitto

pytestmark = [
    pytest.mark.serial,
    pytest.mark.soak,
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
]


@pytest.mark.parametrize(
    ("name", "speed"),
    [
        ("demo", 1),
        ("code-guessing", 10),
        ("jammed-lock", 10),
        ("propped-door", 10),
        ("network-loss", 10),
        ("power-cut", 10),
        ("bounce-storm", 10),
    ],
)
def test_what_a_scenario_expects_comes_true_with_real_processes(name: str, speed: float) -> None:
    said: list[str] = []
    options = RunOptions(mode="real", speed=speed)
    result = asyncio.run(run(load(name), RealPlay(None, said.append), options))
    assert [(each.name, each.why) for each in result.verdicts if not each.met] == []
