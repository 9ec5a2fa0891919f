"""Who is offered a release when: pure rules over what agents tell of themselves. Times are Unix ms.

    state     event                                                     becomes
    running   an agent with an offer is ill                             halted, with the reason
    running   everybody with an offer is well, and has been for soak    running, the next wave has its offers
    running   as above, and there is no next wave                       done
    any       halted by hand                                            halted
    halted    halted by hand                                            halted, and given up: nobody is ill

Ill is an agent that has taken the release and is silent, has a fault that it had not before, or has left it
again; one that was there and has gone since it had its offer; one that is there and has not taken it in time.
An agent that was away all the time holds nobody up, unless it is a canary. Once halted nobody is offered the
release: who has it is told to go back.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

_STAY: Final = 0
_INSTALL: Final = 1
_BACK: Final = 2
KINDS: Final = 4
"""Numbers of offers of one rollout: they rise from stay to install to back."""


class Pace(NamedTuple):
    """``soak`` between waves, ``patience`` until a release is taken, ``silent`` until an agent is gone."""

    soak: int
    patience: int
    silent: int


class AgentFact(NamedTuple):
    """What is known of one agent now; ``seen`` is when it was heard of last."""

    version: str
    online: bool
    seen: int | None
    faults: frozenset[str] = frozenset()


class Part(Struct, frozen=True, kw_only=True):
    """One agent with an offer: ``at`` when, ``before`` its version then, ``faults`` those that it had then.

    ``well_since`` is when it was first seen well with the release.
    """

    agent: str
    at: int
    before: str
    faults: tuple[str, ...] = ()
    well_since: int | None = None


class Ill(Struct, frozen=True, kw_only=True):
    """The agent that halted it; ``detail`` its new faults, or the version for which it left the release."""

    agent: str
    why: Literal["silent", "faults", "left", "not-taken"]
    detail: str = ""

    def __str__(self) -> str:
        said = {
            "silent": "is silent since it had the offer",
            "faults": f"has new faults: {self.detail}",
            "left": f"has left it for {self.detail}",
            "not-taken": "has not taken it",
        }
        return f"{self.agent} {said[self.why]}"


class Rollout(Struct, frozen=True, kw_only=True):
    """``waves`` are the agents of each wave, canaries first; ``wave`` the last one that has its offers.

    ``ill`` is who halted it, until somebody gives it up.
    """

    number: int
    version: str
    waves: tuple[tuple[str, ...], ...]
    wave: int = 0
    parts: tuple[Part, ...] = ()
    state: Literal["running", "done", "halted"] = "running"
    reason: str = ""
    ill: Ill | None = None


class Verdict(NamedTuple):
    """``well``: whether it runs the release and all is as before."""

    well: bool
    ill: Ill | None = None
    away: bool = False


def waves_of(
    canaries: Sequence[str], agents: Sequence[str], shares: Sequence[float]
) -> tuple[tuple[str, ...], ...]:
    """Canaries, then the others so that after each wave its share of them has the release; no empty waves."""
    others = sorted(set(agents) - set(canaries))
    ends = [math.ceil(share * len(others)) for share in shares]
    cut = [tuple(others[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
    return tuple(wave for wave in (tuple(sorted(set(canaries))), *cut) if wave)


def start(
    number: int, version: str, waves: tuple[tuple[str, ...], ...], facts: Mapping[str, AgentFact], now: int
) -> Rollout:
    """The canaries have their offers."""
    rollout = Rollout(number=number, version=version, waves=waves)
    return replace(rollout, parts=tuple(_part(agent, facts, now) for agent in waves[0]))


def _part(agent: str, facts: Mapping[str, AgentFact], now: int) -> Part:
    fact = facts.get(agent)
    if fact is None:
        return Part(agent=agent, at=now, before="")
    return Part(agent=agent, at=now, before=fact.version, faults=tuple(sorted(fact.faults)))


def judge(part: Part, fact: AgentFact | None, version: str, pace: Pace, now: int) -> Verdict:
    """How one agent with an offer is."""
    if fact is None:
        return Verdict(False, away=True)
    gone = not fact.online and fact.seen is not None and fact.seen > part.at and now - fact.seen > pace.silent
    if gone:
        return Verdict(False, Ill(agent=part.agent, why="silent"))
    if fact.version == version:
        new = sorted(fact.faults - set(part.faults))
        if new:
            return Verdict(False, Ill(agent=part.agent, why="faults", detail=", ".join(new)))
        return Verdict(fact.online, away=not fact.online)
    if part.well_since is not None:
        return Verdict(False, Ill(agent=part.agent, why="left", detail=fact.version))
    if fact.online and now - part.at > pace.patience:
        return Verdict(False, Ill(agent=part.agent, why="not-taken"))
    return Verdict(False, away=not fact.online)


def advance(rollout: Rollout, facts: Mapping[str, AgentFact], pace: Pace, now: int) -> Rollout:
    """What becomes of it by now."""
    if rollout.state != "running":
        return rollout
    parts, held_up = [], False
    for part in rollout.parts:
        verdict = judge(part, facts.get(part.agent), rollout.version, pace, now)
        if verdict.ill is not None:
            return replace(rollout, state="halted", reason=str(verdict.ill), ill=verdict.ill)
        since = part.well_since
        if verdict.well and since is None:
            since = now
        part = replace(part, well_since=since)
        parts.append(part)
        if part.agent in rollout.waves[0] or not verdict.away:
            held_up = held_up or since is None or not verdict.well or now - since < pace.soak
    rollout = replace(rollout, parts=tuple(parts))
    if held_up or any(now - part.at < pace.soak for part in parts):
        return rollout
    if rollout.wave + 1 == len(rollout.waves):
        return replace(rollout, state="done")
    following = tuple(_part(agent, facts, now) for agent in rollout.waves[rollout.wave + 1])
    return replace(rollout, wave=rollout.wave + 1, parts=(*rollout.parts, *following))


def halt(rollout: Rollout, reason: str) -> Rollout:
    """By hand; what is done may be halted as well, and what has halted by itself is given up."""
    if rollout.ill is not None:
        return replace(rollout, reason=f"{rollout.reason}; {reason}", ill=None)
    return rollout if rollout.state == "halted" else replace(rollout, state="halted", reason=reason)


class Told(NamedTuple):
    """What an agent is offered; ``number`` rises with each change."""

    number: int
    action: Literal["stay", "install", "back"]
    version: str | None


def offer_to(rollout: Rollout, agent: str, fact: AgentFact | None) -> Told:
    """What ``agent`` is offered now."""
    base = rollout.number * KINDS
    if all(part.agent != agent for part in rollout.parts):
        return Told(base + _STAY, "stay", None)
    if rollout.state != "halted":
        return Told(base + _INSTALL, "install", rollout.version)
    if fact is not None and fact.version == rollout.version:
        return Told(base + _BACK, "back", None)
    return Told(base + _INSTALL, "stay", None)
