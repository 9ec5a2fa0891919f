"""What a reader of the matrix asks for: which spaces, which days, which hours. Pure."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Final, Literal, NamedTuple, get_args

from pleintemps_gateway.config import Service, SiteConfig, SpaceConfig

from .grid import ALL_HOURS, Period, hours_from
from .reading import MOST_DAYS

Span = Literal["4-weeks", "12-weeks", "year", "dates"]
SPANS: Final[tuple[Span, ...]] = get_args(Span)
Clock = Literal["all", "day", "evening", "night"]
CLOCKS: Final[Mapping[str, tuple[int, int]]] = {
    "all": (0, 0),
    "day": (8, 18),
    "evening": (18, 23),
    "night": (23, 8),
}
SERVICES: Final[tuple[str, ...]] = get_args(Service)
CAPACITIES: Final = (10, 20, 30, 50, 100, 200)
LENGTHS: Final = (1, 2, 3, 4, 6, 8)


_OLDEST: Final = date(1970, 1, 1)
"""Nothing was measured before, and periods before it are still days of the calendar."""


class Wish(NamedTuple):
    """``site`` and ``service`` are empty for all; ``people`` must fit; ``length`` is that of a wanted slot in
    hours. ``first`` and ``last`` count where ``span`` is dates.
    """

    span: Span = "12-weeks"
    first: date | None = None
    last: date | None = None
    site: str = ""
    service: str = ""
    people: int = 0
    clock: str = "all"
    length: int = 2

    @property
    def hours(self) -> frozenset[int]:
        return hours_from(*CLOCKS[self.clock]) if self.clock in CLOCKS else ALL_HOURS

    def period(self, today: date) -> Period:
        """Whole weeks that are over for the usual spans; the dates that were asked for, else."""
        monday = today - timedelta(days=today.weekday())
        if self.span == "dates":
            last = max(_OLDEST, min(self.last or today, today))
            first = min(self.first or last, last)
            return Period(max(first, last - timedelta(days=MOST_DAYS - 1)), last)
        weeks = {"4-weeks": 4, "12-weeks": 12, "year": 52}[self.span]
        return Period(monday - timedelta(weeks=weeks), monday - timedelta(days=1))

    def fits(self, space: SpaceConfig) -> bool:
        """Whether the space is one of those that are asked for: rooms that can be booked."""
        return (
            space.kind == "room"
            and space.bookable
            and self.people <= (space.capacity if self.people else 0)
            and (not self.service or self.service in space.services)
        )

    def spaces(self, sites: Iterable[SiteConfig]) -> list[tuple[SiteConfig, list[SpaceConfig]]]:
        """The spaces that are asked for, by site."""
        chosen = [
            (site, [space for space in site.spaces if self.fits(space)])
            for site in sites
            if self.site in ("", site.site)
        ]
        return [(site, spaces) for site, spaces in chosen if spaces]
