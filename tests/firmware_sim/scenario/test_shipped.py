"""The scenarios that come along: what each expects comes true, and each fault is caught by what it says."""

import asyncio
from pathlib import Path

import pytest

from pleintemps_firmware_sim.errors import StageError
from pleintemps_firmware_sim.scenario.facts import RunResult
from pleintemps_firmware_sim.scenario.faults import FaultKind
from pleintemps_firmware_sim.scenario.loading import load, names, parse
from pleintemps_firmware_sim.scenario.running import RunOptions, run
from pleintemps_firmware_sim.virtual.loop import VirtualLoop
from pleintemps_firmware_sim.virtual.play import play
from pleintemps_firmware_sim.virtual.stage import VirtualStage

LONG = ("month-in-a-school", "nervous-detector", "stormy-night", "stuck-motion-sensor")
"""Three hours and more: too long for every run of the tests."""
PART = {"month-in-a-school": "2d"}
"""Of a month so much: the whole is three quarters of an hour and more."""
QUICK = [name for name in names() if name not in LONG]
FAULTS = [(name, fault) for name in names() for fault in load(name).file.faults]
CAUGHT = [(name, fault.name, fault.caught_by) for name, fault in FAULTS if fault.caught_by is not None]


def played(name: str, inert: frozenset[str] = frozenset()) -> RunResult:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        scenario = load(name).cut(PART[name]) if name in PART else load(name)
        return runner.run(run(scenario, play, RunOptions(mode="virtual", inert=inert)))


def assert_met(result: RunResult) -> None:
    assert [(each.name, each.why) for each in result.verdicts if not each.met] == []
    assert result.verdicts


@pytest.mark.parametrize("name", QUICK)
def test_what_a_scenario_expects_comes_true(name: str) -> None:
    assert_met(played(name))


@pytest.mark.soak
@pytest.mark.parametrize("name", LONG)
def test_what_a_long_scenario_expects_comes_true(name: str) -> None:
    assert_met(played(name))


@pytest.mark.soak
@pytest.mark.parametrize(("name", "fault", "caught_by"), CAUGHT)
def test_without_its_fault_an_expectation_is_not_met(name: str, fault: str, caught_by: str) -> None:
    result = played(name, frozenset({fault}))
    (verdict,) = (each for each in result.verdicts if each.name == caught_by)
    assert not verdict.met


FULL = b"""
scenario: full
title: A disk is full
lasts: 10s
faults:
  - {fault: disk-full, at: +1s, target: hall}
expect:
  - {name: told, that: alert, kind: storage-fault, where: hall}
"""


def test_a_fault_that_the_stage_cannot_do_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VirtualStage, "faults", frozenset(FaultKind) - {FaultKind.DISK_FULL})
    scenario = parse("full.yaml", FULL, Path("/nowhere"))
    with asyncio.Runner(loop_factory=VirtualLoop) as runner, pytest.raises(StageError) as refused:
        runner.run(run(scenario, play, RunOptions(mode="virtual")))
    assert str(refused.value) == "full cannot be played in virtual time: no disk-full there"


def test_every_fault_of_the_catalogue_is_in_a_scenario_and_caught() -> None:
    assert len(QUICK) >= 25
    assert {fault.fault for _, fault in FAULTS if fault.caught_by is not None} == set(FaultKind)


def test_a_fault_that_is_caught_has_a_name_of_its_own() -> None:
    assert all(fault.name for _, fault in FAULTS if fault.caught_by is not None)
