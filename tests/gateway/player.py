"""A test that plays an agent: a real MQTT client, everything it hears proved and kept."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from pleintemps_contract.agent_messages import (
    AccessRefused,
    Birth,
    ClockSource,
    EventRecord,
    EventsBatch,
    RefusalReason,
)
from pleintemps_contract.gateway_messages import GrantsManifest, GrantsPage, Receipt
from pleintemps_contract.keyfiles import AgentKeys
from pleintemps_contract.topics import Channel, Topic, agent_reads
from pleintemps_contract.wire import AgentMessage, GatewayMessage, encode, open_gateway

T = TypeVar("T")
BOOT = "b" * 32
JOURNAL = "a" * 32
DEADLINE_S = 15.0


def record(seq: int, at: int = 1_795_400_000_000) -> EventRecord:
    event = AccessRefused(door="hall", reason=RefusalReason.UNKNOWN)
    return EventRecord(seq=seq, at=at + seq, trusted=True, monotonic=seq, boot=BOOT, event=event)


def batch(start: int, end: int, *, first: int = 1, journal: str = JOURNAL) -> EventsBatch:
    """Records ``start`` to ``end`` of a journal that still holds ``first``."""
    return EventsBatch(journal=journal, first=first, records=[record(seq) for seq in range(start, end + 1)])


def birth(**changes: Any) -> Birth:
    values: dict[str, Any] = {
        "boot": BOOT,
        "version": "0.1.0",
        "at": 1_795_400_000_000,
        "clock": ClockSource.NTP,
        "clock_trusted": True,
        "nonce": "c" * 32,
        "devices": [],
        "doors": [],
        "series": [],
        "journals": [],
    }
    return Birth(**(values | changes))


class Player:
    """One agent on the wire. ``wait`` returns what a question about all heard messages yields."""

    def __init__(
        self, keys: AgentKeys, port: int, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> None:
        self.keys = keys
        self.heard: list[tuple[Topic, GatewayMessage]] = []
        self.cleared: set[str] = set()
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        client = Client(CallbackAPIVersion.VERSION2, client_id=f"player-{keys.agent}")
        client.on_message = self._on_message
        client.on_subscribe = lambda *_: self._subscribed.set()
        if tls is not None:
            client.tls_set_context(tls)
        client.connect(host, port)
        client.loop_start()
        client.subscribe([(topic, 1) for topic in agent_reads(keys.site, keys.agent)])
        self._client = client
        assert self._subscribed.wait(DEADLINE_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        topic = Topic.parse(message.topic)
        with self._changed:
            if message.payload:
                opened = open_gateway(topic, bytes(message.payload), self.keys.trusted)
                self.heard.append((topic, opened))
            else:
                self.cleared.add(topic.tail)
            self._changed.notify_all()

    def say(self, channel: Channel, message: AgentMessage | bytes, *, retain: bool = False) -> None:
        payload = message if isinstance(message, bytes) else encode(message)
        topic = Topic.of_agent(self.keys.site, self.keys.agent, channel)
        self._client.publish(str(topic), payload, qos=1, retain=retain).wait_for_publish(DEADLINE_S)

    def wait(self, question: Callable[[], T | None]) -> T:
        deadline = time.monotonic() + DEADLINE_S
        with self._changed:
            while (answer := question()) is None:
                left = deadline - time.monotonic()
                assert left > 0, f"not heard; heard were {[type(message) for _, message in self.heard][-10:]}"
                self._changed.wait(left)
        return answer

    def messages(self, kind: type[T]) -> list[T]:
        return [message for _, message in self.heard if isinstance(message, kind)]

    def receipt(self, through: int, journal: str = JOURNAL) -> Receipt:
        """Wait for the receipt of exactly ``through``."""
        wanted = (journal, through)
        return self.wait(
            lambda: next((r for r in self.messages(Receipt) if (r.journal, r.through) == wanted), None)
        )

    def grants(self, count: int) -> GrantsManifest:
        """Wait for a manifest whose pages are all there and hold ``count`` grants."""

        def complete() -> GrantsManifest | None:
            manifests = self.messages(GrantsManifest)
            pages = {topic.tail: m for topic, m in self.heard if isinstance(m, GrantsPage)}
            for manifest in reversed(manifests):
                if all(digest in pages for digest in manifest.pages):
                    if sum(len(pages[digest].grants) for digest in manifest.pages) == count:
                        return manifest
                    return None
            return None

        return self.wait(complete)


@contextmanager
def playing(
    keys: AgentKeys, port: int, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[Player]:
    player = Player(keys, port, tls, host)
    try:
        yield player
    finally:
        player.close()
