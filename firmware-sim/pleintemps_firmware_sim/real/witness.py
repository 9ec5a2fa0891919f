"""A client of the broker that hears what everybody says: who is online, what agents record, what was sent."""

import asyncio
import logging
from typing import Any, Final

import msgspec
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from pleintemps_contract.agent_messages import Availability, Event, EventsBatch
from pleintemps_contract.logs import line as log_line
from pleintemps_contract.world import World
from pleintemps_firmware_sim.scenario.facts import FactKind, Timeline

_TO_AGENTS: Final = frozenset({"command", "receipt", "config"})

_log = logging.getLogger(__name__)


class Witness:
    """Tells who comes and goes; keeps every record of journals that passed, and all that went to agents."""

    def __init__(self, port: int, site: str, world: World, timeline: Timeline) -> None:
        self._site = site
        self._world = world
        self._timeline = timeline
        self._presence: dict[str, str] = {}
        self.records: dict[tuple[str, int], Event] = {}
        """By journal and sequence number."""
        self._to_agents: dict[str, list[tuple[str, bytes]]] = {}
        self._loop = asyncio.get_running_loop()
        self._online = asyncio.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._port = port

    async def start(self) -> None:
        """Returns once it hears."""
        self._client.connect_async("127.0.0.1", self._port, keepalive=5)
        self._client.loop_start()
        await self._online.wait()

    async def stop(self) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def replay(self, agent: str) -> None:
        """Send again all that the agent was sent; commands as retained messages too."""
        for topic, payload in self._to_agents.get(agent, ()):
            self._client.publish(topic, payload, qos=1)
            if topic.endswith("/command"):
                self._client.publish(topic, payload, qos=1, retain=True)

    def _on_connect(self, client: paho.Client, *_: Any) -> None:
        client.subscribe(f"pleintemps/v1/{self._site}/#", qos=1)

    def _on_subscribe(self, *_: Any) -> None:
        self._loop.call_soon_threadsafe(self._online.set)

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        self._loop.call_soon_threadsafe(self._heard, message.topic, bytes(message.payload))

    def _heard(self, topic: str, payload: bytes) -> None:
        words = topic.split("/")[3:]
        agent, channel = words[0], "/".join(words[1:])
        try:
            if channel == "availability" and payload:
                self._available(agent, msgspec.json.decode(payload, type=Availability).state.value)
            elif channel == "events":
                batch = msgspec.json.decode(payload, type=EventsBatch)
                self.records |= {(batch.journal, each.seq): each.event for each in batch.records}
            elif channel in _TO_AGENTS or channel.startswith("grants/"):
                self._to_agents.setdefault(agent, []).append((topic, payload))
        except msgspec.MsgspecError as error:
            _log.warning(log_line("witness", topic=topic, error=error))

    def _available(self, agent: str, state: str) -> None:
        if self._presence.get(agent) != state:
            self._presence[agent] = state
            self._timeline.tell(self._world.now(), FactKind.AGENT, agent, state)
