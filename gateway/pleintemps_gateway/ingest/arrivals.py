"""What arrives: messages opened, and the rows of what they hold."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from pleintemps_contract.agent_messages import EventRecord, SamplesBatch
from pleintemps_contract.errors import ContractError, DecodeError
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import AgentMessage, decode_agent
from pleintemps_gateway.store.answer import Answer

from .clean import clean
from .refusals import reason_of

Opened = tuple[AgentMessage, int] | str
"""What a message says and how many of its texts were cleaned, or why it is refused."""
SMALL: Final = 4_096
"""Bytes of a batch that may wait for the writer as objects, which take many times as much memory."""


class Incoming(NamedTuple):
    """A message as the broker gave it."""

    topic: Topic
    payload: bytes
    retained: bool
    found: Opened | None = None

    def ahead(self) -> "Incoming":
        """A small batch is opened while the writer commits the group before, the rest when its turn comes."""
        if self.topic.channel is not Channel.SAMPLES or not 0 < len(self.payload) <= SMALL:
            return self
        return Incoming(self.topic, self.payload, self.retained, opened(self))

    @property
    def is_patient(self) -> bool:
        """Whether its sender waits for no receipt to send more: a batch with older ones before it that have
        none is of a backlog."""
        if self.found is None or isinstance(self.found, str):
            return False
        body = self.found[0]
        return isinstance(body, SamplesBatch) and body.first == body.seq


class Taking(Answer):
    """Of a message: one that the store does not take alone is ``let_go``, and then acknowledged."""

    __slots__ = ("_let_go", "_topic")

    def __init__(self, topic: str, let_go: Callable[[str, BaseException], bool]) -> None:
        super().__init__()
        self._topic = topic
        self._let_go = let_go

    def set_exception(self, error: BaseException) -> None:
        super()._finish(None if self._let_go(self._topic, error) else error)


def opened(message: Incoming) -> Opened:
    """What a message says, opened now if it was not before."""
    if message.found is not None:
        return message.found
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
