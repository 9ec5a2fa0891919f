"""Doors: opening, locking again, alarms, the way out, locks and contacts that are ill."""

from pleintemps_contract.agent_messages import (
    AccessNotUsed,
    AccessRefused,
    DoorAlarmChanged,
    DoorModeChanged,
    DoorPhysicalChanged,
    LockPhysicalChanged,
)
from pleintemps_contract.onvif import DoorAction, DoorAlarm, DoorMode, DoorPhysicalState, LockPhysicalState
from pleintemps_firmware_sim.errors import UnmetError

from .bench import CODE, Bench
from .requirement import Subject, doors, played, with_contact, with_exit, with_keypad, with_reed
from .rigs import cut
from .setup import Door, Setup

TELL_MS = 3_000
"""From what happens at a door to its record at the gateway."""
SLACK_MS = 2_000
FLAPS_AT_MOST = 20


@played(
    "DOOR-01", "a valid code opens the door within 1 s", "door-and-codes 2; design: codes", doors(with_keypad)
)
async def opens(bench: Bench, subject: Subject) -> None:
    await bench.enter(subject.at)
    if not bench.door(subject.at).push():
        raise UnmetError("the lock let go and the leaf did not open")


@played(
    "DOOR-02",
    "a door that nobody opens locks again after its release time, and that is recorded",
    "door-and-codes 2: release time, FailedPortalNotOpened",
    doors(with_keypad),
)
async def relocks(bench: Bench, subject: Subject) -> None:
    door, rig = subject.at, bench.door(subject.at)
    await bench.enter(door)
    stays = round(1_000 * door.release_s) - 500
    await bench.never(lambda: not rig.released, stays, f"it held again before {door.release_s:g} s were over")
    await bench.need(lambda: not rig.released, SLACK_MS + bench.opening_ms(door), "it did not lock again")
    if door.contact is not None:
        await bench.need(
            lambda: bench.events(AccessNotUsed, door=door.door), TELL_MS, "access-not-used was not recorded"
        )


@played(
    "DOOR-03",
    "a door that was opened locks behind who came in, without an alarm",
    "door-and-codes 2: relockMode",
    doors(with_keypad, with_contact),
)
async def locks_behind(bench: Bench, subject: Subject) -> None:
    door, rig = subject.at, bench.door(subject.at)
    await bench.enter(door)
    rig.push()
    if door.relock == "open":
        delay = round(1_000 * door.relock_delay_s) + SLACK_MS
        await bench.need(lambda: not rig.released, delay, "the lock did not fall back at the opening")
    await bench.shut(door)
    await bench.sleep(TELL_MS)
    _no_alarm(bench, door)


@played(
    "DOOR-04",
    "a door that is broken open is told of, and its closing too",
    "door-and-codes 1: DoorForcedOpen",
    doors(with_contact),
)
async def forced(bench: Bench, subject: Subject) -> None:
    door = subject.at
    bench.door(door).force()
    await _alarm(bench, door, DoorAlarm.FORCED_OPEN, TELL_MS)
    await _alarm(bench, door, DoorAlarm.NORMAL, TELL_MS + SLACK_MS)


@played(
    "DOOR-05",
    "a door that stays open is told of after its open time, and its closing too",
    "door-and-codes 1: DoorOpenTooLong",
    doors(with_keypad, with_contact),
)
async def too_long(bench: Bench, subject: Subject) -> None:
    door, rig = subject.at, bench.door(subject.at)
    await bench.enter(door)
    rig.push()
    rig.hold(True)
    early = round(1_000 * door.open_s) - 500
    await bench.never(lambda: _alarms(bench, door), early, f"an alarm before {door.open_s:g} s were over")
    await _alarm(bench, door, DoorAlarm.OPEN_TOO_LONG, TELL_MS)
    rig.hold(False)
    await _alarm(bench, door, DoorAlarm.NORMAL, TELL_MS + SLACK_MS)


@played(
    "DOOR-06",
    "who leaves by the inside handle or the exit button raises no alarm",
    "door-and-codes 2 (REX)",
    doors(with_exit, with_contact),
)
async def leaves(bench: Bench, subject: Subject) -> None:
    await _leave(bench, subject.at)
    _no_alarm(bench, subject.at)


@played(
    "DOOR-07",
    "in a lockdown codes are refused and who leaves raises no alarm",
    "door-and-codes 2: lockdown concerns entry only",
    doors(with_keypad),
)
async def locked_down(bench: Bench, subject: Subject) -> None:
    door = subject.at
    bench.office.order(DoorAction.LOCK_DOWN, door.door)
    await _mode(bench, door, DoorMode.LOCKED_DOWN)
    await bench.key_in(door, CODE)
    await bench.never(lambda: bench.door(door).released, TELL_MS, "a code opened it")
    if not bench.events(AccessRefused, door=door.door):
        raise UnmetError("the refusal was not recorded")
    if door.exit is not None and door.contact is not None:
        await _leave(bench, door)
        _no_alarm(bench, door)


def _releases(_setup: Setup, door: Door) -> str:
    return "" if door.exit_releases else "exit_releases is not set: the handle opens by itself"


@played(
    "DOOR-08",
    "the exit lets the lock go within 1 s, in a lockdown too",
    "door-and-codes 2 (REX); reliability-security 2 (egress)",
    doors(with_exit, _releases),
)
async def exit_releases(bench: Bench, subject: Subject) -> None:
    door = subject.at
    assert door.exit is not None
    bench.office.order(DoorAction.LOCK_DOWN, door.door)
    await _mode(bench, door, DoorMode.LOCKED_DOWN)
    bench.house.exits[door.exit].act(True)
    await bench.need(lambda: bench.door(door).released, bench.opening_ms(door), "the exit did not let it go")


@played(
    "DOOR-09",
    "no start of the agent lets a lock go, not even for a moment",
    "reliability-security 2: a reboot must never pulse a relay",
    doors(),
)
async def start(bench: Bench, subject: Subject) -> None:
    rig = bench.door(subject.at)
    await bench.cut()
    await bench.world.sleep_until(bench.world.monotonic() + SLACK_MS)
    before = len(rig.frees)
    bench.power()
    await bench.up()
    if len(rig.frees) > before:
        raise UnmetError("its lock let go during the start")
    await bench.need(
        lambda: not rig.released, bench.opening_ms(subject.at), "it was not held after the start"
    )


def _tells_jam(setup: Setup, door: Door) -> str:
    driver = setup.driver(door.lock)
    if driver in ("nuki", "zigbee2mqtt") or setup.devices.get(door.lock, {}).get("bolt_pin") is not None:
        return ""
    return "its lock does not say where its bolt is"


@played(
    "DOOR-10",
    "a lock whose bolt jams is told of",
    "door-and-codes 1: LockPhysicalState Fault",
    doors(with_keypad, _tells_jam),
)
async def jams(bench: Bench, subject: Subject) -> None:
    door = subject.at
    bench.door(door).jam(True)
    await bench.key_in(door, CODE)
    limit = TELL_MS + 5_000 + bench.opening_ms(door)
    await bench.need(lambda: _faulty(bench, door), limit, "no record says that its lock does not obey")


@played(
    "DOOR-11",
    "a contact that flaps at 100 Hz is told of in few records, and the truth after it",
    "reliability-security 5: contact flapping",
    doors(with_reed),
)
async def flaps(bench: Bench, subject: Subject) -> None:
    door, rig = subject.at, bench.door(subject.at)
    assert door.contact is not None
    before = len(bench.office.records)
    rig.way.reed.flap(bench.world.monotonic(), 100, 5_000)
    rig.wired.poke()
    await bench.sleep(5_000)
    await bench.need(
        lambda: bench.health(door.contact or "") == "error", TELL_MS, "nothing says that it flaps"
    )
    made = len(bench.office.records) - before
    if made > FLAPS_AT_MOST:
        raise UnmetError(f"it made {made} records in 5 s")
    await bench.need(lambda: bench.health(door.contact or "") == "ok", 30_000, "it was not well again")


@played(
    "DOOR-12",
    "a contact whose wire is cut is not taken for a shut door",
    "sensors 5: supervise the loop",
    doors(with_reed),
)
async def cut_contact(bench: Bench, subject: Subject) -> None:
    door, rig = subject.at, bench.door(subject.at)
    if not cut(rig.contact, rig.pins["reed"], bench.house.board):
        raise UnmetError('pull = "none": a cut wire reads as anything')
    open_ = (DoorPhysicalState.OPEN, DoorPhysicalState.FAULT)
    await bench.need(
        lambda: [each for each in bench.events(DoorPhysicalChanged, door=door.door) if each.state in open_],
        TELL_MS,
        "a cut wire reads as a shut door",
    )


def _interlocked(_setup: Setup, door: Door) -> str:
    return "" if door.interlock is not None else "it has no interlock"


@played(
    "DOOR-13",
    "no code opens a door while the other one of its interlock is open",
    "door-and-codes 2: interlock",
    doors(with_keypad, _interlocked),
)
async def interlock(bench: Bench, subject: Subject) -> None:
    door = subject.at
    assert door.interlock is not None
    bench.house.doors[door.interlock].force()
    bench.house.doors[door.interlock].hold(True)
    await bench.sleep(SLACK_MS)
    await bench.key_in(door, CODE)
    await bench.never(lambda: bench.door(door).released, TELL_MS, "it opened all the same")


def _with_button(_setup: Setup, door: Door) -> str:
    return "" if door.lockdown is not None else "it has no attack button"


@played(
    "DOOR-14",
    "the attack button locks the door down",
    "door-and-codes 1: LockedDown",
    doors(_with_button),
)
async def attack(bench: Bench, subject: Subject) -> None:
    assert subject.at.lockdown is not None
    bench.house.contacts[subject.at.lockdown].act(True)
    await _mode(bench, subject.at, DoorMode.LOCKED_DOWN)


# --- common ----------------------------------------------------------------------------------------------


async def _leave(bench: Bench, door: Door) -> None:
    assert door.exit is not None
    await bench.house.exits[door.exit].leave(bench.door(door))
    await bench.need(lambda: not bench.door(door).open, 10_000, "the leaf did not close")
    await bench.sleep(TELL_MS)


async def _mode(bench: Bench, door: Door, mode: DoorMode) -> None:
    await bench.need(
        lambda: bench.events(DoorModeChanged, door=door.door, mode=mode), TELL_MS, f"it was not {mode}"
    )


def _alarms(bench: Bench, door: Door) -> list[DoorAlarmChanged]:
    return bench.events(DoorAlarmChanged, door=door.door)


async def _alarm(bench: Bench, door: Door, alarm: DoorAlarm, within_ms: int) -> None:
    def told() -> bool:
        said = _alarms(bench, door)
        return bool(said) and said[-1].alarm is alarm

    await bench.need(told, within_ms, f"{alarm} was not told")


def _no_alarm(bench: Bench, door: Door) -> None:
    for said in _alarms(bench, door):
        if said.alarm is not DoorAlarm.NORMAL:
            raise UnmetError(f"it raised {said.alarm}")


def _faulty(bench: Bench, door: Door) -> bool:
    fault = bench.events(LockPhysicalChanged, door=door.door, state=LockPhysicalState.FAULT)
    return bool(fault) or bench.health(door.lock) == "error"
