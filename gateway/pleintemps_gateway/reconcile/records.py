"""Bookings as the rules need them, and rows of the table ``usage``."""

from enum import StrEnum

from msgspec import Struct


class Booking(Struct, frozen=True, kw_only=True):
    """Who may use a space from ``start`` (included) to ``end`` (excluded), Unix ms; ``amplified`` is music
    through loudspeakers."""

    booking: str
    space: str
    title: str
    start: int
    end: int
    people: int | None = None
    cancelled: bool = False
    amplified: bool = False


class UsageState(StrEnum):
    EXPECTED = "expected"
    ARRIVED = "arrived"
    IN_USE = "in-use"
    LEFT = "left"
    ENDED = "ended"
    NO_SHOW = "no-show"
    CANCELLED = "cancelled"


class UsageChanged(Struct, frozen=True, kw_only=True):
    """A booking beside what was measured. Sums are milliseconds; ``occupied_ms`` and ``unknown_ms`` lie
    within the booking, ``overstay_ms`` after its end. ``closed_at`` is set once: the record is final."""

    booking: str
    space: str
    state: UsageState
    since: int
    arrived_at: int | None = None
    left_at: int | None = None
    occupied_ms: int = 0
    unknown_ms: int = 0
    overstay_ms: int = 0
    closed_at: int | None = None
