"""The simulated Zigbee2MQTT and its lock."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pleintemps_firmware_sim.devices.zigbee2mqtt import CODES, RADIO_MS, TRAVEL_MS, Zigbee2MqttLock

SET, GET = "zigbee2mqtt/front/set", "zigbee2mqtt/front/get"


def said(z2m: Zigbee2MqttLock, now: int) -> list[dict[str, Any]]:
    """What it has published of the lock by ``now``."""
    return [json.loads(each.payload) for each in z2m.transmit(now) if each.topic == "zigbee2mqtt/front"]


def test_an_order_gives_no_optimistic_state() -> None:
    z2m = Zigbee2MqttLock("front")
    z2m.receive(SET, b'{"state":"UNLOCK"}', 0)
    assert said(z2m, RADIO_MS + TRAVEL_MS - 1) == []
    [report] = said(z2m, RADIO_MS + TRAVEL_MS)
    assert report == {"battery": 87, "linkquality": 96, "state": "UNLOCK", "lock_state": "unlocked"}


def test_an_order_that_changes_nothing_reports_nothing_and_a_question_does() -> None:
    z2m = Zigbee2MqttLock("front")
    z2m.receive(SET, b'{"state":"LOCK"}', 0)
    assert said(z2m, 60_000) == []
    z2m.receive(GET, b'{"state":""}', 60_000)
    assert [each["state"] for each in said(z2m, 60_000 + RADIO_MS)] == ["LOCK"]


def test_every_report_carries_the_whole_cache_and_an_action_only_once() -> None:
    z2m = Zigbee2MqttLock("front")
    z2m.turn(False, 0)
    first, second = said(z2m, 0)
    assert (first["action"], first["state"]) == ("manual_unlock", "LOCK")
    assert ("action" in second, second["state"]) == (False, "UNLOCK")
    z2m.battery(50, 10)
    assert said(z2m, 10) == [{"battery": 50, "linkquality": 96, "state": "UNLOCK", "lock_state": "unlocked"}]


def test_out_of_reach_the_cache_stays_as_it_was() -> None:
    z2m = Zigbee2MqttLock("front")
    z2m.deaf = True
    z2m.turn(False, 0)
    z2m.receive(SET, b'{"state":"LOCK"}', 0)
    z2m.receive(GET, b'{"state":""}', 0)
    z2m.battery(10, 0)
    assert {each["state"] for each in said(z2m, 60_000)} == {"LOCK"}
    assert z2m.heard == []


def test_a_jam_and_a_bolt_on_its_way() -> None:
    z2m = Zigbee2MqttLock("front", via_between=True)
    z2m.receive(SET, b'{"state":"UNLOCK"}', 0)
    assert [each["lock_state"] for each in said(z2m, 60_000)] == ["not_fully_locked", "unlocked"]
    z2m.jammed = True
    z2m.receive(SET, b'{"state":"LOCK"}', 60_000)
    assert {each["lock_state"] for each in said(z2m, 90_000)} == {"not_fully_locked"}


def test_bridge_and_lock_say_that_they_are_there() -> None:
    z2m = Zigbee2MqttLock("front", base="house")
    z2m.connected(0)
    assert [(each.topic, each.payload, each.retain) for each in z2m.transmit(0)] == [
        ("house/bridge/state", b'{"state":"online"}', True),
        ("house/front/availability", b'{"state":"online"}', True),
    ]
    assert z2m.will == ("house/bridge/state", b'{"state":"offline"}', True, 1)


@given(st.sampled_from([SET, GET]), st.binary(max_size=30))
def test_no_payload_raises(topic: str, payload: bytes) -> None:
    z2m = Zigbee2MqttLock("front")
    z2m.receive(topic, payload, 0)
    assert not z2m.heard or b"LOCK" in payload.upper()


def code(z2m: Zigbee2MqttLock, topic: str, now: int, **wanted: Any) -> None:
    z2m.receive(topic, json.dumps({"pin_code": wanted}).encode(), now)


def test_codes_are_told_when_asked_and_shown_only_where_that_is_wanted() -> None:
    for expose, shown in (
        (False, {"status": "enabled"}),
        (True, {"status": "enabled", "pin_code": "048291"}),
    ):
        z2m = Zigbee2MqttLock("front", expose_pin=expose)
        code(z2m, SET, 0, user=5, pin_code="048291")
        assert said(z2m, RADIO_MS) == [], "a code that was set is read back by who wants to know"
        code(z2m, GET, 0, user=5)
        assert said(z2m, RADIO_MS)[0]["users"] == {"5": shown}
        code(z2m, SET, 0, user=5, pin_code=None)
        code(z2m, GET, 0)
        assert set(said(z2m, RADIO_MS)[0]["users"]) == {str(user) for user in range(CODES)}
        assert z2m.codes == {}


def test_a_lock_that_goes_on_taking_a_cleared_code_says_available() -> None:
    z2m = Zigbee2MqttLock("front")
    z2m.keeps_cleared = True
    code(z2m, SET, 0, user=0, pin_code="1234")
    code(z2m, SET, 0, user=0)
    code(z2m, GET, 0, user=0)
    assert said(z2m, RADIO_MS)[0]["users"] == {"0": {"status": "available"}}
    assert z2m.codes == {0: (1, "1234")}


@given(
    st.sampled_from([SET, GET]),
    st.one_of(
        st.integers(),
        st.text(max_size=3),
        st.dictionaries(
            st.sampled_from(["user", "pin_code", "user_enabled"]), st.integers(-1, 300) | st.text()
        ),
    ),
)
def test_no_code_raises(topic: str, wanted: object) -> None:
    z2m = Zigbee2MqttLock("front")
    z2m.receive(topic, json.dumps({"pin_code": wanted}).encode(), 0)
    z2m.transmit(RADIO_MS)
    assert all(0 <= user < CODES for user in z2m.codes)
