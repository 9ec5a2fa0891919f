"""What a fleet counts, and the report that comes of it. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Figures:
    """Readings and events are counted when an agent commits them; ``waits`` are ms from the first send of
    a batch or record to its receipt.
    """

    readings: int = 0
    batches: int = 0
    events: int = 0
    messages: int = 0
    messages_again: int = 0
    dropped: int = 0
    bytes_out: int = 0
    bytes_in: int = 0
    received: int = 0
    receipts: int = 0
    receipted_readings: int = 0
    receipted_events: int = 0
    connects: int = 0
    cuts: int = 0
    power_cuts: int = 0
    acts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    waits: Counter[int] = field(default_factory=Counter)
    late_ms: int = 0


def percentile(counted: Counter[int], share: float) -> int | None:
    """The value below or at which ``share`` (0 to 1) of what was counted lies; None if nothing was."""
    wanted = share * counted.total()
    seen = 0
    for value in sorted(counted):
        seen += counted[value]
        if seen >= wanted:
            return value
    return None


def report(figures: Figures, *, waiting: dict[str, int], lost: Iterable[int]) -> dict[str, Any]:
    """The counts as JSON has them. ``waiting``: committed, without a receipt at the end; ``lost``: what
    journals that were full have let go.
    """
    return {
        "readings": figures.readings,
        "batches": figures.batches,
        "events": figures.events,
        "sent": {
            "messages": figures.messages,
            "again": figures.messages_again,
            "dropped": figures.dropped,
            "bytes": figures.bytes_out,
        },
        "heard": {
            "messages": figures.received,
            "bytes": figures.bytes_in,
            "refused": dict(sorted(figures.refused.items())),
        },
        "receipted": {
            "readings": figures.receipted_readings,
            "events": figures.receipted_events,
            "receipts": figures.receipts,
        },
        "waiting": waiting,
        "lost": {"readings": sum(lost)},
        "receipt_ms": {
            "p50": percentile(figures.waits, 0.5),
            "p99": percentile(figures.waits, 0.99),
            "max": max(figures.waits, default=None),
        },
        "connects": figures.connects,
        "lines_cut": figures.cuts,
        "power_cuts": figures.power_cuts,
        "acts": dict(sorted(figures.acts.items())),
        "late_ms": figures.late_ms,
    }
