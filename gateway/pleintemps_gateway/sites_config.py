"""What the gateway's file says of one site: its spaces and doors, its rules, and what cannot be."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta
from msgspec.structs import asdict, replace

from pleintemps_contract.errors import ConfigError
from pleintemps_contract.gateway_messages import DoorTimings
from pleintemps_contract.identifiers import RESERVED, Slug

from .access.weeks import ClockTime, WeekRule
from .bookings.calendar_config import CalendarConfig, DayType, QuietConfig
from .bookings.sources.base import SourceConfig
from .bookings.sources.registry import read_config
from .noise.settings import NoiseConfig
from .places_config import PlaceConfig, PlanConfig, check_plans, located

STREET: Final = "street"
"""Where every way begins; not a space."""

Seconds = Annotated[float, Meta(ge=0, le=31_536_000)]
Service = Literal[
    "kitchen",
    "stage",
    "sound-proof",
    "projector",
    "tables",
    "changing-room",
    "step-free",
    "piano",
    "mirrors",
]
"""What a space offers, in words that the pages know in both languages."""


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class TextConfig(_Table, frozen=True, kw_only=True):
    """A text in both languages, a line for each rule; ``en`` says ``fr`` where it is empty."""

    fr: str = ""
    en: str = ""


class AboutConfig(_Table, frozen=True, kw_only=True):
    """What people are told of a site: ``duty`` is the telephone number of who can help, day and night.

    ``key_safe`` is for caretakers alone: where the key lies for the day when nothing else opens.
    """

    language: Literal["fr", "en"] = "fr"
    address: str = ""
    duty: Annotated[str, Meta(pattern=r"^(\+?[0-9][0-9 .()-]{1,30})?\Z")] = ""
    key_safe: Annotated[str, Meta(max_length=300)] = ""
    rules: TextConfig = TextConfig()


class SpaceConfig(_Table, frozen=True, kw_only=True):
    """``bookable = false`` is a passage: people on their way to a booking may be in it.

    Nobody is expected in a ``locker`` or at an ``object`` that is lent: its door opens, and that is all.
    When a ``public`` space of a public site is not booked, everybody may read that.
    """

    space: Slug
    name: str
    kind: Literal["room", "locker", "object"] = "room"
    capacity: Annotated[int, Meta(ge=0, le=100_000)] = 0
    bookable: bool = True
    public: bool = False
    services: list[Service] = []
    rules: TextConfig = TextConfig()
    noise: NoiseConfig = NoiseConfig()


class TimingsConfig(DoorTimings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Timings that the gateway sets for a door, in milliseconds; the agent's own file does not count then."""


class DoorConfig(_Table, frozen=True, kw_only=True):
    """A controlled opening; ``from`` and ``to`` are spaces or ``street``."""

    door: Slug
    name: str
    agent: Slug
    from_: Slug = msgspec.field(name="from")
    to: Slug
    timings: TimingsConfig | None = None


class PanelConfig(_Table, frozen=True, kw_only=True):
    """The building's own intrusion alarm, reached by ``agent``, which guards ``spaces``.

    It is set once these have been vacant for ``vacant_s`` after their last booking, with no other one in the
    next ``ahead_s``.
    """

    panel: Slug
    agent: Slug
    spaces: Annotated[list[Slug], Meta(min_length=1)]
    vacant_s: Annotated[float, Meta(ge=60, le=43_200)] = 900
    ahead_s: Annotated[float, Meta(ge=0, le=86_400)] = 7_200


class SignalConfig(_Table, frozen=True, kw_only=True):
    """A light or sign of ``agent`` that tells the people in ``space`` that they are too loud."""

    signal: Slug
    agent: Slug
    space: Slug


class PrivacyConfig(_Table, frozen=True, kw_only=True):
    """How long it is known who opened what, and who had booked."""

    access_days: Annotated[int, Meta(ge=1, le=90)] = 90


class ReleaseConfig(_Table, frozen=True, kw_only=True):
    """When a space that nobody came to is given back; without this table nothing ever is.

    The people are warned after ``warn_after_s`` of certain vacancy, the rest of their time is free after
    ``release_after_s``. Bookings shorter than ``min_length_s``, or of ``max_length_s`` and more, keep theirs.
    """

    warn_after_s: Annotated[float, Meta(ge=300, le=43_200)] = 900
    release_after_s: Annotated[float, Meta(ge=600, le=43_200)] = 1_800
    min_length_s: Seconds = 3_600
    max_length_s: Seconds = 28_800
    exempt_groups: list[Slug] = []
    exempt_spaces: list[Slug] = []

    def __post_init__(self) -> None:
        if self.release_after_s < self.warn_after_s + 300:
            raise ValueError("release_after_s is 300 s or more after warn_after_s: people need time")


class RulesConfig(_Table, frozen=True, kw_only=True):
    """What is expected of people, in seconds; quiet hours in the site's local time.

    ``quiet`` has those of some types of days, where they are not ``quiet_from`` to ``quiet_to``. With
    ``groups = "required"`` a booking gets a code only under the papers of its group. A safety briefing counts
    for ``briefing_days``; ``remind_days`` before a paper ends its group is told. A booking of a calendar
    with one of ``amplified_words`` in its title has sound through loudspeakers.
    """

    quiet_from: ClockTime = "22:00"
    quiet_to: ClockTime = "07:00"
    quiet: dict[DayType, QuietConfig] = {}
    groups: Literal["required", "optional"] = "optional"
    briefing_days: Annotated[int, Meta(ge=1, le=3_650)] = 365
    remind_days: Annotated[int, Meta(ge=1, le=365)] = 30
    amplified_words: list[Annotated[str, Meta(min_length=1, max_length=40)]] = []
    lead_s: Seconds = 900
    tail_s: Seconds = 900
    no_show_after_s: Seconds = 900
    overstay_after_s: Seconds = 900
    unexpected_after_s: Seconds = 120
    left_after_s: Seconds = 300
    agent_silent_after_s: Seconds = 120
    release: ReleaseConfig | None = None


class FreeOpeningConfig(WeekRule, frozen=True, kw_only=True):
    """When ``door`` stands unlocked; with ``first_person`` only once somebody has come in by a credential."""

    door: Slug
    first_person: bool = False


class CodesConfig(_Table, frozen=True, kw_only=True):
    """``digits`` at least, more where a door knows so many codes that one of 100 guesses would hit with a
    higher probability than ``guess``. The cost is that of argon2id; the door pays it once per attempt.
    """

    digits: Annotated[int, Meta(ge=8, le=12)] = 8
    guess: Annotated[float, Meta(ge=1e-9, le=1e-3)] = 1e-5
    memory_kib: Annotated[int, Meta(ge=8_192, le=262_144)] = 8_192
    iterations: Annotated[int, Meta(ge=1, le=16)] = 2


class SiteConfig(_Table, frozen=True, kw_only=True):
    """``feeds`` stay tables here: :attr:`sources` reads each as the record of its kind."""

    site: Slug
    name: str
    zone: str = "Europe/Paris"
    about: AboutConfig = AboutConfig()
    public: bool = False
    spaces: list[SpaceConfig]
    doors: list[DoorConfig]
    panels: list[PanelConfig] = []
    signals: list[SignalConfig] = []
    free_openings: list[FreeOpeningConfig] = []
    feeds: list[dict[str, Any]] = []
    calendar: CalendarConfig = CalendarConfig()
    rules: RulesConfig = RulesConfig()
    codes: CodesConfig = CodesConfig()
    privacy: PrivacyConfig = PrivacyConfig()
    place: PlaceConfig | None = None
    plans: list[PlanConfig] = []

    @property
    def sources(self) -> list[SourceConfig]:
        """Where bookings come from; raises ConfigError that names feed and key."""
        return [read_config(table) for table in self.feeds]


def with_paths(site: SiteConfig, base: Path) -> SiteConfig:
    """``site`` with its paths below ``base``."""
    calendar = site.calendar
    if calendar.school_holidays:
        calendar = replace(calendar, school_holidays=str(base / calendar.school_holidays))
    feeds = [asdict(feed.located(base)) for feed in site.sources]
    return replace(site, feeds=feeds, calendar=calendar, plans=located(site.plans, base))


def check_site(path: Path, site: SiteConfig) -> None:
    """Raises ConfigError for what contradicts itself in the file at ``path``."""
    where = f"{path}: site {site.site!r}"
    if site.site in RESERVED:
        raise ConfigError(f"{where}: this name is reserved on the wire")
    unique(where, "space", (space.space for space in site.spaces))
    unique(where, "door", (door.door for door in site.doors))
    try:
        feeds = site.sources
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    unique(where, "feed", (feed.feed for feed in feeds))
    try:
        ZoneInfo(site.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(f"{where}: zone: {site.zone!r} is no time zone like Europe/Paris") from error
    places = {space.space for space in site.spaces}
    if STREET in places:
        raise ConfigError(f"{where}: no space may be called {STREET!r}")
    for door in site.doors:
        if door.agent in RESERVED:
            raise ConfigError(f"{where}: door {door.door!r}: the agent name {door.agent!r} is reserved")
        for end in (door.from_, door.to):
            if end != STREET and end not in places:
                raise ConfigError(f"{where}: door {door.door!r}: no space is called {end!r}")
    unique(where, "panel", (panel.panel for panel in site.panels))
    for panel in site.panels:
        if panel.agent in RESERVED:
            raise ConfigError(f"{where}: panel {panel.panel!r}: the agent name {panel.agent!r} is reserved")
        for space in panel.spaces:
            if space not in places:
                raise ConfigError(f"{where}: panel {panel.panel!r}: no space is called {space!r}")
    unique(
        where,
        "door, panel or signal",
        (
            *(door.door for door in site.doors),
            *(panel.panel for panel in site.panels),
            *(signal.signal for signal in site.signals),
        ),
    )
    for signal in site.signals:
        if signal.agent in RESERVED:
            raise ConfigError(
                f"{where}: signal {signal.signal!r}: the agent name {signal.agent!r} is reserved"
            )
        if signal.space not in places:
            raise ConfigError(f"{where}: signal {signal.signal!r}: no space is called {signal.space!r}")
    _check_free_openings(where, site)
    check_plans(where, site.plans, places)
    for name in site.rules.release.exempt_spaces if site.rules.release else ():
        if name not in places:
            raise ConfigError(f"{where}: release: no space is called {name!r}")
    for hours in site.calendar.school_hours:
        for space in hours.spaces:
            if space not in places:
                raise ConfigError(f"{where}: school hours: no space is called {space!r}")
    for feed in feeds:
        if feed.feed == "rest":
            raise ConfigError(f"{where}: no feed may be called 'rest'")
        if feed.space is not None and feed.space not in places:
            raise ConfigError(f"{where}: feed {feed.feed!r}: no space is called {feed.space!r}")


def _check_free_openings(where: str, site: SiteConfig) -> None:
    doors = {door.door for door in site.doors}
    first_person: dict[str, bool] = {}
    for opening in site.free_openings:
        if opening.door not in doors:
            raise ConfigError(f"{where}: free opening: no door is called {opening.door!r}")
        if first_person.setdefault(opening.door, opening.first_person) is not opening.first_person:
            message = "first_person is the same for all its times"
            raise ConfigError(f"{where}: free openings of door {opening.door!r}: {message}")


def unique(where: object, what: str, names: Iterable[str]) -> None:
    """Raises ConfigError if two of ``names`` are the same."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ConfigError(f"{where}: two {what}s are called {name!r}")
        seen.add(name)
