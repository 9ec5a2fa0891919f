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


class Acknowledgement(_Body):
    comment: Annotated[str, Field(max_length=500, pattern=NO_NUL)] = ""


PanelCommand = Literal[DoorAction.SET_PANEL, DoorAction.UNSET_PANEL]


class DoorCommand(_Body):
    """Not those of a panel: it has an address of its own."""

    action: DoorAction

    @field_validator("action")
    @classmethod
    def _is_of_a_door(cls, action: DoorAction) -> DoorAction:
        if action in get_args(PanelCommand):
            raise ValueError("ask the panel")
        return action


class PanelAction(_Body):
    action: PanelCommand


class NewBooking(_Body):
    site: SlugText
    space: SlugText
    start: TimeMs
    end: TimeMs
    title: Annotated[str, Field(min_length=1, max_length=200, pattern=NO_NUL)]
    people: Annotated[int | None, Field(ge=0, le=100_000)] = None


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


class Items(_Body):
    """A list of records with the columns of the store."""

    items: list[dict[str, Any]]


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
