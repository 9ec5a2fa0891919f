"""The Zigbee2MQTT driver against a simulated bridge with its lock on a real broker."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import Health
from pleintemps_edge.drivers.base import HealthChanged
from pleintemps_edge.drivers.lock_states import Bolt, Counted, Noted, Reachable, Reported
from pleintemps_edge.drivers.zigbee2mqtt import Zigbee2MqttSpeech
from pleintemps_firmware_sim.devices.zigbee2mqtt import LOCKED as SHUT_BOLT
from pleintemps_firmware_sim.devices.zigbee2mqtt import UNLOCKED as OPEN_BOLT
from pleintemps_firmware_sim.devices.zigbee2mqtt import Zigbee2MqttLock
from tests.support.broker import Mosquitto

from .mqtt_house import FAULT, LOCKED, UNKNOWN, UNLOCKED, House, house, say, spy, until

TABLE: dict[str, Any] = {"device": "hall-lock", "driver": "zigbee2mqtt", "name": "Hall/front", "base": "z2m"}
CONFIRM_MS = 12_000


def bridge(**options: Any) -> Zigbee2MqttLock:
    return Zigbee2MqttLock("Hall/front", base="z2m", **options)


async def started(it: House) -> None:
    """It is locked, and has confirmed that."""
    await it.passes(lambda: it.states and it.health is Health.OK)
    await it.still(1_000)
    assert set(it.states) == {LOCKED}
    it.seen.all.clear()


def test_it_unlocks_and_locks_by_reports_alone(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        z2m = bridge()
        async with house(mosquitto, z2m, TABLE) as it:
            await started(it)
            it.lock.release()
            await until(lambda: z2m.heard[-1:] == ["UNLOCK"])
            assert it.states == []
            await it.reports(UNLOCKED)
            it.lock.secure()
            await it.reports(UNLOCKED, LOCKED)
            assert z2m.heard == ["LOCK", "UNLOCK", "LOCK"]

    asyncio.run(story())


def test_an_open_bolt_is_locked_at_the_start(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        z2m = bridge(lock_state=OPEN_BOLT)
        async with house(mosquitto, z2m, TABLE) as it:
            await it.passes(lambda: it.states[-1:] == [LOCKED])
            assert z2m.heard == ["LOCK"]

    asyncio.run(story())


def test_a_cache_that_is_published_again_changes_nothing(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        z2m = bridge()
        async with house(mosquitto, z2m, TABLE) as it:
            await started(it)
            z2m.deaf = True
            it.lock.release()
            for percent in (86, 85, 84):
                await it.still(1_000)
                z2m.battery(percent, it.world.monotonic())
                it.device.poke()
            # the cache still says LOCK: it neither confirms nor denies
            await it.reports(UNKNOWN)
            assert it.health is Health.SILENT

    asyncio.run(story())


def test_a_cache_republished_for_ever_moves_no_lock(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        z2m = bridge()
        async with house(mosquitto, z2m, TABLE) as it:
            await started(it)
            z2m.turn(False, it.world.monotonic())
            it.device.poke()
            await it.reports(UNLOCKED)
            for percent in range(50):
                z2m.battery(percent, it.world.monotonic())
                it.device.poke()
                await it.still(100)
            assert it.states == [UNLOCKED]
            assert z2m.heard == ["LOCK"]

    asyncio.run(story())


@pytest.mark.parametrize("between", [False, True])
def test_a_jammed_bolt_is_a_fault_in_time(mosquitto: Mosquitto, between: bool) -> None:
    async def story() -> None:
        z2m = bridge(via_between=between)
        async with house(mosquitto, z2m, TABLE) as it:
            await started(it)
            it.lock.release()
            await it.reports(UNLOCKED)
            z2m.jammed = True
            begun = it.world.monotonic()
            it.lock.secure()
            await it.reports(UNLOCKED, FAULT)
            assert it.world.monotonic() - begun <= CONFIRM_MS + 100
            assert it.seen.of(HealthChanged)[-1].detail == "not fully locked"
            await it.still(2 * CONFIRM_MS)
            assert z2m.heard[2:] == ["LOCK"] * 3
            z2m.jammed = False
            it.lock.secure()
            await it.reports(UNLOCKED, FAULT, LOCKED)

    asyncio.run(story())


def test_not_fully_locked_by_another_hand_is_a_fault_at_once(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        async with house(mosquitto, bridge(), TABLE) as it:
            await started(it)
            await say(mosquitto.port, "z2m/Hall/front", b'{"state":"UNLOCK","lock_state":"not_fully_locked"}')
            await until(lambda: it.states == [FAULT])

    asyncio.run(story())


def test_the_radio_is_lost(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        z2m = bridge()
        async with spy(mosquitto.port, "z2m/Hall/front/set") as commands, house(mosquitto, z2m, TABLE) as it:
            await started(it)
            commands.clear()
            z2m.available(False, it.world.monotonic())
            it.device.poke()
            await it.reports(UNKNOWN)
            assert it.health is Health.SILENT
            it.lock.release()
            await it.still(CONFIRM_MS)
            assert commands == []
            it.lock.secure()
            z2m.available(True, it.world.monotonic())
            it.device.poke()
            await it.passes(lambda: it.states[-1] is LOCKED)
            assert commands == [b'{"state":"LOCK"}']

    asyncio.run(story())


def test_the_bridge_dies(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        z2m = bridge()
        async with house(mosquitto, z2m, TABLE) as it:
            await started(it)
            it.lock.release()
            await until(lambda: z2m.heard[-1:] == ["UNLOCK"])
            it.device.unplug()
            await until(lambda: it.states == [UNKNOWN])
            it.device.plug()
            await until(it.device.online.is_set)
            await it.passes(lambda: it.states[-1] is UNLOCKED)

    asyncio.run(story())


def test_the_broker_dies_in_the_middle_of_a_movement(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        z2m = bridge()
        async with house(mosquitto, z2m, TABLE) as it:
            await started(it)
            it.lock.release()
            await until(lambda: z2m.heard[-1:] == ["UNLOCK"])
            await it.broker_dies()
            await until(lambda: it.states == [UNKNOWN])
            it.lock.secure()
            await it.broker_returns()
            await it.passes(lambda: z2m.heard[-1] == "LOCK" and z2m.lock_state == SHUT_BOLT)
            await it.passes(lambda: it.states[-1] is LOCKED)

    asyncio.run(story())


def test_what_happens_at_its_own_keypad_shows(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        z2m = bridge()
        async with house(mosquitto, z2m, TABLE) as it:
            await started(it)
            z2m.wrong_code(it.world.monotonic())
            z2m.program(it.world.monotonic())
            it.device.poke()
            detail = "codes were changed at the lock; 1 wrong code at the lock's own keypad"
            await it.passes(
                lambda: it.seen.of(HealthChanged) and it.seen.of(HealthChanged)[-1].detail == detail
            )
            assert it.states == []

    asyncio.run(story())


# --- single messages ----------------------------------------------------------------------------------

SPEECH = Zigbee2MqttSpeech("z2m", "front")


def heard(topic: str, payload: bytes, retained: bool = False) -> list[Any]:
    return list(SPEECH.hear(topic, payload, retained)[1])


@pytest.mark.parametrize(
    ("payload", "facts"),
    [
        (b'{"state":"LOCK","lock_state":"locked","battery":87}', [Reported(Bolt.LOCKED)]),
        (b'{"state":"UNLOCK","lock_state":"unlocked"}', [Reported(Bolt.UNLOCKED)]),
        (b'{"state":"UNLOCK"}', [Reported(Bolt.UNLOCKED)]),
        (b'{"lock_state":"not_fully_locked"}', [Reported(Bolt.FAULT, "not fully locked", passing=True)]),
        (b'{"battery":87}', []),
        (b'{"action":"manual_unlock","action_user":3}', []),
        (b'{"battery_low":true}', [Noted("battery_low", "battery low")]),
        (b'{"state":"OPEN"}', [Counted("unreadable message")]),
        (b'{"state":1}', [Counted("unreadable message")]),
        (b'["LOCK"]', [Counted("unreadable message")]),
        (b"LOCK", [Counted("unreadable message")]),
        (b"", [Counted("unreadable message")]),
        (b'{"x":' + b"[" * 60_000, [Counted("unreadable message")]),
    ],
)
def test_a_cached_state(payload: bytes, facts: list[Any]) -> None:
    assert heard("z2m/front", payload) == facts


def test_an_action_that_the_broker_kept_is_no_event() -> None:
    payload = b'{"action":"pin_code_added"}'
    assert heard("z2m/front", payload, retained=True) == []
    assert heard("z2m/front", payload) == [Noted("codes", "codes were changed at the lock")]


@pytest.mark.parametrize("form", [b'{"state":"%s"}', b"%s"])
def test_bridge_and_lock_have_to_be_there_both(form: bytes) -> None:
    speech = SPEECH
    facts: list[Any] = []
    for topic, word in (
        ("z2m/bridge/state", b"online"),
        ("z2m/front/availability", b"offline"),
        ("z2m/bridge/state", b"offline"),
        ("z2m/front/availability", b"online"),
        ("z2m/bridge/state", b"online"),
    ):
        speech, more = speech.hear(topic, form % word, True)
        facts += more
    assert [fact.there for fact in facts if isinstance(fact, Reachable)] == [True, False, False, False, True]


@given(st.sampled_from(["z2m/front", "z2m/bridge/state", "z2m/front/availability"]), st.binary(max_size=60))
def test_no_payload_raises(topic: str, payload: bytes) -> None:
    assert all(isinstance(fact, Counted | Reported | Noted | Reachable) for fact in heard(topic, payload))
