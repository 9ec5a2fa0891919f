"""What comes in broken is refused or counted, shown where a caretaker can see it, and harms nothing else."""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt.enums import CallbackAPIVersion

from pleintemps_contract.envelope import Signer
from pleintemps_contract.gateway_messages import Command
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import seal_gateway
from pleintemps_contract.world import SystemWorld
from pleintemps_gateway.keys import load_gateway_keys
from tests.support.waiting import wait_for

from .running import RunningDemo

pytestmark = pytest.mark.serial
SITE = "saint-aubin"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with RunningDemo(tmp_path_factory.mktemp("bad") / "demo") as running:
        yield running


@pytest.fixture
def broker(demo: RunningDemo) -> Iterator[mqtt.Client]:
    """A client that our broker lets write anywhere: the worst that a broker can do to us."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", demo.demo.installation.mqtt_port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def rows(demo: RunningDemo, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{demo.database}?mode=ro", uri=True, timeout=30) as connection:
        return connection.execute(query).fetchall()


def seen(demo: RunningDemo, query: str, what: str) -> list[tuple[Any, ...]]:
    return wait_for(lambda: rows(demo, query), within_s=30, what=what)


def the_visitor_still_comes_in(demo: RunningDemo) -> None:
    async def visit() -> bool:
        return await demo.demo.town.pass_door("visitor", "gate", demo.demo.visit_code)

    assert demo.call(visit(), within_s=30)


def command(demo: RunningDemo, agent: str, door: str) -> Command:
    """A command that would open ``door``, in the present reign and boot."""
    ((boot, counter),) = rows(demo, f"SELECT boot, command_counter FROM agents WHERE agent = '{agent}'")
    ((epoch, revision),) = rows(demo, "SELECT epoch, revision FROM reigns")
    world = SystemWorld()
    return Command(
        epoch=epoch,
        revision=revision + 1_000,
        id=world.new_id(),
        door=door,
        action=DoorAction.ACCESS,
        issued=world.now(),
        expires=world.now() + 30_000,
        boot=boot,
        counter=counter + 1_000,
    )


def refused_by(demo: RunningDemo, agent: str, reason: str) -> list[tuple[Any, ...]]:
    """The agent's own record of a refusal, as the gateway stored it."""
    return seen(
        demo,
        "SELECT body FROM events WHERE type = 'message-refused' "
        f"AND agent = '{agent}' AND body LIKE '%{reason}%'",
        f"record of {reason} from {agent}",
    )


def test_a_malformed_message_and_an_unknown_agent_are_counted(demo: RunningDemo, broker: mqtt.Client) -> None:
    for _ in range(3):
        broker.publish(f"pleintemps/v1/{SITE}/entrance/events", b'{"journal": 12', qos=1)
    broker.publish(f"pleintemps/v1/{SITE}/stranger/events", b"{}", qos=1)
    broker.publish(f"pleintemps/v1/{SITE}/entrance/samples", bytes(range(256)), qos=1)
    bad = seen(
        demo, "SELECT source, count FROM refusals WHERE source LIKE '%events%' AND count >= 3", "count"
    )
    assert any("entrance" in source for source, _ in bad)
    seen(demo, "SELECT 1 FROM refusals WHERE source = 'unknown agents'", "refusal of the unknown agent")
    facts = seen(demo, "SELECT facts FROM alerts WHERE kind = 'bad-messages'", "an alert about them")
    assert all({"source", "reason", "count"} <= set(json.loads(fact)) for (fact,) in facts)
    the_visitor_still_comes_in(demo)


def test_a_wrong_signature_opens_nothing(demo: RunningDemo, broker: mqtt.Client) -> None:
    topic = Topic.of_agent(SITE, "hall", Channel.COMMAND)
    forged = seal_gateway(topic, command(demo, "hall", "hall"), Signer(Ed25519PrivateKey.generate()))
    broker.publish(str(topic), forged, qos=1)
    refused_by(demo, "hall", "unknown-key")
    assert not demo.demo.town.building.door("hall").mechanics.released


def test_a_retained_command_opens_nothing(demo: RunningDemo, broker: mqtt.Client) -> None:
    signer = load_gateway_keys(demo.data / "keys").signer
    topic = Topic.of_agent(SITE, "hall", Channel.COMMAND)
    broker.publish(str(topic), seal_gateway(topic, command(demo, "hall", "hall"), signer), qos=1, retain=True)
    # delivered live it counts as an ordinary one; what matters is the copy that the broker keeps
    hall = demo.demo.town.building.door("hall")
    assert demo.call(hall.released(10_000), within_s=15)
    assert demo.call(hall.shut(20_000), within_s=25)
    demo.demo.installation.agents["hall"].kill()  # comes back, subscribes, and is told the retained one
    refused_by(demo, "hall", "retained")
    assert not hall.mechanics.released
    broker.publish(str(topic), b"", qos=1, retain=True)


def test_a_message_for_one_agent_is_worthless_at_another(demo: RunningDemo, broker: mqtt.Client) -> None:
    signer = load_gateway_keys(demo.data / "keys").signer
    hall, entrance = (Topic.of_agent(SITE, agent, Channel.COMMAND) for agent in ("hall", "entrance"))
    broker.publish(str(entrance), seal_gateway(hall, command(demo, "entrance", "gate"), signer), qos=1)
    refused_by(demo, "entrance", "bad-signature")
    assert not demo.demo.town.building.door("gate").mechanics.released


def test_a_broken_event_leaves_the_rest_of_the_calendar(demo: RunningDemo) -> None:
    before = rows(demo, "SELECT count(*) FROM bookings WHERE status = 'confirmed'")
    path = demo.data / "bookings.ics"
    broken = "BEGIN:VEVENT\r\nUID:broken@test\r\nSUMMARY:No start\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    path.write_bytes(path.read_bytes().replace(b"END:VCALENDAR\r\n", broken.encode()))
    seen(demo, "SELECT 1 FROM feeds WHERE rejected = 1 AND error IS NULL", "counted rejection")
    assert any("DTSTART" in reason for (reason,) in seen(demo, "SELECT reason FROM refusals", "its reason"))
    assert rows(demo, "SELECT count(*) FROM bookings WHERE status = 'confirmed'") == before
    the_visitor_still_comes_in(demo)


def test_a_serial_port_that_vanishes_and_returns(demo: RunningDemo) -> None:
    link = demo.demo.town.building.device("hall-meter").link
    demo.call(act(link.unplug), within_s=5)
    query = "SELECT state FROM alerts WHERE kind = 'device-fault' AND subject LIKE '%hall-meter' AND state = "
    seen(demo, f"{query}'open'", "alert about the meter")
    the_visitor_still_comes_in(demo)
    demo.call(act(link.plug), within_s=5)
    seen(demo, f"{query}'resolved'", "end of that alert")
    assert rows(demo, "SELECT health FROM devices WHERE device = 'hall-meter'") == [("ok",)]


async def act(order: Any) -> None:
    """On the demo's own loop, where its devices live."""
    order()
