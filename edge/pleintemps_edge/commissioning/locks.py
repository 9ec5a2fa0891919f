"""Scripts of locks: let go, hold again, and for magnets that exit and fire cut their supply by wire. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.commissioning import NO, YES, Ask, Measurement, Verdict
from pleintemps_contract.onvif import LockPhysicalState
from pleintemps_edge.drivers.base import ContactChanged, ExitRequested, FireChanged, LockReported

from .contacts import HAND_MS, there_and_back
from .heard import Heard
from .limits import figure, measured
from .steps import Do, Judged, Known, Problem, Step

SETTLE_MS: Final = 15_000
"""A lock on the building's broker has said itself by then."""


@dataclass(frozen=True, slots=True)
class Door:
    """The door of a lock. ``confirms``: it answers each order within ``confirm_ms``; ``cut_by`` are the
    contacts in its supply by which alone it must be free.
    """

    door: str
    contact: str | None = None
    exit: str | None = None
    fire: str | None = None
    confirms: bool = False
    confirm_ms: int = 1_000
    radio: bool = False
    cut_by: tuple[str, ...] = ()


def lock(known: Known, device: str, door: Door) -> tuple[Step, ...]:
    """Agree, let go, hold, pull; a magnet is cut by the exit button and by fire as well."""
    values: Mapping[str, object] = {"door": door.door}
    if known.get(door.fire or "") is Verdict.FAIL:
        # with its fire loop broken the agent would not move it either
        return (_told(Problem("fire-broken", Verdict.SKIPPED, {"by": door.fire})),)
    contact = door.contact if door.contact and known.get(door.contact) is Verdict.PASS else None
    steps: list[Step] = []
    if door.radio:
        steps.append(Step("online", Ask.WAIT, SETTLE_MS, _online, _well))
    steps.append(Step("agree", Ask.AGREE, 10 * HAND_MS, _agreed, answers=(YES, NO), values=values))
    steps.append(_release(device, door, contact, values))
    if door.confirms:
        steps.append(
            Step(
                "secured",
                Ask.WAIT,
                door.confirm_ms + 2_000,
                lambda heard: _followed(heard, LockPhysicalState.LOCKED, door, "does-not-lock"),
                lambda heard: _latency(heard, LockPhysicalState.LOCKED) is not None,
                orders=(Do(device, "secure"),),
                values=values,
            )
        )
    listens = (contact,) if contact else ()
    steps.append(
        Step(
            "pull",
            Ask.PULL,
            HAND_MS,
            lambda heard: _held(heard, contact),
            lambda heard: bool(contact and _opened(heard, contact)),
            listens=listens,
            answers=(YES, NO),
            values=values,
        )
    )
    for cut, name, ask, by in (
        ("exit", "free-by-exit", Ask.EXIT, door.exit),
        ("fire", "free-by-fire", Ask.FREE, door.fire),
    ):
        if cut in door.cut_by and contact and by and known.get(by) is Verdict.PASS:
            steps.append(_cut(name, ask, contact, by, values))
        elif cut in door.cut_by:
            # exit, fire or the contact are not known to work: nobody knows
            steps.append(_told(Problem("unproved", Verdict.SKIPPED, {"by": by or cut})))
    return tuple(steps)


def _release(device: str, door: Door, contact: str | None, values: Mapping[str, object]) -> Step:
    def complete(heard: Heard) -> bool:
        followed = not door.confirms or _latency(heard, LockPhysicalState.UNLOCKED) is not None
        if contact is not None:
            return followed and _there(heard, contact) == (True, True)
        return door.confirms and followed

    def judge(heard: Heard) -> Judged:
        followed = (
            _followed(heard, LockPhysicalState.UNLOCKED, door, "does-not-release")
            if door.confirms
            else Judged()
        )
        if followed.failed:
            return followed
        if contact is None:
            problems = followed.problems
            if heard.answer == NO:
                problems = (Problem("does-not-open", values=values),)
            elif not door.confirms and heard.overdue:
                problems = (Problem("unanswered", Verdict.SKIPPED),)
            return Judged(followed.measurements, problems)
        opened, shut = _there(heard, contact)
        if not opened:
            return Judged(followed.measurements, (Problem("does-not-open", values=values),))
        at = next(at for at, said in heard.of(ContactChanged, contact) if said.open)
        told = (*followed.measurements, figure("opened", (at - heard.began) / 1000, "s"))
        return Judged(told, () if shut else (Problem("not-shut", Verdict.WARN, values),))

    asked = contact is None and not door.confirms
    ask = Ask.WAIT if contact is None and door.confirms else Ask.ENTRANCE
    return Step(
        "release" if ask is Ask.WAIT else "entrance",
        ask,
        door.confirm_ms + 2_000 if ask is Ask.WAIT else door.confirm_ms + HAND_MS,
        judge,
        complete,
        after_ms=300,
        orders=(Do(device, "release"),),
        closing=(Do(device, "secure"),),
        listens=(contact,) if contact else (),
        answers=(YES, NO) if asked else (),
        values=values,
    )


def _cut(name: str, ask: Ask, contact: str, by: str, values: Mapping[str, object]) -> Step:
    """While the agent holds the magnet: does the wire free the door?"""

    def tripped(heard: Heard) -> bool:
        if ask is Ask.EXIT:
            return there_and_back(heard, ExitRequested, lambda said: bool(said.held), by)[0]
        return there_and_back(heard, FireChanged, lambda said: bool(said.active), by) == (True, True)

    def complete(heard: Heard) -> bool:
        return tripped(heard) and _there(heard, contact) == (True, True)

    def judge(heard: Heard) -> Judged:
        if _opened(heard, contact):
            return Judged()
        code = "not-freed" if tripped(heard) else "not-tripped"
        verdict = Verdict.FAIL if tripped(heard) else Verdict.SKIPPED
        return Judged(problems=(Problem(code, verdict, {**values, "by": by}),))

    return Step(name, ask, HAND_MS, judge, complete, listens=(contact, by), values={**values, "by": by})


def _told(problem: Problem) -> Step:
    """Nothing is asked, this is said."""
    told = Judged(problems=(problem,))
    return Step(problem.code, Ask.WAIT, 0, lambda _heard: told, calm=True, unsaid=True)


def _there(heard: Heard, contact: str) -> tuple[bool, bool]:
    return there_and_back(heard, ContactChanged, lambda said: bool(said.open), contact)


def _opened(heard: Heard, contact: str) -> bool:
    return _there(heard, contact)[0]


def _latency(heard: Heard, wanted: LockPhysicalState) -> int | None:
    """From the order to the lock's word that it has followed, ms."""
    return next((at - heard.began for at, said in heard.of(LockReported) if said.state is wanted), None)


def _followed(heard: Heard, wanted: LockPhysicalState, door: Door, code: str) -> Judged:
    latency = _latency(heard, wanted)
    if latency is None:
        last = heard.last(LockReported)
        told = last.state.value if last is not None else LockPhysicalState.UNKNOWN.value
        return Judged(problems=(Problem(code, values={"door": door.door, "told": told}),))
    name = "release-time" if wanted is LockPhysicalState.UNLOCKED else "lock-time"
    if door.radio:
        told_ms: Measurement = figure(name, latency, "ms")
    else:
        told_ms = measured("bolt", latency, name)
    return Judged((told_ms,))


def _held(heard: Heard, contact: str | None) -> Judged:
    if heard.answer == NO or (contact and _opened(heard, contact)):
        return Judged(problems=(Problem("does-not-hold"),))
    if heard.overdue:
        return Judged(problems=(Problem("unanswered", Verdict.SKIPPED),))
    return Judged()


def _agreed(heard: Heard) -> Judged:
    if heard.answer == YES:
        return Judged()
    return Judged(problems=(Problem("not-agreed", Verdict.SKIPPED),))


def _well(heard: Heard) -> bool:
    return heard.health is not None and heard.health[0] is Health.OK


def _online(heard: Heard) -> Judged:
    if _well(heard):
        return Judged()
    detail = heard.health[1] if heard.health is not None else ""
    return Judged(problems=(Problem("not-online", values={"detail": detail or "-"}),))
