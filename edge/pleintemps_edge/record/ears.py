"""What is said on the lines to the two brokers, as lines of a recording."""

from collections.abc import Callable
from typing import Protocol

from pleintemps_contract import recording
from pleintemps_contract.agent_messages import EventsBatch, SamplesBatch
from pleintemps_contract.cores import Delivered
from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.recording import Entry
from pleintemps_contract.topics import Topic
from pleintemps_contract.wire import decode_agent

from .veil import Veil
from .words import gateway_words, lock_words

Now = Callable[[], int]
Put = Callable[[Entry], None]


class Takes(Protocol):
    """Who takes the agent's batches. ``keys`` may sign for the gateway now."""

    @property
    def keys(self) -> TrustedKeys: ...

    @property
    def boot(self) -> str: ...

    def events(self, batch: EventsBatch) -> None: ...

    def samples(self, batch: SamplesBatch) -> None: ...


class SiteEar:
    """On the line to the site's broker."""

    def __init__(self, now: Now, put: Put, takes: Takes, veil: Veil) -> None:
        self._now = now
        self._put = put
        self._takes = takes
        self._veil = veil

    def line(self, up: bool) -> None:
        self._put(recording.Line(t=self._now(), broker="site", up=up))

    def heard(self, message: Delivered) -> None:
        found = gateway_words(
            self._now(),
            message.topic,
            message.payload,
            message.retained,
            self._takes.keys,
            self._takes.boot,
            self._veil,
        )
        if found is not None:
            self._put(found)

    def said(self, topic: str, payload: bytes) -> None:
        message = decode_agent(Topic.parse(topic), payload)
        if isinstance(message, EventsBatch):
            self._takes.events(message)
        elif isinstance(message, SamplesBatch):
            self._takes.samples(message)


class BuildingEar:
    """On the line to the building's own broker."""

    def __init__(self, now: Now, put: Put) -> None:
        self._now = now
        self._put = put

    def line(self, up: bool) -> None:
        self._put(recording.Line(t=self._now(), broker="building", up=up))

    def heard(self, message: Delivered) -> None:
        self._tell(True, message.topic, message.payload, message.retained)

    def said(self, topic: str, payload: bytes) -> None:
        self._tell(False, topic, payload, False)

    def _tell(self, to: bool, topic: str, payload: bytes, retained: bool) -> None:
        words = lock_words(payload)
        if words is not None:
            at = self._now()
            self._put(recording.Building(t=at, to=to, topic=topic, payload=words, retained=retained))
