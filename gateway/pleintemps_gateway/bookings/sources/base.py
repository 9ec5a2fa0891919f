"""What a source of bookings is: it reads, and says what it found, what it could not use, or why it cannot.

One file each, one registration each (:mod:`.registry`). A source never decides: what is made, moved or
cancelled is the affair of :mod:`pleintemps_gateway.bookings.following`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NamedTuple, Protocol, Self, runtime_checkable

import msgspec
from msgspec import Meta

from pleintemps_contract.identifiers import Slug


class Contact(NamedTuple):
    """Who is told the code. Empty where the source does not say; ``language`` is ``fr``, ``en`` or empty."""

    name: str = ""
    mail: str = ""
    phone: str = ""
    language: str = ""


class Timed(NamedTuple):
    """One occurrence in UTC, with what the source says of it. Times are Unix ms, end > start.

    ``location`` is the room in the source's own words, ``group`` the association's name where it is given.
    """

    uid: str  # of the occurrence: the event's, with the instance's own time where it is one of a series
    event: str  # UID of the event
    start: int
    end: int
    title: str
    location: str
    people: int | None
    contact: Contact = Contact()
    group: str = ""


class Rejected(NamedTuple):
    """Something of the source that cannot be used, and why, for the person who can mend it."""

    uid: str
    reason: str


class Parsed(NamedTuple):
    """With ``told`` the source has said of each booking what became of it: no bookings is then believed."""

    bookings: list[Timed]
    rejected: list[Rejected]
    told: bool = False


class SourceConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every ``[[sites.feeds]]`` table says; a source's own struct adds its keys.

    ``space`` takes all bookings to one space; without it each names its own.
    """

    feed: Slug
    kind: str = "ical"
    space: Slug | None = None
    poll_s: Annotated[float, Meta(ge=1, le=86_400)] = 300

    def located(self, base: Path) -> Self:
        """The same with absolute paths; ``base`` is the folder of the configuration."""
        return self


class Source(Protocol):
    """Reads when it is asked to. Blocking: called in a thread, one call at a time."""

    def read(self, now: int) -> Parsed | None:
        """Every booking from a day before ``now`` (Unix ms) to the horizon; None if nothing has changed.

        Raises FeedError if the source cannot be reached or refuses us, CalendarError if what it says is
        no list of bookings at all; both are one line without addresses or secrets.
        """

    def forget(self) -> None:
        """Ask for everything at the next read, as if nothing had been read."""


@runtime_checkable
class Hearing(Source, Protocol):
    """A source that tells by webhooks too; what they told is kept in ``hooked`` and told before each read."""

    def tell(self, told: Iterable[bytes]) -> None:
        """Everything that webhooks have told, as the source's own records."""

    def remembered(self) -> Parsed | None:
        """What it comes to with what was read last, for when the source cannot be reached; None before the
        first read."""
