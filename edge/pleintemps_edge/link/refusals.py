"""Refused messages: each counted, and reported at most once a minute for one channel and reason. Pure."""

from dataclasses import dataclass, field
from typing import Final

from pleintemps_contract.agent_messages import MessageRefused

QUIET_MS: Final = 60_000
_MAX_KINDS: Final = 64
"""Reasons are our own few words; the bound is for what nobody thought of."""


@dataclass(slots=True)
class Refusals:
    """Counts since the last report, by (channel, reason); times are monotonic ms."""

    total: int = 0
    _open: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)

    def refuse(self, channel: str, reason: str, now: int) -> MessageRefused | None:
        """Count one; the record to write if it is the first of its kind for a minute."""
        self.total += 1
        key = (channel, reason)
        if key not in self._open and len(self._open) >= _MAX_KINDS:
            key = ("other", "other")
        count, until = self._open.get(key, (0, now))
        if now < until:
            self._open[key] = (count + 1, until)
            return None
        self._open[key] = (0, now + QUIET_MS)
        return MessageRefused(channel=key[0], reason=key[1], count=count + 1)

    def due(self, now: int) -> list[MessageRefused]:
        """Records for what was counted in minutes that are over."""
        records = []
        for (channel, reason), (count, until) in list(self._open.items()):
            if now < until:
                continue
            if count:
                records.append(MessageRefused(channel=channel, reason=reason, count=count))
                self._open[channel, reason] = (0, now + QUIET_MS)
            else:
                del self._open[channel, reason]
        return records

    def next_due(self) -> int | None:
        return min((until for _, until in self._open.values()), default=None)
