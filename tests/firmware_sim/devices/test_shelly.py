"""The simulated Shelly relay against the documented exchanges."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_firmware_sim.devices.shelly import ANSWER_MS, ShellyRelay


def ask(relay: ShellyRelay, method: str, now: int = 0, **params: Any) -> list[tuple[str, Any]]:
    """What it has said of a request when its answer is due."""
    request = {"id": 1, "src": "gw1", "method": method, "params": params}
    relay.receive("shelly/rpc", json.dumps(request).encode(), now)
    return said(relay, now + ANSWER_MS)


def said(relay: ShellyRelay, now: int) -> list[tuple[str, Any]]:
    return [(each.topic, json.loads(each.payload)) for each in relay.transmit(now)]


def test_the_documented_pulse() -> None:
    relay = ShellyRelay("shelly")
    (changed_on, notified), (answered_on, answer) = ask(relay, "Switch.Set", id=0, on=True, toggle_after=5)
    assert (answered_on, answer) == (
        "gw1/rpc",
        {"id": 1, "src": "shelly", "dst": "gw1", "result": {"was_on": False}},
    )
    assert (changed_on, notified["method"]) == ("shelly/events/rpc", "NotifyStatus")
    assert notified["params"]["switch:0"]["output"] is True
    assert relay.due() == 5_000
    assert said(relay, 4_999) == []
    [(_, notified)] = said(relay, 5_000)
    assert notified["params"]["switch:0"] == {"id": 0, "output": False, "source": "timer"}
    assert relay.due() is None


def test_every_order_ends_the_timer_of_the_one_before() -> None:
    relay = ShellyRelay("shelly")
    ask(relay, "Switch.Set", 0, id=0, on=True, toggle_after=5)
    ask(relay, "Switch.Set", 4_000, id=0, on=True, toggle_after=5)
    assert said(relay, 8_999) == []
    assert relay.output
    ask(relay, "Switch.Set", 8_999, id=0, on=False)
    said(relay, 60_000)
    assert not relay.output


def test_status_config_and_what_it_does_not_know() -> None:
    relay = ShellyRelay("shelly", initial_state="restore_last")
    [(_, status)] = ask(relay, "Shelly.GetStatus")
    assert status["result"]["switch:0"]["output"] is False
    [(_, config)] = ask(relay, "Switch.GetConfig", id=0)
    assert config["result"]["initial_state"] == "restore_last"
    assert ask(relay, "Switch.Fly")[0][1]["error"]["code"] == 404
    assert ask(relay, "Switch.Set", id=0, on="yes")[0][1]["error"]["code"] == -105
    assert relay.heard == []


@pytest.mark.parametrize(("option", "topics"), [("rpc_ntf", ["gw1/rpc"]), ("enable_rpc", [])])
def test_what_is_switched_off_is_not_said(option: str, topics: list[str]) -> None:
    relay = ShellyRelay("shelly", **{option: False})  # type: ignore[arg-type]
    assert [topic for topic, _ in ask(relay, "Switch.Set", id=0, on=True)] == topics


def test_status_notifications_twice_and_lost_answers() -> None:
    relay = ShellyRelay("shelly", status_ntf=True)
    relay.twice = True
    relay.lose_answers = 1
    topics = [topic for topic, _ in ask(relay, "Switch.Set", id=0, on=True)]
    assert topics == ["shelly/events/rpc"] * 2 + ["shelly/status/switch:0"] * 2


def test_a_power_cut_forgets_timers_and_a_button_ends_them() -> None:
    relay = ShellyRelay("shelly")
    ask(relay, "Switch.Set", id=0, on=True, toggle_after=5)
    relay.power_cycle(1_000)
    assert (relay.output, relay.due()) == (False, 1_000)
    relay.press(True, 2_000)
    said(relay, 60_000)
    assert relay.output


def test_at_the_connection_it_says_that_it_is_there_and_how() -> None:
    relay = ShellyRelay("shelly")
    relay.connected(0)
    (online, status) = relay.transmit(0)
    assert online == ("shelly/online", b"true", True, 1)
    assert json.loads(status.payload)["method"] == "NotifyFullStatus"
    assert relay.will == ("shelly/online", b"false", True, 1)


@given(st.binary(max_size=40) | st.from_type(dict).map(lambda each: json.dumps(str(each)).encode()))
def test_no_payload_raises(payload: bytes) -> None:
    relay = ShellyRelay("shelly")
    relay.receive("shelly/rpc", payload, 0)
    assert relay.heard == []
