"""Faults that ordinary processes can be made to suffer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.pty import SerialDevice
from pleintemps_firmware_sim.errors import ControlError
from pleintemps_firmware_sim.processes import answers, until
from pleintemps_firmware_sim.scenario.faults import Fault, FaultKind
from pleintemps_firmware_sim.scenario.plan import Part
from pleintemps_firmware_sim.scenario.script import Chance

from .site import RealSite

_UP_MS: Final = 30_000
_GARBAGE_EVERY_MS: Final = 100
_GARBAGE_BYTES: Final = 24
_GUARD_MS: Final = 200

Act = Callable[[Fault], Awaitable[None]]


class RealFaults:
    """Begins and mends; raises ControlError for a target that cannot suffer so here."""

    def __init__(self, site: RealSite, host: World, seed: int) -> None:
        self._site = site
        self._host = host
        self._chance = Chance(seed, "stage")
        self._tasks: dict[tuple[FaultKind, str], asyncio.Task[None]] = {}
        self.leapt: set[str] = set()
        """Agents whose clock was wrong once."""
        self._begins: dict[FaultKind, Act] = {
            FaultKind.BROKER_LOSS: self._lose_broker,
            FaultKind.POWER_CUT: self._cut_power,
            FaultKind.DROPOUT: self._drop_out,
            FaultKind.GARBAGE: self._garble,
            FaultKind.STUCK: self._stick,
            FaultKind.NOISE: self._pulses,
            FaultKind.BOUNCE: self._bounce,
            FaultKind.JAM: self._jam,
            FaultKind.NETWORK_LOSS: self._pull,
            FaultKind.HALF_OPEN: self._go_dead,
            FaultKind.LATE: self._slow,
            FaultKind.CLOCK_STEP: self._leap,
            FaultKind.REPLAY: self._replay,
        }

    @property
    def kinds(self) -> frozenset[FaultKind]:
        return frozenset(self._begins)

    async def begin(self, fault: Fault) -> None:
        act = self._begins.get(fault.kind)
        if act is None:
            raise ControlError(f"{fault.kind} needs --virtual-time")
        await act(fault)

    async def end(self, fault: Fault) -> None:
        if (task := self._tasks.pop((fault.kind, fault.target), None)) is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        match fault.kind:
            case FaultKind.BROKER_LOSS:
                await self._broker_back()
            case FaultKind.POWER_CUT:
                await self._site.installation.power(fault.target)
            case FaultKind.DROPOUT:
                self._come_back(fault)
            case FaultKind.STUCK:
                self._stick_at(fault, None)
            case FaultKind.JAM:
                self._site.building.door(fault.target).jam(False)
            case FaultKind.NETWORK_LOSS:
                self._site.cables[fault.target].pull(False)
            case FaultKind.HALF_OPEN:
                self._site.cables[fault.target].go_dead(False)
            case FaultKind.LATE:
                self._site.cables[fault.target].slow(0)

    async def stop(self) -> None:
        """Nothing runs on."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    # --- the net -------------------------------------------------------------------------------------

    async def _lose_broker(self, _fault: Fault) -> None:
        self._site.installation.broker_wanted.clear()
        broker = self._site.installation.broker
        broker.kill()
        await broker.wait()

    async def _broker_back(self) -> None:
        installation = self._site.installation
        await installation.broker.start()
        installation.broker_wanted.set()
        await until(
            lambda: answers(installation.mqtt_port),
            self._host,
            within_ms=_UP_MS,
            what="answer",
            child=installation.broker,
        )

    async def _pull(self, fault: Fault) -> None:
        self._site.cables[fault.target].pull(True)

    async def _go_dead(self, fault: Fault) -> None:
        self._site.cables[fault.target].go_dead(True)

    async def _slow(self, fault: Fault) -> None:
        self._site.cables[fault.target].slow(round(fault.number("delay_ms")))

    async def _replay(self, fault: Fault) -> None:
        self._site.witness.replay(fault.target)

    # --- agents --------------------------------------------------------------------------------------

    async def _cut_power(self, fault: Fault) -> None:
        await self._site.installation.cut(fault.target)
        board = self._site.building.boards[fault.target]
        for post in self._site.building.doors.values():
            if post.plan.agent == fault.target:
                board.drive(post.plan.lock_pin, 0)
                post.lock_driven(0)  # a relay without supply falls back

    async def _leap(self, fault: Fault) -> None:
        clock = self._site.clocks.get(fault.target)
        if clock is None:
            raise ControlError(f"{fault.target} lives by the machine's clock, which nobody moves")
        self.leapt.add(fault.target)
        clock.leap(round(fault.number("seconds") * 1_000))

    # --- devices -------------------------------------------------------------------------------------

    def _line(self, fault: Fault) -> SerialDevice:
        part, space = self._site.plan.devices()[fault.target]
        if part not in ("radar", "meter"):
            raise ControlError(f"{fault.kind} of {fault.target} needs --virtual-time: it hangs on a pin")
        return self._site.building.device(f"{space}-{part}")

    async def _drop_out(self, fault: Fault) -> None:
        part, where = self._site.plan.devices()[fault.target]
        match part:
            case "keypad":
                self._site.building.door(where).deaf = True
            case "pir":
                self._stick_at(fault, 0)
            case "reed" | "handle":
                self._stick_at(fault, 1)  # the wire is off: the resistor pulls it up
            case _:
                self._line(fault).link.unplug()

    def _come_back(self, fault: Fault) -> None:
        part, where = self._site.plan.devices()[fault.target]
        match part:
            case "keypad":
                self._site.building.door(where).deaf = False
            case "pir" | "reed" | "handle":
                self._stick_at(fault, None)
            case _:
                self._line(fault).link.plug()

    def _stick_at(self, fault: Fault, level: int | None) -> None:
        agent, pin, _ = self._pin(fault.target)
        self._site.building.boards[agent].stick(pin, level)

    async def _garble(self, fault: Fault) -> None:
        line, share = self._line(fault), fault.number("share")
        world = self._site.building.world

        async def run() -> None:
            while True:
                if self._chance.share() < share:
                    letters = (self._chance.between(0, 255) for _ in range(_GARBAGE_BYTES))
                    line.link.write(bytes(letters))
                await world.sleep_until(world.monotonic() + _GARBAGE_EVERY_MS)

        self._task(fault, run())

    def _pin(self, device: str) -> tuple[str, int, Part]:
        """Agent, pin and kind of what hangs on a pin."""
        plan = self._site.plan
        part, where = plan.devices()[device]
        match part:
            case "pir":
                return plan.room(where).agent, plan.room(where).pir_pin, part
            case "reed":
                return plan.door(where).agent, plan.door(where).reed_pin, part
            case "handle":
                return plan.door(where).agent, plan.door(where).exit_pin, part
        raise ControlError(f"{device} hangs on no pin; in real time only pins get stuck")

    async def _stick(self, fault: Fault) -> None:
        self._stick_at(fault, 1 if fault.number("value") else 0)

    async def _pulses(self, fault: Fault) -> None:
        agent, pin, _ = self._pin(fault.target)
        board, world = self._site.building.boards[agent], self._site.building.world
        pause = round(3_600_000 / fault.number("per_h"))

        async def run() -> None:
            while True:
                await world.sleep_until(world.monotonic() + self._chance.between(1, 2 * pause))
                rest = board.level(pin) or 0
                board.stick(pin, 1 - rest)
                try:
                    await world.sleep_until(world.monotonic() + round(fault.number("pulse_ms")))
                finally:
                    board.stick(pin, None)

        self._task(fault, run())

    async def _bounce(self, fault: Fault) -> None:
        agent, pin, _ = self._pin(fault.target)
        board, every = self._site.building.boards[agent], round(fault.number("every_ms"))

        async def run() -> None:
            rest = board.level(pin) or 0
            try:
                while True:
                    for level in (1 - rest, rest):
                        board.stick(pin, level)
                        await self._host.sleep_until(self._host.monotonic() + every)
            finally:
                board.stick(pin, None)

        self._task(fault, run())

    async def _jam(self, fault: Fault) -> None:
        self._site.building.door(fault.target).jam(True)

    def _task(self, fault: Fault, work: "Awaitable[None]") -> None:
        async def run() -> None:
            await work

        self._tasks[fault.kind, fault.target] = asyncio.create_task(run())
