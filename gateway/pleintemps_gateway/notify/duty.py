"""The file ``duty_file``: people, how each is reached, and the rota. Read again when it changes.

Its channels are addresses of Apprise, which hold passwords: only its owner may read it.
"""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from pleintemps_contract.configfile import load_toml
from pleintemps_contract.errors import ConfigError, KeyFileError
from pleintemps_contract.keyfiles import refuse_if_open
from pleintemps_contract.logs import line
from pleintemps_gateway.access.weeks import ClockTime
from pleintemps_gateway.alerts.life import Duty
from pleintemps_gateway.alerts.records import Rank
from pleintemps_gateway.alerts.rota import OnDuty, Person, RotaConfig, on_duty
from pleintemps_gateway.config import GatewayConfig, SiteConfig
from pleintemps_gateway.noise.quiet import QuietHours

PUSH: Final = "push"
"""The channel of browsers; no channel of the file may have its name."""
_MINUTE_MS: Final = 60_000
Channel = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,20}\Z")]

_log = logging.getLogger(__name__)


class HoursConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours of every day, in the site's local time; they may cross midnight."""

    from_: ClockTime = msgspec.field(name="from")
    to: ClockTime


class PersonConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``person`` is the name of their account. ``channels``: addresses of Apprise by a name of one's own.

    ``push``: also in the browsers where they asked for it. In ``quiet`` hours and without ``watch`` only what
    cannot wait is told. ``report``: the night's report each morning, by the channel ``mail``.
    """

    person: Person
    name: Annotated[str, Meta(max_length=80)] = ""
    language: Literal["fr", "en"] = "fr"
    channels: dict[Channel, Annotated[str, Meta(min_length=5, max_length=2_000)]] = {}
    push: bool = True
    watch: bool = True
    quiet: HoursConfig | None = None
    report: bool = False

    def __post_init__(self) -> None:
        if PUSH in self.channels:
            raise ValueError(f"no channel may be called {PUSH!r}")
        if self.report and "mail" not in self.channels:
            raise ValueError("the report goes by a channel called 'mail'")


class DutyConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. The first rota that names a site, or no site at all, is that site's."""

    people: list[PersonConfig] = []
    rotas: list[RotaConfig] = []


class DutyBook:
    """What the file says now. Without a file nobody is on duty and nobody is told."""

    def __init__(self, config: GatewayConfig) -> None:
        """Raises ConfigError where the file cannot be used."""
        self._path = Path(config.duty_file) if config.duty_file else None
        self._sites = {site.site: site for site in config.sites}
        self._seen = _stamp(self._path)
        self.fault = ""
        self._take(DutyConfig() if self._path is None else read_duty(self._path, self._sites))

    def _take(self, duty: DutyConfig) -> None:
        self._duty = duty
        self._people = {person.person: person for person in duty.people}

    def refresh(self) -> None:
        """Read the file again if it has changed; one that cannot be used changes nothing and is said once."""
        if self._path is None or (stamp := _stamp(self._path)) == self._seen:
            return
        self._seen = stamp
        try:
            self._take(read_duty(self._path, self._sites))
        except ConfigError as error:
            self.fault = str(error)
            _log.error(line("duty-file-not-read", error=error))
            return
        self.fault = ""
        _log.info(line("duty-file-read", people=len(self._people)))

    @property
    def people(self) -> list[PersonConfig]:
        return self._duty.people

    def person(self, name: str) -> PersonConfig | None:
        return self._people.get(name)

    def name(self, person: str) -> str:
        """What people call them; their account's name where nothing is said."""
        known = self._people.get(person)
        return (known.name if known else "") or person

    def rota(self, site: str) -> RotaConfig | None:
        return next((rota for rota in self._duty.rotas if not rota.sites or site in rota.sites), None)

    def on_duty(self, site: SiteConfig, now: int) -> OnDuty | None:
        """None where the site has no rota."""
        rota = self.rota(site.site)
        return None if rota is None else on_duty(rota, ZoneInfo(site.zone), now)

    def duty(self, site: SiteConfig, rank: str, now: int) -> Duty:
        """As the life of an alert wants it: of what is to watch only who wants to hear of that."""
        rota, there = self.rota(site.site), self.on_duty(site, now)
        urgent = rank == Rank.ALERT
        if rota is None or there is None:
            return Duty(urgent=urgent)
        chain = tuple(each for each in there.chain if urgent or self._hears_watches(each))
        return Duty(
            chain=chain,
            wait_ms=round(rota.wait_min * _MINUTE_MS),
            remind_ms=round(rota.remind_min * _MINUTE_MS),
            urgent=urgent,
        )

    def _hears_watches(self, name: str) -> bool:
        person = self.person(name)
        return person is None or person.watch

    def again_ms(self, site: str) -> int:
        rota = self.rota(site)
        return 0 if rota is None else round(rota.again_min * _MINUTE_MS)


def tell_at(person: PersonConfig, rank: str, zone: str, now: int) -> int:
    """When ``person`` may be told something of ``rank`` (Unix ms): at once, or when their quiet hours end."""
    if rank == Rank.ALERT or person.quiet is None:
        return now
    hours = QuietHours(zone, (person.quiet.from_, person.quiet.to))
    return next((end for start, end in hours.spans(now, now + 1) if start <= now < end), now)


def read_duty(path: Path, sites: Iterable[str]) -> DutyConfig:
    """The file at ``path``; raises ConfigError of one line that never shows an address."""
    try:
        refuse_if_open(path)
    except KeyFileError as error:
        raise ConfigError(str(error)) from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    duty = load_toml(path, DutyConfig)
    known, have = set(sites), {person.person for person in duty.people}
    if len(have) != len(duty.people):
        raise ConfigError(f"{path}: two people have the same name of account")
    for rota in duty.rotas:
        named = [*rota.last]
        named += [name for shift in rota.shifts for name in shift.people]
        named += [name for exception in rota.exceptions for name in exception.people]
        for name in named:
            if name not in have:
                raise ConfigError(f"{path}: the rota names {name!r}, who is not among the people")
        for site in rota.sites:
            if site not in known:
                raise ConfigError(f"{path}: the rota names the site {site!r}, which there is not")
    return duty


def _stamp(path: Path | None) -> tuple[int, int, int]:
    if path is None:
        return (0, 0, 0)
    try:
        status = path.stat()
    except OSError:
        return (-1, 0, 0)
    return (status.st_mtime_ns, status.st_size, status.st_mode)
