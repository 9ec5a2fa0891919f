"""What of messages and of a configuration may stand in a recording. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from pleintemps_contract.agent_messages import EventRecord, SamplesBatch
from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.errors import DecodeError, EnvelopeError, IdentifierError, TopicError
from pleintemps_contract.gateway_messages import Command, Config, Receipt
from pleintemps_contract.recording import Entry, Ordered, Receipted, Strange, Timings
from pleintemps_contract.topics import Topic
from pleintemps_contract.wire import decode_gateway_body
from pleintemps_edge.config import EdgeConfig

from .veil import Veil

_KEPT: Final = frozenset(
    [
        "state",
        "lock_state",
        "action",
        "battery_low",
        "battery",
        "id",
        "src",
        "dst",
        "method",
        "params",
        "result",
        "error",
        "code",
        "ts",
        "output",
        "errors",
        "initial_state",
        "auto_on",
        "was_on",
        "restart_required",
    ]
)
"""What drivers of locks read. Names, users and codes are not among it."""
_SWITCH: Final = re.compile(r"switch:\d\Z")
_WORD: Final = re.compile(r"[A-Za-z0-9_.:+/ -]{0,60}\Z")
_SECRET: Final = ("keys", "state")
_NOT_OURS: Final = re.compile(r"(password|secret|key|token|pin_code|user)", re.IGNORECASE)


def config_of(config: EdgeConfig) -> dict[str, Any]:
    """A configuration without where its keys are, without users and passwords."""
    table: dict[str, Any] = msgspec.to_builtins(config)
    for name in _SECRET:
        table.pop(name)
    table["mqtt"] = {}
    if table.get("building") is not None:
        table["building"] = {"url": "mqtt://127.0.0.1"}
    table["devices"] = [
        {key: value for key, value in device.items() if not _NOT_OURS.search(key)}
        for device in table["devices"]
    ]
    return {name: value for name, value in table.items() if value is not None}


def event_of(record: EventRecord, veil: Veil) -> EventRecord:
    """A record with other identifiers of grants and commands."""
    event = msgspec.to_builtins(record)
    inner = event["event"]
    for name in ("grant", "reference", "command"):
        if isinstance(inner.get(name), str):
            inner[name] = veil.identifier(inner[name])
    event["boot"] = veil.identifier(record.boot)
    return msgspec.convert(event, EventRecord)


def samples_of(batch: SamplesBatch, veil: Veil) -> SamplesBatch:
    """A batch with another boot and journal."""
    return msgspec.structs.replace(
        batch, boot=veil.identifier(batch.boot), journal=veil.identifier(batch.journal)
    )


def lock_words(payload: bytes) -> str | None:
    """What a lock or the agent says over the building's broker; None if nothing of it may be kept."""
    try:
        value = msgspec.json.decode(payload) if payload[:1] in b"{[" else payload.decode("ascii")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(value, str):
        return value if _WORD.match(value) else None
    return msgspec.json.encode(_kept(value)).decode()


def _kept(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: _kept(inner)
            for name, inner in value.items()
            if name in _KEPT or (isinstance(name, str) and _SWITCH.match(name))
        }
    if isinstance(value, list):
        return [_kept(inner) for inner in value]
    if isinstance(value, str):
        return value if _WORD.match(value) else ""
    return value


def gateway_words(
    at: int, topic: str, payload: bytes, retained: bool, keys: TrustedKeys, boot: str, veil: Veil
) -> Entry | None:
    """What the agent makes of a message at ``at``; None for one that nothing needs to be known of."""
    try:
        parsed = Topic.parse(topic)
        message = decode_gateway_body(parsed, keys.prove(topic, payload)[1]) if payload else None
    except (TopicError, IdentifierError):
        return Strange(t=at, channel="unknown", why="foreign-topic")
    except EnvelopeError as error:
        return Strange(t=at, channel=parsed.channel.value, why=error.reason)
    except DecodeError:
        return Strange(t=at, channel=parsed.channel.value, why="undecodable")
    if isinstance(message, Receipt):
        now = message.time.now if message.time is not None else None
        return Receipted(t=at, stream=message.stream, now=now)
    if isinstance(message, Config):
        return Timings(t=at, epoch=message.epoch, revision=message.revision, doors=message.doors)
    if isinstance(message, Command):
        return Ordered(
            t=at,
            id=veil.identifier(message.id),
            door=message.door,
            action=message.action,
            issued=message.issued,
            expires=message.expires,
            counter=message.counter,
            epoch=message.epoch,
            own=message.boot == boot,
            retained=retained,
        )
    return None
