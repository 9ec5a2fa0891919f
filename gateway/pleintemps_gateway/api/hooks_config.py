"""Which feeds take webhooks, and whether one is signed."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pleintemps_gateway.bookings.sources.calcom import CalcomConfig, is_signed
from pleintemps_gateway.bookings.sources.secret import read_secret
from pleintemps_gateway.config import GatewayConfig, SiteConfig


class Hook(NamedTuple):
    """A feed that takes webhooks."""

    site: SiteConfig
    feed: str
    secret_file: Path


class Hooks:
    """The hooks of a configuration, by (site, feed)."""

    def __init__(self, config: GatewayConfig) -> None:
        self._hooks: Mapping[tuple[str, str], Hook] = {
            (site.site, feed.feed): Hook(site, feed.feed, Path(feed.secret_file))
            for site in config.sites
            for feed in site.sources
            if isinstance(feed, CalcomConfig) and feed.secret_file
        }

    def find(self, site: str, feed: str) -> Hook | None:
        return self._hooks.get((site, feed))

    def is_signed(self, hook: Hook | None, body: bytes, signature: str) -> bool:
        """Whether ``hook`` is there and ``body`` signed with its secret; both take the same time.

        Raises FeedError if the secret cannot be read.
        """
        asked = hook or next(iter(self._hooks.values()), None)
        if asked is None:
            return False
        signed = is_signed(read_secret(str(asked.secret_file)), body, signature)
        return signed and hook is not None
