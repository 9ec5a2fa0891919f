"""Presence that no booking explains, as records: what was believed of a space beside its bookings.

Pure: the same changes and bookings give the same records, whenever they are asked for; a booking that is made
or moved afterwards explains what it covers."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final, NamedTuple

from msgspec import Struct

MAX_OVERSTAY_MS: Final = 12 * 3_600_000
"""Who stays on after a booking is its people for so long, as its usage record says."""
OCCUPIED: Final = "occupied"


class Changed(NamedTuple):
    """The space was believed to be ``state`` from ``since`` (Unix ms) on, by ``evidence``."""

    since: int
    state: str
    probability: float | None
    evidence: str


class Booked(NamedTuple):
    """Somebody may be there from ``start`` up to ``end`` (Unix ms)."""

    start: int
    end: int


class Margins(NamedTuple):
    """Milliseconds: before a booking, after it, and the shortest presence that is a record."""

    lead: int
    tail: int
    least: int


class Unbooked(Struct, frozen=True, kw_only=True):
    """Somebody in ``space`` from ``begin`` up to ``end`` (Unix ms; None: still there) without a booking.

    ``confidence`` is abs(2p - 1) of the highest probability of presence that was noted in that time, 0 to 1.
    """

    space: str
    begin: int
    end: int | None
    evidence: str
    confidence: float | None


def unbooked(
    space: str, changes: Sequence[Changed], booked: Sequence[Booked], margins: Margins, now: int
) -> list[Unbooked]:
    """The records of one space, by ``begin``; ``changes`` in order of time.

    Unknown ends a presence: what nobody measured is not claimed.
    """
    found: list[Unbooked] = []
    for begin, end, seen in _runs(changes):
        for start, over in _left(begin, now if end is None else end, booked, margins):
            if over - start < margins.least:
                continue
            last = end is None and over == now
            first = next((each for each in seen if each.evidence), seen[0])
            best = max((each.probability for each in seen if each.probability is not None), default=None)
            found.append(
                Unbooked(
                    space=space,
                    begin=start,
                    end=None if last else over,
                    evidence=first.evidence,
                    confidence=None if best is None else round(abs(2 * best - 1), 3),
                )
            )
    return found


def _runs(changes: Sequence[Changed]) -> list[tuple[int, int | None, list[Changed]]]:
    """(begin, end, what was said) of each time in which the space was occupied."""
    runs: list[tuple[int, int | None, list[Changed]]] = []
    for occupied, group in groupby(changes, lambda change: change.state == OCCUPIED):
        seen = list(group)
        if not occupied and runs and runs[-1][1] is None:
            runs[-1] = (runs[-1][0], seen[0].since, runs[-1][2])
        if occupied:
            runs.append((seen[0].since, None, seen))
    return runs


def _left(begin: int, end: int, booked: Sequence[Booked], margins: Margins) -> list[tuple[int, int]]:
    """What of ``begin`` to ``end`` lies outside all bookings, their margins, and the time after one whose
    people were there and simply stay on."""
    pieces: list[tuple[int, int]] = []
    at = begin
    for each in sorted(booked):
        first, last = each.start - margins.lead, each.end + margins.tail
        if last <= begin or first >= end:
            continue
        if first > at:
            pieces.append((at, first))
        at = max(at, min(end, max(last, each.end + MAX_OVERSTAY_MS)))
    if at < end:
        pieces.append((at, end))
    return pieces
