"""Who is told of a release: the source itself, or a webhook of ours."""

import hashlib
import hmac
import json
from typing import Final

from .base import Release, SourceConfig, Telling
from .registry import build
from .secret import read_secret
from .web import Browser, exchange

SIGNATURE: Final = "X-Plein-Temps-Signature-256"
_TAKEN: Final = frozenset({200, 201, 202, 204})


def teller_of(config: SourceConfig, zone: str) -> Telling | None:
    """What is told of releases of a feed at a site in the IANA zone ``zone``; None if nothing is."""
    if config.released_url:
        return Webhook(config)
    source: object = build(config, zone) if config.tell_releases else None
    return source if isinstance(source, Telling) else None


class Webhook:
    """A JSON object posted to ``released_url``; its raw bytes are signed with HMAC-SHA256, in hexadecimal."""

    def __init__(self, config: SourceConfig) -> None:
        self._config = config

    def released(self, release: Release) -> None:
        event = "booking.restored" if release.why == "restored" else "booking.released"
        message = {"event": event, "feed": self._config.feed, **release._asdict()}
        body = json.dumps(message, separators=(",", ":")).encode()
        key = read_secret(self._config.released_secret_file).encode()
        headers = {
            "Content-Type": "application/json",
            SIGNATURE: hmac.new(key, body, hashlib.sha256).hexdigest(),
        }
        url = self._config.released_url

        async def work(browser: Browser) -> None:
            await browser.ask("POST", url, headers=headers, content=body, good=_TAKEN)

        exchange(url, work)
