"""What each hour of a space was, from its beliefs and bookings. Pure: the same facts give
the same hours in whatever order they came."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pleintemps_gateway.bookings.availability import Span, merged

from .lanes import HOUR_MS, Hour

OCCUPIED, VACANT = "occupied", "vacant"


class Told(NamedTuple):
    """The space was believed to be ``state`` from ``since`` (Unix ms) on."""

    since: int
    state: str


class Found(NamedTuple):
    """What was worked out of ``start`` to ``end`` after late data had come: it counts, not the belief."""

    start: int
    end: int
    state: str


def hours_between(
    first: int, count: int, told: Iterable[Told], found: Iterable[Found], booked: Iterable[Span]
) -> list[Hour]:
    """``count`` hours from ``first`` (Unix ms) on; ``told`` in any order, with the state at ``first``."""
    last = first + count * HOUR_MS
    pieces = timeline(first, last, told, found)
    known = merged(Span(p.start, p.end) for p in pieces if p.state in (OCCUPIED, VACANT))
    used = merged(Span(p.start, p.end) for p in pieces if p.state == OCCUPIED)
    taken = merged(_cut(booked, first, last))
    columns = [
        _spread(spans, first, count)
        for spans in (known, used, taken, _common(used, taken), _common(known, taken))
    ]
    return [Hour(*row) for row in zip(*columns, strict=True)]


def timeline(first: int, last: int, told: Iterable[Told], found: Iterable[Found]) -> list[Found]:
    """What is known of ``first`` to ``last`` now: pieces in order that do not overlap; gaps are unknown."""
    changes = sorted(told)
    ends = [change.since for change in changes[1:]] + [last]
    pieces = [Found(change.since, end, change.state) for change, end in zip(changes, ends, strict=False)]
    corrected = sorted(found)
    kept: list[Found] = list(corrected)
    for piece in pieces:
        start = piece.start
        for each in corrected:
            if each.end <= start or each.start >= piece.end:
                continue
            if each.start > start:
                kept.append(Found(start, each.start, piece.state))
            start = max(start, each.end)
        if start < piece.end:
            kept.append(Found(start, piece.end, piece.state))
    cut = (Found(max(p.start, first), min(p.end, last), p.state) for p in kept)
    return sorted(p for p in cut if p.start < p.end)


def _cut(spans: Iterable[Span], first: int, last: int) -> Iterable[Span]:
    return (Span(max(span.start, first), min(span.end, last)) for span in spans)


def _common(some: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """The time that both hold; each in order and without overlap."""
    found, at = [], 0
    for span in some:
        while at < len(others) and others[at].end <= span.start:
            at += 1
        for other in others[at:]:
            if other.start >= span.end:
                break
            found.append(Span(max(span.start, other.start), min(span.end, other.end)))
    return found


def _spread(spans: Sequence[Span], first: int, count: int) -> list[int]:
    """Milliseconds of each hour."""
    totals = [0] * count
    for start, end in spans:
        at, into = divmod(start - first, HOUR_MS)
        left = end - start
        while left > 0:
            part = min(left, HOUR_MS - into)
            totals[at] += part
            left -= part
            at, into = at + 1, 0
    return totals
