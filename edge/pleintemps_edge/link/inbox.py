"""What comes in from the network: believed only when it is ours, signed for its topic, and of the reigning
epoch.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec

from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.errors import DecodeError, EnvelopeError, IdentifierError, TopicError
from pleintemps_contract.gateway_messages import GrantsPage
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.units import Epoch, Revision
from pleintemps_contract.wire import MAX_PAYLOAD, GatewayMessage, decode_gateway_body
from pleintemps_edge.access.grants import page_digest


class Reason(StrEnum):
    """Why a message is refused, beside the faults of an envelope."""

    TOPIC = "foreign-topic"
    RETAINED = "retained"
    TOO_LARGE = "too-large"
    UNDECODABLE = "undecodable"
    DIGEST = "wrong-digest"
    OLD_EPOCH = "old-epoch"
    OLD_REVISION = "old-revision"
    FOREIGN_JOURNAL = "foreign-journal"
    BEYOND_JOURNAL = "beyond-journal"
    BEYOND_SENT = "beyond-sent"
    FOREIGN_BOOT = "foreign-boot"
    REPEATED = "repeated"
    KEYS = "keys"


@dataclass(frozen=True, slots=True)
class Opened:
    """A proved message, the exact bytes of its body and the id of the key that signed it. ``fault`` is set
    if it must not be followed all the same.
    """

    topic: Topic
    message: GatewayMessage
    body: bytes
    signer: str
    fault: Reason | None = None


class _Version(msgspec.Struct, frozen=True, kw_only=True):
    """What every body carries, and what an answer to it has to name."""

    epoch: Epoch
    revision: Revision


@dataclass(frozen=True, slots=True)
class Refused:
    """``channel`` and ``reason`` for the record; nothing else of the message is kept.

    ``version`` is that of a message that the gateway of this reign has signed but that does not decode,
    ``detail`` says where it fails: the gateway hears of it where the channel has an answer.
    """

    channel: str
    reason: str
    version: tuple[int, int] | None = None
    detail: str = ""


# an agent hears of few topics, and of them all the time
_parse: Final = lru_cache(maxsize=256)(Topic.parse)
_version: Final = msgspec.json.Decoder(_Version)


@dataclass(slots=True)
class Inbox:
    """The gate of one agent. ``epoch`` is the highest that was seen; it only rises."""

    site: str
    agent: str
    keys: TrustedKeys
    epoch: int = 0

    def open(self, text: str, payload: bytes, retained: bool) -> Opened | Refused | None:
        """Judge a message; None for the empty payload that clears a retained one."""
        try:
            topic = _parse(text)
        except (TopicError, IdentifierError):
            return Refused("unknown", Reason.TOPIC)
        channel = topic.channel.value
        if topic.site != self.site or topic.agent not in ("", self.agent) or not topic.row.signed:
            return Refused(channel, Reason.TOPIC)
        if not payload:
            return None
        if len(payload) > MAX_PAYLOAD:
            return Refused(channel, Reason.TOO_LARGE)
        try:
            signer, body = self.keys.prove(text, payload)
        except EnvelopeError as error:
            return Refused(channel, error.reason)
        try:
            message = decode_gateway_body(topic, body)
        except DecodeError as error:
            version = self._version_of(body)
            return Refused(channel, Reason.UNDECODABLE, version, error.reason[:200] if version else "")
        if topic.channel is Channel.PAGE and page_digest(body) != topic.tail:
            return Refused(channel, Reason.DIGEST)
        if retained and not topic.row.retained:
            return Opened(topic, message, body, signer, Reason.RETAINED)
        # an unchanged page keeps its epoch: what vouches for it is the manifest that names its digest
        if not isinstance(message, GrantsPage):
            if message.epoch < self.epoch:
                return Opened(topic, message, body, signer, Reason.OLD_EPOCH)
            self.epoch = message.epoch
        return Opened(topic, message, body, signer)

    def _version_of(self, body: bytes) -> tuple[int, int] | None:
        try:
            version = _version.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return (version.epoch, version.revision) if version.epoch >= self.epoch else None
