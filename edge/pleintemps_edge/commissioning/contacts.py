"""Scripts of contacts: doors, exits, fire, housings, attack buttons. Pure."""

from collections.abc import Callable
from typing import Any, Final

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.commissioning import Ask, Measurement, Verdict
from pleintemps_edge.drivers.base import (
    ContactChanged,
    ExitRequested,
    FireChanged,
    LockdownPressed,
    TamperChanged,
)

from .heard import Heard, Pulse
from .limits import measured
from .steps import Judged, Known, Problem, Step

HAND_MS: Final = 60_000
"""So long somebody may take to walk to a door and move it."""
_APART_US: Final = 100_000
"""Edges further apart are two movements of a contact: nobody moves one ten times a second."""


def bursts(edges: list[int]) -> list[list[int]]:
    """Edges (us, ascending) by movements."""
    found: list[list[int]] = []
    for us in edges:
        if found and us - found[-1][-1] <= _APART_US:
            found[-1].append(us)
        else:
            found.append([us])
    return found


def bounce(heard: Heard) -> tuple[Measurement, ...]:
    """How long and with how many edges a contact came to rest, the worst of its movements."""
    moves = bursts(sorted(pulse.us for _, pulse in heard.events_of(Pulse)))
    if not moves:
        return ()
    return (
        measured("bounce", max(each[-1] - each[0] for each in moves) / 1000),
        measured("edges", max(map(len, moves))),
    )


def rest(told: tuple[Measurement, ...], problems: tuple[Problem, ...] = ()) -> Judged:
    """The judgement on a contact's movement: too much bounce is said in words as well."""
    worst = max((each.verdict for each in told), key=[*Verdict].index, default=Verdict.PASS)
    if worst is not Verdict.PASS and not problems:
        problems = (Problem("bounce", worst),)
    return Judged(told, problems)


def there_and_back(
    heard: Heard, kind: type[Any], active: Callable[[Any], bool], device: str = ""
) -> tuple[bool, bool]:
    """Whether it became active in this step, and was at rest again after that."""
    said = [active(what) for _, what in heard.of(kind, device)]
    if True not in said:
        return False, False
    return True, False in said[said.index(True) :]


def moved(
    heard: Heard, kind: type[Any], active: Callable[[Any], bool], silent: str = "silent"
) -> tuple[Problem, ...]:
    """What is wrong where one movement there and back was asked for."""
    if heard.health is not None and heard.health[0] is not Health.OK:
        return (Problem("ill", values={"detail": heard.health[1]}),)
    there, back = there_and_back(heard, kind, active)
    if there and back:
        return ()
    if there:
        return (Problem("stays-active"),)
    last = heard.last(kind)
    if last is not None and active(last):
        return (Problem("rests-active"),)
    return (Problem("swapped" if heard.strangers else silent, values={"others": ", ".join(heard.strangers)}),)


def _script(
    ask: Ask, name: str, kind: type[Any], active: Callable[[Any], bool], values: dict[str, object]
) -> tuple[Step, ...]:
    def complete(heard: Heard) -> bool:
        there, back = there_and_back(heard, kind, active)
        return there and back

    def judge(heard: Heard) -> Judged:
        return rest(bounce(heard), moved(heard, kind, active))

    return (Step(name, ask, HAND_MS, judge, complete, after_ms=300, again=1, values=values),)


def contact(_known: Known, door: str) -> tuple[Step, ...]:
    """A door's contact."""
    return _script(Ask.SWING, "swing", ContactChanged, lambda said: bool(said.open), {"door": door})


def button(_known: Known, door: str) -> tuple[Step, ...]:
    """An exit button or the contact of a handle."""
    return _script(Ask.PRESS, "press-exit", ExitRequested, lambda said: bool(said.held), {"door": door})


def fire(_known: Known) -> tuple[Step, ...]:
    """The fire panel's contact."""
    return _script(Ask.TRIP, "trip", FireChanged, lambda said: bool(said.active), {})


def tamper(_known: Known) -> tuple[Step, ...]:
    """A housing."""
    return _script(Ask.HOUSING, "housing", TamperChanged, lambda said: bool(said.active), {})


def attack(_known: Known) -> tuple[Step, ...]:
    """The attack button, which says its presses only."""

    def judge(heard: Heard) -> Judged:
        if heard.of(LockdownPressed):
            return rest(bounce(heard))
        if heard.health is not None and heard.health[0] is not Health.OK:
            return Judged(problems=(Problem("ill", values={"detail": heard.health[1]}),))
        strangers = ", ".join(heard.strangers)
        code = "swapped" if strangers else "silent"
        return Judged(problems=(Problem(code, values={"others": strangers}),))

    def complete(heard: Heard) -> bool:
        return bool(heard.of(LockdownPressed))

    return (Step("press-attack", Ask.PRESS, HAND_MS, judge, complete, after_ms=1_000, again=1),)
