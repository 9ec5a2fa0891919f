"""The life of an alert once its rule has raised it: what people do with it, what time does. Pure.

    state          an act of a person                                     time, or its rule
    open           take -> acknowledged; pause -> paused;                 asks the next of the rota each
                   give -> open, theirs; escalate -> open, the next asked  ``wait_ms`` until somebody takes it
    acknowledged   as above, but no take                                  once: a reminder after ``remind_ms``
    paused         as above; resume -> open                               at its hour, or louder (``due``)
                                                                           -> open, asked anew
    resolved       comment only

An act names the ``version`` its actor had seen: after the act of somebody else it is refused, and they see
what that was. Without a version only taking what is taken, or what is over, is refused.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from .records import AlertState, Fact

NOBODY: Final = ""
"""The last of ``asked``: everybody on duty was asked; who comes on duty is asked still."""
LOOK_AGAIN_MS: Final = 60_000
"""How often it is looked whether somebody has come on duty."""
MOST_PAUSE_MS: Final = 7 * 86_400_000
LOUDER_DB: Final = 5.0
"""A pause of noise ends early when it is so much louder than when it was paused."""
PAUSED_DB: Final = "paused_db"
"""The fact of an alert that says how loud it was then."""


class ActKind(StrEnum):
    """A row of ``alert_acts``; those from ``asked`` on are the gateway's own."""

    TAKE = "take"
    PAUSE = "pause"
    RESUME = "resume"
    GIVE = "give"
    ESCALATE = "escalate"
    COMMENT = "comment"
    WARN = "warn"
    OPENED = "opened"
    ASKED = "asked"
    NOBODY = "nobody"
    REMINDED = "reminded"
    BACK = "back"
    RESOLVED = "resolved"


class Refusal(StrEnum):
    """Why an act changes nothing."""

    CHANGED = "changed"  # somebody was quicker
    ACKNOWLEDGED = "already-acknowledged"
    RESOLVED = "already-resolved"
    NOT_PAUSED = "not-paused"
    BAD_TIME = "bad-time"  # a pause that ends in the past, or after a week
    NOBODY_LEFT = "nobody-left"


class Life(Struct, frozen=True, kw_only=True):
    """Where an alert stands. ``asked`` in order; ``due``: when time does something, at the latest."""

    state: AlertState = AlertState.OPEN
    version: int = 0
    taken: int | None = None
    by: str | None = None
    until: int | None = None
    given: str | None = None
    asked: tuple[str, ...] = ()
    due: int | None = None


class Act(Struct, frozen=True, kw_only=True):
    """What ``by`` does. ``person``: to whom it is given; ``until``: of a pause."""

    kind: ActKind
    by: str
    person: str | None = None
    until: int | None = None
    version: int | None = None


class Duty(Struct, frozen=True, kw_only=True):
    """Who is to be asked now, in order, and how long each has. ``urgent``: one after another, with reminders.

    Without a rota ``chain`` is None: nobody is asked, and that is no failure.
    """

    chain: tuple[str, ...] | None = None
    wait_ms: int = 600_000
    remind_ms: int = 1_800_000
    urgent: bool = True


class Done(Struct, frozen=True, kw_only=True):
    """An act that happened, for the history; ``person`` is to be told where ``tell`` is true."""

    kind: ActKind
    by: str | None = None
    person: str | None = None
    until: int | None = None
    tell: bool = False


class Step(Struct, frozen=True, kw_only=True):
    life: Life
    done: tuple[Done, ...] = ()


def act(life: Life, wish: Act, duty: Duty, now: int) -> Step | Refusal:
    """What ``wish`` makes of ``life`` at ``now`` (Unix ms)."""
    if wish.kind in (ActKind.COMMENT, ActKind.WARN):
        return Step(life=life, done=(Done(kind=wish.kind, by=wish.by),))
    if life.state is AlertState.RESOLVED:
        return Refusal.RESOLVED
    if wish.version is not None and wish.version != life.version:
        return Refusal.CHANGED
    mine = replace(life, version=life.version + 1, until=None)
    match wish.kind:
        case ActKind.TAKE:
            if life.state is AlertState.ACKNOWLEDGED:
                return Refusal.ACKNOWLEDGED
            due = now + duty.remind_ms if duty.urgent else None
            taken = replace(mine, state=AlertState.ACKNOWLEDGED, taken=now, by=wish.by, given=None, due=due)
            return Step(life=taken, done=(Done(kind=wish.kind, by=wish.by),))
        case ActKind.PAUSE:
            until = wish.until or 0
            if not now < until <= now + MOST_PAUSE_MS:
                return Refusal.BAD_TIME
            paused = replace(
                mine, state=AlertState.PAUSED, taken=now, by=wish.by, given=None, until=until, due=until
            )
            return Step(life=paused, done=(Done(kind=wish.kind, by=wish.by, until=until),))
        case ActKind.RESUME:
            if life.state is not AlertState.PAUSED:
                return Refusal.NOT_PAUSED
            return Step(life=_opened(mine, now, duty), done=(Done(kind=wish.kind, by=wish.by),))
        case ActKind.GIVE:
            person = wish.person or NOBODY
            given = replace(_opened(mine, now, duty), given=person, asked=_with(life.asked, person))
            given = replace(given, due=_next_due(duty, now))
            return Step(life=given, done=(Done(kind=wish.kind, by=wish.by, person=person, tell=True),))
        case _:
            person = _next(life.asked, duty.chain or ())
            if person == NOBODY:
                return Refusal.NOBODY_LEFT
            passed = replace(_opened(mine, now, duty), asked=_with(life.asked, person))
            passed = replace(passed, due=_next_due(duty, now))
            return Step(life=passed, done=(Done(kind=wish.kind, by=wish.by, person=person, tell=True),))


def pass_time(life: Life, duty: Duty, now: int) -> Step:
    """What happens by itself until ``now``; the same again changes nothing before ``due``."""
    if life.state is AlertState.RESOLVED:
        return Step(life=replace(life, due=None, until=None) if life.due or life.until else life)
    if life.state is AlertState.PAUSED:
        due = life.due if life.due is not None else life.until
        if due is not None and now < due:
            return Step(life=life)
        back = Done(kind=ActKind.BACK, person=life.by, tell=True)
        return Step(life=_opened(life, now, duty), done=(back,))
    if life.state is AlertState.ACKNOWLEDGED:
        if life.due is None or now < life.due:
            return Step(life=life)
        done = Done(kind=ActKind.REMINDED, person=life.by, tell=True)
        return Step(life=replace(life, due=None), done=(done,))
    return _ask(life, duty, now)


def at_pause(facts: dict[str, Fact]) -> dict[str, Fact]:
    """``facts`` of an alert that is paused now, with how loud it is."""
    level = facts.get("level_db")
    return facts | {PAUSED_DB: level} if isinstance(level, float | int) else facts


def louder(facts: dict[str, Fact], before: dict[str, Fact]) -> tuple[dict[str, Fact], bool]:
    """New ``facts`` of an alert that was paused with those ``before``, and whether they end its pause."""
    then, level = before.get(PAUSED_DB), facts.get("level_db")
    if not isinstance(then, float | int):
        return facts, False
    return facts | {PAUSED_DB: then}, isinstance(level, float | int) and level >= then + LOUDER_DB


def resolve(life: Life) -> Life:
    """Its rule says that it is over: it asks for nothing any more, whatever state it was in."""
    return replace(life, state=AlertState.RESOLVED, until=None, due=None)


def _ask(life: Life, duty: Duty, now: int) -> Step:
    if duty.chain is None:  # the rota is gone: who comes with another one is asked anew
        return Step(life=replace(life, due=None, asked=()) if life.due is not None else life)
    if life.due is not None and now < life.due:
        return Step(life=life)
    if life.due is None and life.asked and not duty.urgent:
        return Step(life=life)
    person = _next(life.asked, duty.chain)
    if person == NOBODY:
        again = replace(life, due=now + LOOK_AGAIN_MS)
        if life.asked[-1:] == (NOBODY,):
            return Step(life=again)
        return Step(life=replace(again, asked=(*life.asked, NOBODY)), done=(Done(kind=ActKind.NOBODY),))
    asked = replace(life, asked=_with(life.asked, person), due=_next_due(duty, now))
    return Step(life=asked, done=(Done(kind=ActKind.ASKED, person=person, tell=True),))


def _opened(life: Life, now: int, duty: Duty) -> Life:
    """Nobody has it; who is on duty is asked anew, from the first on."""
    due = None if duty.chain is None else now
    return replace(
        life, state=AlertState.OPEN, taken=None, by=None, until=None, given=None, asked=(), due=due
    )


def _next(asked: Sequence[str], chain: Sequence[str]) -> str:
    return next((person for person in chain if person not in asked), NOBODY)


def _with(asked: Sequence[str], person: str) -> tuple[str, ...]:
    return (*(each for each in asked if each not in (NOBODY, person)), person)


def _next_due(duty: Duty, now: int) -> int | None:
    return now + duty.wait_ms if duty.urgent and duty.chain is not None else None
