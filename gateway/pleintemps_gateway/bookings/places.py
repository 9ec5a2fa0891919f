"""From what a source says of a room to a space of the site. Pure."""

from collections.abc import Sequence

from pleintemps_gateway.config import SpaceConfig

from .service import Occurrence
from .sources.base import Parsed, Rejected


def to_occurrences(
    parsed: Parsed, spaces: Sequence[SpaceConfig], space: str | None
) -> tuple[list[Occurrence], list[Rejected]]:
    """Give every booking its space: ``space``, or the one whose slug or name the source says.

    A room may be told with what it is part of, as "Area - Room" (MRBS) or "Room, Street 1, Town".
    """
    named = {key.casefold(): known.space for known in spaces for key in (known.name, known.space)}
    found: list[Occurrence] = []
    rejected = list(parsed.rejected)
    for item in parsed.bookings:
        place = space or _named(item.location.casefold(), named)
        if place is None:
            rejected.append(Rejected(item.uid, "LOCATION names no space of this site"))
            continue
        found.append(
            Occurrence(
                item.uid, place, item.title, item.start, item.end, item.people, item.contact, item.group
            )
        )
    return found, rejected


def _named(location: str, named: dict[str, str]) -> str | None:
    parts = (location, location.rpartition(" - ")[2], location.partition(",")[0])
    return next((named[part.strip()] for part in parts if part.strip() in named), None)
