"""What happened in a run, as one list of facts: all that expectations and reports read.

People, sounds, faults and bookings are told by the director, as it does them; locks and doors by their
simulated mechanics; the rest is what agents and gateway made of it, read from their messages and the store.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Literal

from msgspec import Struct

Scalar = str | int | float | bool | None


class FactKind(StrEnum):
    """What ``where``, ``name`` and ``value`` mean, and who tells it.

    Director (the truth): ``act`` door or space, who, what was done. ``people`` space, -, how many are in it.
    ``sound`` space, source, its dB at the meter or None. ``level`` space, -, dB of all together. ``fault``
    target, kind, ``begins`` or ``ends``. ``booking`` space, its name, ``added``, ``moved``, ``cancelled`` or
    ``coded``, with ``start`` and ``end`` as detail.

    Stage (mechanics): ``lock`` door, -, ``released`` or ``holds``. ``leaf`` door, -, ``open`` or ``shut``.
    ``light`` space, -, ``on`` or ``off``.

    Stage (agents): ``agent`` agent, -, ``online`` or ``offline`` as the broker last held it. ``mode`` door,
    -, ONVIF's word. ``alarm`` door, -, ONVIF's word. ``code`` door, -, ``accepted`` or the reason of refusal.
    ``event`` agent, type of any other record, its main word.

    Stage (gateway): ``state`` space, -, ``occupied``, ``vacant`` or ``unknown``. ``alert`` door, space or
    agent, kind, ``opened`` or ``resolved``. ``usage`` space, booking, state, figures as detail. ``refused``
    source, reason, how often. ``books`` agent, figure (:class:`Books`), count.
    """

    ACT = "act"
    PEOPLE = "people"
    SOUND = "sound"
    LEVEL = "level"
    FAULT = "fault"
    BOOKING = "booking"
    LOCK = "lock"
    LEAF = "leaf"
    LIGHT = "light"
    AGENT = "agent"
    MODE = "mode"
    ALARM = "alarm"
    CODE = "code"
    EVENT = "event"
    STATE = "state"
    ALERT = "alert"
    USAGE = "usage"
    REFUSED = "refused"
    BOOKS = "books"


class Books(StrEnum):
    """Figures of one agent's journal of events beside the gateway's store, at the end of a run.

    ``made`` records were ever committed, ``held`` have no receipt yet, ``stored`` are rows of the gateway,
    ``lost`` were counted as lost, ``differing`` are rows that are not what the agent wrote, ``duplicates``
    came again and were not stored again.
    """

    MADE = "made"
    HELD = "held"
    STORED = "stored"
    LOST = "lost"
    DIFFERING = "differing"
    DUPLICATES = "duplicates"


class Fact(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fact at ``at`` (Unix ms of the run's own clock, that no fault moves)."""

    at: int
    kind: FactKind
    where: str
    value: Scalar
    name: str = ""
    detail: dict[str, Scalar] = {}


class Timeline:
    """Facts as they come; :meth:`facts` has them in order of time, those of one moment as they were told."""

    def __init__(self, facts: Iterable[Fact] = (), heed: Callable[[Fact], None] | None = None) -> None:
        """``heed`` is called with every fact that comes."""
        self._facts = list(facts)
        self._heeds = [] if heed is None else [heed]

    def listen(self, heed: Callable[[Fact], None]) -> None:
        """``heed`` is called with every fact from now on, too."""
        self._heeds.append(heed)

    def tell(
        self,
        at: int,
        kind: FactKind,
        where: str,
        value: Scalar,
        *,
        name: str = "",
        detail: dict[str, Scalar] | None = None,
    ) -> None:
        """Write a fact; it may be older than those before it."""
        self.add(Fact(at=at, kind=kind, where=where, value=value, name=name, detail=detail or {}))

    def add(self, fact: Fact) -> None:
        """:meth:`tell`, of a fact that is one already."""
        self._facts.append(fact)
        for heed in self._heeds:
            heed(fact)

    def facts(self) -> list[Fact]:
        return sorted(self._facts, key=lambda fact: fact.at)


Mode = Literal["real", "virtual"]


class Verdict(Struct, frozen=True, kw_only=True):
    """What came of one expectation. ``text`` is how the scenario's file says it, ``line`` where; ``why`` is
    one sentence about what was seen instead, empty if it was met. ``skipped``: it could not apply, and
    ``why`` says for what reason; it counts as met.
    """

    name: str
    text: str
    line: int
    met: bool
    why: str = ""
    skipped: bool = False


class RunResult(Struct, frozen=True, kw_only=True):
    """One run. ``begin`` and ``end`` in Unix ms of its clock; ``digest`` over all rows of journals and store,
    empty where processes are real; ``rate`` in simulated seconds per second. ``again`` is the command that
    repeats it, where that is not ``run``.
    """

    scenario: str
    seed: int
    mode: Mode
    begin: int
    end: int
    facts: list[Fact]
    verdicts: list[Verdict]
    digest: str
    rate: float
    again: str = ""

    @property
    def passed(self) -> bool:
        return all(verdict.met for verdict in self.verdicts)
