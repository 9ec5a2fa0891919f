"""Faults of a virtual stage: what breaks, and how it is mended."""

from collections.abc import Awaitable, Callable

from pleintemps_contract.cores import Delivered
from pleintemps_firmware_sim.errors import ControlError
from pleintemps_firmware_sim.scenario.device_faulting import DeviceFaults
from pleintemps_firmware_sim.scenario.faults import Fault, FaultKind
from pleintemps_firmware_sim.scenario.script import Chance

from .site import VirtualSite

Act = Callable[[Fault], Awaitable[None] | None]


class VirtualFaults:
    """Begins and mends; raises ControlError for a target that cannot suffer so."""

    def __init__(self, site: VirtualSite, seed: int) -> None:
        self._site = site
        self._house = site.building
        self._world = site.world
        self._devices = DeviceFaults(site.plan, site.building, Chance(seed, "stage"))
        self.leapt: set[str] = set()
        """Agents whose clock was wrong once."""
        self._acts: dict[FaultKind, tuple[Act, Act]] = {
            **self._devices.acts,
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
        await self._devices.end_task(fault)
        if (done := self._acts[fault.kind][1](fault)) is not None:
            await done

    async def stop(self) -> None:
        """Nothing runs on."""
        await self._devices.stop()

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


def _nothing(_fault: Fault) -> None:
    return
