"""The gateway's one TOML file. Unknown keys are refused by name; a test loads ``examples/gateway.toml``."""

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from pleintemps_contract.clockconfig import ClockConfig
from pleintemps_contract.configfile import load_toml
from pleintemps_contract.errors import ConfigError

from .backup.settings import BackupConfig
from .connections import settings as others
from .enrolment.settings import BrokerConfig, EnrolmentConfig
from .leases.name import GatewayName
from .oidc.config import OidcConfig
from .places_config import MapConfig
from .report.settings import ReportConfig
from .sites_config import (
    STREET,
    AboutConfig,
    CodesConfig,
    DoorConfig,
    FreeOpeningConfig,
    PanelConfig,
    PrivacyConfig,
    ReleaseConfig,
    RulesConfig,
    Service,
    SignalConfig,
    SiteConfig,
    SpaceConfig,
    TextConfig,
    TimingsConfig,
    check_site,
    unique,
    with_paths,
)
from .updates.settings import UpdatesConfig

__all__ = [
    "STREET",
    "AboutConfig",
    "CodesConfig",
    "DeliveryConfig",
    "DoorConfig",
    "FreeOpeningConfig",
    "GatewayConfig",
    "MqttConfig",
    "PanelConfig",
    "PrivacyConfig",
    "ReleaseConfig",
    "RulesConfig",
    "SeriesConfig",
    "Service",
    "SignalConfig",
    "SiteConfig",
    "SpaceConfig",
    "TextConfig",
    "TimingsConfig",
    "WebConfig",
    "load",
]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class MqttConfig(_Table, frozen=True, kw_only=True):
    """``mqtt://host:port`` or ``mqtts://host:port``; for the latter the files of ``keys/`` are used."""

    url: Annotated[str, Meta(pattern=r"^mqtts?://[^/\s]+\Z")] = "mqtt://127.0.0.1:1883"


class WebConfig(_Table, frozen=True, kw_only=True):
    """``public_url`` is how people reach the pages, for the links in messages; no link without it.

    ``trusted_proxies``: addresses and networks whose ``X-Forwarded-For`` and ``-Proto`` are believed.
    A log-in lasts ``session_h``, and ends before where it is not used for ``idle_h``. ``oidc``: people may
    log in where they do for everything else.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65_535)] = 8080
    session_h: Annotated[float, Meta(gt=0, le=720)] = 12
    idle_h: Annotated[float, Meta(gt=0, le=720)] = 2
    public_url: Annotated[str, Meta(pattern=r"^(https?://[^\s?#]+[^\s?#/])?\Z")] = ""
    trusted_proxies: Annotated[tuple[str, ...], Meta(max_length=32)] = ("127.0.0.1", "::1")
    oidc: OidcConfig | None = None


class DeliveryConfig(_Table, frozen=True, kw_only=True):
    """How people are told: not at all, as a file for each message in ``state/outbox``, or through Apprise.

    ``urls_file`` (TOML, readable by its owner only) holds the addresses of Apprise, ``mail`` and ``sms``,
    each with ``{mail}`` or ``{phone}`` where the person's own goes. ``channels`` says which of them it has.
    """

    kind: Literal["none", "spool", "apprise"] = "none"
    urls_file: str = ""
    channels: Annotated[tuple[Literal["mail", "sms"], ...], Meta(min_length=1)] = ("mail",)


class SeriesConfig(_Table, frozen=True, kw_only=True):
    """Where all series are copied to: a v2 write API (InfluxDB 1.8, 2, 3, VictoriaMetrics), or that of
    InfluxDB before 1.8 (``v1``; ``bucket`` is then the database, or database/retention-policy).

    ``token_file`` holds the token alone and is readable by its owner only; no token without it. What
    waits for the server is kept up to ``budget_mb`` on disk and sent every ``flush_s`` seconds.
    """

    url: Annotated[str, Meta(pattern=r"^https?://[^\s@?#]+\Z")]
    api: Literal["v1", "v2"] = "v2"
    org: str = ""
    bucket: Annotated[str, Meta(min_length=1, max_length=200)] = "pleintemps"
    token_file: str = ""
    budget_mb: Annotated[float, Meta(ge=1, le=1_000_000)] = 256
    flush_s: Annotated[float, Meta(ge=0.1, le=3_600)] = 5


class GatewayConfig(_Table, frozen=True, kw_only=True):
    """Paths are relative to the file. ``database_url`` is SQLAlchemy's; SQLite in ``state`` if absent.

    Without ``[series]``, ``[home_assistant]`` or ``[metrics]`` nothing is told to any of these.
    ``enrolment``: its defaults where ``mqtt.url`` is ``mqtts://``, else no agent can enrol.
    ``gateway``: what this one is called among several on one PostgreSQL; the host's name if absent.
    ``backup``: without it nobody is reminded of one. ``duty_file``: who is told of alerts, and their rota
    (``notify.duty``).
    """

    state: str = "state"
    keys: str = "keys"
    database_url: str = ""
    gateway: GatewayName = ""
    duty_file: str = ""
    mqtt: MqttConfig = MqttConfig()
    web: WebConfig = WebConfig()
    broker: BrokerConfig = BrokerConfig()
    enrolment: EnrolmentConfig | None = None
    updates: UpdatesConfig | None = None
    clock: ClockConfig = ClockConfig()
    delivery: DeliveryConfig = DeliveryConfig()
    report: ReportConfig = ReportConfig()
    series: SeriesConfig | None = None
    backup: BackupConfig | None = None
    home_assistant: others.HomeAssistantConfig | None = None
    metrics: others.MetricsConfig | None = None
    webhooks: others.WebhooksConfig = others.WebhooksConfig()
    map: MapConfig = MapConfig()
    sites: Annotated[list[SiteConfig], Meta(min_length=1)]

    def site(self, name: str) -> SiteConfig:
        """The site called ``name``; raises ConfigError."""
        for site in self.sites:
            if site.site == name:
                return site
        names = ", ".join(site.site for site in self.sites)
        raise ConfigError(f"no site is called {name!r}; there are: {names}")


def load(path: Path) -> GatewayConfig:
    """The checked file at ``path``, with absolute paths; raises ConfigError, one line."""
    config = load_toml(path, GatewayConfig)
    unique(path, "site", (site.site for site in config.sites))
    _check_proxies(path, config.web)
    for site in config.sites:
        check_site(path, site)
    try:
        names = {site.site for site in config.sites}
        others.check(config.home_assistant, config.metrics, config.webhooks, names)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    base = path.absolute().parent
    state = base / config.state
    clock = config.clock
    series = config.series
    delivery = config.delivery
    metrics = config.metrics
    if delivery.kind == "apprise" and not delivery.urls_file:
        raise ConfigError(f"{path}: delivery.urls_file is missing: it holds the addresses of mail and SMS")
    return replace(
        config,
        state=str(state),
        keys=str(base / config.keys),
        duty_file=str(base / config.duty_file) if config.duty_file else "",
        database_url=_database_url(config.database_url, base) or f"sqlite:///{state / 'gateway.db'}",
        broker=config.broker.located(base, state),
        clock=replace(clock, socket=str(base / clock.socket)) if clock.socket else clock,
        delivery=replace(delivery, urls_file=str(base / delivery.urls_file))
        if delivery.urls_file
        else delivery,
        series=replace(series, token_file=str(base / series.token_file))
        if series and series.token_file
        else series,
        backup=config.backup.located(base) if config.backup else None,
        metrics=replace(metrics, token_file=str(base / metrics.token_file))
        if metrics and metrics.token_file
        else metrics,
        map=replace(config.map, outline=str(base / config.map.outline)) if config.map.outline else config.map,
        sites=[with_paths(site, base) for site in config.sites],
        web=replace(config.web, oidc=config.web.oidc.located(base)) if config.web.oidc else config.web,
    )


def _check_proxies(path: Path, web: WebConfig) -> None:
    for proxy in web.trusted_proxies:
        try:
            ip_network(proxy)
        except ValueError as error:
            raise ConfigError(f"{path}: web.trusted_proxies: {error}") from error


def _database_url(url: str, base: Path) -> str:
    head, separator, path = url.partition("sqlite:///")
    return f"sqlite:///{base / path}" if separator and not head and path else url
