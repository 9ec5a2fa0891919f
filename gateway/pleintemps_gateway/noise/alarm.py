"""The noise alert of one space: first its people are warned, then somebody is called, until it is measured
quiet again, or nothing has been measured for long."""

from collections.abc import Sequence
from typing import Final

from pleintemps_gateway.alerts.book import AlertBook
from pleintemps_gateway.alerts.records import Alert, AlertKind, AlertState, Fact

from .findings import Finding, Rule
from .records import WarningEnded, WarningWanted
from .settings import NoiseConfig

UPDATE_DB: Final = 1.0
"""A standing alert gets new figures when the level has moved by this much, or its rule or limit changed."""
UNHEARD_MS: Final = 15 * 60_000
"""Nobody is told for longer that a room is too loud while nobody can know."""
UNHEARD_SAID_MS: Final = 60_000
"""A gap that is shorter is not worth a word."""
UNHEARD: Final = "unheard_since"
"""Fact of an alert: since when (Unix ms) too little is measured to judge."""
_KEPT: Final = ("warned_at", "reminders", "reminded_at")


class NoiseAlarm:
    """Missing data opens nothing, and no sound heard is not quiet: what stands is unknown, says so, and ends
    as unknown after :data:`UNHEARD_MS`."""

    __slots__ = (
        "_alerts",
        "_first_ms",
        "_remind_max",
        "_remind_ms",
        "_rule",
        "_space",
        "_unheard",
        "warned_at",
    )

    def __init__(self, space: str, config: NoiseConfig, alerts: AlertBook) -> None:
        self._space = space
        self._first_ms = round(config.warn_first_s * 1000)
        self._remind_ms = round(config.remind_after_s * 1000)
        self._remind_max = config.remind_max if self._remind_ms else 0
        self._alerts = alerts
        self._rule = Rule.LIMIT
        self._unheard: int | None = None
        self.warned_at: int | None = None

    def restore(self, warned_at: int | None) -> None:
        """Go on from what a predecessor said; its alerts are in the book already."""
        standing = self._alerts.get(AlertKind.NOISE, self._space)
        self.warned_at = warned_at
        if standing is not None:
            told = standing.facts.get("rule")
            self._rule = Rule(told) if told in list(Rule) else Rule.LIMIT
            if warned_at is None:  # stored by an earlier version
                self.warned_at = standing.opened

    def look(
        self,
        now: int,
        findings: Sequence[Finding],
        facts: dict[str, Fact],
        booking: str | None,
        measured: bool,
    ) -> WarningWanted | WarningEnded | None:
        """Open, refresh, repeat or resolve; what the people in the room are to be told.

        ``findings`` are those of every rule that applies now, ``facts`` what every alert tells. ``measured``:
        there are levels enough, even if those since a limit has changed are too few to judge by.
        """
        loud = next((finding for finding in findings if finding.loud), None)
        early = loud or next((finding for finding in findings if finding.early), None)
        if early is None:
            return self._end(now, findings, measured)
        said = self._unheard = None
        self._rule = early.rule
        if self.warned_at is None:
            self.warned_at = now
            if early.level_db is not None:
                said = WarningWanted(
                    space=self._space,
                    since=now,
                    level_db=round(early.level_db, 1),
                    limit_db=round(early.limit_db, 1),
                    booking=booking,
                )
        if loud is not None and loud.level_db is not None and now - self.warned_at >= self._first_ms:
            self._tell(now, loud, facts)
        return said

    def _tell(self, now: int, finding: Finding, facts: dict[str, Fact]) -> None:
        assert finding.level_db is not None
        told: dict[str, Fact] = {
            "rule": finding.rule.value,
            "level_db": round(finding.level_db, 1),
            "limit_db": round(finding.limit_db, 1),
            "window_s": finding.window_ms / 1000,
            "warned_at": self.warned_at,
            **facts,
            **finding.facts,
        }
        standing = self._alerts.get(AlertKind.NOISE, self._space)
        if standing is None:
            self._alerts.open(AlertKind.NOISE, self._space, now, told, space=self._space)
            return
        told |= {name: standing.facts[name] for name in _KEPT if name in standing.facts}
        old = standing.facts.get("level_db")
        moved = not isinstance(old, float | int) or abs(finding.level_db - old) >= UPDATE_DB
        same = all(standing.facts.get(name) == told[name] for name in ("rule", "limit_db"))
        if finding.rule is Rule.EMERGENCE:  # there the limit at the sensor follows the spectrum
            same = standing.facts.get("rule") == told["rule"]
        remind = self._remind(now, standing)
        if moved or not same or remind or UNHEARD in standing.facts:
            self._alerts.update(AlertKind.NOISE, self._space, told | remind)

    def _remind(self, now: int, standing: Alert) -> dict[str, Fact]:
        """New figures of a reminder if one is due: nobody has taken the alert."""
        count, last = standing.facts.get("reminders", 0), standing.facts.get("reminded_at", standing.opened)
        if not isinstance(count, int) or not isinstance(last, int) or standing.state is not AlertState.OPEN:
            return {}
        if count >= self._remind_max or now - last < self._remind_ms:
            return {}
        return {"reminders": count + 1, "reminded_at": now}

    def _end(self, now: int, findings: Sequence[Finding], measured: bool) -> WarningEnded | None:
        """Back to normal, unless the rule that opened is in its hysteresis; over without a word of that when
        too little was measured for long."""
        standing = self._alerts.get(AlertKind.NOISE, self._space)
        if self.warned_at is None and standing is None:
            return None
        limits = [finding.level_db for finding in findings if finding.rule is Rule.LIMIT]
        own = [f for f in findings if f.rule is self._rule and (f.loud is None or f.early is None)]
        if any(finding.level_db is not None for finding in own):
            self._unheard = None
            return None
        heard = not own and (not limits or any(level is not None for level in limits))
        if not heard and measured and all(finding.rule is not Rule.EMERGENCE for finding in own):
            self._unheard = None  # judged anew, soon
            return None
        if not heard and not self._over(now, standing):
            return None
        if standing is not None:
            level = next((level for level in limits if level is not None), None)
            if heard and level is not None:
                facts = {name: fact for name, fact in standing.facts.items() if name != UNHEARD}
                self._alerts.update(AlertKind.NOISE, self._space, facts | {"normal_db": round(level, 1)})
            self._alerts.resolve(AlertKind.NOISE, self._space, now)
        self.warned_at, self._rule, self._unheard = None, Rule.LIMIT, None
        return WarningEnded(space=self._space, at=now, heard=heard)

    def _over(self, now: int, standing: Alert | None) -> bool:
        """Whether too little has been measured for so long that nothing can be said any more."""
        if self._unheard is None:
            self._unheard = now
        if standing is not None and now - self._unheard >= UNHEARD_SAID_MS and UNHEARD not in standing.facts:
            facts = standing.facts | {UNHEARD: self._unheard}
            self._alerts.update(AlertKind.NOISE, self._space, facts)
        return now - self._unheard >= UNHEARD_MS
