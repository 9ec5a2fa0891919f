"""What people do at doors: the same on every stage, for the mechanics are the same."""

import asyncio
from collections.abc import Callable

from pleintemps_firmware_sim.devices.door import Push

from .doorpost import DoorPost


class DoorActs:
    """The part of a :class:`~pleintemps_firmware_sim.scenario.stage.Stage` that acts on doors.

    ``post`` finds a door by its name, ``fire`` sets the fire contact of an agent.
    """

    def __init__(self, post: Callable[[str], DoorPost], fire: Callable[[str, bool], None]) -> None:
        self._post = post
        self._fire = fire

    def queue(self, door: str) -> asyncio.Lock:
        return self._post(door).queue

    async def press(self, door: str, keys: str) -> None:
        await self._post(door).press(keys)

    async def show_card(self, door: str, number: str) -> None:
        await self._post(door).show_card(number)

    async def released(self, door: str, within_ms: int) -> bool:
        return await self._post(door).released(within_ms)

    async def shut(self, door: str, within_ms: int) -> bool:
        return await self._post(door).shut(within_ms)

    async def push(self, door: str) -> Push:
        return self._post(door).push()

    async def leave(self, door: str) -> Push:
        return await self._post(door).leave()

    async def force(self, door: str) -> Push:
        return self._post(door).force()

    async def prop(self, door: str, held: bool) -> None:
        self._post(door).hold(held)

    async def fire(self, agent: str, active: bool) -> None:
        self._fire(agent, active)
