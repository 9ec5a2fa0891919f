"""Ordinary configuration files for the agents and the gateway of a plan.

Nothing in them is special to a simulation but the ports, and the clock where it is simulated.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from . import drawings
from .plan import DoorPlan, Plan, RoomPlan, Rules

Value = str | int | float | bool | Sequence[str] | Sequence[int]


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)


def table(header: str, values: Mapping[str, Value]) -> str:
    """One TOML table; ``header`` with its brackets, empty for the top level."""
    lines = [header] if header else []
    return "\n".join([*lines, *(f"{key} = {_value(value)}" for key, value in values.items())]) + "\n"


def clock(socket: str | None) -> str:
    """The clock's table: the machine's own, or the simulator's on ``socket``."""
    if socket is None:
        return table("[clock]", {"source": "system"})
    return table("[clock]", {"source": "simulated", "socket": socket})


def radar_link(space: str) -> str:
    """File name of the radar's port."""
    return f"{space}-radar"


def meter_link(space: str) -> str:
    """File name of the sound meter's port."""
    return f"{space}-meter"


def light(space: str) -> str:
    """Name of the signal that warns the people in ``space``."""
    return f"{space}-light"


def edge_toml(plan: Plan, agent: str, *, mqtt_url: str, ports: Path, clock_socket: str | None) -> str:
    """``edge.toml`` of one agent, to lie beside the folders ``keys`` and ``state``; ``ports`` holds the
    serial links.
    """
    parts = [
        table(
            "",
            {
                "site": plan.site,
                "agent": agent,
                "keys": f"keys/agents/{agent}",
                "state": f"state/{agent}",
                "board": "raspberry-pi-40",
            },
        ),
        table("[mqtt]", {"url": mqtt_url}),
        clock(clock_socket),
    ]
    if any(door.radio and door.agent == agent for door in plan.doors):
        # one broker stands for the network's and for the building's own
        parts.append(table("[building]", {"url": mqtt_url}))
    for fire in plan.fires:
        if fire.agent == agent:
            parts.append(table("[[devices]]", {"device": f"{agent}-fire", "driver": "fire", "pin": fire.pin}))
    for room in plan.rooms:
        if room.agent == agent:
            parts += _room_devices(room, ports)
            parts += _light(room)
    for door in plan.doors:
        if door.agent == agent:
            parts += _door_devices(door, fire=any(fire.agent == agent for fire in plan.fires))
    return "\n".join(parts)


def _room_devices(room: RoomPlan, ports: Path) -> list[str]:
    space = room.space
    parts = [
        table(
            "[[devices]]",
            {"device": f"{space}-pir", "driver": "pir", "space": space, "pin": room.pir_pin, "warm_up_s": 0},
        )
    ]
    if room.radar:
        port = str(ports / radar_link(space))
        parts.append(
            table(
                "[[devices]]",
                {"device": f"{space}-radar", "driver": "ld2410", "space": space, "port": port},
            )
        )
    if room.meter:
        parts.append(
            table(
                "[[devices]]",
                {
                    "device": f"{space}-meter",
                    "driver": "modbus_sound",
                    "space": space,
                    "port": str(ports / meter_link(space)),
                    "baud": 4800,
                    "address": 1,
                    "register": 0,
                    "scale": 0.1,
                    "quantity": "level",
                    "poll_s": 1.0,
                },
            )
        )
    return parts


def _light(room: RoomPlan) -> list[str]:
    if room.light_pin is None:
        return []
    lamp = f"{room.space}-lamp"
    return [
        table("[[devices]]", {"device": lamp, "driver": "warning_light", "pin": room.light_pin}),
        table("[[signals]]", {"signal": light(room.space), "device": lamp, "space": room.space}),
    ]


def radio_lock(door: str) -> str:
    """Friendly name of a door's lock at Zigbee2MQTT."""
    return f"{door}-lock"


def _lock(door: DoorPlan) -> dict[str, Value]:
    name = f"{door.door}-lock"
    if door.radio:
        return {"device": name, "driver": "zigbee2mqtt", "name": radio_lock(door.door)}
    return {
        "device": name,
        "driver": "strike",
        "pin": door.lock_pin,
        "energise": "high",
        "wiring": "energise-to-unlock" if door.lock == "strike" else "energise-to-lock",
        # the button and the fire panel of the simulated building are wired, as they have to be
        "supply_cut_by": ["exit", "fire"] if door.lock == "maglock" else [],
    }


def _door_devices(door: DoorPlan, *, fire: bool) -> list[str]:
    name = door.door
    return [
        table(
            "[[devices]]",
            {
                "device": f"{name}-keypad",
                "driver": "wiegand",
                "d0": door.d0,
                "d1": door.d1,
                "bits": door.bits,
                **({"cards": [26, 34]} if door.cards else {}),
            },
        ),
        table(
            "[[devices]]",
            {
                "device": f"{name}-reed",
                "driver": "reed",
                "space": door.to,
                "pin": door.reed_pin,
                "open_when": "high",
            },
        ),
        table("[[devices]]", {"device": f"{name}-handle", "driver": "rex", "pin": door.exit_pin}),
        table("[[devices]]", _lock(door)),
        table(
            "[[doors]]",
            {
                "door": name,
                "from": door.from_,
                "to": door.to,
                "lock": f"{name}-lock",
                "contact": f"{name}-reed",
                "readers": [f"{name}-keypad"],
                "exit": f"{name}-handle",
                # a handle draws the bolt by itself; a magnet holds until somebody lets go of it
                "exit_releases": door.lock == "maglock",
                "release_s": door.release_s,
                "open_s": door.open_s,
                # a motor's bolt is thrown at a shut door only
                "relock": "close" if door.radio else "open",
                **({"fire": f"{door.agent}-fire"} if fire else {}),
            },
        ),
    ]


def gateway_toml(
    plan: Plan,
    rules: Rules,
    *,
    mqtt_url: str,
    web_port: int,
    calendar: Path,
    poll_s: float = 1.0,
    clock_socket: str | None,
) -> str:
    """``gateway.toml`` for the plan's site with its one calendar; events name their space in LOCATION."""
    parts = [
        table("", {"state": "state", "keys": "keys"}),
        table("[mqtt]", {"url": mqtt_url}),
        table("[web]", {"host": "127.0.0.1", "port": web_port}),
        clock(clock_socket),
        # the people of the simulation fetch their codes from this folder
        table("[delivery]", {"kind": "spool"}),
        table("[map]", {"outline": str(drawings.OUTLINE)}),
        table("[[sites]]", {"site": plan.site, "name": plan.name, "zone": plan.zone, "public": True}),
        table(
            "[sites.rules]",
            {
                "lead_s": rules.lead_s,
                "tail_s": rules.tail_s,
                "no_show_after_s": rules.no_show_after_s,
                "overstay_after_s": rules.overstay_after_s,
                "unexpected_after_s": rules.unexpected_after_s,
                "left_after_s": rules.left_after_s,
                "agent_silent_after_s": rules.agent_silent_after_s,
            },
        ),
        table(
            "[[sites.feeds]]",
            {"feed": "bookings", "kind": "ical", "url": str(calendar), "poll_s": poll_s},
        ),
    ]
    for room in plan.rooms:
        parts.append(
            table(
                "[[sites.spaces]]",
                {
                    "space": room.space,
                    "name": room.name,
                    "capacity": room.capacity,
                    "bookable": room.bookable,
                    "public": room.bookable,
                },
            )
        )
        parts.append(
            table(
                "[sites.spaces.noise]",
                {
                    "limit_db": rules.noise_limit_db,
                    "quiet_limit_db": rules.noise_quiet_limit_db,
                    "window_s": rules.noise_window_s,
                    "warn_first_s": rules.noise_warn_first_s,
                },
            )
        )
        if room.light_pin is not None:
            signal = {"signal": light(room.space), "agent": room.agent, "space": room.space}
            parts.append(table("[[sites.signals]]", signal))
    for door in plan.doors:
        parts.append(
            table(
                "[[sites.doors]]",
                {
                    "door": door.door,
                    "name": door.name,
                    "agent": door.agent,
                    "from": door.from_,
                    "to": door.to,
                },
            )
        )
    parts.append(drawings.tables(plan))
    return "\n".join(parts)
