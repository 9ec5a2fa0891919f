"""Spans of time, each from its start (included) to its end (excluded), in Unix ms. Pure."""

from collections.abc import Iterable
from typing import TypeAlias

from pleintemps_contract.agent_messages import RefusalReason
from pleintemps_contract.gateway_messages import Window

Span: TypeAlias = tuple[int, int]
"""A window as a pair of numbers: ten thousand of them cost the garbage collector nothing."""


def spans(windows: Iterable[Window]) -> tuple[Span, ...]:
    return tuple((window.start, window.end) for window in windows)


def contains(span: Span, now: int) -> bool:
    return span[0] <= now < span[1]


def refusal_at(times: Iterable[Span], now: int) -> RefusalReason | None:
    """None inside one of ``times``; before one of them it is too early, after all of them too late."""
    later = False
    for span in times:
        if contains(span, now):
            return None
        later = later or now < span[0]
    return RefusalReason.NOT_YET if later else RefusalReason.EXPIRED


def merged(times: Iterable[Span]) -> tuple[Window, ...]:
    """The same times as disjoint windows in order; those that touch become one."""
    found: list[Span] = []
    for start, end in sorted(times):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return tuple(Window(start=start, end=end) for start, end in found)
