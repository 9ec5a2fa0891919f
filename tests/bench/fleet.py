"""Light agents that load a consumer: births, then batches of samples in a window, until all are receipted.

The same fleet loads the gateway and the bare consumer, so that both do the same work on the same bytes.
"""

import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from pleintemps_contract import agent_messages as a
from pleintemps_contract.gateway_messages import Receipt
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_contract.wire import encode
from pleintemps_contract.world import SystemWorld

READINGS = 48  # in a batch: three series of sixteen
_receipt = msgspec.json.Decoder(Receipt)


def names(count: int) -> list[str]:
    return [f"agent-{number}" for number in range(count)]


def _series(agent: str) -> list[a.SeriesInfo]:
    kinds = (("meter", Quantity.LEVEL, SeriesKind.LEVEL), ("pir", Quantity.MOTION, SeriesKind.STATE))
    radar = ("radar", Quantity.RADAR, SeriesKind.STATE)
    return [
        a.SeriesInfo(series=name, device=name, space=agent, quantity=quantity, kind=kind, max_silence_s=90)
        for name, quantity, kind in (*kinds, radar)
    ]


@dataclass
class Agent:
    """One journal: what it has sent, and how far that is receipted."""

    site: str
    name: str
    journal: str
    boot: str
    batches: list[bytes] = field(default_factory=list)
    sent: int = 0
    through: int = 0

    @property
    def topic(self) -> str:
        return str(Topic.of_agent(self.site, self.name, Channel.SAMPLES))


class Fleet:
    """Agents on one MQTT connection; ``run`` returns the seconds from the first batch to the last receipt."""

    def __init__(self, port: int, site: str, agents: int, batches: int, window: int = 32) -> None:
        self._world = SystemWorld()
        self._window = window
        self._done = threading.Event()
        self._lock = threading.Lock()
        start = self._world.now() - batches * 16_000
        self.agents = {
            name: Agent(site, name, self._world.new_id(), self._world.new_id()) for name in names(agents)
        }
        for agent in self.agents.values():
            agent.batches = [self._batch(agent, seq, start + seq * 16_000) for seq in range(1, batches + 1)]
        self.readings = agents * batches * READINGS
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"fleet-{self._world.new_id()}")
        self._client.max_inflight_messages_set(1_000)
        self._client.max_queued_messages_set(0)
        self._client.on_message = self._on_message
        self._client.on_socket_open = no_delay
        self._client.connect("127.0.0.1", port)
        self.heard_announcement = False
        self._client.subscribe([(f"pleintemps/v1/{site}/+/receipt", 1), (f"pleintemps/v1/{site}/gateway", 1)])
        self._client.loop_start()

    def _batch(self, agent: Agent, seq: int, base: int) -> bytes:
        times = [index * 1_000 for index in range(READINGS // 3)]
        return encode(
            a.SamplesBatch(
                journal=agent.journal,
                first=1,
                seq=seq,
                boot=agent.boot,
                base=base,
                trusted=True,
                series={
                    "meter": a.Column(
                        dt=times, value=[50 + (seq + index) % 20 / 10 for index in range(len(times))]
                    ),
                    "pir": a.Column(
                        dt=times, value=[float((seq + index) % 2) for index in range(len(times))]
                    ),
                    "radar": a.Column(
                        dt=times, value=[float((seq + index) % 4) for index in range(len(times))]
                    ),
                },
            )
        )

    def births(self) -> None:
        for agent in self.agents.values():
            birth = a.Birth(
                boot=agent.boot,
                version="bench",
                at=self._world.now(),
                clock=a.ClockSource.NTP,
                clock_trusted=True,
                nonce=self._world.new_id(),
                devices=[],
                doors=[],
                series=_series(agent.name),
                journals=[
                    a.JournalPosition(
                        journal=agent.journal, stream=a.Stream.SAMPLES, first=1, next=len(agent.batches) + 1
                    )
                ],
            )
            topic = str(Topic.of_agent(agent.site, agent.name, Channel.BIRTH))
            self._client.publish(topic, encode(birth), qos=1, retain=True).wait_for_publish(10)

    def run(self, deadline_s: float = 300) -> float:
        start = time.perf_counter()
        with self._lock:
            for agent in self.agents.values():
                self._fill(agent)
        if not self._done.wait(deadline_s):
            behind = sum(len(agent.batches) - agent.through for agent in self.agents.values())
            raise TimeoutError(f"{behind} batches without a receipt after {deadline_s:.0f} s")
        return time.perf_counter() - start

    def _fill(self, agent: Agent) -> None:
        while agent.sent < len(agent.batches) and agent.sent - agent.through < self._window:
            self._client.publish(agent.topic, agent.batches[agent.sent], qos=1)
            agent.sent += 1

    def _on_message(self, client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        if message.topic.endswith("/gateway"):
            self.heard_announcement = True
            return
        receipt = _receipt.decode(message.payload.partition(b"\n")[2])
        agent = self.agents.get(message.topic.split("/")[3])
        if agent is None or receipt.journal != agent.journal or receipt.stream is not a.Stream.SAMPLES:
            return
        with self._lock:
            agent.through = max(agent.through, receipt.through)
            self._fill(agent)
            if all(other.through >= len(other.batches) for other in self.agents.values()):
                self._done.set()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def no_delay(client: mqtt.Client, userdata: object, sock: Any) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
