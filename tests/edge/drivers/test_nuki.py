"""The Nuki driver against a simulated lock on a real broker, and what it makes of single messages."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.errors import ConfigError
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.drivers.base import ContactChanged, HealthChanged, Sampled
from pleintemps_edge.drivers.lock_states import Answered, Bolt, Counted, Noted, Reachable, Reported
from pleintemps_edge.drivers.nuki import DoorView, NukiSpeech
from pleintemps_edge.drivers.registry import Context, build
from pleintemps_firmware_sim.devices.mqtt_device import MqttDevice
from pleintemps_firmware_sim.devices.nuki import BUSY, Action, DoorSensor, NukiLock, State
from tests.support.broker import Mosquitto

from .mqtt_house import FAULT, LOCKED, UNKNOWN, UNLOCKED, a_line, at_work, house, say, spy, until
from .running import running

TABLE: dict[str, Any] = {"device": "hall-nuki", "driver": "nuki", "lock_id": "1A2B3C4D"}
CONFIRM_MS = 12_000
START = (LOCKED, LOCKED)
"""As the broker kept it, and as the lock has confirmed it."""


def test_it_locks_unlatches_and_locks_again(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        nuki = NukiLock("1A2B3C4D")
        async with house(mosquitto, nuki, TABLE) as it:
            await it.reports(*START)
            assert nuki.heard == [Action.LOCK]
            it.lock.release()
            await it.reports(*START, UNLOCKED)
            await it.passes(lambda: nuki.state is State.UNLOCKED)
            it.lock.secure()
            await it.reports(*START, UNLOCKED, LOCKED)
            assert nuki.heard == [Action.LOCK, Action.UNLATCH, Action.LOCK]
            assert it.seen.health == [Health.OK]

    asyncio.run(story())


def test_with_a_handle_outside_only_the_bolt_is_drawn(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        nuki = NukiLock("1A2B3C4D")
        async with house(mosquitto, nuki, TABLE | {"release": "unlock"}) as it:
            await it.reports(*START)
            it.lock.release()
            await it.reports(*START, UNLOCKED)
            assert nuki.heard == [Action.LOCK, Action.UNLOCK]

    asyncio.run(story())


def test_the_next_command_waits_for_the_answer_to_the_last(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        nuki = NukiLock("1A2B3C4D")
        async with (
            spy(mosquitto.port, "nuki/1A2B3C4D/commandResponse") as answers,
            house(mosquitto, nuki, TABLE) as it,
        ):
            await it.reports(*START)
            it.lock.release()
            it.lock.release()  # a second word of the same is no second command
            it.lock.secure()
            await it.passes(lambda: nuki.heard[1:3] == [Action.UNLATCH, Action.LOCK])
            # it answers at once and is busy while its motor runs: what comes then is tried again
            await it.passes(lambda: it.states[-1] is LOCKED and nuki.state is State.LOCKED)
            assert set(answers) <= {b"0", b"%d" % BUSY}
            assert it.health is Health.OK

    asyncio.run(story())


def test_a_blocked_motor_is_a_fault_and_ends_when_it_moves_again(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        nuki = NukiLock("1A2B3C4D")
        async with house(mosquitto, nuki, TABLE) as it:
            await it.reports(*START)
            nuki.jammed = True
            begun = it.world.monotonic()
            it.lock.release()
            await it.reports(*START, FAULT)
            assert it.world.monotonic() - begun <= CONFIRM_MS
            assert it.seen.of(HealthChanged)[-1].detail == "motor blocked"
            await it.still(2 * CONFIRM_MS)
            assert nuki.heard.count(Action.UNLATCH) == 3
            nuki.jammed = False
            it.lock.secure()
            await it.reports(*START, FAULT, LOCKED)
            assert it.health is Health.OK

    asyncio.run(story())


def test_no_answer_is_unknown_in_time_and_the_tries_are_counted(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        nuki = NukiLock("1A2B3C4D")
        async with (
            spy(mosquitto.port, "nuki/1A2B3C4D/lockAction") as commands,
            house(mosquitto, nuki, TABLE) as it,
        ):
            await it.reports(*START)
            nuki.deaf = True
            begun = it.world.monotonic()
            it.lock.release()
            await it.reports(*START, UNKNOWN)
            assert it.world.monotonic() - begun <= CONFIRM_MS + 100
            assert it.health is Health.SILENT
            await it.still(3 * CONFIRM_MS)
            assert commands.count(b"3") == 3
            nuki.deaf = False
            it.lock.secure()  # nothing moves, nothing is published: its answer is enough
            await it.reports(*START, UNKNOWN, LOCKED)
            assert it.seen.health[-1] == Health.OK

    asyncio.run(story())


def test_a_lost_answer_is_made_good_by_the_state(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        nuki = NukiLock("1A2B3C4D")
        async with house(mosquitto, nuki, TABLE) as it:
            await it.reports(*START)
            nuki.lose_answers = 1
            it.lock.release()
            await it.reports(*START, UNLOCKED)
            assert nuki.heard.count(Action.UNLATCH) == 1

    asyncio.run(story())


def test_a_broker_that_dies_in_the_middle_of_a_movement(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        nuki = NukiLock("1A2B3C4D")
        async with house(mosquitto, nuki, TABLE) as it:
            await it.reports(*START)
            it.lock.release()
            await it.passes(lambda: nuki.state is State.UNLATCHING)
            mosquitto.settle()
            await it.broker_dies()
            await until(lambda: it.states[-1] is UNKNOWN)
            assert it.health is Health.SILENT
            it.lock.secure()  # nobody hears it
            await it.still(10_000)
            await it.broker_returns()
            await it.passes(lambda: nuki.heard[-1] == Action.LOCK and nuki.state is State.LOCKED)
            await it.passes(lambda: it.states[-1] is LOCKED and it.health is Health.OK)
            assert nuki.heard.count(Action.UNLATCH) == 1

    asyncio.run(story())


def test_a_lock_that_was_away_hears_the_present_wish_only(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        nuki = NukiLock("1A2B3C4D")
        async with house(mosquitto, nuki, TABLE) as it:
            await it.reports(*START)
            it.device.unplug()
            await until(lambda: it.states[-1] is UNKNOWN)
            assert it.seen.of(HealthChanged)[-1].detail == "not on the building's broker"
            it.lock.release()
            await it.still(5_000)
            it.lock.secure()
            it.device.plug()
            await until(it.device.online.is_set)
            await it.passes(lambda: it.states[-1] is LOCKED and len(nuki.heard) == 2)
            await it.still(CONFIRM_MS)
            assert nuki.heard == [Action.LOCK, Action.LOCK]

    asyncio.run(story())


def test_who_turns_it_by_hand_is_reported_and_left_alone(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        nuki = NukiLock("1A2B3C4D")
        async with house(mosquitto, nuki, TABLE) as it:
            await it.reports(*START)
            nuki.turn(False, it.world.monotonic())
            it.device.poke()
            await it.reports(*START, UNLOCKED)
            await it.still(CONFIRM_MS)
            assert nuki.heard == [Action.LOCK]

    asyncio.run(story())


def test_in_a_fire_it_begins_no_movement_any_more(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        nuki = NukiLock("1A2B3C4D")
        async with (
            spy(mosquitto.port, "nuki/1A2B3C4D/lockAction") as commands,
            house(mosquitto, nuki, TABLE) as it,
        ):
            await it.reports(*START)
            nuki.deaf = True
            it.lock.release()
            await until(lambda: commands == [b"2", b"3"])
            it.lock.idle()
            await it.still(2 * CONFIRM_MS)
            it.device.unplug()
            await until(lambda: it.states[-1] is UNKNOWN)
            it.device.plug()
            await until(it.device.online.is_set)
            await it.passes(lambda: it.states[-1] is LOCKED)
            await it.still(CONFIRM_MS)
            assert commands == [b"2", b"3"]
            assert it.lock.frees_when_idle is False

    asyncio.run(story())


def test_made_during_a_fire_it_is_not_moved(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        nuki = NukiLock("1A2B3C4D", state=State.UNLOCKED)
        async with house(mosquitto, nuki, TABLE, idle=True) as it:
            await it.reports(UNLOCKED)
            await it.still(CONFIRM_MS)
            assert nuki.heard == []

    asyncio.run(story())


@pytest.mark.parametrize("state", [State.UNCALIBRATED, State.BOOT, State.UNDEFINED])
def test_a_lock_that_does_not_know_itself_is_a_fault(mosquitto: Mosquitto, state: State) -> None:
    async def story() -> None:
        nuki = NukiLock("1A2B3C4D")
        async with house(mosquitto, nuki, TABLE) as it:
            await it.reports(*START)
            nuki.become(state, it.world.monotonic())
            it.device.poke()
            await it.reports(*START, FAULT)
            assert it.health is Health.ERROR

    asyncio.run(story())


def test_what_others_say_harms_nobody(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        nuki = NukiLock("1A2B3C4D")
        await say(mosquitto.port, "nuki/1A2B3C4D/commandResponse", b"77", retain=True)
        async with house(mosquitto, nuki, TABLE) as it:
            await it.reports(*START)
            for payload in (b"", b"one", b"1.0", b"-1", b"256", b"\xff\xfe", b"{}", b"9" * 70_000):
                await say(mosquitto.port, "nuki/1A2B3C4D/state", payload)
            await say(mosquitto.port, "nuki/1A2B3C4D/commandResponse", b"77")  # of another's command
            await it.passes(lambda: it.seen.of(HealthChanged)[-1].detail == "several unreadable messages")
            nuki.drain(it.world.monotonic())
            it.device.poke()
            await it.passes(lambda: "battery critical" in it.seen.of(HealthChanged)[-1].detail)
            assert it.states == list(START)
            assert set(it.seen.health) == {Health.OK}

    asyncio.run(story())


def test_the_last_wish_before_the_end_still_goes_out(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        async with spy(mosquitto.port, "nuki/1A2B3C4D/lockAction") as commands:
            async with house(mosquitto, NukiLock("1A2B3C4D"), TABLE) as it:
                await it.reports(*START)
                it.lock.release()
                await it.passes(lambda: it.states[-1] is UNLOCKED)
                it.lock.secure()
                it.lock.close()
            await until(lambda: commands == [b"2", b"3", b"2"])

    asyncio.run(story())


def test_the_door_sensor_is_a_contact_of_its_own(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        nuki, world = NukiLock("1A2B3C4D"), ManualWorld()
        async with a_line(mosquitto.port) as line:
            context = Context(world=world, base=Path(), line=world, building=line)
            table = {"device": "hall-leaf", "driver": "nuki_contact", "space": "hall", "lock_id": "1A2B3C4D"}
            contact: Any = build(table, context)
            device = MqttDevice(nuki, "127.0.0.1", mosquitto.port, world)
            async with at_work(device.run()), running(contact) as seen:
                await seen.until(lambda seen: [each.open for each in seen.of(ContactChanged)] == [False])
                for sensor in (DoorSensor.OPEN, DoorSensor.TAMPERED, DoorSensor.OPEN, DoorSensor.CLOSED):
                    nuki.swing(sensor, world.monotonic())
                    device.poke()
                await seen.until(lambda seen: len(seen.of(Sampled)) == 4)
                device.unplug()
                await seen.until(lambda seen: seen.health[-1] is Health.SILENT)
        assert [each.open for each in seen.of(ContactChanged)] == [False, True, True, False]
        # what cannot be said is no reading, and the one after it is said anew
        assert seen.health[-4:] == [Health.OK, Health.ERROR, Health.OK, Health.SILENT]

    asyncio.run(story())


def test_without_a_building_it_cannot_be_made(context: Context) -> None:
    for table in (TABLE, {**TABLE, "driver": "nuki_contact", "space": "hall"}):
        with pytest.raises(ConfigError, match=r"device hall-nuki: needs the building's broker"):
            build(table, context)


@pytest.mark.parametrize(
    ("key", "value"), [("lock_id", "no hex"), ("base", "a/#"), ("release", "open"), ("confirm_s", 0.5)]
)
def test_a_wrong_key_is_named(context: Context, key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"device hall-nuki: .*`{key}`"):
        build(TABLE | {key: value}, context)


# --- single messages ----------------------------------------------------------------------------------

SPEECH = NukiSpeech("nuki/AB", 3)


def heard(speech: NukiSpeech, *messages: tuple[str, bytes, bool]) -> tuple[NukiSpeech, list[Any]]:
    facts: list[Any] = []
    for name, payload, retained in messages:
        speech, more = speech.hear(f"nuki/AB/{name}", payload, retained)
        facts += more
    return speech, facts


def test_a_kept_state_counts_only_while_the_lock_is_connected() -> None:
    _, facts = heard(SPEECH, ("state", b"1", True), ("connected", b"false", True))
    assert facts == [Reachable(False, kept=True)]
    _, facts = heard(SPEECH, ("state", b"1", True), ("connected", b"true", True))
    assert facts == [Reachable(True, kept=True), Reported(Bolt.LOCKED, kept=True)]


def test_a_broker_that_came_back_from_an_old_copy_is_not_believed() -> None:
    live = [("connected", b"true", True), ("timestamp", b"2026-05-01T10:00:00+00:00", False)]
    speech, _ = heard(SPEECH, *live)
    old = [("connected", b"true", True), ("state", b"3", True), ("timestamp", b"2026-05-01T09:00:00Z", True)]
    speech, facts = heard(speech.lost(), *old)
    assert facts == [Reachable(True, kept=True)]
    _, facts = heard(speech, ("timestamp", b"2026-05-01T10:00:00Z", True))
    assert facts == [Reported(Bolt.UNLOCKED, kept=True)]
    _, facts = heard(speech, ("state", b"1", False))
    assert facts == [Reported(Bolt.LOCKED)]


def test_answers_and_notes() -> None:
    _, facts = heard(SPEECH, ("commandResponse", b"0", False), ("commandResponse", b"69", False))
    assert facts == [Answered(True, "refused with error 0"), Answered(False, "refused with error 69")]
    _, facts = heard(SPEECH, ("doorsensorState", b"240", True), ("doorsensorState", b"2", False))
    assert facts == [Noted("doorsensorState", "door sensor tampered with"), Noted("doorsensorState", "")]
    _, facts = heard(SPEECH, ("connected", b"true", False), ("state", b"17", False))
    assert facts[-1] == Reported(Bolt.FAULT, "unknown state 17")


NAMES = ["state", "connected", "timestamp", "commandResponse", "doorsensorState", "batteryCritical"]


@given(st.sampled_from(NAMES), st.binary(max_size=40), st.booleans())
def test_no_payload_raises_and_none_but_the_words_is_believed(
    name: str, payload: bytes, retained: bool
) -> None:
    _, facts = heard(SPEECH, (name, payload, retained))
    if not payload.isdigit() and payload not in (b"true", b"false") and name != "timestamp":
        assert facts == [Counted("unreadable message")]
    DoorView(line=True).heard(name, payload)
