"""Orders to a demo that runs with real processes: power, network, broker."""

from pathlib import Path

import pytest

from pleintemps_firmware_sim.console.acts import Order
from pleintemps_firmware_sim.control import send
from tests.support.broker import find_mosquitto
from tests.support.waiting import wait_for

from .running import RunningDemo

pytestmark = [
    pytest.mark.serial,
    pytest.mark.soak,
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
]


def test_agents_and_broker_go_down_and_come_back_by_order(tmp_path: Path) -> None:
    with RunningDemo(tmp_path / "demo") as running:
        demo = running.demo

        def order(act: str, target: str) -> str:
            return send(running.data, Order(act=act, target=target))

        def online(agent: str) -> bool:
            facts = [
                fact for fact in demo.stage.timeline.facts() if fact.kind == "agent" and fact.where == agent
            ]
            return facts[-1].value == "online"

        for down, up in (("cut", "power"), ("pull", "join")):
            assert online("hall")
            order(down, "hall")
            wait_for(lambda: not online("hall"), within_s=30, what="hall offline")
            order(up, "hall")
            wait_for(lambda: online("hall"), within_s=30, what="hall online")
        first = demo.installation.broker.pid
        order("broker-down", "building")
        assert not demo.installation.broker.running
        order("broker-up", "building")
        assert demo.installation.broker.pid != first
        wait_for(lambda: demo.installation.broker.running, within_s=5, what="broker")
        assert order("broker-up", "building").endswith("there is no broker-loss")
