"""Which refusals have a record of their own, and which are counted. Pure.

A card that is held to a reader again and again, a keypad that babbles or a hand that goes on typing what is
over must fill neither the journal nor the log. At each door ten refusals in a row have a record each, then
another one every 30 s, and in each minute the first of its kind: one known code among a thousand strange
cards is seen at once. The others are summed by kind and told once a minute. So a door writes at most some 30
records a minute, whatever happens at its readers.
"""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from pleintemps_contract.agent_messages import RefusalReason

AT_ONCE: Final = 10
ONE_EACH_MS: Final = 30_000
SUM_EACH_MS: Final = 60_000
MOST_GRANTS: Final = 4
"""So many known credentials are summed by name; those of others by their reason alone."""

Refusal: TypeAlias = tuple[RefusalReason, str | None]
"""The reason, and the grant where the credential is known."""
Counted: TypeAlias = tuple[tuple[Refusal, int], ...]


@dataclass(frozen=True, slots=True)
class Flood:
    """One door: until when its records are used up (monotonic ms); what was counted and not told, since
    when, with 0 for a kind of which the first has its record.
    """

    used_until: int = 0
    counted: Counted = ()
    since: int = 0

    @property
    def due(self) -> int | None:
        """When the sums are to be told; None where there are none."""
        return self.since + SUM_EACH_MS if self.counted else None


def refuse(flood: Flood, refusal: Refusal, now: int) -> tuple[Flood, bool]:
    """Take a refusal at monotonic ``now``; True if it has a record of its own, else it is counted."""
    used_until = max(flood.used_until, now)
    if used_until - now <= (AT_ONCE - 1) * ONE_EACH_MS:
        return replace(flood, used_until=used_until + ONE_EACH_MS), True
    counted = dict(flood.counted)
    reason, grant = refusal
    named = sum(1 for _, name in counted if name is not None)
    if grant is not None and refusal not in counted and named >= MOST_GRANTS:
        refusal = (reason, None)
    first = refusal not in counted
    counted[refusal] = 0 if first else counted[refusal] + 1
    return replace(flood, counted=tuple(counted.items()), since=flood.since if flood.counted else now), first


def tell(flood: Flood) -> tuple[Flood, Counted]:
    """What was counted, each sum once."""
    return replace(flood, counted=()), tuple(each for each in flood.counted if each[1])
