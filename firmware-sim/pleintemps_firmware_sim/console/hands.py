"""Carries out a tester's orders on the stage, and tells the timeline of them as of any other act."""

import asyncio
from collections.abc import Callable, Container, Coroutine
from typing import Any, Final

from pleintemps_firmware_sim.devices.door import Push
from pleintemps_firmware_sim.errors import ControlError
from pleintemps_firmware_sim.scenario.facts import FactKind, Scalar
from pleintemps_firmware_sim.scenario.faults import FAULTS, Fault, FaultKind
from pleintemps_firmware_sim.scenario.plan import Rules
from pleintemps_firmware_sim.scenario.rooms import Occupant
from pleintemps_firmware_sim.scenario.stage import Stage

from .acts import ActRow, Order, Value, check, names

_RELEASE_MS: Final = 1_500
_WHO: Final = "visitor"
_BEYOND_CM: Final = 1_000
"""A loudspeaker is nobody: no radar sees so far."""
_MISSED: Final = "device-fault"
"""The alert that a serial device raises by its silence; what hangs on a pin cannot be missed at once."""

Done = Coroutine[Any, Any, str]
Act = Callable[[str, dict[str, Value]], Done]


class Hands:
    """One for all testers of a building: who does what a second time is told that it is so already."""

    def __init__(self, stage: Stage, rules: Rules, active: Container[tuple[str, str]]) -> None:
        """``active``: kinds and targets of all faults that last, whoever began them."""
        self.visitors: dict[str, set[str]] = {room.space: set() for room in stage.plan.rooms}
        """Who was let into a space by order."""
        self._stage = stage
        self._rules = rules
        self._active = active
        self._faults: dict[tuple[FaultKind, str], Fault] = {}
        self._breaking = asyncio.Lock()
        self._noises: dict[str, asyncio.Task[None]] = {}
        self._acts: dict[str, Act] = {
            "press": self._press,
            "card": self._card,
            "push": self._push,
            "leave": self._leave,
            "force": self._force,
            "enter": self._enter,
            "exit": self._exit,
            "noise": self._noise,
            "quiet": self._quiet,
            "fire": self._fire,
            "fire-over": self._fire_over,
        }

    async def stop(self) -> None:
        """Silence what still plays."""
        for task in self._noises.values():
            task.cancel()
        await asyncio.gather(*self._noises.values(), return_exceptions=True)

    async def carry_out(self, order: Order) -> str:
        """Do it and say what came of it; raises ControlError for a wrong order."""
        row, values = check(self._stage.plan, order)
        if row.fault is not None:
            return await self._fault(row, row.fault, order.target, values)
        return await self._acts[order.act](order.target, values)

    def _tell(self, what: str, where: str, **detail: Scalar) -> None:
        stage = self._stage
        told = {name: each for name, each in detail.items() if each != ""}
        stage.timeline.tell(stage.world.now(), FactKind.ACT, where, what, name=_WHO, detail=told)

    # --- doors ---------------------------------------------------------------------------------------

    async def _press(self, door: str, values: dict[str, Value]) -> str:
        """One code after the other; whether a code was good is seen by the lock, as a person sees it."""
        stage, keys = self._stage, str(values["keys"])
        async with stage.queue(door):
            released = False
            for code in keys.split("#")[:-1]:
                await stage.shut(door, _RELEASE_MS)
                await stage.press(door, f"{code}#")
                released = await stage.released(door, _RELEASE_MS)
                if code.strip("*"):
                    word = "valid" if released else "wrong"
                    self._tell(f"typed a {word} code", door, code=word)
            if rest := keys.rpartition("#")[2]:
                await stage.press(door, rest)
        return "the lock lets go: push" if released else "the lock holds"

    async def _card(self, door: str, values: dict[str, Value]) -> str:
        async with self._stage.queue(door):
            await self._stage.show_card(door, str(values["number"]))
            self._tell("shows a card", door)
            released = await self._stage.released(door, _RELEASE_MS)
        return "the lock lets go: push" if released else "the lock holds"

    async def _push(self, door: str, _values: dict[str, Value]) -> str:
        came = await self._stage.push(door)
        self._tell(f"pushes: {came.value}", door)
        return came.value

    async def _leave(self, door: str, _values: dict[str, Value]) -> str:
        came = await self._stage.leave(door)
        self._tell(f"leaves by the handle: {came.value}", door)
        return came.value

    async def _force(self, door: str, _values: dict[str, Value]) -> str:
        released = await self._stage.released(door, 0)
        came = await self._stage.force(door)
        if came is Push.OPENED and not released:
            self._tell("forces the door", door, raises="door-forced-open")
        return came.value

    # --- spaces --------------------------------------------------------------------------------------

    async def _enter(self, space: str, values: dict[str, Value]) -> str:
        who = str(values["who"])
        if who in self.visitors[space]:
            return f"{who} is there already"
        self.visitors[space].add(who)
        self._stage.occupy(space, f"by order {who}", Occupant())
        self._tell(f"{who} is in", space)
        return f"{who} is in"

    async def _exit(self, space: str, values: dict[str, Value]) -> str:
        who = str(values["who"])
        if who not in self.visitors[space]:
            there = ", ".join(sorted(self.visitors[space])) or "nobody"
            raise ControlError(f"{who} is not in {space}; by order there is {there}")
        self.visitors[space].discard(who)
        self._stage.occupy(space, f"by order {who}", None)
        self._tell(f"{who} is gone", space)
        return f"{who} is gone"

    async def _noise(self, space: str, values: dict[str, Value]) -> str:
        if not self._stage.plan.room(space).meter:
            raise ControlError(f"{space}: nobody measures noise there")
        level, seconds = float(values["db"]), float(values["seconds"])
        await self._hush(space)
        loud = level > self._rules.noise_limit_db + 1 and seconds >= self._rules.noise_window_s
        self._tell("makes noise", space, raises="noise" if loud else "")
        self._noises[space] = asyncio.create_task(self._play(space, level, round(seconds * 1_000)))
        return f"{level:g} dB for {seconds:g} s"

    async def _quiet(self, space: str, _values: dict[str, Value]) -> str:
        await self._hush(space)
        return "quiet"

    async def _hush(self, space: str) -> None:
        if (task := self._noises.pop(space, None)) is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _play(self, space: str, level: float, milliseconds: int) -> None:
        world = self._stage.world
        self._stage.occupy(space, "by order noise", Occupant(_BEYOND_CM, False, level))
        try:
            await world.sleep_until(world.monotonic() + milliseconds)
        finally:
            self._stage.occupy(space, "by order noise", None)

    # --- fire and faults -----------------------------------------------------------------------------

    async def _fire(self, agent: str, _values: dict[str, Value]) -> str:
        await self._stage.fire(agent, True)
        self._tell("the fire panel calls", agent)
        return "fire"

    async def _fire_over(self, agent: str, _values: dict[str, Value]) -> str:
        await self._stage.fire(agent, False)
        self._tell("the fire panel is reset", agent)
        return "no fire"

    async def _fault(self, row: ActRow, kind: FaultKind, target: str, values: dict[str, Value]) -> str:
        async with self._breaking:
            active = (kind.value, target) in self._active
            if row.mends and not active and kind is not FaultKind.PROP:
                return f"{target}: there is no {kind.value}"
            if row.mends:
                # also what a scenario broke; its wedges are no faults
                await self._mend(self._faults.pop((kind, target), Fault(kind, target)), active)
                return f"{target}: no {kind.value}"
            if active:
                return f"{target}: {kind.value} already"
            await self._break(Fault(kind, target, {name: float(each) for name, each in values.items()}))
            return f"{target}: {kind.value}"

    async def _break(self, fault: Fault) -> None:
        if fault.kind is FaultKind.PROP:
            await self._stage.prop(fault.target, True)
        else:
            await self._stage.begin_fault(fault)
        self._told(fault, "begins")
        if FAULTS[fault.kind].lasts:
            self._faults[fault.kind, fault.target] = fault
        else:
            self._told(fault, "ends")
        if fault.kind is FaultKind.DROPOUT and fault.target in names(self._stage.plan, "serial"):
            self._tell("unplugs", fault.target, raises=_MISSED)

    async def _mend(self, fault: Fault, active: bool) -> None:
        if fault.kind is FaultKind.PROP:
            await self._stage.prop(fault.target, False)
        else:
            await self._stage.end_fault(fault)
        if active:
            self._told(fault, "ends")

    def _told(self, fault: Fault, value: str) -> None:
        stage = self._stage
        stage.timeline.tell(stage.world.now(), FactKind.FAULT, fault.target, value, name=fault.kind.value)
