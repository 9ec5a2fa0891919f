"""Scripts of sound meters and microphones: the line, the calibrator, and without one a clap. Pure.

Levels in dB re 20 uPa. No sample of sound is kept: what is judged is what the drivers say.
"""

from typing import Final

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.commissioning import Ask, Measurement, Verdict
from pleintemps_edge.drivers.base import Sampled
from pleintemps_edge.sensing.modbus_rtu import Registers, Request, answer

from .contacts import HAND_MS
from .heard import Bytes, Heard, Looked
from .limits import figure, measured
from .steps import Do, Judged, Known, Problem, Step

_LISTEN_MS: Final = 10_000
_FIRST_MS: Final = 20_000
_READINGS: Final = 3
_STEADY_DB: Final = 0.5
_NEAR_DB: Final = 15.0
"""Within so much of the calibrator a steady level is taken for its tone; what is further off is no tone."""
_FALL_DB: Final = 10.0


def modbus(known: Known, device: str, request: Request, calibrator_db: float) -> tuple[Step, ...]:
    """Answers without errors, then the level."""
    listen = Step("listen", Ask.WAIT, _LISTEN_MS, lambda heard: _judge_line(heard, request), calm=True)
    return (
        _bus(device),
        listen,
        *_level(known, calibrator_db, lambda off: (measured("meter-off", abs(off)),)),
    )


def _bus(device: str) -> Step:
    """Who else answered before the test began."""

    def judge(heard: Heard) -> Judged:
        others = next((look.fault for _, look in heard.events_of(Looked)), "")
        found = Problem("others-on-bus", Verdict.WARN, {"addresses": others})
        return Judged(problems=(found,) if others else ())

    def complete(heard: Heard) -> bool:
        return any(True for _ in heard.events_of(Looked))

    return Step("bus", Ask.WAIT, _LISTEN_MS, judge, complete, orders=(Do(device, "bus"),), unsaid=True)


def microphone(known: Known, stored_db: float | None, calibrator_db: float) -> tuple[Step, ...]:
    """Samples that are no zeros, then the level. ``stored_db`` is what its calibration adds, if any."""

    def off(difference: float) -> tuple[Measurement, ...]:
        if stored_db is None:
            return (measured("uncalibrated-off", abs(difference)),)
        raw = figure("raw-off", difference - stored_db, "dB")
        return (measured("microphone-off", abs(difference)), figure("calibration", stored_db, "dB"), raw)

    return (
        Step("hear", Ask.WAIT, _FIRST_MS, _judge_hearing, lambda heard: len(_levels(heard)) >= _READINGS),
        *_level(known, calibrator_db, off),
    )


def _levels(heard: Heard) -> list[float]:
    return [said.value for _, said in heard.of(Sampled)]


def _level(known: Known, calibrator_db: float, off: object) -> tuple[Step, ...]:
    def steady(heard: Heard) -> bool:
        last = _levels(heard)[-_READINGS:]
        return (
            len(last) == _READINGS
            and max(last) - min(last) <= _STEADY_DB
            and abs(last[0] - calibrator_db) <= _NEAR_DB
        )

    def judge_tone(heard: Heard) -> Judged:
        if heard.overdue:
            return Judged(problems=_ill(heard) or (_no_tone(heard),))
        last = _levels(heard)[-_READINGS:]
        difference = sum(last) / len(last) - calibrator_db
        assert callable(off)
        told = (figure("tone-off", difference, "dB"), *off(difference))
        worst = max((each.verdict for each in told), key=[*Verdict].index)
        if worst is Verdict.PASS:
            return Judged(told)
        return Judged(told, (Problem("level-off", worst, {"off": f"{difference:+.1f}"}),))

    def fallen(heard: Heard) -> bool:
        return any(level < calibrator_db - _FALL_DB for level in _levels(heard)[-1:])

    def judge_fall(heard: Heard) -> Judged:
        return Judged(problems=(Problem("frozen"),)) if heard.overdue else Judged()

    def risen(heard: Heard) -> bool:
        levels = _levels(heard)
        return bool(levels) and max(levels) >= min(levels) + _FALL_DB

    def judge_clap(heard: Heard) -> Judged:
        levels = _levels(heard)
        if not levels:
            return Judged(problems=_ill(heard) or (Problem("silent"),))
        rise = measured("clap-rise", max(levels) - min(levels))
        return Judged((rise,), (Problem("deaf"),) if rise.verdict is Verdict.FAIL else ())

    values = {"level": f"{calibrator_db:g}"}
    return (
        Step("clap", Ask.CLAP, HAND_MS // 2, judge_clap, risen, again=1),
        Step("tone", Ask.TONE, 2 * HAND_MS, judge_tone, steady, level_db=calibrator_db, values=values),
        Step("quiet", Ask.QUIET, HAND_MS, judge_fall, fallen),
    )


def _no_tone(heard: Heard) -> Problem:
    levels = _levels(heard)
    told = f"{levels[-1]:.1f} dB" if levels else "-"
    return Problem("no-tone", values={"told": told})


def _ill(heard: Heard) -> tuple[Problem, ...]:
    if heard.health is None or heard.health[0] is Health.OK:
        return ()
    return (Problem("ill", values={"detail": heard.health[1]}),)


def _judge_hearing(heard: Heard) -> Judged:
    if heard.overdue:
        return Judged(problems=_ill(heard) or (Problem("silent"),))
    return Judged((figure("background", _levels(heard)[-1], "dB"),))


def _judge_line(heard: Heard, request: Request) -> Judged:
    asked, good, took = exchanges(heard, request)
    if not asked:
        return Judged(problems=_ill(heard) or (Problem("silent"),))
    if not heard.received():
        return Judged(problems=(Problem("no-answer"),))
    told = [measured("answer-errors", 100 * (asked - good) / asked)]
    if took:
        told.append(measured("answer", max(took)))
    bad = any(each.verdict is Verdict.FAIL for each in told)
    return Judged(tuple(told), (Problem("bad-answers", values={"of": asked}),) if bad else ())


def exchanges(heard: Heard, request: Request) -> tuple[int, int, list[int]]:
    """How often it was asked, how often it answered well, and how long the good answers took (ms). A question
    that has no answer yet when listening ends does not count.
    """
    asked = good = 0
    took: list[int] = []
    since, data, open_ = 0, b"", False
    for at, each in heard.events_of(Bytes):
        if each.sent:
            asked += 1
            since, data, open_ = at, b"", True
        elif open_:
            data += each.data
            if isinstance(answer(request, data), Registers):
                good, open_ = good + 1, False
                took.append(at - since)
    if open_ and heard.ended - since < 1_000:
        asked -= 1
    return asked, good, took
