"""One agent on the bench: its brokers, its gateway's part, its devices, its power; all in virtual time."""

import asyncio
import base64
import shutil
import tempfile
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from pleintemps_contract import cores
from pleintemps_contract.agent_messages import DeviceHealth, EventRecord, ManifestResult
from pleintemps_contract.errors import ContractError
from pleintemps_contract.gateway_messages import CredentialKind, Grant, Window
from pleintemps_contract.keyfiles import Identity, save_agent_keys, write_secret
from pleintemps_firmware_sim.errors import ConformError, UnmetError
from pleintemps_firmware_sim.virtual.broker import Access, MemoryBroker
from pleintemps_firmware_sim.virtual.paths import Path as Way
from pleintemps_firmware_sim.virtual.pins import MemoryBoard
from pleintemps_firmware_sim.virtual.worlds import VirtualWorld, chance_of

from .house import House
from .office import Heard, Office
from .rigs import DoorRig, KeypadRig
from .setup import Door, Setup
from .wiring import Lines

T = TypeVar("T")
BEGIN: Final = 1_767_596_400_000
"""2026-01-05 07:00 UTC."""
SEED: Final = 1
CODE, STAFF, WRONG = "40718293", "61904857", "95274016"
PAST, COMING = "27350981", "83619204"
CARD: Final = (123, 45_678)
STRANGE_CARD: Final = (77, 7)
HOUR_MS: Final = 3_600_000
UP_MS: Final = 30_000
_LOOK_MS: Final = 40
_PORTION_MS: Final = 500
_READY_PORTIONS: Final = 2
_END_S: Final = 10
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it


class Bench:
    """An asynchronous context manager: inside, the agent runs, has its grants and its doors are shut.

    ``CODE`` and a card open every door, ``PAST`` did until an hour ago, ``COMING`` will in an hour, ``STAFF``
    is a staff code. What does not come true raises UnmetError.
    """

    def __init__(self, setup: Setup, make: cores.MakeAgent, *, hears: bool = False) -> None:
        """``hears``: with the agent's microphones, else without."""
        self.setup = setup
        self._make = make
        self._hears = hears
        self.disciplined = True
        """What NTP says."""
        self.world: VirtualWorld
        self.house: House
        self.office: Office

    async def __aenter__(self) -> Self:
        self._lay_out()
        try:
            await self._set_up()
        except BaseException:
            await self._clear()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._clear()

    def _lay_out(self) -> None:
        """Keys and configuration in a folder of their own."""
        memory = _MEMORY if _MEMORY.is_dir() else None
        self.folder = Path(tempfile.mkdtemp(prefix="pleintemps-conform-", dir=memory))
        self.world = VirtualWorld(BEGIN, SEED, "bench")
        self.agent_world: VirtualWorld | None = None
        self._lives = 0
        self._running: asyncio.Task[None] | None = None
        self.broker, self.building = MemoryBroker(self.world), MemoryBroker(self.world)
        self.way, self.building_way = (Way(chance_of(SEED, name)) for name in ("way", "building"))
        pepper = self.world.random_bytes(32)
        file = self.setup.file
        self.office = Office(file.site, file.agent, self.broker, self.world, pepper)
        identity = Identity(
            site=file.site, agent=file.agent, purpose="demo", pepper=base64.b64encode(pepper).decode()
        )
        save_agent_keys(self.folder / "keys", identity, [self.office.signer.public])
        write_secret(self.folder / "osdp.key", self.world.random_bytes(16).hex().encode())
        self.config = self.folder / "edge.toml"
        self.config.write_text(self.setup.at_bench(self.folder, microphones=self._hears), encoding="utf-8")

    async def _set_up(self) -> None:
        self.house = House(self.setup, self.folder, self.building, self.world)
        self.office.announce()
        self.give()
        self.power()
        await self.up()

    async def refusal(self) -> str:
        """Empty, or why no agent runs on this configuration; nothing is built after it."""
        self._lay_out()
        board = MemoryBoard(asyncio.get_running_loop().time, lambda _pin, _level, _tick: None)
        stop = asyncio.Event()
        stop.set()
        try:
            core = self._made(self.world, board, Lines(self.folder))
            await asyncio.wait({asyncio.create_task(core.run(stop))}, timeout=_END_S)
        except ConformError as error:
            return str(error)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        return ""

    async def _clear(self) -> None:
        task = self._running
        if task is not None:
            self._stop.set()
            await asyncio.wait({task}, timeout=_END_S)
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=_END_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- the agent's power -----------------------------------------------------------------------------

    def power(self) -> None:
        """Start the agent on what its files hold; raises ConformError if it refuses them."""
        self._lives += 1
        world = VirtualWorld(self.world.now(), SEED, f"agent/{self._lives}")
        if self.agent_world is not None:
            world.step(self.agent_world.now() - world.now())
        self.agent_world = world
        self.house.powered = True
        self.core = self._made(world, self.house.board, self.house.lines)
        self._stop = asyncio.Event()
        self._running = asyncio.create_task(self.core.run(self._stop))

    def _made(self, world: VirtualWorld, board: MemoryBoard, lines: Lines) -> cores.AgentCore:
        rims = cores.AgentRims(
            broker=Access(self.broker, self.way),
            building=Access(self.building, self.building_way),
            wires=lines,
            pins=board.power_up(),
            disciplined=lambda: self.disciplined,
            hear=self._hear,
        )
        try:
            return self._make(self.config, world, rims)
        except (ContractError, ValueError, OSError) as error:
            words = str(error).replace(str(self.config), str(self.setup.path))
            raise ConformError(words) from error

    async def _hear(self, device: str) -> AsyncGenerator[bytes, None]:
        """Half a second of a microphone's samples at a time, for ever."""
        microphone = self.house.microphones[device]
        start, portions = self.world.monotonic(), 0
        portion, before = b"", None
        while True:
            portions += 1
            await self.world.sleep_until(start + portions * _PORTION_MS)
            scene = (microphone.dead, dict(microphone.tones))
            # half a second is whole periods of a tone; in the first one the microphone gets ready
            if scene != before or portions <= _READY_PORTIONS:
                portion, before = microphone.read(microphone.rate * _PORTION_MS // 1_000), scene
            yield portion

    async def up(self) -> None:
        """Return when the agent was born, has its grants and has looked at its doors."""
        births = len(self.office.births)
        await self.need(
            lambda: len(self.office.births) > births or (births and self.office.presence == "online"),
            UP_MS,
            "the agent said no birth",
        )
        await self.need(lambda: self._confirmed, UP_MS, "the agent did not confirm its grants")
        await self.sleep(2_000)

    @property
    def _confirmed(self) -> bool:
        return any(
            isinstance(each, ManifestResult) and each.applied and each.revision == self._wanted
            for each in self.office.responses
        )

    async def cut(self) -> None:
        """No power from this moment on."""
        self.house.powered = False
        self.house.board.power_down()
        task, self._running = self._running, None
        assert task is not None
        task.cancel()
        await asyncio.wait({task}, timeout=_END_S)
        if not task.done():
            raise UnmetError("what was left of the agent went on without power")
        self.way.break_all("no power")
        self.building_way.break_all("no power")

    def give(self, *more: Grant) -> None:
        """The grants of every case, and ``more``."""
        now = self.world.now()
        doors = [door.door for door in self.setup.doors] or ["none"]
        office = self.office
        past = Window(start=now - 2 * HOUR_MS, end=now - HOUR_MS)
        coming = Window(start=now + HOUR_MS, end=now + 2 * HOUR_MS)
        grants = [
            office.grant(CODE, doors),
            office.grant(PAST, doors, past),
            office.grant(COMING, doors, coming),
            office.grant(STAFF, doors, kind=CredentialKind.STAFF_CODE),
        ]
        for bits in (26, 34):
            card = f"w{bits}:{CARD[0]}:{CARD[1]}"
            grants.append(office.grant(card, doors, kind=CredentialKind.CARD))
        self._wanted = office.give(*grants, *more)

    # --- waiting ---------------------------------------------------------------------------------------

    async def sleep(self, milliseconds: int) -> None:
        await self.world.sleep_until(self.world.monotonic() + milliseconds)
        self.check()

    async def seen(self, truth: Callable[[], T], within_ms: int) -> T:
        """The first true value of ``truth()``, or its last one."""
        deadline = self.world.monotonic() + within_ms
        while not (found := truth()) and self.world.monotonic() < deadline:
            self.check()
            await self.world.sleep_until(self.world.monotonic() + _LOOK_MS)
        return found

    async def need(self, truth: Callable[[], T], within_ms: int, why: str) -> T:
        """:meth:`seen`, and UnmetError if it stays false."""
        if not (found := await self.seen(truth, within_ms)):
            raise UnmetError(f"{why} within {within_ms / 1000:g} s")
        return found

    async def never(self, truth: Callable[[], Any], for_ms: int, why: str) -> None:
        """UnmetError if ``truth()`` comes true in so long."""
        if await self.seen(truth, for_ms):
            raise UnmetError(why)

    def check(self) -> None:
        """UnmetError if the agent has ended by itself."""
        task = self._running
        if task is not None and task.done():
            error = None if task.cancelled() else task.exception()
            raise UnmetError(f"the agent ended by itself: {error!r}")

    # --- people and records ----------------------------------------------------------------------------

    def door(self, door: Door) -> DoorRig:
        return self.house.doors[door.door]

    def keypad(self, door: Door) -> KeypadRig:
        """Its first one that can be typed on."""
        name = self.setup.keypad(door)
        assert name is not None
        return self.house.keypads[name]

    def opening_ms(self, door: Door) -> int:
        """How long ``door`` may take to let go: a second, and what its motor is given."""
        table = self.setup.devices.get(door.lock, {})
        usual = {"nuki": 12.0, "zigbee2mqtt": 12.0, "shelly": 3.0}.get(self.setup.driver(door.lock), 0.0)
        return 1_000 + round(1_000 * float(table.get("confirm_s", usual)))

    def held(self, door: Door) -> None:
        """UnmetError if whoever pulls gets in."""
        if self.door(door).released:
            raise UnmetError("it stood open before anybody came")

    async def key_in(self, door: Door, code: str) -> None:
        """Type a code and ``#`` at its keypad; UnmetError if it is open already."""
        self.held(door)
        await self.keypad(door).press(f"{code}#")

    async def key_in_open(self, door: Door, code: str) -> None:
        """:meth:`key_in` at a door that may be open."""
        await self.keypad(door).press(f"{code}#")

    async def enter(self, door: Door) -> None:
        """Open ``door`` by the code and wait until it gives."""
        await self.key_in(door, CODE)
        await self.need(
            lambda: self.door(door).released, self.opening_ms(door), "a valid code did not open it"
        )

    async def shut(self, door: Door) -> None:
        """Wait until ``door`` is shut and holds."""
        rig = self.door(door)
        limit = 5_000 + round(1000 * (max(door.release_s, door.relock_delay_s))) + self.opening_ms(door)
        await self.need(lambda: not rig.open and not rig.released, limit, "it did not lock again")

    def events(self, kind: type[T], since: int = 0, **fields: object) -> list[T]:
        """The records of a kind that came from ``since`` (monotonic ms) on, oldest first."""
        found: list[T] = []
        for heard in self._ordered():
            event: Any = heard.record.event
            fits = all(getattr(event, name, None) == value for name, value in fields.items())
            if heard.at >= since and isinstance(event, kind) and fits:
                found.append(event)
        return found

    def records(self) -> list[EventRecord]:
        """All of them, in order of their numbers."""
        return [heard.record for heard in self._ordered()]

    def _ordered(self) -> list[Heard]:
        return [heard for _, heard in sorted(self.office.records.items(), key=lambda item: item[0][1])]

    def health(self, device: str) -> str:
        """The last word about a device: in a record, else in the birth."""
        said: list[DeviceHealth] = self.events(DeviceHealth, device=device)
        if said:
            return said[-1].health.value
        born = self.office.births[-1].devices
        return next((each.health.value for each in born if each.device == device), "")

    def values(self, series: str, since: int) -> list[float]:
        """What a series said from ``since`` (monotonic ms) on."""
        return [value for at, name, _, value in self.office.samples if name == series and at >= since]
