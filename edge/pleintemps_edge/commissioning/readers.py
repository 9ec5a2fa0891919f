"""Scripts of keypads, card readers and token readers. What is typed or read is compared, never kept. Pure."""

from dataclasses import replace
from typing import Final

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.commissioning import NO, YES, Ask, Measurement, Verdict
from pleintemps_edge.drivers.base import CardRead, KeyPressed, TokenRead, Unreadable
from pleintemps_edge.sensing.wiegand import Edge, Formats, Key, decode, frames

from .contacts import HAND_MS
from .heard import Bytes, Heard, Pulse
from .limits import figure, measured
from .steps import Do, Judged, Known, Problem, Step

ROUNDS: Final = ("123#", "4567890*")
ONLINE_MS: Final = 20_000
_AFTER_MS: Final = 600
"""Nothing of the last key is on its way any more."""


def wiegand(_known: Known, device: str, formats: Formats, shows: bool) -> tuple[Step, ...]:
    """Keys where it has some, a card where it reads some, its lamp and sounder where it has some."""
    steps = [_keys(keys, formats) for keys in ROUNDS] if formats.key_bits else []
    if formats.cards:
        steps.append(_card())
    if shows:
        steps.append(_shown(device))
    return tuple(steps)


def osdp(_known: Known, device: str) -> tuple[Step, ...]:
    """In its secure channel first; then as any reader."""
    return (
        Step("secure-channel", Ask.WAIT, ONLINE_MS, _secure, _well, after_ms=1_000),
        *(_keys(keys, None) for keys in ROUNDS),
        _card(),
        _shown(device),
    )


def token(_known: Known) -> tuple[Step, ...]:
    """A reader of codes that sends lines."""

    def judge(heard: Heard) -> Judged:
        if read := heard.of(TokenRead):
            return Judged((figure("token-length", len(read[-1][1].text), ""),))
        if heard.received():
            return Judged(problems=(Problem("no-lines"),))
        return Judged(problems=(_silence(heard),))

    return (
        Step(
            "token", Ask.TOKEN, HAND_MS, judge, lambda heard: bool(heard.of(TokenRead)), after_ms=500, again=1
        ),
    )


def _pressed(heard: Heard) -> int:
    return len(heard.of(KeyPressed)) + len(heard.of(Unreadable))


def _keys(keys: str, formats: Formats | None) -> Step:
    def judge(heard: Heard) -> Judged:
        return _judge_keys(heard, keys, formats)

    return Step(
        f"keys-{len(keys)}",
        Ask.KEYS,
        HAND_MS,
        judge,
        lambda heard: _pressed(heard) >= len(keys),
        after_ms=_AFTER_MS,
        keys=keys,
        again=1,
        values={"keys": " ".join(keys)},
    )


def _judge_keys(heard: Heard, keys: str, formats: Formats | None) -> Judged:
    typed = "".join(said.key for _, said in heard.of(KeyPressed))
    if not typed and not heard.of(Unreadable):
        lines = {pulse.line for _, pulse in heard.events_of(Pulse)}
        if len(lines) == 1:
            return Judged(problems=(_one_line(lines),))
        return Judged(problems=(_silence(heard),))
    wrong = errors(keys, typed)
    told: tuple[Measurement, ...] = (measured("key-errors", 100 * wrong / len(keys)),)
    if not wrong:
        return Judged(told)
    if formats is not None:
        lines = {pulse.line for _, pulse in heard.events_of(Pulse)}
        if len(lines) == 1:
            return Judged(told, (_one_line(lines),))
        if _reversed(heard, formats) == keys:
            return Judged(told, (Problem("reversed"),))
    if typed == keys.translate(str.maketrans("*#", "#*")):
        return Judged(told, (Problem("star-hash"),))
    return Judged(told, (Problem("keys-wrong", values={"wrong": wrong, "of": len(keys)}),))


def errors(wanted: str, typed: str) -> int:
    """Keys that are missing, wrong or spare (edit distance), at most as many as were wanted."""
    row = list(range(len(typed) + 1))
    for at, key in enumerate(wanted, 1):
        before, row[0] = row[0], at
        for place, other in enumerate(typed, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (key != other))
    return min(row[-1], len(wanted))


def _reversed(heard: Heard, formats: Formats) -> str:
    """The keys as they would be with the two data lines changed over."""
    edges = [
        Edge(pulse.us, int(pulse.line == "d0"))
        for _, pulse in heard.events_of(Pulse)
        if pulse.level == 0 and pulse.line in ("d0", "d1")
    ]
    alone = replace(formats, cards=())
    found = [decode(frame, alone) for frame in frames(edges)]
    return "".join(each.key for each in found if isinstance(each, Key))


def _one_line(lines: set[str]) -> Problem:
    missing = "d1" if "d0" in lines else "d0"
    return Problem("one-line", values={"line": missing.upper()})


def _card() -> Step:
    def judge(heard: Heard) -> Judged:
        if cards := heard.of(CardRead):
            # which format it has is told, never its number
            form = cards[-1][1].card.partition(":")[0]
            return Judged((figure("card-bits", float("".join(filter(str.isdigit, form)) or 0), "bit"),))
        if bad := heard.of(Unreadable):
            return Judged(problems=(Problem("card-unreadable", values={"reason": bad[-1][1].reason}),))
        return Judged(problems=(_silence(heard),))

    return Step(
        "card",
        Ask.CARD,
        HAND_MS,
        judge,
        lambda heard: bool(heard.of(CardRead) or heard.of(Unreadable)),
        after_ms=300,
        again=1,
    )


def _shown(device: str) -> Step:
    def judge(heard: Heard) -> Judged:
        if heard.answer == YES:
            return Judged()
        if heard.answer == NO:
            return Judged(problems=(Problem("not-shown"),))
        return Judged(problems=(Problem("unanswered", Verdict.SKIPPED),))

    return Step("shown", Ask.SHOWN, HAND_MS, judge, orders=(Do(device, "show"),), answers=(YES, NO))


def _silence(heard: Heard) -> Problem:
    if heard.health is not None and heard.health[0] is not Health.OK:
        return Problem("ill", values={"detail": heard.health[1]})
    if heard.strangers:
        return Problem("swapped", values={"others": ", ".join(heard.strangers)})
    return Problem("silent")


def _well(heard: Heard) -> bool:
    return heard.health is not None and heard.health[0] is Health.OK


def _secure(heard: Heard) -> Judged:
    if not _well(heard):
        detail = heard.health[1] if heard.health is not None else ""
        return Judged(problems=(Problem("no-channel", values={"detail": detail or "-"}),))
    sent: int | None = None
    took: list[int] = []
    for at, each in heard.events_of(Bytes):
        if each.sent:
            sent = at
        elif sent is not None:
            took.append(at - sent)
            sent = None
    return Judged((measured("reply", max(took)),) if took else ())
