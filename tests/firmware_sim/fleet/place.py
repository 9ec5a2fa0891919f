"""A light agent on the bench, and a gateway's hand to sign for it."""

from collections.abc import Iterable
from functools import cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pleintemps_contract.agent_messages import (
    AgentStarted,
    Birth,
    Event,
    EventsBatch,
    Response,
    SamplesBatch,
    Stream,
)
from pleintemps_contract.envelope import Signer, TrustedKeys
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import AgentMessage, GatewayMessage, decode_agent, seal_gateway
from pleintemps_contract.world import ManualWorld
from pleintemps_firmware_sim.fleet.agent import LightAgent, Publication
from pleintemps_firmware_sim.fleet.days import DAY_MS, Scene
from pleintemps_firmware_sim.fleet.figures import Figures
from pleintemps_firmware_sim.fleet.patterns import Pace, rings
from pleintemps_firmware_sim.fleet.plan import AgentPlan
from pleintemps_firmware_sim.fleet.room import Life, Rings

SIGNER: Final = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
NOON: Final = 19_700 * DAY_MS + DAY_MS // 2


@cache
def _rings(period_ms: float) -> Rings:
    return {scene: rings(1, scene, period_ms) for scene in Scene}


class Bench:
    """One agent; ``now`` is wall time, the monotonic time is that without the days before."""

    def __init__(
        self,
        spaces: int = 2,
        *,
        rate: float = 1.0,
        seed: int = 1,
        capacity: int = 0,
        now: int = NOON,
        day_ms: int = DAY_MS,
    ) -> None:
        self.world = ManualWorld(now, seed)
        self.figures = Figures()
        self.begin = self.now = now
        self.number = 0
        self.pace = Pace.of(rate, spaces * 3)
        plan = AgentPlan("site-1", "site-1-1", tuple(f"room-{n}" for n in range(1, spaces + 1)))
        life = Life(seed, day_ms, _rings(self.pace.period_ms))
        self.agent = LightAgent(
            plan,
            0,
            life=life,
            pace=self.pace,
            world=self.world,
            keys=TrustedKeys([SIGNER.public]),
            figures=self.figures,
            capacity=capacity,
            now=now,
        )

    @property
    def mono(self) -> int:
        return self.now - self.begin

    def live(self, readings: int) -> None:
        """Take so many readings of every sensor."""
        for _ in range(readings):
            self.agent.measure(self.number, self.now)
            self.number += 1
            self.now = self.begin + int(self.number * self.pace.period_ms)

    def said(self) -> list[Publication]:
        return list(self.agent.outgoing(self.mono))

    def hear(
        self,
        channel: Channel,
        message: GatewayMessage,
        *,
        tail: str = "",
        retained: bool = False,
        signer: Signer = SIGNER,
    ) -> None:
        topic = Topic("site-1", "" if channel is Channel.ANNOUNCEMENT else "site-1-1", channel, tail)
        self.hear_bytes(topic, seal_gateway(topic, message, signer), retained=retained)

    def hear_bytes(self, topic: Topic, payload: bytes, *, retained: bool = False) -> None:
        self.agent.hear(str(topic), payload, retained, self.now, self.mono)

    def receipt_all(self) -> None:
        """Receipt whatever was sent."""
        for one in self.said():
            if one.stream is not None:
                assert self.agent.receipted(one.stream, one.last, self.mono)


def decoded(publications: Iterable[Publication]) -> list[AgentMessage]:
    """The messages, as the contract reads them."""
    found: list[AgentMessage] = []
    for one in publications:
        topic = Topic.parse(one.head[2:].decode())
        message = decode_agent(topic, one.payload)
        assert one.retain is topic.row.retained
        assert isinstance(message, SamplesBatch) is (one.stream is Stream.SAMPLES)
        found.append(message)
    return found


def batches(messages: Iterable[AgentMessage]) -> list[SamplesBatch]:
    return [one for one in messages if isinstance(one, SamplesBatch)]


def events(messages: Iterable[AgentMessage]) -> list[Event]:
    """The events, without the start that every life begins with."""
    records = [record for one in messages if isinstance(one, EventsBatch) for record in one.records]
    return [record.event for record in records if not isinstance(record.event, AgentStarted)]


def responses(messages: Iterable[AgentMessage]) -> list[Response]:
    kinds = (SamplesBatch, EventsBatch, Birth)
    return [one for one in messages if not isinstance(one, kinds)]  # type: ignore[misc]
