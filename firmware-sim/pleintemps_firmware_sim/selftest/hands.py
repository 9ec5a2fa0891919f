"""The technician at the bench: reads what is asked and moves the simulated devices accordingly."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from pleintemps_contract.commissioning import NO, YES, Answer, Ask, DeviceResult, Prompt
from pleintemps_contract.world import World
from pleintemps_firmware_sim.conform.bench import CARD
from pleintemps_firmware_sim.conform.rigs import DoorRig
from pleintemps_firmware_sim.conform.setup import Door, Setup
from pleintemps_firmware_sim.devices.ld2410 import Ld2410, Scene
from pleintemps_firmware_sim.devices.ld2410 import Target as Body
from pleintemps_firmware_sim.devices.ld2450 import Target as Walker
from pleintemps_firmware_sim.devices.wiegand import card_bits

from .kit import Kit

Told = Callable[[Prompt], None]
Found = Callable[[DeviceResult], None]
_REACH_MS: Final = 1_000
"""From reading to doing."""
_OSDP_MS: Final = 150
"""The same, and from key to key, where time is real."""
_HOLD_MS: Final = 1_500
_SHUT_MS: Final = 4_000
_CLAP_MS: Final = 3_000
_LOUD_DB: Final = 88.0
_ROOM_DB: Final = 40.0
_TONE_HZ: Final = 1_000
_WALKER: Final = Walker(300, 2_000, 40)
_TOKEN: Final = "PT1.a-text-that-no-gateway-has-signed"


class Hands:
    """A :class:`~pleintemps_contract.commissioning.Technician`; one action at a time."""

    def __init__(self, setup: Setup, kit: Kit, world: World, told: Told, found: Found) -> None:
        self._setup = setup
        self._kit = kit
        self._world = world
        self._told = told
        self._found = found
        self._acting: asyncio.Task[None] | None = None
        self._acts: dict[Ask, Callable[[Prompt], Awaitable[Answer | None]]] = {
            Ask.SWING: self._swing,
            Ask.PRESS: self._press,
            Ask.EXIT: self._exit,
            Ask.TRIP: self._trip,
            Ask.FREE: self._free,
            Ask.HOUSING: self._trip,
            Ask.KEYS: self._keys,
            Ask.CARD: self._card,
            Ask.TOKEN: self._token,
            Ask.LEAVE: self._leave,
            Ask.ENTER: self._enter,
            Ask.STAND: self._stand,
            Ask.TONE: self._tone,
            Ask.QUIET: self._quiet,
            Ask.CLAP: self._clap,
            Ask.AGREE: self._agree,
            Ask.ENTRANCE: self._entrance,
            Ask.PULL: self._pull,
            Ask.SHOWN: self._shown,
            Ask.LIT: self._lit,
            Ask.ARM: self._agree,
        }

    def told(self, prompt: Prompt, answer: Callable[[Answer], None]) -> None:
        """Do it, a second from now."""
        self._told(prompt)
        self.end()
        act = self._acts.get(prompt.ask)
        if act is not None:
            self._acting = asyncio.create_task(self._do(act, prompt, answer))

    def found(self, result: DeviceResult) -> None:
        self._found(result)

    def end(self) -> None:
        """Hands off."""
        if self._acting is not None:
            self._acting.cancel()
            self._acting = None

    async def _do(
        self,
        act: Callable[[Prompt], Awaitable[Answer | None]],
        prompt: Prompt,
        answer: Callable[[Answer], None],
    ) -> None:
        await self._sleep(_OSDP_MS if prompt.driver == "osdp" else _REACH_MS)
        if prompt.device in self._kit.quiet:
            return
        told = await act(prompt)
        if told is not None:
            answer(told)

    async def _sleep(self, milliseconds: int) -> None:
        await self._world.sleep_until(self._world.monotonic() + milliseconds)

    def _door(self, prompt: Prompt) -> tuple[Door, DoorRig]:
        name = prompt.door.partition(",")[0]
        door = next(door for door in self._setup.doors if door.door == name)
        return door, self._kit.doors[name]

    # --- doors ----------------------------------------------------------------------------------------

    async def _swing(self, prompt: Prompt) -> None:
        self._door(prompt)[1].leave()
        await self._sleep(_SHUT_MS)

    async def _press(self, prompt: Prompt) -> None:
        rig = self._kit.exits.get(prompt.device) or self._kit.contacts[prompt.device]
        rig.act(True)
        await self._sleep(_HOLD_MS)
        rig.act(False)

    async def _trip(self, prompt: Prompt) -> None:
        rig = self._kit.contacts[prompt.device]
        rig.act(True)
        await self._sleep(_HOLD_MS)
        rig.act(False)

    async def _exit(self, prompt: Prompt) -> None:
        door, rig = self._door(prompt)
        assert door.exit is not None
        button = self._kit.exits[door.exit]
        button.act(True)
        await self._sleep(_HOLD_MS)
        if door.lock not in self._kit.uncut:
            rig.leave()
        await self._sleep(_HOLD_MS)
        button.act(False)
        await self._sleep(_SHUT_MS)

    async def _free(self, prompt: Prompt) -> None:
        door, rig = self._door(prompt)
        assert door.fire is not None
        contact = self._kit.contacts[door.fire]
        contact.act(True)
        await self._sleep(_HOLD_MS)
        if door.lock not in self._kit.uncut:
            rig.leave()
        await self._sleep(_SHUT_MS)
        contact.act(False)

    async def _agree(self, _prompt: Prompt) -> Answer:
        return YES

    async def _entrance(self, prompt: Prompt) -> Answer | None:
        _, rig = self._door(prompt)
        opened = False
        for _ in range(3):
            opened = opened or rig.push()
            await self._sleep(_HOLD_MS)
        await self._sleep(_SHUT_MS)
        return (YES if opened else NO) if prompt.answers else None

    async def _pull(self, prompt: Prompt) -> Answer:
        _, rig = self._door(prompt)
        opened = rig.push()
        await self._sleep(_SHUT_MS)
        return NO if opened else YES

    # --- readers --------------------------------------------------------------------------------------

    async def _keys(self, prompt: Prompt) -> None:
        if prompt.device in self._kit.readers:
            for key in prompt.keys:
                self._kit.readers[prompt.device].press(key)
                await self._sleep(_OSDP_MS)
        else:
            await self._kit.keypads[prompt.device].press(prompt.keys)

    async def _card(self, prompt: Prompt) -> None:
        if prompt.device in self._kit.readers:
            self._kit.readers[prompt.device].card(card_bits(26, *CARD))
        else:
            keypad = self._kit.keypads[prompt.device]
            await keypad.card(keypad.cards[0], *CARD)

    async def _token(self, prompt: Prompt) -> None:
        self._kit.tokens[prompt.device].present(_TOKEN, self._world.monotonic())
        self._kit.serial[prompt.device].poke()

    async def _shown(self, prompt: Prompt) -> Answer:
        if prompt.device in self._kit.readers:
            reader = self._kit.readers[prompt.device]
            seen = reader.lamp is not None or reader.sounder is not None
        else:
            seen = self._kit.shows(self._setup.devices[prompt.device])
        return YES if seen and prompt.device not in self._kit.dark else NO

    # --- rooms ----------------------------------------------------------------------------------------

    async def _enter(self, prompt: Prompt) -> None:
        self._see(prompt.device, True, moving=True)

    async def _stand(self, prompt: Prompt) -> None:
        self._see(prompt.device, True, moving=False)

    async def _leave(self, prompt: Prompt) -> None:
        self._see(prompt.device, False, moving=False)

    def _see(self, device: str, there: bool, *, moving: bool) -> None:
        if device in self._kit.pirs:
            if there:
                self._kit.pirs[device].move()
            return
        radar = self._kit.radars[device]
        if isinstance(radar, Ld2410):
            radar.see(Scene((Body(200, moving=moving),) if there else ()))
        else:
            radar.see((_WALKER,) if there else (), self._world.monotonic())
        self._kit.serial[device].poke()

    def _hear(self, device: str, level_db: float, *, tone: bool) -> None:
        level_db += self._kit.off_db.get(device, 0.0)
        if device in self._kit.meters:
            self._kit.meters[device].hear(level_db)
        else:
            self._kit.microphones[device].tones = {_TONE_HZ: level_db} if tone else {}

    async def _clap(self, prompt: Prompt) -> None:
        self._hear(prompt.device, _ROOM_DB, tone=False)
        await self._sleep(_CLAP_MS)
        self._hear(prompt.device, _LOUD_DB, tone=True)
        await self._sleep(_CLAP_MS)
        self._hear(prompt.device, _ROOM_DB, tone=False)

    async def _tone(self, prompt: Prompt) -> None:
        self._hear(prompt.device, prompt.level_db, tone=True)

    async def _quiet(self, prompt: Prompt) -> None:
        self._hear(prompt.device, _ROOM_DB, tone=False)

    async def _lit(self, prompt: Prompt) -> Answer:
        return YES if self._kit.lit(prompt.device) else NO
