"""Looks at the machine for the steps that want one: disk, clock, clock chip. At the rim."""

import asyncio
from collections.abc import Callable
from typing import Final

from pleintemps_contract.commissioning import Machine
from pleintemps_contract.world import World

from . import plan
from .heard import Looked

_FINE_MS: Final = 20
_SECOND_MS: Final = 1_200


class Looks:
    """``disciplined`` is what NTP says; ``chip``: whether the configuration names a clock chip."""

    def __init__(
        self, machine: Machine, world: World, disciplined: Callable[[], bool], *, chip: bool
    ) -> None:
        self._machine = machine
        self._world = world
        self._disciplined = disciplined
        self._chip = chip

    async def look(self, device: str) -> Looked:
        """At one of :data:`.plan.DISK`, ``CLOCK`` and ``RTC``."""
        if device == plan.RTC:
            return await self._at_chip(device)
        if device == plan.CLOCK:
            right = await asyncio.to_thread(self._disciplined)
            return Looked(device, 0.0) if right else Looked(device, None, "no-ntp")
        return Looked(device, await asyncio.to_thread(self._machine.free_mib))

    async def _at_chip(self, device: str) -> Looked:
        """How far the chip is off NTP's time, ms: where its second turns is looked for."""
        if not self._chip:
            return Looked(device, None, "no-chip")
        first = await asyncio.to_thread(self._machine.chip)
        if first.at is None:
            return Looked(device, None, first.fault or "chip-silent")
        if not await asyncio.to_thread(self._disciplined):
            return Looked(device, None, "no-reference")
        end = self._world.monotonic() + _SECOND_MS
        while self._world.monotonic() < end:
            chip = await asyncio.to_thread(self._machine.chip)
            if chip.at is not None and chip.at != first.at:
                return Looked(device, float(chip.at - self._world.now()))
            await self._world.sleep_until(self._world.monotonic() + _FINE_MS)
        return Looked(device, None, "chip-stopped")
