"""The self test as a machine: (state, event, now) in, (state, effects) out. Pure; what is asked of which
device is in the scripts of :mod:`.plan`.

    a device begins     its script's steps, one after the other
    a step begins       its orders, one prompt
    it is complete      goes on hearing for ``after_ms``, then it is judged
    it is overdue       judged with what was heard
    answered "s"        left out, with that as the reason
    a step fails        the device is broken: the rest of its steps is not asked for
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.commissioning import SKIP, YES, Ask, DeviceResult, Measurement, Verdict
from pleintemps_edge.drivers.base import (
    CardRead,
    ContactChanged,
    ExitRequested,
    FireChanged,
    HealthChanged,
    KeyPressed,
    LockdownPressed,
    Observation,
    Sampled,
    TamperChanged,
    TokenRead,
    Unreadable,
)

from .heard import Answered, Event, Happened, Heard, Observed

MOST_EVENTS: Final = 20_000
"""A line that babbles fills no memory: more of one step is not kept."""
_BY_HAND: Final = (
    CardRead,
    ContactChanged,
    ExitRequested,
    FireChanged,
    KeyPressed,
    LockdownPressed,
    TamperChanged,
    TokenRead,
    Unreadable,
)


_NOTHING: Final = Heard("", 0)
_AGREEMENTS: Final = (Ask.AGREE, Ask.ARM)


class Do(NamedTuple):
    """An order to a device: release, secure, on, off, show, arm, disarm, send (``data``), look."""

    device: str
    act: str
    data: tuple[bytes, ...] = ()


class Problem(NamedTuple):
    """Something found; the texts of ``code`` take ``values``."""

    code: str
    verdict: Verdict = Verdict.FAIL
    values: Mapping[str, object] = MappingProxyType({})


def _verdicts(measurements: tuple[Measurement, ...], problems: tuple[Problem, ...]) -> list[Verdict]:
    return [*(each.verdict for each in measurements), *(each.verdict for each in problems)]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a step has found out."""

    measurements: tuple[Measurement, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def failed(self) -> bool:
        return Verdict.FAIL in _verdicts(self.measurements, self.problems)


def never(_heard: Heard) -> bool:
    """For steps that are over after their time."""
    return False


@dataclass(frozen=True, slots=True)
class Step:
    """``complete`` looks at what was heard so far. ``listens`` are further devices. ``answers`` are those
    that complete it; ``calm`` steps take their whole time and are not overdue then. One that fails is asked
    for ``again`` times more; of one that is ``unsaid`` nobody is told.
    """

    name: str
    ask: Ask
    within_ms: int
    judge: Callable[[Heard], Judged]
    complete: Callable[[Heard], bool] = never
    after_ms: int = 0
    calm: bool = False
    orders: tuple[Do, ...] = ()
    closing: tuple[Do, ...] = ()
    listens: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    keys: str = ""
    level_db: float = 0.0
    again: int = 0
    repeated: bool = False
    unsaid: bool = False
    values: Mapping[str, object] = field(default_factory=dict)


Known = Mapping[str, Verdict]
"""The devices that are through."""


@dataclass(frozen=True, slots=True)
class Bench:
    """One device to test; its script is made when its turn comes, for it goes by what is known of others."""

    device: str
    driver: str
    script: Callable[[Known], tuple[Step, ...]]
    where: str = ""
    wiring: str = ""
    door: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """``bench`` is under test with ``steps`` to come; ``heard`` is its present step's."""

    waiting: tuple[Bench, ...]
    alone: bool = False
    agreed: bool = False
    number: int = 0
    bench: Bench | None = None
    step: Step | None = None
    steps: tuple[Step, ...] = ()
    heard: Heard = _NOTHING
    measurements: tuple[Measurement, ...] = ()
    problems: tuple[Problem, ...] = ()
    through: Mapping[str, Verdict] = field(default_factory=dict)
    drivers: Mapping[str, str] = field(default_factory=dict)
    latest: Mapping[tuple[str, type], Observation] = field(default_factory=dict)
    health: Mapping[str, tuple[Health, str]] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        return self.bench is None and not self.waiting

    @property
    def due(self) -> int | None:
        """When :func:`advance` has to be called if nothing happens."""
        if self.step is None:
            return None
        if self.heard.done is not None:
            return self.heard.done + self.step.after_ms
        return self.heard.began + self.step.within_ms


class Say(NamedTuple):
    """Tell the technician this step."""

    number: int
    bench: Bench
    step: Step


class Through(NamedTuple):
    """A device is through."""

    bench: Bench
    verdict: Verdict
    measurements: tuple[Measurement, ...]
    problems: tuple[Problem, ...]


Effect = Do | Say | Through


def begin(run: Run, now: int) -> tuple[Run, tuple[Effect, ...]]:
    """Take up the first device."""
    effects: list[Effect] = []
    return _next_device(run, now, effects), tuple(effects)


def advance(run: Run, event: Event | None, now: int) -> tuple[Run, tuple[Effect, ...]]:
    """``event`` happened at monotonic ``now``, or None: only time has passed."""
    effects: list[Effect] = []
    if event is not None:
        run = _hear(run, event, now)
    if run.step is not None:
        run = _look(run, run.step, now, effects)
    return run, tuple(effects)


def _hear(run: Run, event: Event, now: int) -> Run:
    heard, step = run.heard, run.step
    if isinstance(event, Observed):
        what = event.what
        if isinstance(what, HealthChanged):
            run = replace(run, health={**run.health, what.device: (what.health, what.detail)})
        name = what.series if isinstance(what, Sampled) else what.device
        run = replace(run, latest={**run.latest, (name, type(what)): what})
    if step is None or run.bench is None:
        return run
    if isinstance(event, Answered):
        return replace(run, heard=replace(heard, answer=event.answer))
    if event.device in (run.bench.device, *step.listens):
        if len(heard.events) < MOST_EVENTS:
            heard = replace(heard, events=(*heard.events, Happened(now, event)))
    elif (
        isinstance(event, Observed)
        and isinstance(event.what, _BY_HAND)
        and run.drivers.get(event.device) == run.bench.driver
    ):
        heard = replace(heard, strangers=tuple(dict.fromkeys((*heard.strangers, event.device))))
    return replace(run, heard=replace(heard, health=run.health.get(run.bench.device)))


def _look(run: Run, step: Step, now: int, effects: list[Effect]) -> Run:
    heard = run.heard
    if heard.answer == SKIP:
        skipped = Problem("skipped", Verdict.SKIPPED, {"step": step.name})
        # nobody has to take a calibrator off that was never on, and who skips has not agreed
        rest = (
            () if step.ask in _AGREEMENTS else tuple(each for each in run.steps if each.ask is not Ask.QUIET)
        )
        return _next_step(replace(run, steps=rest, problems=(*run.problems, skipped)), now, effects)
    if heard.done is None:
        answered = bool(step.answers) and heard.answer in step.answers
        if answered or heard.refused or step.complete(heard):
            heard = replace(heard, done=now)
        elif now >= heard.began + step.within_ms:
            heard = replace(heard, done=now, overdue=not step.calm)
            return _end_step(run, step, replace(heard, ended=now), now, effects)
    if heard.done is not None and now >= heard.done + step.after_ms:
        return _end_step(run, step, replace(heard, ended=now), now, effects)
    return replace(run, heard=heard)


def _end_step(run: Run, step: Step, heard: Heard, now: int, effects: list[Effect]) -> Run:
    if heard.refused:
        judged = Judged(problems=(Problem("disobeys", values={"reason": heard.refused}),))
    else:
        judged = step.judge(heard)
    if judged.failed and step.again:
        effects.extend(step.closing)
        repeated = (replace(step, again=step.again - 1, repeated=True), *run.steps)
        return _next_step(replace(run, steps=repeated, step=None), now, effects)
    run = replace(
        run,
        measurements=run.measurements + judged.measurements,
        problems=run.problems + judged.problems,
        steps=() if judged.failed or _declined(step, heard) else run.steps,
    )
    return _next_step(run, now, effects)


def _declined(step: Step, heard: Heard) -> bool:
    """Silence is no agreement."""
    return step.ask in _AGREEMENTS and heard.answer != YES


def _next_step(run: Run, now: int, effects: list[Effect]) -> Run:
    bench = run.bench
    assert bench is not None
    if run.step is not None:
        effects.extend(run.step.closing)
    steps = run.steps
    while steps:
        step, steps = steps[0], steps[1:]
        if run.alone and step.ask is not Ask.WAIT:
            if not any(each.code == "alone" for each in run.problems):
                run = replace(run, problems=(*run.problems, Problem("alone", Verdict.SKIPPED)))
            # what follows an agreement moves a lock
            steps = tuple(each for each in steps if each.ask is Ask.WAIT and not each.orders)
            continue
        return _begin_step(replace(run, steps=steps), bench, step, now, effects)
    return _end_device(replace(run, step=None, steps=()), bench, now, effects)


def _begin_step(run: Run, bench: Bench, step: Step, now: int, effects: list[Effect]) -> Run:
    names = (bench.device, *step.listens)
    before = tuple(what for (name, _), what in run.latest.items() if name in names)
    heard = Heard(bench.device, now, before=before, health=run.health.get(bench.device))
    agreed = step.ask is Ask.AGREE and run.agreed
    if agreed:
        heard = replace(heard, answer=YES)
    run = replace(run, step=step, heard=heard, number=run.number + 1)
    effects.extend(step.orders)
    if not agreed and not step.unsaid:
        effects.append(Say(run.number, bench, step))
    # what was known before may do already
    return _look(run, step, now, effects)


def _end_device(run: Run, bench: Bench, now: int, effects: list[Effect]) -> Run:
    verdict = verdict_of(_verdicts(run.measurements, run.problems))
    problems = run.problems
    ill = run.health.get(bench.device)
    if ill is not None and ill[0] is not Health.OK and verdict is not Verdict.FAIL:
        verdict = Verdict.FAIL
        problems = (*problems, Problem("ill", values={"detail": ill[1] or ill[0].value}))
    effects.append(Through(bench, verdict, run.measurements, problems))
    run = replace(
        run,
        bench=None,
        step=None,
        measurements=(),
        problems=(),
        through={**run.through, bench.device: verdict},
    )
    return _next_device(run, now, effects)


def _next_device(run: Run, now: int, effects: list[Effect]) -> Run:
    if not run.waiting:
        return run
    bench, rest = run.waiting[0], run.waiting[1:]
    run = replace(run, waiting=rest, bench=bench, steps=bench.script(run.through), step=None)
    return _next_step(run, now, effects)


def verdict_of(found: list[Verdict]) -> Verdict:
    """The verdict on a whole: broken, not fully tested, doubtful, good."""
    for worst in (Verdict.FAIL, Verdict.SKIPPED, Verdict.WARN):
        if worst in found:
            return worst
    return Verdict.PASS


def result(through: Through, render: Callable[[Problem, Bench], Any]) -> DeviceResult:
    """What the report says of a device; ``render`` makes a Finding of a problem."""
    bench = through.bench
    return DeviceResult(
        device=bench.device,
        driver=bench.driver,
        verdict=through.verdict,
        where=bench.where,
        wiring=bench.wiring,
        measurements=list(through.measurements),
        findings=[render(each, bench) for each in through.problems],
    )
