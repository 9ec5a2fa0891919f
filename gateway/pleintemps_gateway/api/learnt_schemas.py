"""Bodies of what rooms have learnt and of marked hours."""

from typing import Any, Literal

from .schemas import IdText, TimeMs, _Body


class NewMark(_Body):
    """From five minutes to twelve hours of the last seven days, ``end`` not included."""

    start: TimeMs
    end: TimeMs
    state: Literal["empty", "used"]


class MarkBody(_Body):
    """``lesson`` is what it taught: counts of levels (steps of 3 dB), of stretches between two edges of a
    door, and of the sensors that fired in them; ``by`` is empty once it was forgotten.
    """

    site: str
    space: str
    mark: IdText
    start: int
    end: int
    state: Literal["empty", "used"]
    by: str
    at: int
    lesson: dict[str, Any]


class Marks(_Body):
    items: list[MarkBody]


class VersionBody(_Body):
    """``reset``: a person let the room forget (``by``, empty once that was forgotten)."""

    version: int
    at: int
    reset: bool
    by: str | None


class LearntBody(_Body):
    """``words`` say it in the caller's language. ``lived_s``: for so long it was measured. ``sound_weight``:
    0 (sound tells nothing yet) to 1, marked hours included. ``learnt`` is what the room told itself, as it is
    stored each hour; null: nothing yet, or reset. ``versions``: what is stored, the youngest first.
    """

    site: str
    space: str
    version: int
    at: int | None
    reset_at: int | None
    reset_by: str | None
    lived_s: int
    sound_weight: float
    words: list[str]
    marks: int
    learnt: dict[str, Any] | None
    versions: list[VersionBody]
