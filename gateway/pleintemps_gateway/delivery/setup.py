"""The channels that a configuration asks for."""

from pathlib import Path

from pleintemps_contract.world import World
from pleintemps_gateway.config import GatewayConfig

from .channels import Channel, Spool


def channels_of(config: GatewayConfig, world: World) -> dict[str, Channel]:
    """By their names in ``deliveries``; raises ConfigError where the file of addresses cannot be used."""
    if config.delivery.kind == "spool":
        return {"spool": Spool(Path(config.state) / "outbox")}
    if config.delivery.kind == "none":
        return {}
    from .apprise_channel import AppriseChannel, read_urls

    urls = read_urls(config)
    addresses = {"mail": urls.mail, "sms": urls.sms}
    return {name: AppriseChannel(name, addresses[name], config, world) for name in config.delivery.channels}
