"""Bytes to messages and back. Nothing leaves this module undecoded."""

from typing import Any, Final

import msgspec

from .agent_messages import Availability, Birth, EventsBatch, Response, SamplesBatch
from .envelope import Signer, TrustedKeys
from .errors import DecodeError
from .gateway_messages import Announcement, Command, Config, GrantsManifest, GrantsPage, Receipt, RoomState
from .topics import TABLE, Channel, Topic

MAX_PAYLOAD: Final = 65_536
"""Bytes of one MQTT payload, envelope included."""

AgentMessage = Availability | Birth | EventsBatch | SamplesBatch | Response
GatewayMessage = Announcement | Receipt | GrantsManifest | GrantsPage | Command | Config | RoomState

_encoder: Final = msgspec.json.Encoder()
_decoders: Final[dict[Channel, msgspec.json.Decoder[Any]]] = {
    channel: msgspec.json.Decoder(row.message) for channel, row in TABLE.items()
}


def _decode(topic: Topic, body: bytes) -> Any:
    if len(body) > MAX_PAYLOAD:
        raise DecodeError(str(topic), f"{len(body)} bytes, {MAX_PAYLOAD} allowed")
    try:
        return _decoders[topic.channel].decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(str(topic), str(error)) from error


def encode(message: AgentMessage | GatewayMessage) -> bytes:
    """JSON body of a message."""
    return _encoder.encode(message)


def decode_agent(topic: Topic, payload: bytes) -> AgentMessage:
    """An agent's message; raises DecodeError that names the field."""
    if topic.row.signed:
        raise DecodeError(str(topic), "only a gateway speaks on this channel")
    message: AgentMessage = _decode(topic, payload)
    return message


def decode_gateway_body(topic: Topic, body: bytes) -> GatewayMessage:
    """A gateway's message whose signature the caller has already proved."""
    if not topic.row.signed:
        raise DecodeError(str(topic), "only an agent speaks on this channel")
    message: GatewayMessage = _decode(topic, body)
    return message


def open_gateway(topic: Topic, payload: bytes, keys: TrustedKeys) -> GatewayMessage:
    """A gateway's message: signature first, then size and type. Raises EnvelopeError or DecodeError."""
    if len(payload) > MAX_PAYLOAD:
        raise DecodeError(str(topic), f"{len(payload)} bytes, {MAX_PAYLOAD} allowed")
    return decode_gateway_body(topic, keys.open(str(topic), payload))


def seal_gateway(topic: Topic, message: GatewayMessage, signer: Signer) -> bytes:
    """The signed envelope of ``message`` for ``topic``; raises ValueError if it is too large to send."""
    payload = signer.seal(str(topic), encode(message))
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"{topic}: {len(payload)} bytes, {MAX_PAYLOAD} allowed")
    return payload
