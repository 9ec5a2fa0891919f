"""Loads of the ingest bench: backlogs of a fleet, one reading a message, batches that come again.

What agents measured lies in the past here: every load is older than the next, as in the journal of an agent.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from pleintemps_contract.agent_messages import SamplesBatch, Stream
from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.gateway_messages import Receipt
from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim.fleet.agent import LightAgent, Publication
from pleintemps_firmware_sim.fleet.driver import Fleet, FleetOptions
from pleintemps_firmware_sim.fleet.journal import Journal
from pleintemps_firmware_sim.fleet.plan import AgentPlan, FleetPlan

from .rawmqtt import RawMqtt

Keys = Callable[[AgentPlan], TrustedKeys | None]
_DEADLINE_S: Final = 300.0
_STEP_S: Final = 0.05
_TRY_S: Final = 5.0
_TRIES: Final = 12
_samples: Final = msgspec.json.Decoder(SamplesBatch)
_receipts: Final = msgspec.json.Decoder(Receipt)


class Ago(SystemWorld):
    """The machine's clock, ``seconds`` ago."""

    def __init__(self, seconds: float) -> None:
        self._ms = round(seconds * 1000)

    def now(self) -> int:
        return super().now() - self._ms


def recorded(plan: FleetPlan, seconds: float, ago_s: float, keys: Keys) -> Fleet:
    """A fleet that has recorded for ``seconds``, until ``ago_s`` before now."""
    options = FleetOptions(plan=plan, seconds=0, backlog_s=seconds, drain_s=_DEADLINE_S)
    return Fleet(options, Ago(ago_s), keys)


def drained(fleet: Fleet, port: int) -> dict[str, Any]:
    """The fleet comes with its backlog; its report. Raises TimeoutError if that is not receipted."""
    found = fleet.run(("127.0.0.1", port), lambda: False)
    if found["waiting"]["readings"] or found["receipted"]["readings"] != found["readings"]:
        raise TimeoutError(f"without a receipt: {found['waiting']}")
    return found


def per_s(found: dict[str, Any]) -> float:
    """Readings that were receipted in a second."""
    return float(found["readings"] / found["drained_s"])


def split(fleet: Fleet) -> Fleet:
    """The same readings, each in a batch of its own, oldest first."""
    for agent in fleet.agents:
        old, agent.samples = agent.samples, Journal(SystemWorld().new_id(), Stream.SAMPLES)
        for payload, _ in _taken(old):
            batch = _samples.decode(payload)
            found = [
                (batch.base + dt, name, value)
                for name, column in batch.series.items()
                for dt, value in zip(column.dt, column.value, strict=True)
            ]
            for at, name, value in sorted(found):
                series = b'{"%b":{"dt":[0],"value":[%a]}}' % (name.encode(), value)
                body = b'"boot":"%b","base":%d,"trusted":true,"series":%b}'
                agent.samples.add(body % (batch.boot.encode(), at, series), 1)
    return fleet


def _taken(journal: Journal) -> Iterator[tuple[bytes, int]]:
    """All that a journal holds as payloads with their numbers; it is empty then."""
    while not journal.is_empty:
        for found in list(journal.outgoing(0)):
            yield found.payload, found.last
            journal.receipt(found.last, 0)


class Repeated:
    """What a fleet has recorded, sent over one line without heed of receipts, as often as one likes."""

    def __init__(self, fleet: Fleet, port: int) -> None:
        self._fleet = fleet
        self._batches: dict[str, list[bytes]] = {}
        self._journals: dict[str, tuple[str, int]] = {}
        self._through: dict[str, int] = {}
        self._line = RawMqtt(port, "repeated", self._hear)
        self._line.subscribe(["pleintemps/v1/+/+/receipt"])

    def first(self) -> None:
        """Introduce the agents and send everything but the last batch of each; returns with the receipts."""
        for agent in self._fleet.agents:
            self._take(agent)
        for _ in range(_TRIES):  # a gateway of several hears a site once it has its lease
            for agent in self._fleet.agents:
                for said in agent.connected(SystemWorld().now()):
                    self._line.publish(_topic(said), said.payload, retain=said.retain)
            self._send(1)
            if self._is_receipted(1, _TRY_S):
                return
        raise TimeoutError("without a receipt")

    def again_per_s(self, times: int) -> float:
        """Everything again, and at last what was kept back; how many known batches came in a second."""
        world = SystemWorld()
        began = world.monotonic()
        self._send(times)
        for topic, batches in self._batches.items():
            self._line.publish(topic, batches[-1])
        if not self._is_receipted(0, _DEADLINE_S):
            raise TimeoutError("without a receipt")
        count = times * sum(len(batches) - 1 for batches in self._batches.values())
        return count * 1000 / (world.monotonic() - began)

    def close(self) -> None:
        self._line.close()

    def _take(self, agent: LightAgent) -> None:
        topic = f"pleintemps/v1/{agent.plan.site}/{agent.plan.agent}/samples"
        found = list(_taken(agent.samples))
        self._batches[topic] = [payload for payload, _ in found]
        self._journals[topic] = (agent.samples.id, found[-1][1])

    def _send(self, times: int) -> None:
        for _ in range(times):
            for topic, batches in self._batches.items():
                for payload in batches[:-1]:
                    self._line.publish(topic, payload)
            self._line.step(0)

    def _is_receipted(self, kept_back: int, within_s: float) -> bool:
        """Whether all but so many batches of each agent have their receipt, in time."""
        world = SystemWorld()
        deadline = world.monotonic() + round(within_s * 1000)
        wanted = {journal: last - kept_back for journal, last in self._journals.values()}
        while any(self._through.get(journal, 0) < through for journal, through in wanted.items()):
            if world.monotonic() > deadline:
                return False
            self._line.step(_STEP_S)
        return True

    def _hear(self, _topic: str, payload: bytes) -> None:
        receipt = _receipts.decode(payload.partition(b"\n")[2])
        if receipt.stream is Stream.SAMPLES:
            self._through[receipt.journal] = receipt.through


def _topic(said: Publication) -> str:
    return said.head[2 : 2 + int.from_bytes(said.head[:2], "big")].decode()
