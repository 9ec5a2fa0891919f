"""Bodies of what anybody may read, and of releases. Times are Unix ms, days ISO dates of the site."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FreeSpan(_Body):
    start: int
    end: int


class FreeDates(_Body):
    """Of a lasting need. ``unsure`` lie further ahead than the site's calendars are read."""

    free: int
    taken: list[str]
    unsure: list[str]


class FreeSpace(_Body):
    """``dates`` stands instead of ``free`` for a lasting need; not ``sure``: as ``unsure`` of these."""

    site: str
    site_name: str
    zone: str
    space: str
    name: str
    capacity: int
    services: list[str]
    free: list[FreeSpan]
    dates: FreeDates | None
    sure: bool


class FreeSpaces(_Body):
    at: int
    items: list[FreeSpace]


class Releases(_Body):
    """``items`` are rows of bookings; ``missed`` says how often each group did not come within 90 days."""

    items: list[dict[str, Any]]
    missed: list[dict[str, Any]]
