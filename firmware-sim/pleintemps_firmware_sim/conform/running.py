"""Plays requirements one after the other, each on a fresh bench."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import Any

from pleintemps_contract import cores
from pleintemps_firmware_sim.errors import ConformError, UnmetError
from pleintemps_firmware_sim.virtual.loop import VirtualLoop

from .bench import Bench
from .requirement import Outcome, Requirement, Result, Subject
from .setup import Setup
from .table import requirements

Told = Callable[[Requirement, list[Outcome]], None]


def wanted(only: Collection[str]) -> list[Requirement]:
    """All, or those whose id is one of ``only`` or begins with it (``DOOR``); raises ConformError."""
    known = requirements()
    for name in only:
        if not any(_meant(name, each) for each in known):
            ids = ", ".join(each.id for each in known)
            raise ConformError(f"no requirement {name}: there are {ids}")
    return [each for each in known if not only or any(_meant(name, each) for name in only)]


def _meant(name: str, requirement: Requirement) -> bool:
    return name.upper() in (requirement.id, requirement.id.partition("-")[0])


def conform(
    setup: Setup,
    chosen: Iterable[Requirement],
    make: cores.MakeAgent | None = None,
    told: Told = lambda _requirement, _outcomes: None,
) -> list[Outcome]:
    """The outcomes in order; ``told`` hears of each requirement when it is through. ``make`` makes agents,
    as the entry point ``edge`` does.

    Raises ConformError if the agent refuses the configuration, unless a rule about the file has found what
    is unsafe in it; CoreError if there is no agent.
    """
    maker: Any = make if make is not None else cores.load("edge")
    ordered = sorted(chosen, key=lambda each: each.rule is None)
    refused = _refusal(setup, maker)
    if refused and not any(_unsafe(setup, each, refused) for each in ordered):
        raise ConformError(refused)
    outcomes: list[Outcome] = []
    for requirement in ordered:
        subjects = requirement.subjects(setup)
        found = [_outcome(setup, requirement, subject, maker, refused) for subject in subjects]
        told(requirement, found)
        outcomes += found
    return outcomes


def _unsafe(setup: Setup, requirement: Requirement, refused: str) -> bool:
    """Whether a rule about the file fails; raises ConformError where the file is too wrong to be read so."""
    if requirement.rule is None:
        return False
    try:
        return any(not each.reason and requirement.rule(setup, each) for each in requirement.subjects(setup))
    except (KeyError, TypeError, ValueError) as error:
        raise ConformError(refused) from error


def _outcome(
    setup: Setup, requirement: Requirement, subject: Subject, make: cores.MakeAgent, refused: str
) -> Outcome:
    result, why = Result.NOT_APPLICABLE, subject.reason
    if not why and requirement.rule is not None:
        why = requirement.rule(setup, subject)
        result = Result.FAIL if why else Result.PASS
    elif not why and refused:
        why = f"the agent refuses this configuration: {refused}"
    elif not why:
        why = _play(setup, requirement, subject, make)
        result = Result.FAIL if why else Result.PASS
    return Outcome(requirement=requirement.id, subject=subject.name, result=result, why=why)


def _play(setup: Setup, requirement: Requirement, subject: Subject, make: cores.MakeAgent) -> str:
    """Empty, or what was not met."""

    async def work() -> str:
        try:
            async with Bench(setup, make, hears=requirement.hears) as bench:
                assert requirement.check is not None
                await requirement.check(bench, subject)
        except UnmetError as error:
            return str(error)
        return ""

    return _run(work)


def _refusal(setup: Setup, make: cores.MakeAgent) -> str:
    """Empty, or why no agent runs on this configuration."""
    return _run(lambda: Bench(setup, make).refusal())


def _run(work: Callable[[], Any]) -> str:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        found: str = runner.run(work())
        return found
