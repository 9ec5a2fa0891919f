"""What a console sees of the running building: one picture, then what changes."""

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from pleintemps_firmware_sim.scenario.facts import Fact, Mode
from pleintemps_firmware_sim.scenario.faults import FAULTS
from pleintemps_firmware_sim.scenario.plan import Plan

from .acts import ACTS, Field, Goal, names


class SpaceView(Struct, frozen=True, kw_only=True):
    """``level`` in dB at the meter, None without one; ``light`` its warning light, None without one."""

    name: str
    people: int
    level: float | None
    light: bool | None


class DoorView(Struct, frozen=True, kw_only=True):
    """``key`` is the last key that its keypad sent, empty before the first."""

    name: str
    open: bool
    released: bool
    key: str


class AgentView(Struct, frozen=True, kw_only=True):
    """``up`` as the broker last heard it, None before."""

    name: str
    up: bool | None


class DeviceView(Struct, frozen=True, kw_only=True):
    """``part`` is what it is; ``up`` false: it has no supply, or its plug is out."""

    name: str
    part: str
    up: bool


class FaultView(Struct, frozen=True, kw_only=True):
    """A fault that lasts, since Unix ms ``since``."""

    kind: str
    target: str
    since: int


class FrameView(Struct, frozen=True, kw_only=True):
    """A frame that passed on ``line`` at Unix ms ``at``: ``out`` from the device. ``fields`` empty and ``ok``
    false where it is none, or its check fails; ``name`` says why.
    """

    at: int
    line: str
    out: bool
    protocol: str
    name: str
    fields: dict[str, str]
    raw: str
    ok: bool


class ActView(Struct, frozen=True, kw_only=True):
    """A row of the table of acts, for who draws buttons."""

    act: str
    goal: Goal
    says: str
    takes: dict[str, Field]
    key: str
    fault: str
    mends: bool


class Picture(Struct, frozen=True, kw_only=True, tag="picture"):
    """What does not change while the building stands."""

    site: str
    says: str
    zone: str
    mode: Mode
    goals: dict[Goal, list[str]]
    names: dict[str, str]
    """What people call doors and spaces, by goal and name."""
    acts: list[ActView]


class Change(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="change"):
    """Views that are new or other than in the change before; ``faults`` None: they are as they were.

    ``facts`` and ``frames`` are those since; ``missed`` counts those that went by too fast.
    """

    at: int
    spaces: list[SpaceView] = []
    doors: list[DoorView] = []
    agents: list[AgentView] = []
    devices: list[DeviceView] = []
    faults: list[FaultView] | None = None
    facts: list[Fact] = []
    frames: list[FrameView] = []
    missed: int = 0


_GOALS: Final[tuple[Goal, ...]] = ("building", "agent", "door", "space", "device", "sensor", "serial")
_DEVICES: Final[tuple[Goal, ...]] = ("device", "sensor", "serial")


def picture(plan: Plan, mode: Mode, possible: frozenset[str]) -> Picture:
    """``possible`` names the faults that can be done here."""
    acts = [
        ActView(
            act=act,
            goal=row.goal,
            says=row.says,
            takes=dict(row.takes),
            key=row.key,
            fault=row.fault.value if row.fault else "",
            mends=row.mends,
        )
        for act, row in ACTS.items()
        if row.fault is None or row.fault.value in possible
    ]
    goals: dict[Goal, list[str]] = {goal: names(plan, goal) for goal in _GOALS}
    called = {f"door {door.door}": door.name for door in plan.doors}
    called |= {f"space {room.space}": room.name for room in plan.rooms}
    return Picture(
        site=plan.site, says=plan.name, zone=plan.zone, mode=mode, goals=goals, names=called, acts=acts
    )


class Seen:
    """A picture with all changes so far, on the side that looks."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.at = 0
        self._zone = ZoneInfo(picture.zone)
        self.spaces: dict[str, SpaceView] = {}
        self.doors: dict[str, DoorView] = {}
        self.agents: dict[str, AgentView] = {}
        self.devices: dict[str, DeviceView] = {}
        self.faults: list[FaultView] = []
        self._hits = {kind.value: row.target for kind, row in FAULTS.items()}

    def apply(self, change: Change) -> None:
        self.at = change.at
        self.spaces |= {one.name: one for one in change.spaces}
        self.doors |= {one.name: one for one in change.doors}
        self.agents |= {one.name: one for one in change.agents}
        self.devices |= {one.name: one for one in change.devices}
        if change.faults is not None:
            self.faults = change.faults

    def clock(self, at: int) -> str:
        """Time of day at the site."""
        return f"{datetime.fromtimestamp(at / 1_000, UTC).astimezone(self._zone):%H:%M:%S}"

    def faults_of(self, goal: Goal, name: str) -> list[str]:
        """Kinds of the faults that a door, space, agent, device or the building suffers now."""
        goals = self._goals(goal, name)
        return [one.kind for one in self.faults if one.target == name and self._hits[one.kind] in goals]

    def acts_on(self, goal: Goal, name: str) -> list[ActView]:
        """What can be done to it."""
        goals = self._goals(goal, name)
        return [act for act in self.picture.acts if act.goal in goals]

    def _goals(self, goal: Goal, name: str) -> set[Goal]:
        if goal != "device":
            return {goal}
        return {each for each in _DEVICES if name in self.picture.goals[each]}
