"""Papers of the groups that use rooms, and what a booking needs of them: pure."""

import hashlib
import re
import unicodedata
from typing import Final, Literal, NamedTuple

UNKNOWN_GROUP: Final = "unknown-group"
NO_CONVENTION: Final = "no-convention"
NO_INSURANCE: Final = "no-insurance"
NO_BRIEFING: Final = "no-briefing"
OVER_CAPACITY: Final = "over-capacity"
PAPERS: Final = (UNKNOWN_GROUP, NO_CONVENTION, NO_INSURANCE, NO_BRIEFING, OVER_CAPACITY)
"""Why a booking gets no code, in the order in which it is asked. A manager may override each."""
DAY_MS: Final = 86_400_000
_LONGEST: Final = 40
_LIGATURES: Final = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l"})

Paper = Literal["convention", "insurance", "briefing"]


class Papers(NamedTuple):
    """What is known of a group. Times are Unix ms, the last moment that is covered; ``people`` at most."""

    convention_until: int | None = None
    insurance_until: int | None = None
    briefed_until: int | None = None
    people: int | None = None


class Ending(NamedTuple):
    """A paper that ends, and its last moment."""

    paper: Paper
    until: int


def slug_of(name: str) -> str:
    """The identifier of a group by its name: equal for spellings that differ in case, accents and signs.

    Names that are long, or without a letter that a slug has, bear a digest, so that no two share one.
    Empty for a name without letters and digits.
    """
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_LIGATURES))
    letters = "".join(sign for sign in plain if not unicodedata.combining(sign))
    words = " ".join("".join(sign if sign.isalnum() else " " for sign in letters).split())
    if not words:
        return ""
    slug = re.sub(r"[^a-z0-9]+", "-", words).strip("-")
    if len(slug) <= _LONGEST and words.isascii():
        return slug
    digest = hashlib.sha256(words.encode()).hexdigest()[:12]
    return f"{slug[: _LONGEST - 13].rstrip('-')}-{digest}".lstrip("-")


def briefed_until(briefed: int | None, days: int) -> int | None:
    """The last moment at which a safety briefing of ``briefed`` (Unix ms) counts."""
    return None if briefed is None else briefed + days * DAY_MS


def missing(
    papers: Papers | None, *, required: bool, end: int, people: int | None, capacity: int
) -> str | None:
    """What a booking that ends at ``end`` lacks: the first of PAPERS, None if nothing.

    ``papers`` are those of its group, None if it has none that is known: that matters only where groups are
    ``required``. ``capacity`` is the space's, 0 if it is not known; so are ``people`` as None.
    """
    if papers is None:
        return UNKNOWN_GROUP if required else None
    for until, reason in (
        (papers.convention_until, NO_CONVENTION),
        (papers.insurance_until, NO_INSURANCE),
        (papers.briefed_until, NO_BRIEFING),
    ):
        if until is None or until < end:
            return reason
    limits = [limit for limit in (papers.people, capacity or None) if limit is not None]
    return OVER_CAPACITY if people is not None and limits and people > min(limits) else None


def to_remind(papers: Papers, reminded: int | None, now: int, before_ms: int) -> list[Ending]:
    """Papers that end within ``before_ms`` and of which nobody was told since that time began."""
    named: tuple[tuple[Paper, int | None], ...] = (
        ("convention", papers.convention_until),
        ("insurance", papers.insurance_until),
        ("briefing", papers.briefed_until),
    )
    return [
        Ending(paper, until)
        for paper, until in named
        if until is not None
        if until - before_ms <= now and (reminded is None or reminded < until - before_ms)
    ]
