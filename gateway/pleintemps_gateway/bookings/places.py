"""From what a source says of a room to a space of the site. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from pleintemps_gateway.config import SpaceConfig

from .service import Occurrence
from .sources.base import Parsed, Rejected

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
    for item in parsed.bookings:
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


def _named(location: str, named: dict[str, str]) -> str | None:
    parts = (location, location.rpartition(" - ")[2], location.partition(",")[0])
    return next((named[part.strip()] for part in parts if part.strip() in named), None)
