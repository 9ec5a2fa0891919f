"""What the file alone says: times and wiring that are unsafe whatever the agent does."""

from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from .requirement import Subject, agent, any_door, devices, doors, read, with_contact
from .rigs import WARM_UP_MS
from .setup import Setup

LONGEST_OPEN_S: Final = 300.0
LONGEST_RELEASE_S: Final = 60.0
SHORTEST_RELEASE_S: Final = 3.0
LONGEST_SILENCE_S: Final = 300


@read(
    "SAFE-01",
    f"a door that stands open is told of within {LONGEST_OPEN_S:g} s",
    "door-and-codes 2: too long after 30 s, 60 s extended",
    doors(with_contact),
)
def held_open(_setup: Setup, subject: Subject) -> str:
    door = subject.at
    for name, value in (("open_s", door.open_s), ("extended_open_s", door.extended_open_s)):
        if value > LONGEST_OPEN_S:
            return f"{name} = {value:g}: a propped door is not told of for {value:g} s"
    return ""


@read(
    "SAFE-02",
    f"a lock lets go for {SHORTEST_RELEASE_S:g} to {LONGEST_RELEASE_S:g} s",
    "door-and-codes 2: 5 s, 10 s extended; EN 60839-11-1: at least 3 s",
    doors(),
)
def release_time(_setup: Setup, subject: Subject) -> str:
    door = subject.at
    if door.release_s < SHORTEST_RELEASE_S:
        return f"release_s = {door.release_s:g}: too short to walk to the handle"
    for name, value in (("release_s", door.release_s), ("extended_release_s", door.extended_release_s)):
        if value > LONGEST_RELEASE_S:
            return f"{name} = {value:g}: anybody follows in that time"
    return ""


def _magnet(setup: Setup, door: Any) -> str:
    return "" if setup.holds_by_current(door) else "its lock does not hold by current"


@read(
    "SAFE-03",
    "a lock that holds by current is freed by exit and fire contacts in its supply",
    "reliability-security 2 (egress); NFPA 101 7.2.1.6.2",
    doors(_magnet),
)
def supply(setup: Setup, subject: Subject) -> str:
    missing = {"exit", "fire"} - set(setup.devices[subject.at.lock].get("supply_cut_by", ()))
    return (
        f"supply_cut_by lacks {' and '.join(sorted(missing))}: it could lock somebody in" if missing else ""
    )


@read(
    "SAFE-04",
    "a lock that holds by current has an exit that the agent reads",
    "door-and-codes 2 (REX)",
    doors(_magnet),
)
def magnet_exit(_setup: Setup, subject: Subject) -> str:
    return "" if subject.at.exit else "exit is not set: everybody who leaves forces the door"


@read(
    "SAFE-05",
    f"a sensor that falls silent is missed within {LONGEST_SILENCE_S} s",
    "design: no stale truth; occupancy",
    devices("pir", "reed", "ld2410", "ld2450", "modbus_sound", "i2s_microphone", "nuki_contact"),
)
def silence(setup: Setup, subject: Subject) -> str:
    value = setup.devices[subject.name].get("max_silence_s", 45)
    too_long = isinstance(value, int) and value > LONGEST_SILENCE_S
    return f"max_silence_s = {value}: what it said last is believed for so long" if too_long else ""


def _always_powered(setup: Setup, name: str) -> str:
    powered = setup.devices[name].get("warm_up_s", 60.0) == 0
    return "warm_up_s = 0: it stays powered" if powered else ""


@read(
    "SAFE-06",
    "a motion detector that starts with the agent is not believed for its first minute",
    "sensors 5: warm-up about 60 s, up to 3 false pulses",
    devices("pir", but=_always_powered),
)
def warm_up(setup: Setup, subject: Subject) -> str:
    value = float(setup.devices[subject.name].get("warm_up_s", 60.0))
    short = value < WARM_UP_MS / 1000
    return f"warm_up_s = {value:g}: its false pulses would count" if short else ""


def _remote(url: object) -> bool:
    """Whether ``url`` leads to another machine."""
    try:
        host = urlsplit(str(url)).hostname or ""
        return host != "localhost" and not ip_address(host).is_loopback
    except ValueError:
        return True


def _mqtt_url(setup: Setup) -> str:
    return str(setup.file.mqtt.get("url", "mqtt://127.0.0.1:1883"))


@read(
    "SEC-01",
    "the line to a broker on another machine is encrypted",
    "reliability-security 3: protected communication (EN 303 645 5.5)",
    agent(lambda setup: "" if _remote(_mqtt_url(setup)) else "its broker is on the same machine"),
)
def encrypted(setup: Setup, _subject: Subject) -> str:
    url = _mqtt_url(setup)
    return "" if url.startswith("mqtts://") else f"mqtt.url = {url}: in clear"


def _building_remote(setup: Setup) -> str:
    if setup.file.building is None:
        return "it has no broker of the building"
    return "" if _remote(setup.file.building.get("url")) else "the building's broker is on the same machine"


@read(
    "SEC-02",
    "on the building's broker the agent has a user of its own",
    "reliability-security 3: default deny, no anonymous clients",
    agent(_building_remote),
)
def building_user(setup: Setup, _subject: Subject) -> str:
    building = setup.file.building or {}
    return "" if building.get("user") else "building.user is not set: anybody there opens the locks"


@read(
    "SAFE-07",
    "doors keep the machine's own clock",
    "design: a simulated clock goes with demo keys only",
    agent(any_door),
)
def own_clock(setup: Setup, _subject: Subject) -> str:
    simulated = setup.file.clock.get("source") == "simulated"
    return 'clock.source = "simulated": whoever runs that clock decides when codes count' if simulated else ""
