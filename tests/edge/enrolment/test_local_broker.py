"""The building's own broker: each lock its own topics, on a real Mosquitto."""

import base64
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from pleintemps_contract.configfile import load_toml
from pleintemps_contract.errors import KeyFileError
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.cli import main
from pleintemps_edge.config import EdgeConfig
from pleintemps_edge.enrolment.local_broker import hashed, password_of, rights_of
from tests.support.broker import find_mosquitto
from tests.support.ports import find_free_port
from tests.support.waiting import wait_for

TOML = """
site = "ecole"
agent = "entrance"
keys = "keys"
state = "state"
[building]
url = "mqtt://127.0.0.1:{port}"
user = "agent"
password_file = "building.password"
[[devices]]
device = "front"
driver = "nuki"
lock_id = "3A7F"
[[devices]]
device = "back"
driver = "zigbee2mqtt"
name = "back-door"
[[devices]]
device = "strike-a"
driver = "shelly"
prefix = "shellyplus1-a"
[[devices]]
device = "strike-b"
driver = "shelly"
prefix = "shellyplus1-b"
"""


class Place:
    """The files that the command wrote, and clients of its broker."""

    def __init__(self, folder: Path) -> None:
        self.port = find_free_port()
        self.file, self.out = folder / "edge.toml", folder / "broker"
        self.file.write_text(TOML.format(port=self.port))
        self.command = ["local-broker", "--config", str(self.file), "--out", str(self.out)]
        assert main(self.command) == 0

    def password(self, user: str) -> str:
        path = self.file.parent / "building.password" if user == "agent" else self.out / "passwords" / user
        return path.read_text().strip()

    def client(self, user: str, password: str) -> "tuple[Client, str]":
        made = Client(CallbackAPIVersion.VERSION2, client_id=f"{user}-{os.urandom(3).hex()}")
        made.username_pw_set(user, password)
        answered = threading.Event()
        told: list[str] = []

        def on_connect(*said: Any) -> None:
            told.append(str(said[3]))
            answered.set()

        made.on_connect = on_connect
        made.connect("127.0.0.1", self.port)
        made.loop_start()
        assert answered.wait(10)
        return made, told[0]


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    program = find_mosquitto()
    if program is None:
        pytest.skip("mosquitto is not installed")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([program, "-c", str(made.out / "mosquitto.conf")], stdout=log, stderr=log)
    try:
        wait_for(lambda: listens(made.port), within_s=10, what="broker")
        yield made
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.serial
def test_each_device_has_its_own_topics_and_no_other(place: Place) -> None:
    agent, said = place.client("agent", place.password("agent"))
    assert said == "Success"
    heard: list[str] = []
    agent.on_message = lambda _client, _data, message: heard.append(message.topic)
    agent.subscribe([("#", 1), ("nuki/3A7F/#", 1), ("zigbee2mqtt/back-door", 1), ("+/rpc", 1)])
    devices = {}
    for name in ("nuki-3A7F", "zigbee2mqtt", "shellyplus1-a", "shellyplus1-b"):
        devices[name], said = place.client(name, place.password(name))
        assert said == "Success"
    orders: list[str] = []
    for device in devices.values():
        device.on_message = lambda _client, _data, message: orders.append(message.topic)
        device.subscribe([("#", 1), ("nuki/3A7F/lockAction", 1), ("shellyplus1-b/rpc", 1)])
    for topic in ("shellyplus1-b/rpc", "nuki/3A7F/lockAction", "zigbee2mqtt/back-door"):
        devices["shellyplus1-a"].publish(topic, "1", qos=1).wait_for_publish(10)
    devices["shellyplus1-a"].publish("pleintemps-strike-a-0/rpc", "{}", qos=1).wait_for_publish(10)
    devices["nuki-3A7F"].publish("nuki/3A7F/state", "1", qos=1).wait_for_publish(10)
    devices["nuki-3A7F"].publish("shellyplus1-b/rpc", "1", qos=1).wait_for_publish(10)
    devices["zigbee2mqtt"].publish("zigbee2mqtt/back-door", "{}", qos=1).wait_for_publish(10)
    agent.publish("nuki/3A7F/state", "0", qos=1).wait_for_publish(10)
    agent.publish("shellyplus1-b/rpc", "{}", qos=1).wait_for_publish(10)
    wait_for(lambda: "shellyplus1-b/rpc" in heard, within_s=10, what="the agent's own order")
    agent.publish("nuki/3A7F/lockAction", "1", qos=1).wait_for_publish(10)
    wait_for(lambda: "nuki/3A7F/lockAction" in orders, within_s=10, what="an order")
    assert set(heard) - {"nuki/3A7F/lockAction"} == {
        "nuki/3A7F/state",
        "pleintemps-strike-a-0/rpc",
        "shellyplus1-b/rpc",
        "zigbee2mqtt/back-door",
    }
    # each order once, from the agent alone, to the lock that it is for
    assert [orders.count(topic) for topic in ("nuki/3A7F/lockAction", "shellyplus1-b/rpc")] == [1, 1]
    _, said = place.client("shellyplus1-a", place.password("shellyplus1-b"))
    assert said != "Success"
    for client in (agent, *devices.values()):
        client.disconnect()
        client.loop_stop()


def test_passwords_stay_and_are_their_owners(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = Place(tmp_path)
    before = {path: path.read_text() for path in (place.out / "passwords").iterdir()}
    assert len(before) == 4 and len(set(before.values())) == 4
    assert main(place.command) == 0
    assert {path: path.read_text() for path in before} == before
    assert all(path.stat().st_mode & 0o077 == 0 for path in place.out.rglob("*") if path.is_file())
    said = capsys.readouterr().out
    assert not any(text.strip() in said for text in before.values())
    next(iter(before)).chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        password_of(next(iter(before)), ManualWorld())


def test_mosquittos_own_hash() -> None:
    # written by `mosquitto_passwd -b` of 2.0.11 for the password "secret"
    digest = "FsZ2QbOSNLeSE6ci7uke4A4lSPkk2zzcFI/ZcpRKwxoESj1PRwTpe96Bz0MTX4SXqvs+4Fc1YlIBQ9A6uIL8Xw=="
    salt = "7oNZvhQ08vGgnlzo"
    assert hashed("secret", base64.b64decode(salt)) == f"$7$101${salt}${digest}"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('user = "agent"\npassword_file = "building.password"\n', "", "[building]"),
        ('user = "agent"', 'user = "zigbee2mqtt"', "name of a device"),
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, why: str
) -> None:
    file = tmp_path / "edge.toml"
    file.write_text(TOML.format(port=1883).replace(old, new))
    assert main(["local-broker", "--config", str(file), "--out", str(tmp_path / "out")]) == 2
    assert why in capsys.readouterr().err


def test_the_agent_may_order_what_is_configured_only(tmp_path: Path) -> None:
    file = tmp_path / "edge.toml"
    file.write_text(TOML.format(port=1883))
    writes = {
        right for right in rights_of(load_toml(file, EdgeConfig)).agent if not right.startswith("read ")
    }
    assert writes == {
        "write nuki/3A7F/lockAction",
        "write zigbee2mqtt/back-door/set",
        "write zigbee2mqtt/back-door/get",
        "write shellyplus1-a/rpc",
        "write shellyplus1-b/rpc",
    }
