"""What a person types: ``#`` ends an entry, ``*`` clears it, silence drops it. Pure.

Time-outs follow leosac/access-control (2.5 s) between keys; an entry as a whole may take 30 s.
"""

from dataclasses import dataclass, replace
from typing import Final

BETWEEN_KEYS_MS: Final = 2_500
WHOLE_MS: Final = 30_000
MAX_DIGITS: Final = 12
"""The longest code there is; more digits make an entry that no grant can match."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One keypad: digits so far, when the entry began and when its last key came (monotonic ms).

    ``spoiled``: something unreadable came in between, so the digits are not what was typed.
    """

    digits: str = ""
    began: int = 0
    last: int = 0
    spoiled: bool = False


@dataclass(frozen=True, slots=True)
class Entered:
    """A complete entry. ``code`` is None when it could not be read. Never logged, never stored."""

    code: str | None


_EMPTY: Final = Dialogue()


def _fresh(dialogue: Dialogue, now: int) -> Dialogue:
    """The dialogue without an entry that silence or length of time has ended."""
    if not dialogue.digits and not dialogue.spoiled:
        return dialogue
    late = now - dialogue.last > BETWEEN_KEYS_MS or now - dialogue.began > WHOLE_MS
    return _EMPTY if late else dialogue


def press(dialogue: Dialogue, key: str, now: int) -> tuple[Dialogue, Entered | None]:
    """A key ``0``-``9``, ``*`` or ``#`` at monotonic ``now``; a complete entry when there is one."""
    dialogue = _fresh(dialogue, now)
    if key == "*":
        return _EMPTY, None
    if key == "#":
        if not dialogue.digits and not dialogue.spoiled:
            return _EMPTY, None
        return _EMPTY, Entered(None if dialogue.spoiled else dialogue.digits)
    began = dialogue.began if dialogue.digits or dialogue.spoiled else now
    # one digit too many is kept, so that a long entry stays wrong; further ones need no memory
    digits = (dialogue.digits + key)[: MAX_DIGITS + 1]
    return replace(dialogue, digits=digits, began=began, last=now), None


def spoil(dialogue: Dialogue, now: int) -> Dialogue:
    """The reader sent something that is no key: what is being typed cannot be trusted any more."""
    dialogue = _fresh(dialogue, now)
    began = dialogue.began if dialogue.digits or dialogue.spoiled else now
    return replace(dialogue, began=began, last=now, spoiled=True)
