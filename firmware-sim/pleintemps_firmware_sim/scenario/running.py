"""A run from its scenario to its result, on whatever stage."""

import asyncio
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim.errors import StageError

from .director import Director
from .facts import Mode, RunResult
from .faults import FAULTS, FaultKind
from .judging import judge
from .loading import Scenario
from .script import write
from .stage import Play, Stage, Wanted
from .times import local_ms, span_ms

VIRTUAL_BEGIN: Final = 1_767_340_800_000
"""2026-01-02 08:00 UTC: when a scenario that begins now begins where time is not real."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """``inert``: names of faults that are told and not done. ``speed`` counts in real time only."""

    mode: Mode
    seed: int = 1
    speed: float = 1.0
    inert: frozenset[str] = frozenset()


async def run(scenario: Scenario, play: Play, options: RunOptions) -> RunResult:
    """Play it to its end, let things come to rest, judge. Raises SimulatorError if it cannot be played."""
    host = SystemWorld()
    begin = None
    if scenario.file.begins != "now":
        begin = local_ms(scenario.file.begins, ZoneInfo(scenario.plan.zone))
    elif options.mode == "virtual":
        begin = VIRTUAL_BEGIN
    elif any(each.fault is FaultKind.CLOCK_STEP for each in scenario.file.faults):
        begin = host.now()  # a clock of its own, that can leap

    async def act(stage: Stage) -> RunResult:
        _refuse(scenario, stage, options.mode)
        # the calendar knows whole seconds only
        first = -(-stage.world.now() // 1_000) * 1_000
        script = write(scenario, options.seed, first)
        director = Director(scenario, script, stage, inert=options.inert)
        started = host.monotonic()
        try:
            await director.play()
            await stage.settle(span_ms(scenario.file.settle))
        finally:
            await director.close()
        await stage.observe()
        end = stage.world.now()
        facts = stage.timeline.facts()
        return RunResult(
            scenario=scenario.name,
            seed=options.seed,
            mode=options.mode,
            begin=first,
            end=end,
            facts=facts,
            verdicts=judge(scenario, facts, first, end),
            digest=await stage.digest(),
            rate=round((end - first) / max(1, host.monotonic() - started), 1),
        )

    wanted = Wanted(
        plan=scenario.plan,
        rules=scenario.rules,
        seed=options.seed,
        begin=begin,
        speed=options.speed,
        faults=_faults(scenario),
    )
    return await play(wanted, act)


def _faults(scenario: Scenario) -> frozenset[FaultKind]:
    file = scenario.file
    return frozenset({each.fault for each in file.faults} | {each.fault for each in file.weather})


def _refuse(scenario: Scenario, stage: Stage, mode: Mode) -> None:
    """Raises StageError, before anything is played, for faults that nothing on this stage can do."""
    missing = sorted(kind for kind in _faults(scenario) - stage.faults if not FAULTS[kind].people)
    if missing:
        raise StageError(f"{scenario.name} cannot be played in {mode} time: no {', '.join(missing)} there")


def run_now(scenario: Scenario, play: Play, options: RunOptions) -> RunResult:
    """:func:`run` on an event loop of its own."""
    return asyncio.run(run(scenario, play, options))
