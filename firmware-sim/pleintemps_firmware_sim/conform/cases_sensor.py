"""Sensors and their lines: what they say is true, or they are said to be ill."""

from pleintemps_contract.agent_messages import DeviceHealth, TamperChanged
from pleintemps_firmware_sim.devices.ld2410 import Ld2410, Scene
from pleintemps_firmware_sim.devices.ld2410 import Target as Body
from pleintemps_firmware_sim.devices.ld2450 import Target as Walker
from pleintemps_firmware_sim.devices.line_faults import LineFault
from pleintemps_firmware_sim.devices.microphone import FLOOR_DB, FULL_SCALE_DB
from pleintemps_firmware_sim.errors import UnmetError

from .bench import Bench
from .house import BAUDS
from .requirement import Subject, devices, played
from .rigs import WARM_UP_MS
from .setup import OWN_TIME, Setup

_ILL_MS = 15_000
_WELL_MS = 60_000
_TELL_MS = 7_000
"""Levels leave within 5 s, states within 1 s."""
_QUIET_DB, _LOUD_DB = 41.5, 88.0
_ERROR_DB = 0.11
_SOUND_DB = 0.5
_REPORTS = 200
"""Of a radar in 20 s."""


def _at_bench(setup: Setup, name: str) -> str:
    """Why the bench has no counterpart of a serial device."""
    table = setup.devices[name]
    if setup.driver(name) == "osdp":
        return OWN_TIME
    if setup.driver(name) == "modbus_sound":
        if table.get("baud", 4_800) not in BAUDS:
            return f"no simulated meter speaks at {table.get('baud')} baud"
        if (table.get("register", 0), table.get("scale", 0.1)) != (0, 0.1):
            return "no simulated meter has its level there: register 0, scale 0.1"
    return ""


def _speaks(setup: Setup, name: str) -> str:
    if setup.driver(name) == "token_reader":
        return "such a reader says nothing of itself"
    return _at_bench(setup, name)


_SERIAL = ("ld2410", "ld2450", "modbus_sound", "token_reader", "osdp")


@played(
    "SER-01",
    "a serial line that is pulled is told of within 15 s, and its return within a minute",
    "sensors 7; design: no stale truth",
    devices(*_SERIAL, but=_at_bench),
)
async def pulled(bench: Bench, subject: Subject) -> None:
    line = bench.house.serial[subject.name]
    await _well(bench, subject.name)
    line.unplug()
    await bench.need(lambda: bench.health(subject.name) != "ok", _ILL_MS, "nothing says that its line is cut")
    line.plug()
    await _well(bench, subject.name)


@played(
    "SER-02",
    "a device that falls silent is told of within 15 s, and its return within a minute",
    "sensors 7: silence",
    devices(*_SERIAL, but=_speaks),
)
async def silent(bench: Bench, subject: Subject) -> None:
    await _well(bench, subject.name)
    meter = bench.house.meters.get(subject.name)
    if meter is not None:
        meter.mute(True)
    else:
        bench.house.faulty[subject.name].spoil(LineFault.DROP, _REPORTS)
    await bench.need(lambda: bench.health(subject.name) != "ok", _ILL_MS, "nothing says that it is silent")
    if meter is not None:
        meter.mute(False)
    await _well(bench, subject.name)


@played(
    "SER-03",
    "frames that are cut, begun in the middle, spoilt, split or glued are no values, and it goes on",
    "sensors 3, 7: radar UART, Modbus",
    devices(*_SERIAL, but=_speaks),
)
async def spoilt(bench: Bench, subject: Subject) -> None:
    name = subject.name
    meter = bench.house.meters.get(name)
    if meter is not None:
        meter.hear(_QUIET_DB)
    await _well(bench, name)
    await bench.sleep(_TELL_MS)
    since = bench.world.monotonic()
    line = bench.house.faulty[name]
    for fault in LineFault:
        line.spoil(fault, 2)
    if meter is not None:
        device = bench.house.serial[name]
        device.garble = lambda data: bytes(byte ^ bench.world.random_below(2) << 3 for byte in data)
        await bench.sleep(10_000)
        device.garble = None
    await bench.sleep(40_000)
    for value in bench.values(name, since):
        if abs(value - (_QUIET_DB if meter is not None else 0.0)) > _ERROR_DB:
            raise UnmetError(f"it said {value:g}")
    await _well(bench, name)
    if not bench.values(name, bench.world.monotonic() - 20_000) and meter is not None:
        raise UnmetError("it said nothing more afterwards")


@played(
    "SENS-01",
    "a motion detector is not believed while it warms up, and motion is told within 1 s afterwards",
    "sensors 5: PIR",
    devices("pir"),
)
async def motion(bench: Bench, subject: Subject) -> None:
    rig = bench.house.pirs[subject.name]
    warm = float(bench.setup.devices[subject.name].get("warm_up_s", 60.0))
    await bench.sleep(max(WARM_UP_MS if rig.warms else 0, round(1_000 * warm)) + 3_000)
    if any(bench.values(subject.name, 0)):
        raise UnmetError("a pulse of its warm-up counted as motion")
    since = bench.world.monotonic()
    rig.move()
    await bench.need(lambda: 1.0 in bench.values(subject.name, since), 2_500, "motion was not told")
    await bench.need(
        lambda: bench.values(subject.name, since)[-1:] == [0.0], 10_000, "the end of the motion was not told"
    )


@played(
    "SENS-02",
    "a detector that is stuck is said again in time, so that its run shows",
    "sensors 7: stuck high; occupancy",
    devices("pir"),
)
async def stuck(bench: Bench, subject: Subject) -> None:
    rig = bench.house.pirs[subject.name]
    table = bench.setup.devices[subject.name]
    await bench.sleep(round(1_000 * float(table.get("warm_up_s", 60.0))) + 3_000)
    bench.house.board.stick(rig.pin, rig.active)
    await bench.sleep(3_000)
    since = bench.world.monotonic()
    silence = round(1_000 * int(table.get("max_silence_s", 45)))
    await bench.sleep(2 * silence)
    said = bench.values(subject.name, since)
    if len(said) < 2 or set(said) != {1.0}:
        raise UnmetError(f"in {2 * silence // 1000} s it was said {len(said)} times")


@played(
    "SENS-03",
    "a person before a radar is told of within 3 s, and that nobody is there",
    "sensors 1, 2",
    devices("ld2410", "ld2450"),
)
async def presence(bench: Bench, subject: Subject) -> None:
    name = subject.name
    radar = bench.house.radars[name]
    await _well(bench, name)
    since = bench.world.monotonic()
    if isinstance(radar, Ld2410):
        radar.see(Scene((Body(200, moving=True),)))
    else:
        radar.see((Walker(300, 2_000, 40),), since)
    bench.house.serial[name].poke()
    await bench.need(lambda: any(bench.values(name, since)), 3_000, "nobody was told of")
    since = bench.world.monotonic()
    if isinstance(radar, Ld2410):
        radar.see(Scene())
    else:
        radar.see((), since)
    bench.house.serial[name].poke()
    hold = round(1_000 * float(bench.setup.devices[name].get("hold_s", 15.0)))
    await bench.need(
        lambda: bench.values(name, since)[-1:] == [0.0], 10_000 + hold, "the end of it was not told"
    )


@played(
    "SENS-04",
    "a sound meter's level is told to 0.1 dB",
    "sensors 4",
    devices("modbus_sound", but=_at_bench),
)
async def level(bench: Bench, subject: Subject) -> None:
    for wanted in (_QUIET_DB, _LOUD_DB):
        bench.house.meters[subject.name].hear(wanted)
        await bench.sleep(10_000)
        since = bench.world.monotonic()
        await bench.sleep(10_000)
        said = bench.values(subject.name, since)
        if not said or any(abs(value - wanted) > _ERROR_DB for value in said):
            raise UnmetError(f"{wanted:g} dB were told as {said[-1:]}")


@played(
    "SENS-05",
    "a microphone's level is told to 0.5 dB",
    "noise 2; IEC 61672-1: class 2 at 1 kHz",
    devices("i2s_microphone"),
    hears=True,
)
async def heard(bench: Bench, subject: Subject) -> None:
    microphone, table = bench.house.microphones[subject.name], bench.setup.devices[subject.name]
    full, floor = table.get("full_scale_db", FULL_SCALE_DB), table.get("noise_floor_db", FLOOR_DB)
    each_ms = round(1_000 * float(table.get("level_s", 1.0)))
    for wanted in (max(full - 63.0, floor + 20.0), full - 23.0):
        microphone.tones = {1_000.0: wanted}
        await bench.sleep(2 * each_ms + _TELL_MS)
        since = bench.world.monotonic()
        await bench.sleep(each_ms + _TELL_MS)
        said = bench.values(subject.name, since)
        if not said or any(abs(value - wanted) > _SOUND_DB for value in said):
            raise UnmetError(f"{wanted:g} dB of 1 kHz were told as {said[-1:]}")


@played(
    "SENS-06",
    "a microphone whose data line is cut is told of within 15 s, and its return within a minute",
    "noise 2; design: no stale truth",
    devices("i2s_microphone"),
    hears=True,
)
async def deaf(bench: Bench, subject: Subject) -> None:
    await _well(bench, subject.name)
    bench.house.microphones[subject.name].dead = True
    await bench.need(
        lambda: bench.health(subject.name) != "ok", _ILL_MS, "nothing says that it hears nothing"
    )
    bench.house.microphones[subject.name].dead = False
    await _well(bench, subject.name)


def _radio(setup: Setup, name: str) -> str:
    used = any(door.lock == name for door in setup.doors)
    return "" if used else "no door uses it"


@played(
    "RADIO-01",
    "a lock on a broker that is gone is told of, and its return",
    "access-protocols; design: no stale truth",
    devices("nuki", "zigbee2mqtt", "shelly", but=_radio),
)
async def lost_broker(bench: Bench, subject: Subject) -> None:
    await _well(bench, subject.name)
    bench.building.stop()
    await bench.need(
        lambda: bench.health(subject.name) != "ok", 30_000, "nothing says that it is out of reach"
    )
    bench.building.start()
    await _well(bench, subject.name)


def _battery(setup: Setup, name: str) -> str:
    return "a relay has no battery" if setup.driver(name) == "shelly" else _radio(setup, name)


@played(
    "RADIO-02",
    "a lock whose battery is low says so",
    "access-protocols: batteryCritical, battery",
    devices("nuki", "zigbee2mqtt", "shelly", but=_battery),
)
async def battery(bench: Bench, subject: Subject) -> None:
    await _well(bench, subject.name)
    door = next(door for door in bench.setup.doors if door.lock == subject.name)
    bench.door(door).drain()

    def told() -> bool:
        return any("battery" in said.detail for said in bench.events(DeviceHealth, device=subject.name))

    await bench.need(told, 10_000, "nothing says that its battery is low")


@played(
    "TAMP-01",
    "a housing that is opened, or whose wire is cut, is told of",
    "door-and-codes 1: Tamper",
    devices("tamper"),
)
async def tampered(bench: Bench, subject: Subject) -> None:
    contact = bench.house.contacts[subject.name]
    contact.act(True)
    await _tamper(bench, subject, active=True)
    contact.act(False)
    await _tamper(bench, subject, active=False)
    if not contact.cut():
        raise UnmetError('pull = "none": a cut wire reads as anything')
    await _tamper(bench, subject, active=True)


async def _tamper(bench: Bench, subject: Subject, *, active: bool) -> None:
    def told() -> bool:
        said = bench.events(TamperChanged, device=subject.name)
        return bool(said) and said[-1].active is active

    await bench.need(told, 3_000, "it was not told")


async def _well(bench: Bench, device: str) -> None:
    await bench.need(lambda: bench.health(device) == "ok", _WELL_MS, "it is not well")
