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
    within the booking, ``overstay_ms`` after its end. ``closed_at`` is set once: the rules are
    done, and at ``due`` it is worked out anew from what is stored. ``booked_from`` and ``booked_to`` are the
    booking's times."""

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
    booked_from: int | None = None
    booked_to: int | None = None
    due: int | None = None


class Settled(Struct, frozen=True, kw_only=True):
    """A record as the stored facts give it. ``planned_to`` is the end before a release, ``shared_ms`` what of
    ``occupied_ms`` another booking may claim as well; ``loud_ms`` and ``level_max_db`` (LAeq) are None where
    no meter was heard, ``left_open`` where no door told; ``confidence`` 0 to 1 of the booked time."""

    booking: str
    space: str
    state: UsageState
    since: int
    arrived_at: int | None
    left_at: int | None
    occupied_ms: int
    unknown_ms: int
    overstay_ms: int
    closed_at: int | None
    booked_from: int
    booked_to: int
    planned_to: int | None
    opened_at: int | None
    shared_ms: int
    loud_ms: int | None
    level_max_db: float | None
    left_open: bool | None
    confidence: float | None
    evidence: str
