"""What a lock on the building's broker is asked, and what is believed of it: pure rules.

``step`` takes a state, a fact and the time to a state and effects; ``due`` says when to tick next.

- Said of the bolt is only what the lock reports. No line, an absent device or no answer is Unknown; a lock
  that answers and does not arrive, is blocked, or moves without end is Fault.
- Only the present wish is ever sent. What was never carried out is dropped by a newer wish, and while there
  is no line nothing is kept; after a return the present wish is sent anew, even where the report agrees: an
  older command may have waited for the lock at the broker.
- A command is sent three times at most, spread evenly over the ``confirm_ms`` within which the lock has to
  confirm; then there is trouble until the lock says something else, or a newer wish gets through.
- A lock that somebody else moves is reported and not moved back: whoever turned it may be on the way out.
"""

from dataclasses import replace
from typing import Final

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.onvif import LockPhysicalState

from .lock_states import (
    TRIES,
    Answered,
    Ask,
    Bolt,
    Complained,
    Counted,
    Effect,
    Fact,
    Follow,
    Line,
    Noted,
    Pending,
    Reachable,
    Reported,
    Say,
    Send,
    Tick,
    Trouble,
    Wish,
    Wished,
)

_DETAIL: Final = 200


def step(state: Follow, fact: Fact, now: int) -> tuple[Follow, tuple[Effect, ...]]:
    """What ``fact`` changes at the monotonic time ``now``, and what is to be done."""
    was_there = state.present
    done = look = again = False
    match fact:
        case Wished(wish):
            state = _wished(state, wish)
        case Line(up):
            if up != state.line:
                shy = state.habits.shy
                state = replace(_forget(state), line=up, reachable=up and not shy)
                state = replace(state, waits_until=now + state.habits.confirm_ms if up and shy else None)
        case Reachable(there, kept):
            state = replace(state, waits_until=None)
            if not there:
                state = replace(_forget(state), reachable=False)
            elif not state.reachable:
                state = replace(state, reachable=True)
            elif not kept:
                # it has started anew: what it was told may have been said to nobody
                was_there = False
                state, again = _anew(state)
        case Reported():
            state, done = _reported(state, fact, now)
        case Answered(ok, words):
            state, done = _answered(state, ok, words, now)
            look = ok and state.pending is not None and state.habits.asks
        case Noted(what, words):
            state = replace(state, notes={**state.notes, what: words})
        case Counted(what):
            state = replace(state, counts={**state.counts, what: state.counts.get(what, 0) + 1})
        case Complained(words):
            state = replace(state, complaint=words)
        case Tick():
            if state.waits_until is not None and now >= state.waits_until:
                state = replace(state, waits_until=None)
    effects: list[Effect] = [Send(state.wish)] if again else []
    if state.present:
        state = _pursue(state, now, effects)
        state = _ask(state, now, effects, back=look or not was_there)
    else:
        state = replace(state, pending=None)
    physical = _physical(state)
    if physical is not state.said or done:
        state = replace(state, said=physical)
        effects.append(Say(physical))
    return state, tuple(effects)


def due(state: Follow) -> int | None:
    """When time alone changes something; None if it does not."""
    if not state.present:
        return state.waits_until
    confirm = state.habits.confirm_ms
    times = [state.poll_at, state.renew_at]
    if state.asked_at is not None:
        times.append(state.asked_at + confirm)
    if state.moving_since is not None and state.pending is None:
        times.append(state.moving_since + confirm)
    if (pending := state.pending) is not None:
        times.append(pending.first_at + confirm)
        if pending.wish is not state.wish or _may_try_again(pending):
            times.append(_next_try(state, pending))
    return min((at for at in times if at is not None), default=None)


def health(state: Follow) -> tuple[Health, str] | None:
    """How the lock is, in words for a person; None while that is not known yet."""
    if state.waits_until is not None:
        return None
    if not state.line:
        found, words = Health.SILENT, "no line to the building's broker"
    elif not state.reachable:
        found, words = Health.SILENT, "not on the building's broker"
    elif state.trouble is Trouble.SILENT:
        found, words = Health.SILENT, "no answer"
    elif state.trouble is Trouble.STUCK or state.bolt is Bolt.FAULT:
        found, words = Health.ERROR, state.words or "does not arrive"
    elif state.bolt is None:
        return None
    else:
        found, words = (Health.ERROR if state.complaint else Health.OK), state.complaint
    notes = [note for _, note in sorted(state.notes.items()) if note]
    parts = [words, *notes, *(_count(what, number) for what, number in sorted(state.counts.items()))]
    return found, "; ".join(part for part in parts if part)[:_DETAIL]


def _count(what: str, number: int) -> str:
    """Rounded down to a power of ten: a flood must not become a flood of records."""
    if number < 10:
        return f"1 {what}" if number == 1 else f"several {what}s"
    return f"{10 ** (len(str(number)) - 1)} {what}s or more"


def _physical(state: Follow) -> LockPhysicalState:
    if not state.present or state.bolt is None or state.trouble is Trouble.SILENT:
        return LockPhysicalState.UNKNOWN
    if state.trouble is Trouble.STUCK or state.bolt is Bolt.FAULT:
        return LockPhysicalState.FAULT
    if state.bolt is Bolt.MOVING:
        return state.said
    return LockPhysicalState.LOCKED if state.bolt is Bolt.LOCKED else LockPhysicalState.UNLOCKED


def _forget(state: Follow) -> Follow:
    """Nothing is known any more; the present wish has to be said again."""
    return replace(
        state,
        unmet=state.wish in state.habits.goals,
        bolt=None,
        words="",
        pending=None,
        trouble=None,
        asked_at=None,
        poll_at=None,
        renew_at=None,
        moving_since=None,
    )


def _anew(state: Follow) -> tuple[Follow, bool]:
    """The state after a new start of the lock, and whether the command under way is sent once more.

    It keeps its time: a lock that starts over and over is in trouble all the same.
    """
    pending = state.pending
    if pending is None or pending.wish is not state.wish:
        return replace(state, pending=None, unmet=state.wish in state.habits.goals), False
    if pending.tries >= TRIES:
        return state, False
    again = replace(pending, tries=pending.tries + 1, answered=False, refused="")
    return replace(state, pending=again), True


def _wished(state: Follow, wish: Wish) -> Follow:
    if wish not in state.habits.goals:
        return replace(
            state, wish=wish, unmet=False, pending=None, renew_at=None, trouble=_lasting(state.trouble)
        )
    under_way = state.pending is not None and state.pending.wish is wish
    if under_way and state.pending is not None:
        # a wish that came back before the lock was told otherwise
        return replace(state, wish=wish, unmet=False, pending=replace(state.pending, renewal=False))
    return replace(state, wish=wish, unmet=True, renew_at=None)


def _lasting(trouble: Trouble | None) -> Trouble | None:
    """Who wishes nothing any more has nothing to wait for; a lock that is silent stays so."""
    return trouble if trouble is Trouble.SILENT else None


def _reported(state: Follow, report: Reported, now: int) -> tuple[Follow, bool]:
    """The state with this report, and whether it is the answer to the movement under way."""
    if not state.present:
        return state, False
    pending, bolt, words = state.pending, report.bolt, report.words
    ours = pending is not None
    if ours and bolt is Bolt.FAULT and report.passing:
        bolt = Bolt.MOVING
    news = bolt is not state.bolt
    back = state.trouble is Trouble.SILENT and state.habits.poll_ms is not None
    arrived = bolt is state.habits.goals.get(state.wish)
    if pending is not None and not report.kept and (bolt is Bolt.MOVING or report.bolt is Bolt.FAULT):
        pending = replace(
            pending, answered=True, heard=True, refused=words if report.bolt is Bolt.FAULT else ""
        )
    state = replace(
        state,
        bolt=bolt,
        words=words if news or words else state.words,
        trouble=None if news or arrived or state.trouble is Trouble.SILENT else state.trouble,
        unmet=state.unmet or (back and state.wish in state.habits.goals),
        asked_at=None,
        poll_at=None if state.habits.poll_ms is None else now + state.habits.poll_ms,
        pending=pending,
        moving_since=(now if news else state.moving_since) if bolt is Bolt.MOVING else None,
    )
    if pending is None or report.kept:
        return state, False
    if pending.wish is state.wish and arrived:
        return _done(state, pending, now)
    if pending.wish is not state.wish and bolt is not Bolt.MOVING:
        # what is not wished any more has ended, whatever came of it
        return replace(state, pending=replace(pending, answered=True)), False
    return state, False


def _answered(state: Follow, ok: bool, words: str, now: int) -> tuple[Follow, bool]:
    pending = state.pending
    if pending is None:
        return state, False
    if not ok:
        refused = words or "refused"
        pending = replace(pending, answered=True, heard=True, refused=refused)
        return replace(state, words=refused, pending=pending), False
    pending = replace(pending, answered=True, heard=True, refused="")
    if pending.wish is state.wish and state.bolt is state.habits.goals.get(state.wish):
        return _done(state, pending, now)
    return replace(state, pending=pending), False


def _done(state: Follow, pending: Pending, now: int) -> tuple[Follow, bool]:
    renew = state.habits.renew_ms if state.wish is Wish.RELEASE else None
    renew_at = None if renew is None else pending.first_at + renew
    state = replace(state, pending=None, trouble=None, words="", renew_at=renew_at)
    return state, not pending.renewal


def _may_try_again(pending: Pending) -> bool:
    return pending.tries < TRIES and (not pending.answered or bool(pending.refused))


def _next_try(state: Follow, pending: Pending) -> int:
    """When the last try has had its share of the time."""
    return pending.first_at + pending.tries * (state.habits.confirm_ms // TRIES)


def _pursue(state: Follow, now: int, effects: list[Effect]) -> Follow:
    """Send what has to be sent, give up what has taken too long."""
    habits, pending = state.habits, state.pending
    if pending is not None and pending.wish is not state.wish:
        heard = pending.answered or now >= _next_try(state, pending)
        if heard or not habits.one_at_a_time:
            state = replace(state, pending=None)
    elif pending is not None and now >= pending.first_at + habits.confirm_ms:
        state = _give_up(state, pending, now)
    elif pending is not None and _may_try_again(pending) and now >= _next_try(state, pending):
        again = replace(pending, tries=pending.tries + 1, answered=False, refused="")
        state = replace(state, pending=again)
        effects.append(Send(state.wish))
        if habits.asks:
            effects.append(Ask())
    since = state.moving_since
    if state.pending is None and since is not None and now >= since + habits.confirm_ms:
        words = state.words or "moves without end"
        state = replace(state, trouble=Trouble.STUCK, words=words, moving_since=None)
    renewal = state.renew_at is not None and now >= state.renew_at
    if state.pending is None and (state.unmet or renewal):
        pending = Pending(state.wish, now, renewal=not state.unmet)
        state = replace(state, unmet=False, pending=pending, renew_at=None)
        effects.append(Send(state.wish))
        if habits.asks and state.bolt is habits.goals.get(state.wish):
            effects.append(Ask())  # no change will come to confirm it
    return state


def _give_up(state: Follow, pending: Pending, now: int) -> Follow:
    renew = state.habits.renew_ms if pending.renewal else None
    state = replace(state, pending=None, renew_at=None if renew is None else now + renew)
    if not pending.heard:
        return replace(state, trouble=Trouble.SILENT, moving_since=None)
    words = pending.refused or state.words or f"does not confirm {pending.wish}"
    return replace(state, trouble=Trouble.STUCK, words=words)


def _ask(state: Follow, now: int, effects: list[Effect], back: bool) -> Follow:
    """Ask at each return and in its turn; nothing heard in time is trouble."""
    habits = state.habits
    if not habits.asks:
        return state
    if state.asked_at is not None and now >= state.asked_at + habits.confirm_ms:
        poll_at = None if habits.poll_ms is None else now + habits.poll_ms
        state = replace(state, asked_at=None, poll_at=poll_at, trouble=Trouble.SILENT, moving_since=None)
    if back or (state.poll_at is not None and now >= state.poll_at):
        state = replace(state, asked_at=now, poll_at=None)
        effects.append(Ask())
    return state
