"""The simulated Nuki against the topics and tables of its API 1.4."""

from hypothesis import given
from hypothesis import strategies as st

from pleintemps_firmware_sim.devices.nuki import (
    BUSY,
    LATCH_MS,
    RESPONSE_MS,
    TRAVEL_MS,
    Action,
    DoorSensor,
    NukiLock,
)

ACTION = "nuki/1A2B/lockAction"


def said(lock: NukiLock, now: int) -> list[tuple[str, bytes]]:
    """What it has said by ``now``, without the prefix and the time of day."""
    spoken = [(each.topic.rpartition("/")[2], each.payload) for each in lock.transmit(now)]
    return [each for each in spoken if each[0] != "timestamp"]


def test_at_the_connection_everything_but_answers_is_retained() -> None:
    lock = NukiLock("1A2B")
    lock.connected(0)
    spoken = lock.transmit(0)
    assert all(each.retain and each.qos == 0 for each in spoken)
    values = {each.topic: each.payload for each in spoken}
    assert values["nuki/1A2B/state"] == b"1"
    assert values["nuki/1A2B/connected"] == b"true"
    assert values["nuki/1A2B/doorsensorState"] == b"2"
    assert values["nuki/1A2B/timestamp"].startswith(b"20")
    assert lock.will == ("nuki/1A2B/connected", b"false", True, 0)


def test_unlatching_takes_its_time_and_ends_unlocked() -> None:
    lock = NukiLock("1A2B")
    lock.receive(ACTION, b"3", 0)
    assert said(lock, 0) == [("lockActionEvent", b"3,172,0,0,0")]
    assert said(lock, RESPONSE_MS) == [("commandResponse", b"0"), ("state", b"7")]
    assert said(lock, RESPONSE_MS + TRAVEL_MS - 1) == []
    assert said(lock, RESPONSE_MS + TRAVEL_MS) == [("state", b"5")]
    assert said(lock, RESPONSE_MS + TRAVEL_MS + LATCH_MS) == [("state", b"3")]
    assert lock.due() is None


def test_one_command_at_a_time() -> None:
    lock = NukiLock("1A2B")
    lock.receive(ACTION, b"3", 0)
    lock.receive(ACTION, b"2", 100)
    assert ("commandResponse", b"%d" % BUSY) in said(lock, 100 + RESPONSE_MS)
    said(lock, 60_000)
    assert lock.state.name == "UNLOCKED"
    lock.receive("nuki/1A2B/lock", b"true", 60_000)
    said(lock, 70_000)
    assert lock.state.name == "LOCKED"
    assert lock.heard == [Action.UNLATCH, Action.LOCK, Action.LOCK]


def test_jam_deafness_and_a_lost_answer() -> None:
    lock = NukiLock("1A2B")
    lock.jammed = True
    lock.lose_answers = 1
    lock.receive(ACTION, b"1", 0)
    assert said(lock, 60_000) == [("lockActionEvent", b"1,172,0,0,0"), ("state", b"2"), ("state", b"254")]
    lock.deaf = True
    lock.receive(ACTION, b"2", 60_000)
    assert said(lock, 90_000) == []


def test_a_hand_a_door_and_a_battery() -> None:
    lock = NukiLock("1A2B")
    lock.turn(False, 0)
    lock.swing(DoorSensor.OPEN, 0)
    lock.drain(0)
    assert said(lock, 0) == [
        ("lockActionEvent", b"1,1,0,0,0"),
        ("state", b"3"),
        ("doorsensorState", b"3"),
        ("batteryCritical", b"true"),
    ]


@given(st.sampled_from(["lockAction", "lock", "unlock", "other"]), st.binary(max_size=10))
def test_only_its_commands_move_it(name: str, payload: bytes) -> None:
    lock = NukiLock("1A2B")
    lock.receive(f"nuki/1A2B/{name}", payload, 0)
    moves = (name == "lockAction" and payload in (b"1", b"2", b"3")) or (
        name in ("lock", "unlock") and payload == b"true"
    )
    assert bool(lock.heard) is moves
