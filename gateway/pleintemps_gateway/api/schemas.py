"""Bodies of the REST interface.

Names are slugs, ids 32 hexadecimal digits, times Unix ms; unknown fields are refused.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from pleintemps_contract.onvif import DoorAction
from pleintemps_gateway.api.passwords import MAX_LENGTH

SlugText = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")]
IdText = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
TimeMs = Annotated[int, Field(ge=0, le=253_402_300_799_999, strict=True)]
TimeText = Annotated[int, Field(ge=0, le=253_402_300_799_999)]
"""The same in a query, where everything is text."""


NO_NUL = r"^[^\x00]*$"
"""PostgreSQL takes no text with one."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LogIn(_Body):
    name: Annotated[str, Field(min_length=1, max_length=80, pattern=NO_NUL)]
    password: Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)]


class Token(_Body):
    """Send as ``Authorization: Bearer <token>``."""

    token: str
    expires: int


Comment = Annotated[str, Field(max_length=500, pattern=NO_NUL)]
Version = Annotated[int | None, Field(ge=0, le=2_147_483_647)]


class Acknowledgement(_Body):
    """``version``: that of the alert which the actor has seen; after another act it is refused (409)."""

    comment: Comment = ""
    version: Version = None


class AlertPause(Acknowledgement):
    until: TimeText


class AlertGiven(Acknowledgement):
    person: Annotated[str, Field(min_length=1, max_length=80, pattern=NO_NUL)]


class PushSubscription(_Body):
    """What a browser's push service wants to be sent to, and the keys that only this browser opens."""

    endpoint: Annotated[str, Field(min_length=10, max_length=1_000, pattern=r"^https://[!-~]+$")]
    p256dh: Annotated[str, Field(min_length=87, max_length=88, pattern=r"^[A-Za-z0-9_-]+=?$")]
    auth: Annotated[str, Field(min_length=22, max_length=24, pattern=r"^[A-Za-z0-9_-]+={0,2}$")]


class AlertComment(_Body):
    comment: Annotated[str, Field(min_length=1, max_length=500, pattern=NO_NUL)]


PanelCommand = Literal[DoorAction.SET_PANEL, DoorAction.UNSET_PANEL]
SignalCommand = Literal[DoorAction.SIGNAL_ON, DoorAction.SIGNAL_OFF]


class DoorCommand(_Body):
    """Not those of a panel, which has an address of its own, nor those of a signal: it follows the rules.

    ``reason`` is recorded beside the name and the hour.
    """

    action: DoorAction
    reason: Annotated[str, Field(max_length=200, pattern=NO_NUL)] = ""

    @field_validator("action")
    @classmethod
    def _is_of_a_door(cls, action: DoorAction) -> DoorAction:
        if action in get_args(PanelCommand):
            raise ValueError("ask the panel")
        if action in get_args(SignalCommand):
            raise ValueError("a warning signal follows the rules")
        return action


class PanelAction(_Body):
    action: PanelCommand


class ContactBody(_Body):
    """Who is told about a booking; empty where there is nothing."""

    name: Annotated[str, Field(max_length=200, pattern=NO_NUL)] = ""
    mail: Annotated[str, Field(max_length=254, pattern=r"^([^@\s\x00]+@[^@\s\x00]+)?$")] = ""
    phone: Annotated[str, Field(pattern=r"^(\+?[0-9][0-9 .()-]{1,30})?$")] = ""
    language: Literal["", "fr", "en"] = ""


Title = Annotated[str, Field(min_length=1, max_length=200, pattern=NO_NUL)]
People = Annotated[int | None, Field(ge=0, le=100_000)]
GroupText = Annotated[str, Field(max_length=200, pattern=NO_NUL)]


class NewBooking(_Body):
    """``group`` is a group's slug or name; ``amplified`` is sound through loudspeakers."""

    site: SlugText
    space: SlugText
    start: TimeMs
    end: TimeMs
    title: Title
    people: People = None
    amplified: bool = False
    group: GroupText = ""
    contact: ContactBody = ContactBody()


class BookingChange(_Body):
    """What is absent stays. ``people`` null: nobody knows; ``group`` empty: nobody's."""

    space: SlugText = Field(default_factory=str)
    start: TimeMs = Field(default_factory=int)
    end: TimeMs = Field(default_factory=int)
    title: Title = Field(default_factory=str)
    people: People = None
    amplified: bool = False
    group: GroupText = Field(default_factory=str)
    contact: ContactBody = Field(default_factory=ContactBody)

    def wish(self) -> dict[str, Any]:
        """The columns that are named, without the contact."""
        return self.model_dump(exclude_unset=True, exclude={"contact"})


class Accepted(_Body):
    """``status_url`` tells how it ended."""

    command: str
    status_url: str


class BookingMade(_Body):
    """``code`` opens the doors on the way; it is shown this once, and ``link`` is the secret of its page.

    Both are absent when the booking had been made before, and where ``withheld`` says why there is no code.
    """

    booking: str
    code: str | None = None
    link: str | None = None
    withheld: str | None = None


class DoorHeld(_Body):
    """Whether the agent of a door on the way holds the code, else why not; ``offline``: an offline code that
    this door can check was told.
    """

    door: str
    held: bool
    reason: str
    offline: bool


class BookingBody(BaseModel):
    """A booking with its usage. ``group`` is a slug; ``withheld`` says why there is no code; the usage is
    null while there is no record. ``contact`` is for those who may act, of one booking.
    """

    site: str
    booking: str
    source: str
    uid: str
    space: str
    title: str
    people: int | None
    amplified: bool
    start: int
    end: int
    status: Literal["confirmed", "cancelled"]
    updated: int
    group: str | None
    withheld: str | None
    override_by: str | None
    override_reason: str | None
    planned_end: int | None
    released: int | None
    left: int | None
    usage_state: str | None
    arrived_at: int | None
    left_at: int | None
    occupied_ms: int | None
    closed_at: int | None
    code_on_door: bool
    doors: list[DoorHeld]
    contact: ContactBody | None = None


class BookingPage(_Body):
    """``next`` is the cursor of what follows; null at the end."""

    items: list[BookingBody]
    next: str | None = None


class Items(_Body):
    """A list of records with the columns of the store."""

    items: list[dict[str, Any]]


class ReasonBody(_Body):
    reason: str
    count: int
    last_at: int


class FeedBody(_Body):
    """``tried``, ``good``: read last, and last read well; ``told``: a webhook brought news last.

    ``bookings`` and ``rejected`` are of the last good reading, ``reasons`` of all that was refused so far. A
    feed that is not ``configured`` any more is not read: its bookings ahead stay until they are over or
    cancelled here. ``untold``: releases that it has not been told, and why.
    """

    site: str
    feed: str
    kind: str | None
    poll_s: float | None
    configured: bool
    tried: int | None
    good: int | None
    told: int | None
    error: str | None
    bookings: int
    rejected: int
    ahead: int
    reasons: list[ReasonBody]
    untold: int
    untold_error: str | None


class Feeds(_Body):
    items: list[FeedBody]


class MessageCount(_Body):
    """``error`` is why they failed, or why the last try of one that waits did; empty if nothing is known."""

    site: str
    channel: str
    state: Literal["queued", "sent", "failed"]
    error: str
    number: int


class MessageCounts(_Body):
    items: list[MessageCount]


class ErrorDetail(_Body):
    code: str
    message: str
    where: str


class ErrorBody(_Body):
    """The shape of every refusal."""

    error: ErrorDetail


class SummaryBody(_Body):
    readings: int
    events: int
    bookings: int
    alerts: int
    codes_accepted: int
    codes_refused: int
    usage_records: int
