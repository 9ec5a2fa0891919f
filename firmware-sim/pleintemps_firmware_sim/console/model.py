"""The running building as consoles see it: every tester looks at, and acts on, this one model."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Final, TypeVar

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.pty import SerialDevice
from pleintemps_firmware_sim.pins.board import Board
from pleintemps_firmware_sim.scenario.facts import Fact, FactKind
from pleintemps_firmware_sim.scenario.faults import FaultKind
from pleintemps_firmware_sim.scenario.house import House
from pleintemps_firmware_sim.scenario.plan import Rules
from pleintemps_firmware_sim.scenario.stage import Stage

from .acts import Order
from .hands import Hands
from .views import (
    AgentView,
    Change,
    DeviceView,
    DoorView,
    FaultView,
    FrameView,
    Picture,
    SpaceView,
    picture,
)
from .wires import Wires

_FACTS_KEPT: Final = 200
_FRAMES_KEPT: Final = 400
V = TypeVar("V", SpaceView, DoorView, AgentView, DeviceView)
T = TypeVar("T")


class Ring(deque[T]):
    """The last of a stream; ``total`` is how many there ever were."""

    def __init__(self, most: int) -> None:
        super().__init__(maxlen=most)
        self.total = 0

    def add(self, one: T) -> None:
        self.append(one)
        self.total += 1

    def since(self, count: int) -> tuple[list[T], int]:
        """What came after the first ``count``, and how many of those are kept no more."""
        fresh = self.total - count
        kept = min(fresh, len(self))
        return list(self)[len(self) - kept :], fresh - kept


class Model:
    """One building with its stage, from the first fact of its timeline on."""

    def __init__(self, stage: Stage, house: House[Board, SerialDevice], rules: Rules) -> None:
        self.picture: Picture = picture(stage.plan, stage.mode, _possible(stage))
        self.facts: Ring[Fact] = Ring(_FACTS_KEPT)
        self.frames: Ring[FrameView] = Ring(_FRAMES_KEPT)
        self._stage = stage
        self._house = house
        self._people: Counter[str] = Counter()
        self._online: dict[str, bool] = {}
        self._lit: dict[str, bool] = {}
        self._faults: dict[tuple[str, str], int] = {}
        self._hands = Hands(stage, rules, self._faults)
        self._wires = Wires(house, self.frames.add)
        for fact in stage.timeline.facts():
            self._heed(fact)
        stage.timeline.listen(self._heed)

    @property
    def world(self) -> World:
        return self._stage.world

    async def stop(self) -> None:
        """Nothing that was ordered plays on, and nothing is listened to."""
        self._wires.close()
        await self._hands.stop()

    async def carry_out(self, order: Order) -> str:
        """Do it and say what came of it; raises SimulatorError."""
        return await self._hands.carry_out(order)

    def _heed(self, fact: Fact) -> None:
        self.facts.add(fact)
        match fact.kind:
            case FactKind.PEOPLE:
                self._people[fact.where] = int(fact.value or 0)
            case FactKind.AGENT:
                self._online[fact.where] = fact.value == "online"
            case FactKind.LIGHT:
                self._lit[fact.where] = fact.value == "on"
            case FactKind.FAULT if fact.value == "begins":
                self._faults[fact.name, fact.where] = fact.at
            case FactKind.FAULT:
                self._faults.pop((fact.name, fact.where), None)

    def spaces(self) -> list[SpaceView]:
        return [
            SpaceView(
                name=space,
                people=self._people[space] + len(self._hands.visitors[space]),
                level=round(room.level, 1) if room.meter is not None else None,
                light=None if room.plan.light_pin is None else self._lit.get(space, False),
            )
            for space, room in self._house.rooms.items()
        ]

    def doors(self) -> list[DoorView]:
        return [
            DoorView(
                name=door,
                open=post.mechanics.open,
                released=post.mechanics.released,
                key=self._wires.keys.get(door, ""),
            )
            for door, post in self._house.doors.items()
        ]

    def agents(self) -> list[AgentView]:
        return [AgentView(name=agent, up=self._online.get(agent)) for agent in self._stage.plan.agents]

    def devices(self) -> list[DeviceView]:
        return [
            DeviceView(name=name, part=part, up=self._has_supply(name))
            for name, (part, _) in self._stage.plan.devices().items()
        ]

    def _has_supply(self, name: str) -> bool:
        line = self._house.serial.get(name)
        if line is not None and not line.link.plugged:
            return False
        return (FaultKind.DROPOUT.value, name) not in self._faults

    def faults(self) -> list[FaultView]:
        return [
            FaultView(kind=kind, target=target, since=since) for (kind, target), since in self._faults.items()
        ]


def _possible(stage: Stage) -> frozenset[str]:
    return frozenset(kind.value for kind in stage.faults | {FaultKind.PROP})


class Watcher:
    """What one who looks was shown last; each look has what is other now."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._shown: dict[tuple[str, str], object] = {}
        self._faults: list[FaultView] | None = None
        self._facts = max(0, model.facts.total - len(model.facts))
        self._frames = model.frames.total

    def look(self) -> Change:
        """Everything the first time; afterwards what has changed."""
        model = self._model
        facts, lost = model.facts.since(self._facts)
        frames, more = model.frames.since(self._frames)
        self._facts, self._frames = model.facts.total, model.frames.total
        faults = model.faults()
        other, self._faults = faults != self._faults, faults
        return Change(
            at=model.world.now(),
            spaces=self._fresh("space", model.spaces()),
            doors=self._fresh("door", model.doors()),
            agents=self._fresh("agent", model.agents()),
            devices=self._fresh("device", model.devices()),
            faults=faults if other else None,
            facts=facts,
            frames=frames,
            missed=lost + more,
        )

    def _fresh(self, what: str, views: list[V]) -> list[V]:
        found = [view for view in views if self._shown.get((what, view.name)) != view]
        self._shown |= {(what, view.name): view for view in found}
        return found


def is_empty(change: Change) -> bool:
    """Nothing in it but the time."""
    parts: Mapping[str, object] = {name: getattr(change, name) for name in change.__struct_fields__}
    return change.faults is None and not any(part for name, part in parts.items() if name != "at")
