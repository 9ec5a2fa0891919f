"""What a source of bookings is: it reads, and says what it found, what it could not use, or why it cannot.

One file each, one registration each (:mod:`.registry`). A source never decides: what is made, moved or
cancelled is the affair of :mod:`pleintemps_gateway.bookings.following`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NamedTuple, Protocol, Self, runtime_checkable

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from pleintemps_contract.identifiers import Slug


class Contact(NamedTuple):
    """Who is told the code. Empty where the source does not say; ``language`` is ``fr``, ``en`` or empty."""

    name: str = ""
    mail: str = ""
    phone: str = ""
    language: str = ""


class Timed(NamedTuple):
    """One occurrence in UTC, with what the source says of it. Times are Unix ms, end > start.

    ``location`` is the room in the source's own words, ``group`` the association's name where it is given,
    ``amplified`` that its sound goes through loudspeakers. ``names`` are other uids that the source has given
    the same occurrence: it may have been told under one of them.
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
    amplified: bool = False
    names: frozenset[str] = frozenset()


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

    ``space`` takes all bookings to one space; without it each names its own. Of a release the source itself
    is told (``tell_releases``, for a :class:`Telling` kind), or a webhook at ``released_url``, signed with
    the secret in ``released_secret_file``.
    """

    feed: Slug
    kind: str = "ical"
    space: Slug | None = None
    poll_s: Annotated[float, Meta(ge=1, le=86_400)] = 300
    tell_releases: bool = False
    released_url: Annotated[str, Meta(pattern=r"^(https?://[^\s#]+)?\Z")] = ""
    released_secret_file: str = ""

    def __post_init__(self) -> None:
        if bool(self.released_url) != bool(self.released_secret_file):
            raise ValueError("released_url and released_secret_file go together")
        if self.released_url and self.tell_releases:
            raise ValueError("set tell_releases or released_url, not both")

    @property
    def is_told(self) -> bool:
        """Whether somebody is told when a booking of this feed is released."""
        return self.tell_releases or bool(self.released_url)

    def located(self, base: Path) -> Self:
        """The same with absolute paths; ``base`` is the folder of the configuration."""
        if not self.released_secret_file:
            return self
        return replace(self, released_secret_file=str(base / self.released_secret_file))


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


class Release(NamedTuple):
    """A booking that was given back at ``end``, or taken back: then ``end`` is ``planned_end`` again.

    ``uid`` is that of the occurrence (:class:`Timed`); ``why`` is ``no-show``, ``left`` or ``restored``.
    ``asked`` is when that was decided. Times are Unix ms.
    """

    uid: str
    start: int
    end: int
    planned_end: int
    why: str
    asked: int


@runtime_checkable
class Telling(Protocol):
    """Something that can be told of a release. Blocking: called in a thread; the same may be told twice."""

    def released(self, release: Release) -> None:
        """Raises FeedError to be asked again later, UntoldError if that is of no use."""
