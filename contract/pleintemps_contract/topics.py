"""One table from topic to message type.

``pleintemps/v1/<site>/<agent>/<channel>``, ``pleintemps/v1/<site>/gateway`` and
``pleintemps/v1/<site>/state/<space>``; a channel may hold slashes (``grants/page/<digest>``).
"""

import re
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

from . import agent_messages as agent
from . import gateway_messages as gateway
from .errors import TopicError
from .identifiers import slug, unreserved_slug

PREFIX: Final = "pleintemps/v1"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Channel(StrEnum):
    AVAILABILITY = "availability"
    BIRTH = "birth"
    EVENTS = "events"
    SAMPLES = "samples"
    RESPONSE = "response"
    RECEIPT = "receipt"
    MANIFEST = "grants/manifest"
    PAGE = "grants/page"
    COMMAND = "command"
    CONFIG = "config"
    ANNOUNCEMENT = "gateway"
    STATE = "state"


class Row(NamedTuple):
    """``signed`` marks what a gateway says; a ``retained`` message outlives its sender's connection."""

    message: Any
    signed: bool
    retained: bool


TABLE: Final[dict[Channel, Row]] = {
    Channel.AVAILABILITY: Row(agent.Availability, signed=False, retained=True),
    Channel.BIRTH: Row(agent.Birth, signed=False, retained=True),
    Channel.EVENTS: Row(agent.EventsBatch, signed=False, retained=False),
    Channel.SAMPLES: Row(agent.SamplesBatch, signed=False, retained=False),
    Channel.RESPONSE: Row(agent.Response, signed=False, retained=False),
    Channel.RECEIPT: Row(gateway.Receipt, signed=True, retained=False),
    Channel.MANIFEST: Row(gateway.GrantsManifest, signed=True, retained=True),
    Channel.PAGE: Row(gateway.GrantsPage, signed=True, retained=True),
    Channel.COMMAND: Row(gateway.Command, signed=True, retained=False),
    Channel.CONFIG: Row(gateway.Config, signed=True, retained=True),
    Channel.ANNOUNCEMENT: Row(gateway.Announcement, signed=True, retained=True),
    Channel.STATE: Row(gateway.RoomState, signed=True, retained=True),
}

_AGENT_CHANNELS: Final = frozenset(TABLE) - {Channel.ANNOUNCEMENT, Channel.STATE, Channel.PAGE}


class Topic(NamedTuple):
    """A topic taken apart; ``agent`` is empty for the site's own, ``tail`` is a page's digest or a space."""

    site: str
    agent: str
    channel: Channel
    tail: str = ""

    @property
    def row(self) -> Row:
        return TABLE[self.channel]

    def __str__(self) -> str:
        if self.channel is Channel.ANNOUNCEMENT:
            return f"{PREFIX}/{self.site}/gateway"
        if self.channel is Channel.STATE:
            return f"{PREFIX}/{self.site}/state/{self.tail}"
        tail = f"/{self.tail}" if self.tail else ""
        return f"{PREFIX}/{self.site}/{self.agent}/{self.channel.value}{tail}"

    @classmethod
    def of_agent(cls, site: str, agent: str, channel: Channel, digest: str = "") -> Self:
        """Topic of one agent's channel; ``digest`` for a page. Raises IdentifierError or TopicError."""
        return cls.parse(str(cls(unreserved_slug(site), unreserved_slug(agent), channel, digest)))

    @classmethod
    def announcement(cls, site: str) -> Self:
        return cls(unreserved_slug(site), "", Channel.ANNOUNCEMENT)

    @classmethod
    def state(cls, site: str, space: str) -> Self:
        return cls(unreserved_slug(site), "", Channel.STATE, slug(space))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take a topic apart; raises TopicError outside the table, IdentifierError for a bad name."""
        head, _, rest = text.partition(PREFIX + "/")
        if head or not rest:
            raise TopicError(f"{text[:120]!r} is not below {PREFIX}/")
        site, _, rest = rest.partition("/")
        unreserved_slug(site)
        if rest == "gateway":
            return cls(site, "", Channel.ANNOUNCEMENT)
        who, _, channel = rest.partition("/")
        if who == "state":
            return cls(site, "", Channel.STATE, slug(channel))
        unreserved_slug(who)
        if channel.startswith("grants/page/"):
            digest = channel.removeprefix("grants/page/")
            if not _DIGEST.fullmatch(digest):
                raise TopicError(f"{text[:120]!r}: a page is named by 64 hexadecimal digits")
            return cls(site, who, Channel.PAGE, digest)
        if channel in _AGENT_CHANNELS:
            return cls(site, who, Channel(channel))
        raise TopicError(f"{text[:120]!r}: no such channel")


def agent_reads(site: str, agent: str) -> list[str]:
    """Subscriptions of one agent, nothing more."""
    own = f"{PREFIX}/{site}/{agent}"
    return [
        f"{own}/receipt",
        f"{own}/grants/#",
        f"{own}/command",
        f"{own}/config",
        f"{PREFIX}/{site}/gateway",
    ]


def gateway_reads(site: str) -> list[str]:
    """Subscriptions of the gateway that rules one site."""
    channels = (Channel.AVAILABILITY, Channel.BIRTH, Channel.EVENTS, Channel.SAMPLES, Channel.RESPONSE)
    return [f"{PREFIX}/{site}/+/{channel.value}" for channel in channels]
