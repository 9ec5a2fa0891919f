"""Bodies of the REST interface about groups, rights and series. Times are Unix ms."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from pleintemps_gateway.access.weeks import Weekday
from pleintemps_gateway.bookings.calendar_config import DayType
from pleintemps_gateway.bookings.groups import slug_of
from pleintemps_gateway.bookings.right_rules import Kind

from .schemas import NO_NUL, SlugText, TimeMs

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_NUL)]
Mail = Annotated[str, StringConstraints(max_length=254, pattern=r"^([^\x00\s@]+@[^\x00\s@]+)?$")]
Phone = Annotated[str, StringConstraints(max_length=40, pattern=r"^[0-9+(). -]*$")]
Language = Literal["", "fr", "en"]
Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Place = SlugText | Literal["*"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Reachable(_Body):
    mail: Mail = ""
    phone: Phone = ""
    language: Language = ""

    @model_validator(mode="after")
    def _has_address(self) -> "_Reachable":
        if not self.mail and not self.phone:
            raise ValueError("an address or a number is needed")
        return self


class GroupPapers(_Reachable):
    """A group of one site, or of every site (``*``), as it is from now on. ``contact`` answers for it.

    A paper that is absent is missing; ``briefed`` is when its safety briefing was; ``people`` come at most.
    """

    site: Place
    name: Text
    contact: Text
    convention_until: TimeMs | None = None
    insurance_until: TimeMs | None = None
    briefed: TimeMs | None = None
    people: Annotated[int | None, Field(ge=0, le=100_000)] = None

    @model_validator(mode="after")
    def _has_letters(self) -> "GroupPapers":
        if not slug_of(self.name):
            raise ValueError("a name has letters or digits")
        return self


class Override(_Body):
    """A manager's reason, shown to caretakers."""

    reason: Annotated[str, StringConstraints(min_length=3, max_length=300, pattern=NO_NUL)]


class GroupName(_Body):
    """The slug or the name of a group; empty for none."""

    group: Annotated[str, StringConstraints(max_length=200, pattern=NO_NUL)]


class WeekBody(_Body):
    """In the site's own time; ``to`` not after ``from`` is on the next day. Not on days of the types
    ``except``.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    days: Annotated[list[Weekday], Field(min_length=1, max_length=7)]
    from_: Annotated[Clock, Field(alias="from")]
    to: Clock
    except_: Annotated[list[DayType], Field(alias="except", max_length=5)] = [DayType.CLOSED]


class PlaceBody(_Body):
    site: SlugText
    spaces: Annotated[list[SlugText], Field(min_length=1, max_length=64)]


class NewRight(_Reachable):
    """A recurring right of one person, at one or many sites: one credential a site, all on one page.

    ``card`` is the canonical text of a card, as ``w26:FACILITY:NUMBER``.
    """

    person: Text
    kind: Kind = "code"
    places: Annotated[list[PlaceBody], Field(min_length=1, max_length=50)]
    rule: WeekBody
    extended: bool = False
    valid_from: TimeMs
    valid_until: TimeMs
    card: Annotated[str, StringConstraints(max_length=80, pattern=r"^([a-z0-9]+(:[0-9A-Za-z]+)+)?$")] = ""


class RightsMade(_Body):
    """One id a place, in the same order."""

    rights: list[str]


class Weeks(_Body):
    """So many more weeks, at the same times on the clock."""

    weeks: Annotated[int, Field(ge=1, le=52, strict=True)]


class Series(_Body):
    """Ids of bookings, by their start."""

    bookings: list[str]
