"""What our driver says to Zigbee2MQTT and hears from it, through the converters of Zigbee2MQTT itself."""

import importlib.util
import json
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pleintemps_edge.drivers.lock_states import Bolt, Counted, Fact, Noted, Reported, Wish
from pleintemps_edge.drivers.zigbee2mqtt import Zigbee2MqttSpeech
from pleintemps_firmware_sim.devices.zigbee2mqtt import LOCKED, NOT_FULLY_LOCKED, UNLOCKED, Zigbee2MqttLock

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "build" / "node"
SPEECH = Zigbee2MqttSpeech("zigbee2mqtt", "front")
CODES_CHANGED = Noted("codes", "codes were changed at the lock")
WRONG_CODE = Counted("wrong code at the lock's own keypad")


def find_node() -> str | None:
    """The node of Playwright, which is recent enough everywhere, or else the machine's."""
    spec = importlib.util.find_spec("playwright")
    if spec is not None and spec.origin is not None:
        node = Path(spec.origin).parent / "driver" / "node"
        if os.access(node, os.X_OK):
            return str(node)
    return shutil.which("node")


def convert(*jobs: dict[str, Any]) -> list[Any]:
    """What came of each job; see convert.cjs."""
    node = find_node()
    if node is None or not (PACKAGES / "installed").is_file():
        pytest.skip(
            f"node or build/node is missing on {platform.machine()}: `make test` brings them with npm"
        )
    done = subprocess.run(
        [node, str(Path(__file__).parent / "convert.cjs")],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        cwd=PACKAGES,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results: list[Any] = json.loads(done.stdout)
    return results


def understood(published: dict[str, Any]) -> list[Fact]:
    """What our driver makes of a publication with the rest of a cached state around it."""
    payload = json.dumps({"battery": 87, "linkquality": 96, **published}).encode()
    return list(SPEECH.hear("zigbee2mqtt/front", payload, False)[1])


def test_the_version_is_the_one_that_the_driver_was_written_for() -> None:
    lock = json.loads((Path(__file__).parent / "package-lock.json").read_text())
    assert lock["packages"]["node_modules/zigbee-herdsman-converters"]["version"] == "26.112.0"
    assert all("integrity" in package for name, package in lock["packages"].items() if name)


def test_our_orders_become_the_right_commands() -> None:
    orders = [SPEECH.order(wish)[1][0] for wish in (Wish.SECURE, Wish.RELEASE)]
    question = SPEECH.ask()[1][0]
    assert [message.topic for message in (*orders, question)] == [
        "zigbee2mqtt/front/set",
        "zigbee2mqtt/front/set",
        "zigbee2mqtt/front/get",
    ]
    jobs: list[dict[str, Any]] = [{"set": json.loads(order.payload)} for order in orders]
    locked, unlocked, asked = convert(*jobs, {"get": json.loads(question.payload)})
    no_code = {"pincodevalue": ""}
    assert locked == [{"cluster": "closuresDoorLock", "command": "lockDoor", "payload": no_code}]
    assert unlocked == [{"cluster": "closuresDoorLock", "command": "unlockDoor", "payload": no_code}]
    assert asked == [{"cluster": "closuresDoorLock", "read": ["lockState"]}]


def test_reports_of_a_lock_are_what_we_read() -> None:
    states = (NOT_FULLY_LOCKED, LOCKED, UNLOCKED)
    kinds = ("attributeReport", "readResponse")
    jobs = [{"zigbee": {"type": kind, "data": {"lockState": state}}} for kind in kinds for state in states]
    results = convert(*jobs, {"zigbee": {"type": "attributeReport", "data": {"doorState": 1}}})
    wanted = [
        [Reported(Bolt.FAULT, "not fully locked", passing=True)],
        [Reported(Bolt.LOCKED)],
        [Reported(Bolt.UNLOCKED)],
    ]
    assert [understood(published) for published in results] == [*wanted, *wanted, []]


def test_the_simulated_bridge_publishes_the_same_words() -> None:
    states = (NOT_FULLY_LOCKED, LOCKED, UNLOCKED)
    results = convert(*[{"zigbee": {"type": "attributeReport", "data": {"lockState": s}}} for s in states])
    for state, published in zip(states, results, strict=True):
        simulated = Zigbee2MqttLock("front", lock_state=state)
        simulated.battery(87, 0)
        said = json.loads(simulated.transmit(0)[0].payload)
        assert {key: said[key] for key in ("state", "lock_state")} == published


def test_the_simulated_lock_keeps_codes_as_a_real_one_tells_them() -> None:
    code = {"user": 5, "user_type": "unrestricted", "user_enabled": False, "pin_code": "012913"}
    [[sent]] = convert({"set": {"pin_code": code}})
    simulated = Zigbee2MqttLock("front")
    simulated.receive("zigbee2mqtt/front/set", json.dumps({"pin_code": code}).encode(), 0)
    assert simulated.codes == {5: (sent["payload"]["userstatus"], sent["payload"]["pincodevalue"])}
    answers = convert(
        *[
            {"zigbee": {"type": "commandGetPinCodeRsp", "data": {"userid": user, "userstatus": status}}}
            for user, status in ((5, 3), (6, 0))
        ]
    )
    for user, answer in zip((5, 6), answers, strict=True):
        simulated.receive("zigbee2mqtt/front/get", json.dumps({"pin_code": {"user": user}}).encode(), 0)
        said = json.loads(simulated.transmit(1_000)[-1].payload)
        assert said["users"][str(user)] == answer["users"][str(user)]


def test_what_happens_at_its_keypad_is_what_we_read() -> None:
    def operation(code: int) -> dict[str, Any]:
        data = {"opereventcode": code, "userid": 3, "opereventsrc": 0}
        return {"zigbee": {"type": "commandOperationEventNotification", "data": data}}

    def programming(code: int) -> dict[str, Any]:
        data = {"programeventcode": code, "userid": 3, "programeventsrc": 0}
        return {"zigbee": {"type": "commandProgrammingEventNotification", "data": data}}

    results = convert(*map(operation, range(16)), *map(programming, range(7)))
    facts = [understood(published) for published in results]
    wrong = {3, 4, 5, 6}
    assert facts[:16] == [[WRONG_CODE] if code in wrong else [] for code in range(16)]
    assert facts[16:] == [[], *[[CODES_CHANGED]] * 6]


def test_the_simulated_wrong_code_has_the_words_of_a_real_one() -> None:
    data = {"opereventcode": 5, "userid": 65_535, "opereventsrc": 0}
    [real] = convert({"zigbee": {"type": "commandOperationEventNotification", "data": data}})
    simulated = Zigbee2MqttLock("front")
    simulated.wrong_code(0)
    said = json.loads(simulated.transmit(0)[0].payload)
    assert {key: said[key] for key in ("action", "action_user", "action_source")} == {
        key: real[key] for key in ("action", "action_user", "action_source")
    }
