"""Faults that ordinary processes can be made to suffer."""

from collections.abc import Awaitable, Callable
from typing import Final

from pleintemps_contract.world import World
from pleintemps_firmware_sim.errors import ControlError
from pleintemps_firmware_sim.processes import answers, until
from pleintemps_firmware_sim.scenario.device_faulting import DeviceFaults
from pleintemps_firmware_sim.scenario.faults import Fault, FaultKind
from pleintemps_firmware_sim.scenario.script import Chance

from .site import RealSite

_UP_MS: Final = 30_000

Act = Callable[[Fault], Awaitable[None]]


class RealFaults:
    """Begins and mends; raises ControlError for a target that cannot suffer so here."""

    def __init__(self, site: RealSite, host: World, seed: int) -> None:
        self._site = site
        self._host = host
        self._devices = DeviceFaults(site.plan, site.building, Chance(seed, "stage"))
        self.leapt: set[str] = set()
        """Agents whose clock was wrong once."""
        self._acts: dict[FaultKind, tuple[Act, Act]] = {
            FaultKind.BROKER_LOSS: (self._lose_broker, self._broker_back),
            FaultKind.POWER_CUT: (self._cut_power, self._power),
            FaultKind.DISK_FULL: (self._fill, _nothing),
            FaultKind.CLOCK_STEP: (self._leap, _nothing),
            FaultKind.JAM: (self._jam, self._free),
            FaultKind.LOW_BATTERY: (self._battery, _nothing),
            FaultKind.REPLAY: (self._replay, _nothing),
            FaultKind.NETWORK_LOSS: (self._pull, self._put_back),
            FaultKind.HALF_OPEN: (self._go_dead, self._revive),
            FaultKind.LATE: (self._slow, self._on_time),
            FaultKind.DUPLICATE: (self._twice, self._once),
            FaultKind.REORDER: (self._shuffle, self._in_order),
        }

    @property
    def kinds(self) -> frozenset[FaultKind]:
        return frozenset(self._acts) | frozenset(self._devices.acts)

    async def begin(self, fault: Fault) -> None:
        if fault.kind in self._acts:
            await self._acts[fault.kind][0](fault)
        elif fault.kind in self._devices.acts:
            self._devices.acts[fault.kind][0](fault)
        else:
            raise ControlError(f"{fault.kind} is nothing that a stage does: people do it")

    async def end(self, fault: Fault) -> None:
        await self._devices.end_task(fault)
        if fault.kind in self._acts:
            await self._acts[fault.kind][1](fault)
        elif fault.kind in self._devices.acts:
            self._devices.acts[fault.kind][1](fault)

    async def stop(self) -> None:
        """Nothing runs on."""
        await self._devices.stop()

    # --- the net -------------------------------------------------------------------------------------

    async def _lose_broker(self, _fault: Fault) -> None:
        self._site.installation.broker_wanted.clear()
        broker = self._site.installation.broker
        broker.kill()
        await broker.wait()

    async def _broker_back(self, _fault: Fault) -> None:
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

    async def _put_back(self, fault: Fault) -> None:
        self._site.cables[fault.target].pull(False)

    async def _go_dead(self, fault: Fault) -> None:
        self._site.cables[fault.target].go_dead(True)

    async def _revive(self, fault: Fault) -> None:
        self._site.cables[fault.target].go_dead(False)

    async def _slow(self, fault: Fault) -> None:
        self._site.cables[fault.target].late_ms = round(fault.number("delay_ms"))

    async def _on_time(self, fault: Fault) -> None:
        self._site.cables[fault.target].late_ms = 0

    async def _twice(self, fault: Fault) -> None:
        self._site.cables[fault.target].twice = True

    async def _once(self, fault: Fault) -> None:
        self._site.cables[fault.target].twice = False

    async def _shuffle(self, fault: Fault) -> None:
        self._site.cables[fault.target].shuffle_ms = round(fault.number("within_ms"))

    async def _in_order(self, fault: Fault) -> None:
        self._site.cables[fault.target].shuffle_ms = 0

    async def _replay(self, fault: Fault) -> None:
        self._site.witness.replay(fault.target)

    # --- agents, locks -------------------------------------------------------------------------------

    async def _cut_power(self, fault: Fault) -> None:
        await self._site.installation.cut(fault.target)
        board = self._site.building.boards[fault.target]
        for post in self._site.building.doors.values():
            if post.plan.agent == fault.target and not post.plan.radio:
                board.drive(post.plan.lock_pin, 0)
                post.lock_driven(0)  # a relay without supply falls back

    async def _power(self, fault: Fault) -> None:
        await self._site.installation.power(fault.target)

    async def _fill(self, fault: Fault) -> None:
        disk = self._site.disks.get(fault.target)
        if disk is None:
            raise ControlError(
                f"the disk of {fault.target} is the machine's own: disk-full wants a scenario that says so"
            )
        self._devices.task(fault, disk.stay_full())

    async def _leap(self, fault: Fault) -> None:
        clock = self._site.clocks.get(fault.target)
        if clock is None:
            raise ControlError(f"{fault.target} lives by the machine's clock, which nobody moves")
        self.leapt.add(fault.target)
        clock.leap(round(fault.number("seconds") * 1_000))

    async def _jam(self, fault: Fault) -> None:
        self._set_jammed(fault.target, True)

    async def _free(self, fault: Fault) -> None:
        self._set_jammed(fault.target, False)

    def _set_jammed(self, door: str, jammed: bool) -> None:
        if door in self._site.locks:
            self._site.locks[door].lock.jammed = jammed
        self._site.building.door(door).jam(jammed)

    async def _battery(self, fault: Fault) -> None:
        lock = self._site.locks.get(fault.target)
        if lock is None:
            raise ControlError(f"the lock of {fault.target} has no battery")
        lock.battery(round(fault.number("percent")))


async def _nothing(_fault: Fault) -> None:
    return
