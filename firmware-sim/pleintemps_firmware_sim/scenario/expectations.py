"""What a scenario may expect, as its file says it."""

from typing import Annotated, Literal

from msgspec import Meta

from pleintemps_contract.identifiers import Slug
from pleintemps_contract.onvif import DoorAlarm, DoorMode

from .facts import Books
from .records import AlertWord, Count, Name, Record, Share, Text
from .times import Moment, Span

CodeWord = Literal[
    "accepted",
    "refused",
    "unknown-credential",
    "not-yet",
    "expired",
    "wrong-door",
    "throttled",
    "no-trusted-time",
    "door-mode",
    "unreadable",
    "already-used",
    "interlock",
    "fire",
    "denied",
    "bad-token",
]
"""``refused`` is any of those that follow."""
Minutes = Annotated[float, Meta(ge=0, le=1_000_000)]


class Expectation(Record, frozen=True, kw_only=True, tag_field="that"):
    """The window begins at each time that ``after`` names and ends ``within`` later, else with the run; it
    has to come true in every window.
    """

    name: Name
    after: Moment = "+0s"
    within: Span | None = None


class Lasting(Expectation, frozen=True, kw_only=True):
    """It is so at one moment of the window at least, or ``throughout`` all of it."""

    throughout: bool = False


class Counted(Expectation, frozen=True, kw_only=True):
    """So many times in the window; without a number, once at least."""

    at_least: Count | None = None
    at_most: Count | None = None


class DoorIs(Lasting, frozen=True, kw_only=True, tag="door", rename={"is_": "is"}):
    """The door's mode, as its agent keeps it."""

    door: Slug
    is_: DoorMode


class LockIs(Lasting, frozen=True, kw_only=True, tag="lock", rename={"is_": "is"}):
    """Whether the lock itself lets go."""

    door: Slug
    is_: Literal["released", "holds"]


class LeafIs(Lasting, frozen=True, kw_only=True, tag="leaf", rename={"is_": "is"}):
    door: Slug
    is_: Literal["open", "shut"]


class AlarmIs(Lasting, frozen=True, kw_only=True, tag="alarm", rename={"is_": "is"}):
    door: Slug
    is_: DoorAlarm


class StateIs(Lasting, frozen=True, kw_only=True, tag="state", rename={"is_": "is"}):
    """What the gateway believes of a space."""

    space: Slug
    is_: Literal["occupied", "vacant", "unknown"]


class LightIs(Lasting, frozen=True, kw_only=True, tag="light", rename={"is_": "is"}):
    space: Slug
    is_: Literal["on", "off"]


class AgentIs(Lasting, frozen=True, kw_only=True, tag="agent", rename={"is_": "is"}):
    agent: Slug
    is_: Literal["online", "offline"]


class CodeIs(Counted, frozen=True, kw_only=True, tag="code", rename={"is_": "is"}):
    """What became of codes and cards at a door."""

    door: Slug
    is_: CodeWord


class AlertIs(Counted, frozen=True, kw_only=True, tag="alert", rename={"is_": "is"}):
    """An alert at ``where`` (space, door or agent; else anywhere)."""

    kind: AlertWord
    where: Slug | None = None
    is_: Literal["opened", "resolved"] = "opened"


class NoAlert(Expectation, frozen=True, kw_only=True, tag="no-alert", rename={"but": "except"}):
    """No alert opens: of ``kind``, or of any but those excepted."""

    kind: AlertWord | None = None
    where: Slug | None = None
    but: tuple[AlertWord, ...] = ()


class EventIs(Counted, frozen=True, kw_only=True, tag="event", rename={"is_": "is"}):
    """A record of an agent's journal by its type, such as ``device-health`` with ``silent``, of one
    ``device`` or any.
    """

    agent: Slug
    type: Annotated[str, Meta(pattern=r"^[a-z][a-z-]{0,39}$")]
    is_: Text | None = None
    device: Slug | None = None


class RefusedIs(Counted, frozen=True, kw_only=True, tag="refused"):
    """Messages that the gateway refused, by a part of their source and reason."""

    source: Text = ""
    reason: Text = ""


class UsageIs(Expectation, frozen=True, kw_only=True, tag="usage", rename={"is_": "is"}):
    """What the gateway says of every booking of that name that began in the run; ``minutes`` of presence."""

    booking: Name
    is_: Literal["expected", "arrived", "in-use", "left", "ended", "no-show", "cancelled"]
    minutes: tuple[Minutes, Minutes] | None = None


class JournalEqualsStore(Expectation, frozen=True, kw_only=True, tag="journal-equals-store"):
    """At the end the gateway holds what the agent ever committed, each record once and as it was written, and
    the agent holds nothing more that it has to send.
    """

    agent: Slug | None = None


class BooksAre(Expectation, frozen=True, kw_only=True, tag="books"):
    """A figure of an agent's journal, at the end."""

    agent: Slug
    figure: Books
    at_least: Count = 0
    at_most: Count | None = None


class Truth(Expectation, frozen=True, kw_only=True, tag="truth"):
    """Share of the time in which the gateway believed of a space what was so; unknown is wrong."""

    space: Slug
    at_least: Share


AnyExpectation = (
    DoorIs
    | LockIs
    | LeafIs
    | AlarmIs
    | StateIs
    | LightIs
    | AgentIs
    | CodeIs
    | AlertIs
    | NoAlert
    | EventIs
    | RefusedIs
    | UsageIs
    | JournalEqualsStore
    | BooksAre
    | Truth
)
