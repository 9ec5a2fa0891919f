"""The tables of the TOML file about other people's tools."""

from ipaddress import ip_network
from typing import Annotated

from msgspec import Meta, Struct

from pleintemps_contract.errors import ConfigError
from pleintemps_contract.identifiers import Slug

_Networks = Annotated[tuple[str, ...], Meta(max_length=32)]


class HomeAssistantConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Spaces and agents as devices of Home Assistant, over the same broker.

    ``prefix`` is Home Assistant's discovery prefix. Only at ``control_sites`` may it lock and unlock doors.
    """

    prefix: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,40}\Z")] = "homeassistant"
    control_sites: tuple[Slug, ...] = ()


class MetricsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``/metrics`` for Prometheus: who asks comes from one of ``addresses`` (all if empty) and has the token
    of ``token_file`` (readable by its owner only; none if empty)."""

    token_file: str = ""
    addresses: _Networks = ()


class WebhooksConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Networks of one's own to which webhooks may lead; without these only the public Internet, by https."""

    private_networks: _Networks = ()


def check(
    ha: HomeAssistantConfig | None, metrics: MetricsConfig | None, hooks: WebhooksConfig, sites: set[str]
) -> None:
    """Raises ConfigError that names the key."""
    for site in ha.control_sites if ha else ():
        if site not in sites:
            raise ConfigError(f"home_assistant.control_sites: no site is called {site!r}")
    if metrics is not None:
        if not metrics.token_file and not metrics.addresses:
            raise ConfigError("metrics: token_file or addresses says who may read them; one is needed")
        _check_networks("metrics.addresses", metrics.addresses)
    _check_networks("webhooks.private_networks", hooks.private_networks)


def _check_networks(key: str, networks: tuple[str, ...]) -> None:
    for network in networks:
        try:
            ip_network(network)
        except ValueError as error:
            raise ConfigError(f"{key}: {error}") from error
