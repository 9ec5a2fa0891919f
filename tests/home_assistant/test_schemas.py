"""Home Assistant's own schemas and templates judge what it is told; the device envelope by our own rules.

Its version of March 2024 runs on Python 3.11 and has every component's schema, but not yet the device form.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pleintemps_contract.agent_messages import Availability, Presence
from pleintemps_contract.envelope import Signer
from pleintemps_contract.gateway_messages import Occupancy, RoomState
from pleintemps_contract.topics import Topic
from pleintemps_contract.wire import seal_gateway
from pleintemps_gateway.home_assistant import topics
from pleintemps_gateway.home_assistant.discovery import devices, without
from pleintemps_gateway.home_assistant.doors import state_of
from tests.gateway.web import town

ROOT = Path(__file__).parents[2]
HOME = ROOT / "build" / "homeassistant-venv"
PREFIX = "homeassistant"
Payload = dict[str, Any]


def told(*, control: bool = False) -> dict[str, Payload]:
    found: dict[str, Payload] = {}
    for site in town.config().sites:
        found |= devices(site, PREFIX, control=control, url="https://rooms.example")
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def entries(*, control: bool) -> list[tuple[str, str, Payload]]:
    """(key, platform, component as Home Assistant merges it with what is shared)."""
    found = []
    for payload in told(control=control).values():
        shared = {key: value for key, value in payload.items() if key not in ("dev", "o", "cmps")}
        for key, entry in payload["cmps"].items():
            own = {name: value for name, value in entry.items() if name != "p"}
            both = {"device": payload["dev"], "origin": payload["o"]}
            found.append((key, entry["p"], shared | own | both))
    return found


def judge(components: list[Any], templates: list[Any]) -> Payload:
    if not (HOME / "installed").exists():
        pytest.skip("build/homeassistant-venv is missing: scripts/home-assistant.sh brings it from PyPI")
    done = subprocess.run(
        [HOME / "bin" / "python", "-I", Path(__file__).with_name("judge.py")],
        input=json.dumps({"components": components, "templates": templates}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    answer: Payload = json.loads(done.stdout)
    return answer


def room(state: Occupancy, probability: float | None, next_start: int | None) -> str:
    signer = Signer(Ed25519PrivateKey.from_private_bytes(b"k" * 32))
    message = RoomState(
        epoch=1,
        revision=2,
        space="studio",
        state=state,
        since=town.NOW,
        at=town.NOW,
        probability=probability,
        evidence="studio-radar\nmoving",
        next_start=next_start,
    )
    return seal_gateway(Topic.state("moulin", "studio"), message, signer).decode()


def door(**values: Any) -> str:
    row: Payload = {"lock": "Locked", "physical": "Closed", "alarm": "Normal", "mode": "Locked"}
    return state_of(row | {"fire": False, "at": town.NOW} | values).decode()


def here(state: Presence) -> str:
    return msgspec.json.encode(Availability(state=state, boot="0" * 32)).decode()


USED, NOBODY = room(Occupancy.OCCUPIED, 0.976, town.NOW), room(Occupancy.UNKNOWN, None, None)
RENDERED = [
    ("occupancy", USED, "ON"),
    ("occupancy", room(Occupancy.VACANT, 0.01, None), "OFF"),
    ("occupancy", NOBODY, "None"),
    ("state", NOBODY, "unknown"),
    ("probability", USED, "98"),
    ("probability", NOBODY, "None"),
    ("next_booking", USED, "2026-11-19T21:53:00+00:00"),
    ("next_booking", NOBODY, "None"),
    ("locked_studio", door(), "OFF"),
    ("locked_studio", door(lock="Unlocked"), "ON"),
    ("locked_studio", door(lock="Unknown"), "None"),
    ("door_studio", door(physical="Open"), "ON"),
    ("door_studio", door(physical="Fault"), "None"),
    ("alarm_studio", door(alarm="DoorForcedOpen"), "ON"),
    ("connected", here(Presence.ONLINE), "ON"),
    ("connected", here(Presence.OFFLINE), "OFF"),
    ("clock", '{"clock_trusted":false}', "ON"),
    ("version", '{"version":"0.1.0"}', "0.1.0"),
]


def test_home_assistant_takes_every_component_and_reads_our_messages() -> None:
    known = entries(control=False) + entries(control=True)
    templates = {key: entry["value_template"] for key, _, entry in known}
    wrong = dict(known[0][2]) | {"state_topic": "a/#", "device_clas": "lock"}
    asked = [[platform, entry] for _, platform, entry in known]
    rendered = [[templates[key], value] for key, value, _ in RENDERED]
    answer = judge([*asked, ["binary_sensor", wrong]], rendered)
    assert [answer["components"][index] for index in range(len(known))] == [["", []]] * len(known)
    assert answer["components"][-1] != ["", []]  # it does judge
    assert answer["templates"] == [wanted for _, _, wanted in RENDERED]
    assert {platform for _, platform, _ in known} == {"binary_sensor", "lock", "sensor"}


def test_the_envelope_is_that_of_the_device_form() -> None:
    names: set[str] = set()
    for topic, payload in (told() | told(control=True)).items():
        assert re.fullmatch(r"homeassistant/device/pleintemps/[a-zA-Z0-9_-]+/config", topic)
        assert payload.keys() == {"dev", "o", "availability", "qos", "cmps"}
        assert payload["dev"]["identifiers"] and payload["dev"]["name"] and payload["o"]["name"]
        assert payload["cmps"]
        for key, entry in payload["cmps"].items():
            assert re.fullmatch(r"[a-zA-Z0-9_-]+", key)
            assert entry["p"] in ("binary_sensor", "lock", "sensor")
            assert entry["unique_id"] not in names
            names.add(entry["unique_id"])
            assert "state_topic" in entry  # without it a lock is optimistic
        assert payload["availability"] == [{"topic": topics.ONLINE}]


def test_there_is_no_lock_and_no_command_where_the_site_does_not_allow_it() -> None:
    assert not any(
        platform == "lock" or "command_topic" in entry for _, platform, entry in entries(control=False)
    )
    locks = [entry for _, platform, entry in entries(control=True) if platform == "lock"]
    assert {entry["command_topic"] for entry in locks} == {
        topics.door_command(site.site, door.door) for site in town.config().sites for door in site.doors
    }
    assert not any(entry["retain"] for entry in locks)


def test_one_device_a_space_and_one_an_agent() -> None:
    spaces = {f"{site.site}_space_{space.space}" for site in town.config().sites for space in site.spaces}
    agents = {"moulin_agent_moulin-1", "ecole_agent_ecole-1", "ecole_agent_cantine-1"}
    assert {topic.split("/")[3] for topic in told()} == spaces | agents
    assert {topics.site_of_device(PREFIX, topic) for topic in told()} == {"moulin", "ecole"}
    assert topics.site_of_device(PREFIX, "homeassistant/device/other/moulin_space_x/config") == ""
    assert topics.site_of_device(PREFIX, "homeassistant/device/pleintemps/x/config") == ""


def test_what_was_taken_out_of_a_device_is_told_as_removed() -> None:
    where = topics.device(PREFIX, "moulin", "space", "studio")
    old, new = told(control=True)[where], told()[where]
    taken = without(old, new)
    assert taken is not None
    assert taken["cmps"]["lock_studio"] == {"p": "lock"}
    assert {key: value for key, value in taken["cmps"].items() if key != "lock_studio"} == new["cmps"]
    assert without(new, new) is None
    assert without({"cmps": {"x": 3, "y": {"p": 4}}}, new) is None
    assert without({"cmps": []}, new) is None


def test_the_manual_gives_the_access_list_that_the_tests_use() -> None:
    manual = (ROOT / "docs" / "connections.md").read_text(encoding="utf-8")
    assert "\n".join(["```", *topics.acl(PREFIX, ("<site>",)), "```"]) in manual
