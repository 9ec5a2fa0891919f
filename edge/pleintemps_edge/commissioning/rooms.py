"""Scripts of what looks into rooms: motion detectors and radars. Somebody comes in, stands, leaves. Pure."""

from typing import Final

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.commissioning import Ask, Measurement, Verdict
from pleintemps_edge.drivers.base import HealthChanged, Sampled

from . import radars
from .contacts import HAND_MS
from .heard import Heard
from .limits import figure, measured
from .steps import Do, Judged, Known, Problem, Step

EMPTY_MS: Final = 20_000
"""So long an empty room is watched."""
LONGEST_HOLD_MS: Final = 310_000
_LISTEN_MS: Final = 6_000
_STAND_MS: Final = 8_000
_ENTER_MS: Final = 60_000


def pir(_known: Known, warm_up_ms: int) -> tuple[Step, ...]:
    """Warm up, be seen, be forgotten, then nothing."""
    steps = [_enter(), Step("leave", Ask.LEAVE, LONGEST_HOLD_MS, _judge_pir, _seen_gone, after_ms=EMPTY_MS)]
    if warm_up_ms:
        warm = Step("warm-up", Ask.WAIT, warm_up_ms + 5_000, lambda _heard: Judged(), _warm)
        steps.insert(0, warm)
    return tuple(steps)


def _warm(heard: Heard) -> bool:
    said = heard.last(HealthChanged)
    return said is not None and said.health is Health.OK and not said.detail


def _values(heard: Heard) -> list[tuple[int, float]]:
    return [(at, said.value) for at, said in heard.of(Sampled)]


def _present(heard: Heard) -> bool:
    last = heard.last(Sampled)
    return last is not None and last.value > 0


def _seen_gone(heard: Heard) -> bool:
    last = heard.last(Sampled)
    return last is not None and last.value == 0


def _enter() -> Step:
    def judge(heard: Heard) -> Judged:
        if _ill(heard):
            return Judged(problems=_ill(heard))
        return Judged() if _present(heard) else Judged(problems=(Problem("blind"),))

    return Step("enter", Ask.ENTER, _ENTER_MS, judge, _present, again=1)


def _ill(heard: Heard) -> tuple[Problem, ...]:
    if heard.health is None or heard.health[0] is Health.OK:
        return ()
    return (Problem("ill", values={"detail": heard.health[1]}),)


def _judge_pir(heard: Heard) -> Judged:
    if not _seen_gone(heard) and heard.overdue:
        return Judged(problems=(Problem("never-rests"),))
    values = _values(heard)
    rest = next((at for at, value in values if value == 0), heard.began)
    again = sum(1 for at, value in values if at > rest and value > 0)
    return Judged(
        (measured("hold", (rest - heard.began) / 1000), measured("false-motion", again)),
        (Problem("moves-alone", Verdict.WARN),) if again else (),
    )


def ld2410(_known: Known, device: str) -> tuple[Step, ...]:
    """The line, somebody, somebody still, nobody with the noise of every gate."""
    return (
        _line(radars.line_2410, device),
        _enter(),
        Step("stand", Ask.STAND, _STAND_MS, _stands, calm=True),
        Step(
            "leave",
            Ask.LEAVE,
            2 * HAND_MS,
            _judge_2410,
            _seen_gone,
            after_ms=EMPTY_MS,
            orders=(Do(device, "send", radars.BEGIN),),
            closing=(Do(device, "send", radars.END),),
        ),
    )


def ld2450(_known: Known, device: str) -> tuple[Step, ...]:
    """The line, somebody who walks, nobody."""
    return (
        _line(radars.line_2450, device),
        _enter(),
        Step("leave", Ask.LEAVE, 2 * HAND_MS, _judge_empty, _seen_gone, after_ms=EMPTY_MS),
    )


def _line(read: object, device: str) -> Step:
    def judge(heard: Heard) -> Judged:
        assert callable(read)
        line: radars.Line = read(heard.received())
        if not line.total:
            problems = _ill(heard) or (Problem("silent"),)
            return Judged(problems=problems)
        if not line.reports:
            return Judged(problems=(Problem("no-frames", values={"bytes": line.total}),))
        told = (
            measured("report-rate", line.rate(heard.ended - heard.began)),
            measured("report-gap", line.gap),
            measured("frame-errors", line.errors),
        )
        bad = any(each.verdict is Verdict.FAIL for each in told)
        return Judged(told, (Problem("bad-line"),) if bad else ())

    return Step("listen", Ask.WAIT, _LISTEN_MS, judge, calm=True, values={"device": device})


def _stands(heard: Heard) -> Judged:
    lost = any(value == 0 for _, value in _values(heard))
    return Judged(problems=(Problem("loses-still", Verdict.WARN),)) if lost else Judged()


def _presence(heard: Heard) -> list[Measurement]:
    """For which share of the empty time somebody was seen."""
    values = _values(heard)
    start = heard.done if heard.done is not None else heard.began
    present, since, share = False, start, 0
    for at, value in values:
        if at > start:
            share += (at - since) * present
            present, since = value > 0, at
    share += (heard.ended - since) * present
    empty = max(1, heard.ended - start)
    gone = figure("forgotten", (start - heard.began) / 1000, "s")
    return [gone, measured("false-presence", 100 * share / empty)]


def _judge_empty(heard: Heard) -> Judged:
    if heard.overdue:
        return Judged(problems=_ill(heard) or (Problem("never-empty"),))
    told = _presence(heard)
    seen = told[-1].value > 0
    return Judged(tuple(told), (Problem("sees-ghosts", Verdict.WARN),) if seen else ())


def _judge_2410(heard: Heard) -> Judged:
    empty = _judge_empty(heard)
    if empty.failed:
        return empty
    gone = heard.done if heard.done is not None else heard.ended
    chunks = heard.received()
    found = radars.noise(
        b"".join(data for _, data in chunks), b"".join(data for at, data in chunks if at > gone)
    )
    told = list(empty.measurements)
    told += [figure("noise", energy, "", f"moving {gate}") for gate, energy in enumerate(found.moving)]
    told += [figure("noise", energy, "", f"still {gate}") for gate, energy in enumerate(found.still)]
    problems = list(empty.problems)
    if found.margins:
        gate, margin = min(found.margins, key=lambda each: each[1])
        told.append(measured("gate-margin", margin, gate))
        if told[-1].verdict is not Verdict.PASS:
            problems.append(Problem("noisy-gate", told[-1].verdict, {"gate": gate}))
    else:
        problems.append(Problem("no-gates", Verdict.WARN))
    return Judged(tuple(told), tuple(problems))
