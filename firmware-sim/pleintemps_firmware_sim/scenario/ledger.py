"""What the simulated people did: the witness that the gateway's own figures are held against."""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from .facts import Fact, FactKind


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody did at ``at`` (Unix ms)."""

    at: int
    who: str
    what: str
    where: str = ""


class Ledger:
    """Counts of acts and of what a gateway has to make of them; every act is one JSON line in ``path``."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.acts: list[Act] = []
        self.codes_accepted = 0
        self.codes_refused = 0
        self.bookings = 0
        self.closed = 0
        self.alerts: Counter[str] = Counter()
        self.lights: Counter[str] = Counter()

    def write(self, at: int, who: str, what: str, where: str = "") -> None:
        """An act that the gateway need not count."""
        act = Act(at=at, who=who, what=what, where=where)
        self.acts.append(act)
        if self.path is not None:
            with self.path.open("ab") as file:
                file.write(msgspec.json.encode(act) + b"\n")

    def typed(self, at: int, who: str, door: str, *, valid: bool) -> None:
        """Somebody typed a code at ``door``; never which."""
        if valid:
            self.codes_accepted += 1
        else:
            self.codes_refused += 1
        self.write(at, who, "typed a valid code" if valid else "typed a wrong code", door)

    def booked(self, at: int, who: str, space: str) -> None:
        self.bookings += 1
        self.write(at, who, "booked", space)

    def booking_over(self, at: int, who: str, space: str) -> None:
        """The time of a booking is over: one usage record."""
        self.closed += 1
        self.write(at, who, "booking over", space)

    def alarming(self, at: int, who: str, what: str, where: str, alert: str) -> None:
        """An act that has to raise an alert of kind ``alert``."""
        self.alerts[alert] += 1
        self.write(at, who, what, where)

    def light(self, at: int, where: str, *, lit: bool) -> None:
        """The people in ``where`` see its warning light go on or off."""
        self.lights["on" if lit else "off"] += 1
        self.write(at, "warning light", "lights" if lit else "goes dark", where)

    def heed(self, fact: Fact) -> None:
        """What a director or a stage tells."""
        match fact.kind:
            case FactKind.ACT:
                self._heed_act(fact)
            case FactKind.BOOKING if fact.value == "added":
                self.booked(fact.at, fact.name, fact.where)
            case FactKind.BOOKING if fact.value == "over":
                self.booking_over(fact.at, fact.name, fact.where)
            case FactKind.LIGHT:
                self.light(fact.at, fact.where, lit=fact.value == "on")

    def _heed_act(self, fact: Fact) -> None:
        what = str(fact.value)
        if (code := fact.detail.get("code")) is not None:
            self.typed(fact.at, fact.name, fact.where, valid=code == "valid")
        elif raises := str(fact.detail.get("raises", "")).split():
            for alert in raises:
                self.alarming(fact.at, fact.name, what, fact.where, alert)
        else:
            self.write(fact.at, fact.name, what, fact.where)

    def figures(self) -> dict[str, int]:
        """The keys that a gateway's summary shares with us."""
        return {
            "bookings": self.bookings,
            "alerts": self.alerts.total(),
            "codes_accepted": self.codes_accepted,
            "codes_refused": self.codes_refused,
            "usage_records": self.closed,
        }

    def agrees(self, summary: dict[str, Any], alerts_by_kind: dict[str, int]) -> bool:
        """Whether the gateway saw exactly what was done."""
        figures = self.figures()
        return {key: summary.get(key) for key in figures} == figures and alerts_by_kind == dict(self.alerts)
