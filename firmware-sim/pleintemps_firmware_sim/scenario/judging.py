"""Expectations beside facts: met or not, and if not, what was seen instead. Pure."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from .expectations import (
    AgentIs,
    AlarmIs,
    AlertIs,
    AnyExpectation,
    BooksAre,
    CodeIs,
    Counted,
    DoorIs,
    EventIs,
    JournalEqualsStore,
    Lasting,
    LeafIs,
    LightIs,
    LockIs,
    NoAlert,
    RefusedIs,
    StateIs,
    Truth,
    UsageIs,
)
from .facts import Books, Fact, FactKind, Scalar, Verdict
from .loading import Scenario
from .times import Clockwork, span_ms

Window = tuple[int, int]
Complaint = str | None

# what lasts: the kind of its facts, the field that says where
_LASTING: Final[Mapping[type[Lasting], tuple[FactKind, str]]] = {
    DoorIs: (FactKind.MODE, "door"),
    LockIs: (FactKind.LOCK, "door"),
    LeafIs: (FactKind.LEAF, "door"),
    AlarmIs: (FactKind.ALARM, "door"),
    StateIs: (FactKind.STATE, "space"),
    LightIs: (FactKind.LIGHT, "space"),
    AgentIs: (FactKind.AGENT, "agent"),
}
_AT_FIRST: Final[Mapping[FactKind, str]] = {
    FactKind.LOCK: "holds",
    FactKind.LEAF: "shut",
    FactKind.ALARM: "Normal",
    FactKind.STATE: "unknown",
    FactKind.LIGHT: "off",
    FactKind.AGENT: "online",
}
"""Of what nobody has told anything: a run begins with agents that are up, in an empty building."""
_ACCEPTED: Final = "accepted"


def judge(scenario: Scenario, facts: Sequence[Fact], begin: int, end: int) -> list[Verdict]:
    """One verdict for each expectation, in the order of the file. ``facts`` in order of time."""
    judgement = _Judgement(scenario, facts, begin, end)
    return [judgement.verdict(each) for each in scenario.file.expect]


class _Judgement:
    def __init__(self, scenario: Scenario, facts: Sequence[Fact], begin: int, end: int) -> None:
        self._scenario = scenario
        self._clock = Clockwork(scenario.plan.zone, begin)
        self._begin, self._end = begin, end
        self._by_kind: dict[FactKind, list[Fact]] = defaultdict(list)
        self._marks: dict[str, list[int]] = defaultdict(list)
        self._marks["begin"], self._marks["end"] = [begin], [end]
        for fact in facts:
            self._by_kind[fact.kind].append(fact)
            if isinstance(mark := fact.detail.get("mark"), str):
                self._marks[mark].append(fact.at)

    def verdict(self, expectation: AnyExpectation) -> Verdict:
        complaint = self._complaint(expectation)
        name = expectation.name
        return Verdict(
            name=name,
            text=self._scenario.texts[name],
            line=self._scenario.lines[name],
            met=complaint is None,
            why=complaint or "",
        )

    def _complaint(self, expectation: AnyExpectation) -> Complaint:
        match expectation:
            case UsageIs():
                return self._usage(expectation)
            case JournalEqualsStore():
                return self._journal(expectation)
            case BooksAre():
                return self._books(expectation)
        starts = self._clock.resolve(expectation.after, self._marks)
        if not starts:
            return f"{expectation.after} never came"
        for start in starts:
            within = span_ms(expectation.within) if expectation.within is not None else None
            window = (start, self._end if within is None else start + within)
            if (complaint := self._in_window(expectation, window)) is not None:
                return complaint
        return None

    def _in_window(self, expectation: AnyExpectation, window: Window) -> Complaint:
        match expectation:
            case NoAlert():
                return self._no_alert(expectation, window)
            case Truth():
                return self._truth(expectation, window)
            case Counted():
                return self._counted(expectation, window)
            case Lasting():
                return self._lasting(expectation, window)
        raise TypeError(f"{type(expectation).__name__} has no window")

    # --- what lasts ----------------------------------------------------------------------------------

    def _lasting(self, expectation: Lasting, window: Window) -> Complaint:
        kind, field = _LASTING[type(expectation)]
        where, wanted = getattr(expectation, field), str(expectation.is_)  # type: ignore[attr-defined]
        values = self._values(kind, where, window)
        seen = [value for _, value in values]
        others = [(at, value) for at, value in values if value != wanted]
        if expectation.throughout:
            if not others:
                return None
            at, value = others[0]
            return f"{where} was {_said(value)} {self._when(max(at, window[0]))}"
        if wanted in seen:
            return None
        return f"{where} was {', '.join(dict.fromkeys(map(_said, seen)))} {self._from_to(window)}"

    def _values(self, kind: FactKind, where: str, window: Window) -> list[tuple[int, Scalar]]:
        """The value in force when the window begins, and those that came in it."""
        facts = [fact for fact in self._by_kind[kind] if fact.where == where]
        before = bisect_right(facts, window[0], key=lambda fact: fact.at)
        first = (
            (facts[before - 1].at, facts[before - 1].value) if before else (window[0], _AT_FIRST.get(kind))
        )
        return [first, *((fact.at, fact.value) for fact in facts[before:] if fact.at <= window[1])]

    # --- what is counted -----------------------------------------------------------------------------

    def _counted(self, expectation: Counted, window: Window) -> Complaint:
        count, what = self._count(expectation, window)
        low, high = expectation.at_least, expectation.at_most
        if low is None and high is None:
            low = 1
        if (low is None or count >= low) and (high is None or count <= high):
            return None
        return f"{what}: {count} times {self._from_to(window)}"

    def _count(self, expectation: Counted, window: Window) -> tuple[int, str]:
        match expectation:
            case CodeIs(door=door, is_=wanted):
                found = [fact for fact in self._in(FactKind.CODE, window) if fact.where == door]
                return sum(_is_code(fact.value, wanted) for fact in found), f"code at {door} {wanted}"
            case AlertIs(kind=kind, where=where, is_=wanted):
                found = [fact for fact in self._in(FactKind.ALERT, window) if fact.name == kind]
                right = [fact for fact in found if where in (None, fact.where) and fact.value == wanted]
                return len(right), f"alert {kind} {wanted}"
            case EventIs(agent=agent, type=type_, is_=value, device=device):
                found = [fact for fact in self._in(FactKind.EVENT, window) if fact.where == agent]
                found = [fact for fact in found if device in (None, fact.detail.get("device"))]
                right = [each for each in found if each.name == type_ and value in (None, each.value)]
                return len(right), f"record {type_} of {agent}"
            case RefusedIs(source=source, reason=reason):
                # counts of a source and reason replace one another
                last = {(fact.where, fact.name): fact.value for fact in self._by_kind[FactKind.REFUSED]}
                counts = [value for (where, why), value in last.items() if source in where and reason in why]
                return sum(int(value) for value in counts if value is not None), "messages refused"
        raise TypeError(f"{type(expectation).__name__} counts nothing")

    def _in(self, kind: FactKind, window: Window) -> Iterable[Fact]:
        return (fact for fact in self._by_kind[kind] if window[0] <= fact.at <= window[1])

    def _no_alert(self, expectation: NoAlert, window: Window) -> Complaint:
        for fact in self._in(FactKind.ALERT, window):
            if fact.value != "opened" or fact.name in expectation.but:
                continue
            if expectation.kind in (None, fact.name) and expectation.where in (None, fact.where):
                return f"alert {fact.name} at {fact.where} {self._when(fact.at)}"
        return None

    # --- at the end ----------------------------------------------------------------------------------

    def _usage(self, expectation: UsageIs) -> Complaint:
        uids = {
            fact.detail["uid"]: fact.detail["start"]
            for fact in self._by_kind[FactKind.BOOKING]
            if fact.name == expectation.booking
        }
        last = {fact.name: fact for fact in self._by_kind[FactKind.USAGE]}
        begun = [uid for uid, start in uids.items() if isinstance(start, int) and start < self._end]
        if not begun:
            return f"no booking {expectation.booking} began"
        for uid in begun:
            fact = last.get(str(uid))
            if fact is None:
                return f"nothing is known of {uid}"
            if fact.value != expectation.is_:
                return f"{uid} is {_said(fact.value)}"
            if (minutes := expectation.minutes) is not None:
                there = float(fact.detail.get("occupied_ms") or 0) / 60_000
                if not minutes[0] <= there <= minutes[1]:
                    return f"{uid} was used for {there:.1f} min"
        return None

    def _figures(self, agent: str) -> dict[str, int]:
        facts = [fact for fact in self._by_kind[FactKind.BOOKS] if fact.where == agent]
        return {fact.name: int(fact.value or 0) for fact in facts}

    def _journal(self, expectation: JournalEqualsStore) -> Complaint:
        agents = self._scenario.plan.agents if expectation.agent is None else [expectation.agent]
        for agent in agents:
            figures = self._figures(agent)
            if not figures:
                return f"nothing is known of the journal of {agent}"
            clean = not any(figures.get(name, 0) for name in (Books.HELD, Books.LOST, Books.DIFFERING))
            if not clean or figures.get(Books.MADE) != figures.get(Books.STORED):
                return f"{agent}: " + ", ".join(f"{name} {count}" for name, count in figures.items())
        return None

    def _books(self, expectation: BooksAre) -> Complaint:
        count = self._figures(expectation.agent).get(expectation.figure)
        most = expectation.at_most
        if count is None:
            return f"nothing is known of the journal of {expectation.agent}"
        if expectation.at_least <= count and (most is None or count <= most):
            return None
        return f"{expectation.agent}: {expectation.figure} {count}"

    # --- truth ---------------------------------------------------------------------------------------

    def _truth(self, expectation: Truth, window: Window) -> Complaint:
        space, (begin, end) = expectation.space, window
        truth = self._steps(FactKind.PEOPLE, space, bool, begin, default=False)
        belief = self._steps(FactKind.STATE, space, lambda value: value, begin, default="unknown")
        moments = sorted({begin, end, *(at for at, _ in [*truth, *belief] if begin < at < end)})
        right = 0
        for at, until in pairwise(moments):
            there = _at(truth, at)
            if _at(belief, at) == ("occupied" if there else "vacant"):
                right += until - at
        share = right / max(1, end - begin)
        if share >= expectation.at_least:
            return None
        return f"{space}: right for {share:.3f} of the time"

    def _steps(
        self, kind: FactKind, where: str, value: Callable[[Scalar], Any], begin: int, *, default: Any
    ) -> list[tuple[int, Any]]:
        facts = [fact for fact in self._by_kind[kind] if fact.where == where]
        return [(min(begin, self._begin), default), *((fact.at, value(fact.value)) for fact in facts)]

    # --- words ---------------------------------------------------------------------------------------

    def _when(self, at: int) -> str:
        return f"at +{(at - self._begin) / 1_000:.1f} s"

    def _from_to(self, window: Window) -> str:
        begin, end = ((each - self._begin) / 1_000 for each in window)
        return f"from +{begin:.1f} to +{end:.1f} s"


def _at(steps: list[tuple[int, Any]], at: int) -> Any:
    return steps[bisect_right(steps, at, key=lambda step: step[0]) - 1][1]


def _is_code(value: Scalar, wanted: str) -> bool:
    return value != _ACCEPTED if wanted == "refused" else value == wanted


def _said(value: Scalar) -> str:
    return "never told" if value is None else str(value)
