"""What arrives: messages opened, and the rows of what they hold."""

from typing import Any, NamedTuple

import msgspec

from pleintemps_contract.agent_messages import EventRecord, SamplesBatch
from pleintemps_contract.errors import ContractError, DecodeError
from pleintemps_contract.topics import Topic
from pleintemps_contract.wire import AgentMessage, decode_agent

from .clean import clean
from .refusals import reason_of


class Incoming(NamedTuple):
    """A message as the broker gave it."""

    topic: Topic
    payload: bytes
    retained: bool


def opened(message: Incoming) -> tuple[AgentMessage, int] | str:
    """What a message says and how many of its texts were cleaned, or why it is refused."""
    if message.retained and not message.topic.row.retained:
        return "retained"
    try:
        body = decode_agent(message.topic, message.payload)
    except DecodeError as error:
        return reason_of(error.reason)
    except ContractError as error:
        return reason_of(str(error))
    if isinstance(body, SamplesBatch):  # the many, which hold no text
        return body, 0
    return clean(body, message.payload)


def event_row(site: str, agent: str, journal: str, record: EventRecord, now: int) -> dict[str, Any]:
    """A row of ``events``, received at ``now``."""
    event = record.event
    return {
        "site": site,
        "journal": journal,
        "seq": record.seq,
        "agent": agent,
        "boot": record.boot,
        "at": record.at,
        "trusted": record.trusted,
        "monotonic": record.monotonic,
        "received": now,
        "type": type(event).__struct_config__.tag,
        "door": getattr(event, "door", None),
        "body": msgspec.json.encode(event).decode(),
    }


def batch_row(site: str, agent: str, batch: SamplesBatch, readings: int, payload: bytes) -> dict[str, Any]:
    """A row of ``sample_batches``."""
    return {
        "site": site,
        "journal": batch.journal,
        "seq": batch.seq,
        "agent": agent,
        "base": batch.base,
        "readings": readings,
        "body": payload,
    }
