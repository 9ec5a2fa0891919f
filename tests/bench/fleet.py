"""Light agents that load a consumer: births, then batches of samples in a window, until all are receipted.

The same fleet loads the gateway and the bare consumer, so that both do the same work on the same bytes.
"""

import time
from dataclasses import dataclass, field
from typing import Final

import msgspec

from pleintemps_contract import agent_messages as a
from pleintemps_contract.gateway_messages import Receipt
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_contract.wire import encode
from pleintemps_contract.world import SystemWorld

from .rawmqtt import Publication, RawMqtt

TIMES: Final = [index * 1_000 for index in range(16)]
SERIES: Final = (
    ("meter", Quantity.LEVEL, SeriesKind.LEVEL),
    ("pir", Quantity.MOTION, SeriesKind.STATE),
    ("radar", Quantity.RADAR, SeriesKind.STATE),
)
READINGS: Final = len(TIMES) * len(SERIES)
"""Readings in a batch."""
_receipt: Final = msgspec.json.Decoder(Receipt)


def names(count: int) -> list[str]:
    return [f"agent-{number}" for number in range(count)]


@dataclass
class Agent:
    """One journal: what it has sent, and how far that is receipted."""

    name: str
    journal: str
    boot: str
    batches: list[Publication] = field(default_factory=list)
    sent: int = 0
    through: int = 0


class Fleet:
    """Agents on one connection; ``run`` returns the seconds from the first batch to the last receipt."""

    def __init__(self, port: int, site: str, agents: int, batches: int, window: int = 32) -> None:
        self._world = SystemWorld()
        self._site = site
        self._window = window
        self._left = agents
        self.heard_announcement = False
        start = self._world.now() - batches * 16_000
        self.agents = {
            name: Agent(name, self._world.new_id(), self._world.new_id()) for name in names(agents)
        }
        for agent in self.agents.values():
            agent.batches = [self._batch(agent, seq, start + seq * 16_000) for seq in range(1, batches + 1)]
        self.readings = agents * batches * READINGS
        self.connection = RawMqtt(port, f"fleet-{self._world.new_id()[:8]}", self._on_message)
        self.connection.subscribe([f"pleintemps/v1/{site}/+/receipt", f"pleintemps/v1/{site}/gateway"])

    def _batch(self, agent: Agent, seq: int, base: int) -> Publication:
        levels = [50 + (seq + index) % 20 / 10 for index in range(len(TIMES))]
        motion = [float((seq + index) % 2) for index in range(len(TIMES))]
        radar = [float((seq + index) % 4) for index in range(len(TIMES))]
        batch = a.SamplesBatch(
            journal=agent.journal,
            first=1,
            seq=seq,
            boot=agent.boot,
            base=base,
            trusted=True,
            series={
                f"{agent.name}-{name}": a.Column(dt=TIMES, value=values)
                for (name, _, _), values in zip(SERIES, (levels, motion, radar), strict=True)
            },
        )
        return Publication(str(Topic.of_agent(self._site, agent.name, Channel.SAMPLES)), encode(batch))

    def hears_the_gateway(self) -> bool:
        """Whether the retained announcement of a gateway has come."""
        self.connection.step(0.1)
        return self.heard_announcement

    def births(self) -> None:
        """Introduce every agent; returns when the broker has them all."""
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
                series=[
                    a.SeriesInfo(
                        series=f"{agent.name}-{name}",
                        device=f"{agent.name}-{name}",
                        space=agent.name,
                        quantity=quantity,
                        kind=kind,
                        max_silence_s=90,
                    )
                    for name, quantity, kind in SERIES
                ],
                journals=[
                    a.JournalPosition(
                        journal=agent.journal,
                        stream=a.Stream.SAMPLES,
                        first=1,
                        next=len(agent.batches) + 1,
                    )
                ],
            )
            topic = str(Topic.of_agent(self._site, agent.name, Channel.BIRTH))
            self.connection.publish(Publication(topic, encode(birth), retain=True))
        wanted = self.connection.acknowledged + len(self.agents)
        deadline = time.monotonic() + 10
        while self.connection.acknowledged < wanted and time.monotonic() < deadline:
            self.connection.step(0.1)

    def run(self, deadline_s: float = 300) -> float:
        start = time.perf_counter()
        for agent in self.agents.values():
            self._fill(agent)
        while self._left:
            self.connection.step(0.5)
            if time.perf_counter() - start > deadline_s:
                behind = sum(len(agent.batches) - agent.through for agent in self.agents.values())
                raise TimeoutError(f"{behind} batches without a receipt after {deadline_s:.0f} s")
        return time.perf_counter() - start

    def _fill(self, agent: Agent) -> None:
        while agent.sent < len(agent.batches) and agent.sent - agent.through < self._window:
            self.connection.publish(agent.batches[agent.sent])
            agent.sent += 1

    def _on_message(self, topic: str, payload: bytes) -> None:
        if topic.endswith("/gateway"):
            self.heard_announcement = True
            return
        receipt = _receipt.decode(payload.partition(b"\n")[2])
        agent = self.agents.get(topic.split("/")[3])
        if agent is None or receipt.journal != agent.journal or receipt.stream is not a.Stream.SAMPLES:
            return
        before, agent.through = agent.through, max(agent.through, receipt.through)
        self._fill(agent)
        if before < len(agent.batches) <= agent.through:
            self._left -= 1

    def close(self) -> None:
        self.connection.close()
