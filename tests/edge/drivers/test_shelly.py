"""The Shelly driver against a simulated relay on a real broker."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import Health
from pleintemps_edge.drivers.base import HealthChanged
from pleintemps_edge.drivers.lock_states import Bolt, Complained, Counted, Noted, Reported
from pleintemps_edge.drivers.shelly import POLL_MS, ShellySpeech
from pleintemps_firmware_sim.devices.shelly import ShellyRelay
from tests.support.broker import Mosquitto

from .mqtt_house import LOCKED, UNKNOWN, UNLOCKED, House, house, say, spy, until

TABLE: dict[str, Any] = {"device": "hall-relay", "driver": "shelly", "prefix": "shellyplus1-a8032a"}
MAGNET = TABLE | {"wiring": "energise-to-lock", "supply_cut_by": ["exit", "fire"]}
CONFIRM_MS = 3_000
HOLD_MS = 10_000


def relay(**options: Any) -> ShellyRelay:
    return ShellyRelay("shellyplus1-a8032a", **options)


async def started(it: House) -> None:
    """It is locked, and has confirmed that."""
    await it.passes(lambda: it.states[-1:] == [LOCKED] and it.health is Health.OK)
    await it.still(500)
    it.seen.all.clear()


def test_a_strike_is_energised_for_a_while_and_let_go(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        shelly = relay()
        async with house(mosquitto, shelly, TABLE) as it:
            await started(it)
            it.lock.release()
            await it.reports(UNLOCKED)
            assert shelly.output
            it.lock.secure()
            await it.reports(UNLOCKED, LOCKED)
            assert not shelly.output
            off = {"id": 0, "on": False}
            assert shelly.heard == [off, {"id": 0, "on": True, "toggle_after": 10.0}, off]

    asyncio.run(story())


def test_a_door_that_is_held_released_stays_released(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        shelly = relay()
        async with house(mosquitto, shelly, TABLE) as it:
            await started(it)
            it.lock.release()
            await it.reports(UNLOCKED)
            for _ in range(40):
                await it.still(1_000)
                assert shelly.output
            assert it.states == [UNLOCKED]
            assert it.seen.health == []

    asyncio.run(story())


def test_without_its_agent_a_strike_falls_back_by_itself(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        shelly = relay()
        async with house(mosquitto, shelly, TABLE) as it:
            await started(it)
            it.lock.release()
            await it.reports(UNLOCKED)
            await it.broker_dies()
            await until(lambda: it.states == [UNLOCKED, UNKNOWN])
            await it.world.advance(HOLD_MS)
            shelly.transmit(it.world.monotonic())
            assert not shelly.output

    asyncio.run(story())


def test_a_magnet_has_no_timer_and_is_off_in_a_fire(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        shelly = relay()
        async with house(mosquitto, shelly, MAGNET) as it:
            assert it.lock.frees_when_idle
            await started(it)
            assert shelly.output
            it.lock.release()
            await it.reports(UNLOCKED)
            it.lock.secure()
            await it.reports(UNLOCKED, LOCKED)
            it.lock.idle()
            await it.reports(UNLOCKED, LOCKED, UNLOCKED)
            await it.still(2 * HOLD_MS)
            assert not shelly.output
            assert all("toggle_after" not in order for order in shelly.heard)

    asyncio.run(story())


def test_a_strike_is_off_in_a_fire(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        shelly = relay()
        async with house(mosquitto, shelly, TABLE) as it:
            await started(it)
            it.lock.release()
            await it.reports(UNLOCKED)
            it.lock.idle()
            await it.reports(UNLOCKED, LOCKED)
            assert not it.lock.frees_when_idle

    asyncio.run(story())


def test_a_magnet_made_during_a_fire_is_never_energised(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        shelly = relay()
        async with house(mosquitto, shelly, MAGNET, idle=True) as it:
            await it.passes(lambda: it.states[-1:] == [UNLOCKED])
            await it.still(2 * POLL_MS)
            assert all(order["on"] is False for order in shelly.heard)

    asyncio.run(story())


def test_everything_twice_changes_nothing(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        shelly = relay()
        shelly.twice = True
        async with house(mosquitto, shelly, TABLE) as it:
            await started(it)
            it.lock.release()
            await it.reports(UNLOCKED)
            it.lock.secure()
            await it.reports(UNLOCKED, LOCKED)
            await it.still(POLL_MS)
            assert it.states == [UNLOCKED, LOCKED]

    asyncio.run(story())


def test_an_old_notification_that_comes_again_is_not_believed(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        shelly = relay()
        events = "shellyplus1-a8032a/events/rpc"
        async with house(mosquitto, shelly, TABLE) as it, spy(mosquitto.port, events) as said:
            await started(it)
            it.lock.release()
            await it.reports(UNLOCKED)
            await it.still(300)  # two changes have two times
            it.lock.secure()
            await it.reports(UNLOCKED, LOCKED)
            await until(lambda: len(said) == 2)
            await say(mosquitto.port, events, said[0])
            await it.still(1_000)
            assert it.states == [UNLOCKED, LOCKED]

    asyncio.run(story())


def test_lost_answers_are_asked_for_again_and_then_it_is_silent(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        shelly = relay()
        async with house(mosquitto, shelly, TABLE) as it:
            await started(it)
            shelly.deaf = True
            begun = it.world.monotonic()
            it.lock.release()
            await it.reports(UNKNOWN)
            assert it.world.monotonic() - begun <= CONFIRM_MS + 100
            assert it.health is Health.SILENT
            it.lock.secure()
            shelly.deaf = False
            await it.passes(lambda: it.states[-1] is LOCKED and it.health is Health.OK)
            assert [order["on"] for order in shelly.heard if order["on"]] == []

    asyncio.run(story())


def test_a_relay_that_falls_silent_is_found_out_without_a_command(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        shelly = relay()
        async with house(mosquitto, shelly, TABLE) as it:
            await started(it)
            shelly.deaf = True
            begun = it.world.monotonic()
            await it.reports(UNKNOWN)
            assert it.world.monotonic() - begun <= POLL_MS + CONFIRM_MS + 100
            shelly.deaf = False
            await it.reports(UNKNOWN, LOCKED)

    asyncio.run(story())


@pytest.mark.parametrize("option", ["rpc_ntf", "enable_rpc"])
def test_settings_that_are_off(mosquitto: Mosquitto, option: str) -> None:
    async def story() -> None:
        shelly = relay(**{option: False})
        async with house(mosquitto, shelly, TABLE) as it:
            if option == "enable_rpc":
                await it.passes(lambda: it.health is Health.SILENT)
                assert set(it.states) <= {UNKNOWN, LOCKED}
                return
            await started(it)
            it.lock.release()
            await it.reports(UNLOCKED)
            it.lock.secure()
            await it.reports(UNLOCKED, LOCKED)
            shelly.press(True, it.world.monotonic())
            it.device.poke()
            await it.reports(UNLOCKED, LOCKED, UNLOCKED)

    asyncio.run(story())


def test_it_loses_its_power(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        shelly = relay()
        async with house(mosquitto, shelly, TABLE) as it:
            await started(it)
            it.lock.release()
            await it.reports(UNLOCKED)
            it.device.unplug()
            shelly.power_cycle(it.world.monotonic())
            await until(lambda: it.states[-1] is UNKNOWN)
            it.lock.secure()
            it.device.plug()
            await until(it.device.online.is_set)
            await it.passes(lambda: it.states[-1] is LOCKED and shelly.heard[-1]["on"] is False)

    asyncio.run(story())


@pytest.mark.parametrize("initial", ["on", "restore_last"])
def test_a_power_on_default_that_is_not_off_is_an_error(mosquitto: Mosquitto, initial: str) -> None:
    async def story() -> None:
        async with house(mosquitto, relay(initial_state=initial), TABLE) as it:
            await it.passes(lambda: it.health is Health.ERROR)
            assert it.seen.of(HealthChanged)[-1].detail == "the relay's power-on default is not off"
            await it.passes(lambda: it.states[-1] is LOCKED)

    asyncio.run(story())


def test_what_others_say_harms_nobody(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        shelly = relay()
        async with house(mosquitto, shelly, TABLE) as it:
            await started(it)
            for payload in (b"", b"{", b"[1]", b'{"id":"one"}', b'{"params":{"switch:0":{"output":1}}}'):
                await say(mosquitto.port, "shellyplus1-a8032a/events/rpc", payload)
            await say(mosquitto.port, "shellyplus1-a8032a/online", b"yes")
            await it.passes(lambda: it.seen.of(HealthChanged))
            frame = {"method": "NotifyStatus", "params": {"switch:0": {"id": 0, "output": True}}}
            kept = json.dumps(frame).encode()
            await say(mosquitto.port, "shellyplus1-a8032a/command/switch:0", b"on")
            await say(mosquitto.port, "shellyplus1-a8032a/rpc", kept, retain=True)
            await it.still(1_000)
            assert (it.states, set(it.seen.health)) == ([], {Health.OK})

    asyncio.run(story())


# --- single messages ----------------------------------------------------------------------------------

SPEECH = ShellySpeech("relay", "us", 0, "energise-to-unlock", 10.0)


def answer(speech: ShellySpeech, number: int, result: dict[str, Any]) -> tuple[ShellySpeech, list[Any]]:
    payload = json.dumps({"id": number, "src": "relay", "dst": "us", "result": result}).encode()
    heard, facts = speech.hear("us/rpc", payload, False)
    return heard, list(facts)


def notified(speech: ShellySpeech, **params: Any) -> tuple[ShellySpeech, list[Any]]:
    payload = json.dumps({"method": "NotifyStatus", "params": params}).encode()
    heard, facts = speech.hear("relay/events/rpc", payload, False)
    return heard, list(facts)


def test_a_change_lies_over_a_full_status() -> None:
    changed = {"switch:0": {"id": 0, "output": True}}
    assert notified(SPEECH, **changed)[1] == []
    speech, messages = SPEECH.ask()
    assert [json.loads(message.payload)["method"] for message in messages] == [
        "Shelly.GetStatus",
        "Switch.GetConfig",
    ]
    speech, facts = answer(speech, 1, {"switch:0": {"id": 0, "output": False, "errors": ["overtemp"]}})
    assert facts == [Reported(Bolt.LOCKED), Noted("errors", "relay says overtemp")]
    assert notified(speech, **changed)[1] == [Reported(Bolt.UNLOCKED)]
    assert notified(speech, **{"switch:0": {"id": 0, "apower": 3.0}})[1] == []
    assert notified(speech, **{"switch:1": {"id": 1, "output": True}})[1] == []
    assert answer(speech, 2, {"initial_state": "off", "auto_on": True})[1] == [
        Complained("the relay has a timer that switches it on")
    ]


def test_only_answers_to_open_questions_count() -> None:
    speech, _ = SPEECH.ask()
    assert answer(speech, 9, {"switch:0": {"output": True}})[1] == []
    speech, facts = answer(speech, 1, {"switch:0": {"output": True}})
    assert facts == [Reported(Bolt.UNLOCKED)]
    assert answer(speech, 1, {"switch:0": {"output": False}})[1] == []


def test_a_clock_that_was_set_back_silences_nobody() -> None:
    speech, _ = SPEECH.ask()
    speech, _ = answer(speech, 1, {"switch:0": {"output": False}})
    speech, _ = notified(speech, ts=2e9, **{"switch:0": {"output": True}})
    assert notified(speech, ts=2e9 - 30, **{"switch:0": {"output": False}})[1] == []
    assert notified(speech, ts=1.7e9, **{"switch:0": {"output": False}})[1] == [Reported(Bolt.LOCKED)]


def test_nesting_without_end_is_one_more_unreadable_message() -> None:
    deep = b"[" * 30_000 + b"]" * 30_000
    speech, _ = SPEECH.ask()
    for payload in (b'{"x":%s}' % deep, b'{"id":2,"result":{"initial_state":%s}}' % deep):
        assert speech.hear("us/rpc", payload, False)[1] == (Counted("unreadable message"),)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "method", "params", "result", "error", "code", "switch:0", "output", "ts"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(st.sampled_from(["us/rpc", "relay/online", "relay/events/rpc"]), JSON.map(json.dumps) | st.text())
def test_no_payload_raises(topic: str, payload: str) -> None:
    speech, _ = SPEECH.ask()
    heard, _ = speech.hear(topic, payload.encode("utf-8", "surrogatepass"), False)
    assert isinstance(heard, ShellySpeech)
