"""Lines of a fleet to a real broker: one for each agent or shared, cut and opened again, left in order."""

import json
import threading
from collections.abc import Iterator

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from pleintemps_contract.agent_messages import Availability, Birth, EventsBatch, Presence, SamplesBatch
from pleintemps_contract.topics import Topic
from pleintemps_contract.wire import AgentMessage, decode_agent
from pleintemps_firmware_sim.cli import main
from tests.support.broker import Mosquitto
from tests.support.waiting import wait_for

pytestmark = pytest.mark.serial


class Witness:
    """Everything that agents write, in the order of its coming."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[Topic, AgentMessage]] = []
        self._ready = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="witness")
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port)
        self.client.subscribe("pleintemps/v1/#", 1)
        self.client.loop_start()
        assert self._ready.wait(10)

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        topic = Topic.parse(message.topic)
        self.heard.append((topic, decode_agent(topic, bytes(message.payload))))

    def presences(self) -> dict[str, list[Presence]]:
        """What was said of each life of an agent."""
        found: dict[str, list[Presence]] = {}
        for one in [message for _, message in self.heard if isinstance(message, Availability)]:
            found.setdefault(one.boot, []).append(one.state)
        return found

    def wait_for_goodbyes(self, lives: int) -> None:
        wanted = [[Presence.ONLINE, Presence.OFFLINE]] * lives
        wait_for(lambda: list(self.presences().values()) == wanted, within_s=10, what=f"{lives} goodbyes")

    def of(self, kind: type) -> list[tuple[Topic, AgentMessage]]:
        return [one for one in self.heard if isinstance(one[1], kind)]


@pytest.fixture
def witness(mosquitto: Mosquitto) -> Iterator[Witness]:
    found = Witness(mosquitto.port)
    yield found
    found.client.disconnect()
    found.client.loop_stop()


@pytest.mark.parametrize("sessions", ["0", "2"])
def test_everything_arrives_and_every_agent_says_goodbye(
    sessions: str, mosquitto: Mosquitto, witness: Witness, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--sites", "2", "--spaces", "12", "--for", "1", "--rate", "10", "--sessions", sessions]
    broker = ["--broker", f"mqtt://127.0.0.1:{mosquitto.port}", "--receipts", "broker", "--json"]
    assert main(["fleet", *arguments, *broker]) == 0
    found = json.loads(capsys.readouterr().out)
    witness.wait_for_goodbyes(6)
    assert found["agents"] == 6
    assert found["connects"] == found["sessions"] == (int(sessions) or 6)
    assert found["waiting"] == {"readings": 0, "events": 0}
    assert found["receipted"]["readings"] == found["readings"] > 0
    agents = {topic.agent for topic, _ in witness.of(Birth)}
    assert len(agents) == 6
    heard = sum(
        len(column.dt)
        for _, batch in witness.of(SamplesBatch)
        if isinstance(batch, SamplesBatch)
        for column in batch.series.values()
    )
    assert heard == found["readings"]
    assert len(witness.of(EventsBatch)) >= 6


def test_a_line_that_is_cut_leaves_its_will_and_comes_again(
    mosquitto: Mosquitto, witness: Witness, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--spaces", "4", "--for", "2.5", "--rate", "10", "--kill", "60", "--seed", "3"]
    broker = ["--broker", f"mqtt://127.0.0.1:{mosquitto.port}", "--receipts", "broker", "--json"]
    assert main(["fleet", *arguments, *broker]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["power_cuts"] >= 1
    assert found["connects"] == found["power_cuts"] + 1
    witness.wait_for_goodbyes(found["connects"])
    batches = [one for _, one in witness.of(SamplesBatch) if isinstance(one, SamplesBatch)]
    assert {one.seq for one in batches} == set(range(1, found["batches"] + 1))
