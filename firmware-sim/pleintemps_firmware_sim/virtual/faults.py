"""Faults of a virtual stage: what breaks, and how it is mended."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from pleintemps_contract.cores import Delivered
from pleintemps_firmware_sim.devices.ld2410 import Scene, Target
from pleintemps_firmware_sim.errors import ControlError
from pleintemps_firmware_sim.scenario.faults import Fault, FaultKind
from pleintemps_firmware_sim.scenario.plan import Part
from pleintemps_firmware_sim.scenario.script import Chance

from .serial import MemoryDevice
from .site import VirtualSite

Act = Callable[[Fault], Awaitable[None] | None]
_HOUR_MS: Final = 3_600_000


class VirtualFaults:
    """Begins and mends; raises ControlError for a target that cannot suffer so."""

    def __init__(self, site: VirtualSite, seed: int) -> None:
        self._site = site
        self._house = site.building
        self._world = site.world
        self._chance = Chance(seed, "stage")
        self._tasks: dict[tuple[FaultKind, str], asyncio.Task[None]] = {}
        self.leapt: set[str] = set()
        """Agents whose clock was wrong once."""
        self._acts: dict[FaultKind, tuple[Act, Act]] = {
            FaultKind.STUCK: (self._stick, self._loosen),
            FaultKind.DRIFT: (self._drift, self._loosen),
            FaultKind.NOISE: (self._pulses, self._loosen),
            FaultKind.DROPOUT: (self._drop_out, self._come_back),
            FaultKind.GARBAGE: (self._garble, self._ungarble),
            FaultKind.MID_FRAME: (self._plug_anew, _nothing),
            FaultKind.SPLIT: (self._split, self._join),
            FaultKind.BOUNCE: (self._bounce, self._loosen),
            FaultKind.LATE: (self._late, self._on_time),
            FaultKind.DUPLICATE: (self._twice, self._once),
            FaultKind.REORDER: (self._shuffle, self._in_order),
            FaultKind.CLOCK_STEP: (self._leap, _nothing),
            FaultKind.POWER_CUT: (self._cut, self._power),
            FaultKind.DISK_FULL: (self._fill, self._clear),
            FaultKind.BROKER_LOSS: (self._lose_broker, self._broker_back),
            FaultKind.NETWORK_LOSS: (self._pull, self._put_back),
            FaultKind.HALF_OPEN: (self._half_open, self._revive),
            FaultKind.JAM: (self._jam, self._free),
            FaultKind.REPLAY: (self._replay, _nothing),
            FaultKind.LOW_BATTERY: (self._battery, _nothing),
        }

    @property
    def kinds(self) -> frozenset[FaultKind]:
        return frozenset(self._acts)

    async def begin(self, fault: Fault) -> None:
        if fault.kind not in self._acts:
            raise ControlError(f"{fault.kind} cannot be done in virtual time")
        if (done := self._acts[fault.kind][0](fault)) is not None:
            await done

    async def end(self, fault: Fault) -> None:
        if (task := self._tasks.pop((fault.kind, fault.target), None)) is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if (done := self._acts[fault.kind][1](fault)) is not None:
            await done

    async def stop(self) -> None:
        """Nothing runs on."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    # --- sensors -------------------------------------------------------------------------------------

    def _part(self, fault: Fault) -> tuple[Part, str]:
        return self._site.plan.devices()[fault.target]

    def _pin(self, fault: Fault) -> tuple[str, int]:
        """Agent and pin of what hangs on one; raises ControlError."""
        part, where = self._part(fault)
        plan = self._site.plan
        match part:
            case "pir":
                return plan.room(where).agent, plan.room(where).pir_pin
            case "reed":
                return plan.door(where).agent, plan.door(where).reed_pin
            case "handle":
                return plan.door(where).agent, plan.door(where).exit_pin
            case "fire":
                return where, next(fire.pin for fire in plan.fires if fire.agent == where)
        raise ControlError(f"{fault.target} is no sensor on a pin")

    def _put(self, fault: Fault, level: int | None) -> None:
        agent, pin = self._pin(fault)
        self._house.boards[agent].stick(pin, level)

    def _true(self, fault: Fault) -> int:
        agent, pin = self._pin(fault)
        return self._house.boards[agent].level(pin) or 0

    def _stick(self, fault: Fault) -> None:
        part, where = self._part(fault)
        value = fault.number("value")
        if part == "meter":
            self._house.biases[where] = lambda _true: value
            self._house.look(where)
        elif part == "radar":
            self._house.frozen[where] = Scene((Target(200, moving=False),)) if value else Scene()
            self._house.look(where)
        else:
            self._put(fault, 1 if value else 0)

    def _drift(self, fault: Fault) -> None:
        part, where = self._part(fault)
        if part != "meter":
            raise ControlError(f"{fault.target} measures nothing that could drift")
        began, per_h = self._world.monotonic(), fault.number("db_per_h")
        self._house.biases[where] = lambda true: true + per_h * (self._world.monotonic() - began) / _HOUR_MS
        self._house.look(where)

    def _loosen(self, fault: Fault) -> None:
        part, where = self._part(fault)
        if part == "meter":
            self._house.biases.pop(where, None)
            self._house.look(where)
        elif part == "radar":
            self._house.frozen.pop(where, None)
            self._house.look(where)
        else:
            self._put(fault, None)

    def _pulses(self, fault: Fault) -> None:
        pause = round(_HOUR_MS / fault.number("per_h"))
        pulse = round(fault.number("pulse_ms"))

        async def run() -> None:
            while True:
                await self._wait(self._chance.between(1, 2 * pause))
                self._put(fault, 1 - self._true(fault))
                await self._wait(pulse)
                self._put(fault, None)

        self._pin(fault)
        self._task(fault, run())

    def _bounce(self, fault: Fault) -> None:
        every = round(fault.number("every_ms"))

        async def run() -> None:
            rest = self._true(fault)
            while True:
                for level in (1 - rest, rest):
                    self._put(fault, level)
                    await self._wait(every)

        self._pin(fault)
        self._task(fault, run())

    def _drop_out(self, fault: Fault) -> None:
        part, where = self._part(fault)
        if part in ("radar", "meter"):
            self._line(fault).unplug()
        elif part == "keypad":
            self._house.door(where).deaf = True
        elif part == "pir":
            self._put(fault, 0)
        elif part in ("reed", "handle", "fire"):
            self._put(fault, 1)  # the wire is off: the resistor pulls it up
        else:
            raise ControlError(f"{fault.target} says nothing that could fail to come")

    def _come_back(self, fault: Fault) -> None:
        part, where = self._part(fault)
        if part in ("radar", "meter"):
            self._line(fault).plug()
        elif part == "keypad":
            self._house.door(where).deaf = False
        else:
            self._put(fault, None)

    # --- serial lines --------------------------------------------------------------------------------

    def _line(self, fault: Fault) -> MemoryDevice:
        part, where = self._part(fault)
        if part not in ("radar", "meter"):
            raise ControlError(f"{fault.target} is on no serial line")
        return self._house.device(f"{where}-{part}")

    def _garble(self, fault: Fault) -> None:
        share = fault.number("share")

        def garble(data: bytes) -> bytes:
            wrong = (self._chance.share() < share for _ in data)
            return bytes(
                self._chance.between(0, 255) if bad else byte for byte, bad in zip(data, wrong, strict=True)
            )

        self._line(fault).garble = garble

    def _ungarble(self, fault: Fault) -> None:
        self._line(fault).garble = None

    def _plug_anew(self, fault: Fault) -> None:
        line = self._line(fault)
        line.unplug()
        line.cut = True
        line.plug()

    def _split(self, fault: Fault) -> None:
        line = self._line(fault)
        line.piece, line.gap_ms = round(fault.number("bytes")), round(fault.number("gap_ms"))

    def _join(self, fault: Fault) -> None:
        self._line(fault).piece = 0

    # --- the net -------------------------------------------------------------------------------------

    def _late(self, fault: Fault) -> None:
        self._site.paths[fault.target].late_ms = round(fault.number("delay_ms"))

    def _on_time(self, fault: Fault) -> None:
        self._site.paths[fault.target].late_ms = 0

    def _twice(self, fault: Fault) -> None:
        self._site.paths[fault.target].twice = True

    def _once(self, fault: Fault) -> None:
        self._site.paths[fault.target].twice = False

    def _shuffle(self, fault: Fault) -> None:
        self._site.paths[fault.target].shuffle_ms = round(fault.number("within_ms"))

    def _in_order(self, fault: Fault) -> None:
        self._site.paths[fault.target].shuffle_ms = 0

    def _pull(self, fault: Fault) -> None:
        path = self._site.paths[fault.target]
        path.broken = True
        path.break_all("network is unreachable")

    def _put_back(self, fault: Fault) -> None:
        self._site.paths[fault.target].broken = False

    def _half_open(self, fault: Fault) -> None:
        for line in list(self._site.paths[fault.target].lines):
            line.dies()

    def _revive(self, fault: Fault) -> None:
        for line in self._site.paths[fault.target].lines:
            line.dead = False

    def _lose_broker(self, _fault: Fault) -> None:
        self._site.broker.stop()

    def _broker_back(self, _fault: Fault) -> None:
        self._site.broker.start()

    def _replay(self, fault: Fault) -> None:
        path, broker = self._site.paths[fault.target], self._site.broker
        copied: list[Delivered] = list(path.copied)
        for message in copied:
            broker.publish(message.topic, message.payload, False)
            if message.topic.endswith("/command"):
                broker.publish(message.topic, message.payload, True)

    # --- agents, locks -------------------------------------------------------------------------------

    def _leap(self, fault: Fault) -> None:
        self.leapt.add(fault.target)
        self._site.worlds[fault.target].step(round(fault.number("seconds") * 1_000))

    async def _cut(self, fault: Fault) -> None:
        await self._site.cut_agent(fault.target)

    def _power(self, fault: Fault) -> None:
        self._site.start_agent(fault.target)

    def _fill(self, fault: Fault) -> None:
        self._site.disks[fault.target].full = True

    def _clear(self, fault: Fault) -> None:
        self._site.disks[fault.target].full = False

    def _jam(self, fault: Fault) -> None:
        if fault.target in self._site.locks:
            self._site.locks[fault.target].core.jammed = True
        self._house.door(fault.target).jam(True)

    def _free(self, fault: Fault) -> None:
        if fault.target in self._site.locks:
            self._site.locks[fault.target].core.jammed = False
        self._house.door(fault.target).jam(False)

    def _battery(self, fault: Fault) -> None:
        lock = self._site.locks.get(fault.target)
        if lock is None:
            raise ControlError(f"the lock of {fault.target} has no battery")
        lock.core.battery(round(fault.number("percent")), self._world.monotonic())
        lock.flush()

    # --- time ----------------------------------------------------------------------------------------

    async def _wait(self, milliseconds: int) -> None:
        await self._world.sleep_until(self._world.monotonic() + milliseconds)

    def _task(self, fault: Fault, work: Coroutine[Any, Any, None]) -> None:
        self._tasks[fault.kind, fault.target] = asyncio.create_task(work)


def _nothing(_fault: Fault) -> None:
    return
