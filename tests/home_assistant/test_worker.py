"""The gateway's own process: what Home Assistant asks reaches the door's agent, an alert its webhook."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from pleintemps_contract.gateway_messages import Command, Receipt
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.topics import Channel
from pleintemps_gateway.connections import hooks
from pleintemps_gateway.connections.guarded import Networks
from pleintemps_gateway.home_assistant import topics
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import alerts
from tests.gateway.connections.receiver import Receiver
from tests.gateway.house import build
from tests.gateway.player import birth, playing
from tests.gateway.test_ingest_wire import running
from tests.support.broker import Mosquitto
from tests.support.waiting import wait_for

from .test_bridge import HALL, HomeAssistant

TABLES = """
[home_assistant]
control_sites = ["ecole"]
[webhooks]
private_networks = ["127.0.0.0/8"]
"""
ALERT = "a1" * 16


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def test_the_worker_brings_both(
    tmp_path: Path, sqlite_url: str, mosquitto: Mosquitto, receiver: Receiver
) -> None:
    house = build(tmp_path, sqlite_url, port=mosquitto.port, extra=TABLES)
    facts: dict[str, Any] = {"label": "till", "url": receiver.url, "events": ["alert"], "by": "anne"}
    with write_transaction(house.engine, ["ecole"]) as conn:
        own = Networks(house.config.webhooks.private_networks)
        receiver.secret = hooks.make(conn, "ecole", house.desk.vault, house.world, own, **facts).secret
    home = HomeAssistant(mosquitto.port)
    with running(house, tmp_path), playing(house.agent_keys("entrance"), mosquitto.port) as agent:
        home.until(lambda held: HALL in held and held.get(topics.ONLINE) == b"online")
        agent.say(Channel.BIRTH, birth(), retain=True)
        agent.wait(lambda: next((each for each in agent.messages(Receipt) if each.time), None))
        home.say(topics.door_command("ecole", "hall"), "OPEN")
        command = agent.wait(lambda: next(iter(agent.messages(Command)), None))
        assert (command.door, command.action) == ("hall", DoorAction.ACCESS)
        row = {"site": "ecole", "alert": ALERT, "kind": "noise", "rank": "alert", "subject": "noise/hall"}
        with write_transaction(house.engine, ["ecole"]) as conn:
            conn.execute(insert(alerts).values(**row, state="open", opened=1, facts="{}"))
            record_change(conn, "ecole", "alerts", ALERT, 1)
        wait_for(lambda: receiver.heard, within_s=20, what="webhook")
        assert receiver.heard[0]["data"]["alert"] == ALERT
    home.close()
    house.engine.dispose()
