"""From what a source says of a room to a space of the site. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from pleintemps_gateway.config import SpaceConfig

from .service import Occurrence
from .sources.base import Contact, Parsed, Rejected, Timed

MAX_LENGTH_MS: Final = 366 * 86_400_000
"""A booking of a feed is at most so long: every day of it is judged."""
LAST_MS: Final = 4_102_444_800_000
"""2100-01-01: nobody books later."""
_TOO_LONG: Final = "it is longer than a year"
_TOO_FAR: Final = "it lies before 1970 or after 2099"
_WORD: Final = re.compile(r"\w+")


def to_occurrences(
    parsed: Parsed, spaces: Sequence[SpaceConfig], space: str | None, amplified_words: Sequence[str] = ()
) -> tuple[list[Occurrence], list[Rejected]]:
    """Give every booking its space: ``space``, or the one whose slug or name the source says.

    A room may be told with what it is part of, as "Area - Room" (MRBS) or "Room, Street 1, Town". Its sound
    is amplified if the source says so, or one of ``amplified_words`` stands in its title.
    """
    named = {key.casefold(): known.space for known in spaces for key in (known.name, known.space)}
    words = frozenset(word.casefold() for word in amplified_words)
    found: list[Occurrence] = []
    rejected = list(parsed.rejected)
    for told in parsed.bookings:
        item = _fitting(told)
        if not (item.start >= 0 and item.end <= LAST_MS):
            rejected.append(Rejected(item.uid, _TOO_FAR))
            continue
        if item.end - item.start > MAX_LENGTH_MS:
            rejected.append(Rejected(item.uid, _TOO_LONG))
            continue
        place = space or _named(item.location.casefold(), named)
        if place is None:
            rejected.append(Rejected(item.uid, "LOCATION names no space of this site"))
            continue
        said = frozenset(_WORD.findall(item.title.casefold()))
        amplified = item.amplified or not said.isdisjoint(words)
        found.append(
            Occurrence(
                uid=item.uid,
                space=place,
                title=item.title,
                start=item.start,
                end=item.end,
                people=item.people,
                contact=item.contact,
                group=item.group,
                amplified=amplified,
                names=item.names,
            )
        )
    return found, rejected


def _fitting(item: Timed) -> Timed:
    """The same without letters that no store takes, each text as long as its column."""
    known = item.contact
    contact = Contact(
        name=_text(known.name, 200),
        mail=_text(known.mail, 254),
        phone=_text(known.phone, 40),
        language=_text(known.language, 2),
    )
    return item._replace(
        uid=_text(item.uid, 400), title=_text(item.title, 200), contact=contact, group=_text(item.group, 200)
    )


def _text(text: str, length: int) -> str:
    # half a surrogate pair is a letter to JSON and to nobody else; PostgreSQL takes no NUL
    return text.encode(errors="replace").decode().replace("\0", "")[:length]


def _named(location: str, named: dict[str, str]) -> str | None:
    parts = (location, location.rpartition(" - ")[2], location.partition(",")[0])
    return next((named[part.strip()] for part in parts if part.strip() in named), None)
