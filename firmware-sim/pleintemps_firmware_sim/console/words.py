"""How the state of things is said in a line; the same on terminal and page. Never by colour alone."""

from .acts import Goal
from .views import AgentView, DeviceView, DoorView, Seen, SpaceView


def space(one: SpaceView) -> str:
    """People, level, light."""
    people = "nobody" if one.people == 0 else "1 person" if one.people == 1 else f"{one.people} people"
    level = "" if one.level is None else f", {one.level:.0f} dB"
    light = "" if one.light is None else ", light ON" if one.light else ", light off"
    return f"{people}{level}{light}"


def door(one: DoorView) -> str:
    """Leaf, lock, last key."""
    leaf, lock = "OPEN" if one.open else "shut", "RELEASED" if one.released else "locked"
    return f"{leaf}, {lock}" + (f", last key {one.key}" if one.key else "")


def agent(one: AgentView) -> str:
    return {True: "up", False: "DOWN", None: "not heard yet"}[one.up]


def device(one: DeviceView) -> str:
    return f"{one.part}, {'up' if one.up else 'DOWN'}"


def state(seen: Seen, goal: Goal, name: str) -> str:
    """All that is known of a thing, with the faults that it suffers now."""
    match goal:
        case "space":
            said = space(seen.spaces[name])
        case "door":
            said = door(seen.doors[name])
        case "agent":
            said = agent(seen.agents[name])
        case "device":
            said = device(seen.devices[name])
        case _:
            said = "broker"
    return " ".join((said, *(f"!{fault}" for fault in seen.faults_of(goal, name))))
