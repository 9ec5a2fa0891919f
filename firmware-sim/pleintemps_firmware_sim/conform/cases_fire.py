"""Fire: nothing is energised, and nothing is held again before somebody says so."""

from pleintemps_contract.agent_messages import AccessRefused, DoorFireChanged, RefusalReason
from pleintemps_contract.onvif import DoorAction
from pleintemps_firmware_sim.devices.shelly import ShellyRelay
from pleintemps_firmware_sim.errors import UnmetError

from .bench import CODE, Bench
from .requirement import Subject, doors, played, with_fire, with_keypad
from .setup import Door

_TELL_MS = 3_000
_IDLE_MS = 1_000


@played(
    "FIRE-01",
    "in a fire nothing is energised within 1 s: a magnet frees the door, a strike opens nothing",
    "door-and-codes 2: fire release; design: exit, fire",
    doors(with_fire),
)
async def idle(bench: Bench, subject: Subject) -> None:
    await _fire(bench, subject.at)
    magnet = bench.setup.holds_by_current(subject.at)
    why = "the magnet did not let go" if magnet else "the lock did not hold"
    await bench.need(lambda: magnet is bench.door(subject.at).released, _IDLE_MS, why)


@played(
    "FIRE-02",
    "after a fire nothing is held and no code counts until the panel is reset and somebody confirms",
    "door-and-codes 2: no automatic relock",
    doors(with_fire, with_keypad),
)
async def stays(bench: Bench, subject: Subject) -> None:
    door = subject.at
    await _fire(bench, door)
    await _refused(bench, door, "in the fire")
    bench.house.contacts[door.fire or ""].act(False)
    await bench.sleep(5_000)
    await _refused(bench, door, "after the panel was reset, unconfirmed")
    await bench.cut()
    bench.power()
    await bench.never(lambda: _energised(bench, door), 3_000, "a start energised the lock again")
    await bench.up()
    await _refused(bench, door, "after a restart, unconfirmed")
    for each in bench.setup.doors:
        if each.fire == door.fire:
            bench.office.order(DoorAction.CONFIRM_FIRE_RESET, each.door)
    await bench.need(
        lambda: bench.events(DoorFireChanged, door=door.door, active=False), _TELL_MS, "it was not confirmed"
    )
    await bench.sleep(_TELL_MS)
    if bench.setup.holds_by_current(door) and bench.door(door).released:
        raise UnmetError("the magnet was not energised after the confirmation")
    await bench.enter(door)


@played(
    "FIRE-03",
    "a fire loop whose wire is cut counts as a fire",
    "design: on fire or a cut input it stops energising",
    doors(with_fire),
)
async def cut_loop(bench: Bench, subject: Subject) -> None:
    if not bench.house.contacts[subject.at.fire or ""].cut():
        raise UnmetError('pull = "none": a cut wire reads as anything')
    await bench.need(
        lambda: bench.events(DoorFireChanged, door=subject.at.door, active=True),
        _TELL_MS,
        "a cut wire reads as no fire",
    )


async def _fire(bench: Bench, door: Door) -> None:
    bench.house.contacts[door.fire or ""].act(True)
    await bench.need(lambda: not _energised(bench, door), _IDLE_MS, "its lock stayed energised")
    await bench.need(
        lambda: bench.events(DoorFireChanged, door=door.door, active=True), _TELL_MS, "no record tells it"
    )


def _energised(bench: Bench, door: Door) -> bool:
    rig = bench.door(door)
    if isinstance(rig.radio, ShellyRelay):
        return rig.radio.output
    table = bench.setup.devices[door.lock]
    on = int(table.get("energise", "high") == "high")
    return "drive" in rig.pins and bench.house.levels.get(rig.pins["drive"]) == on


async def _refused(bench: Bench, door: Door, when: str) -> None:
    since = bench.world.monotonic()
    await bench.key_in_open(door, CODE)
    await bench.sleep(_TELL_MS)
    if not bench.events(AccessRefused, since, door=door.door, reason=RefusalReason.FIRE):
        raise UnmetError(f"a code was not refused {when}")
