"""One self test of a configuration at the bench, in virtual time."""

import asyncio
import base64
import contextlib
import shutil
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pleintemps_contract import cores
from pleintemps_contract.commissioning import Ask, DeviceResult, Machine, Order, Prompt, Report
from pleintemps_contract.errors import ContractError
from pleintemps_contract.keyfiles import Identity, save_agent_keys, write_secret
from pleintemps_firmware_sim.conform.bench import BEGIN, SEED
from pleintemps_firmware_sim.conform.setup import Setup, toml
from pleintemps_firmware_sim.errors import ConformError
from pleintemps_firmware_sim.virtual.broker import Access, MemoryBroker
from pleintemps_firmware_sim.virtual.paths import Path as Way
from pleintemps_firmware_sim.virtual.worlds import VirtualWorld, chance_of

from .breaking import Break
from .hands import Hands
from .kit import Kit
from .pace import PacedLoop

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
_PORTION_MS: Final = 500
_FREE_MIB: Final = 4_096.0


@dataclass(frozen=True, slots=True)
class Wish:
    """``broken``: a device with what is wrong with it. ``out`` gets the signed report. ``stop_at``: there the
    technician ends it with Ctrl-C. ``prompted`` may do something to the kit at each
    prompt, ``after`` looks at it when all is over.
    """

    order: Order
    broken: tuple[str, Break] | None = None
    out: Path | None = None
    stop_at: Ask | None = None
    after: Callable[[Kit], None] = lambda _kit: None
    told: Callable[[Prompt], None] = lambda _prompt: None
    prompted: Callable[[Kit, Prompt], None] = lambda _kit, _prompt: None
    found: Callable[[DeviceResult], None] = lambda _result: None


def run(setup: Setup, wish: Wish) -> Report:
    """The report; raises ConformError where no agent runs on this configuration."""
    with asyncio.Runner(loop_factory=PacedLoop) as runner:
        return runner.run(_run(setup, wish))


async def _run(setup: Setup, wish: Wish) -> Report:
    folder = Path(tempfile.mkdtemp(prefix="pleintemps-selftest-", dir=_MEMORY if _MEMORY.is_dir() else None))
    try:
        return await _bench(setup, wish, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _bench(setup: Setup, wish: Wish, folder: Path) -> Report:
    make: Any = cores.load("selftest")
    world = VirtualWorld(BEGIN, SEED, "bench")
    key = world.random_bytes(16)
    config = _lay_out(setup, folder, world, key)
    building = MemoryBroker(world)
    kit = Kit(setup, folder, building, world, key)
    if wish.broken is not None:
        wish.broken[1](kit, setup, wish.broken[0])
    access = Access(building, Way(chance_of(SEED, "building")))
    hear = _Ears(kit, world)
    rims = cores.AgentRims(
        broker=access,
        building=access,
        wires=kit.lines,
        pins=kit.board.power_up(),
        disciplined=lambda: True,
        hear=hear.portions,
    )
    loop = asyncio.get_running_loop()
    assert isinstance(loop, PacedLoop)

    def told(prompt: Prompt) -> None:
        loop.real = prompt.driver == "osdp"
        hear.wanted = prompt.device
        wish.told(prompt)
        wish.prompted(kit, prompt)
        if prompt.ask is wish.stop_at:
            running.cancel()

    hands = Hands(setup, kit, world, told, wish.found)
    machine = Machine(chip=kit.read_chip, free_mib=lambda: _FREE_MIB, model="simulated")
    try:
        test = make(config, VirtualWorld(BEGIN, SEED, "agent"), rims, machine, hands, wish.order)
        running = asyncio.create_task(test.run())
        with contextlib.suppress(asyncio.CancelledError):
            await running
        report: Report = test.report()
        wish.after(kit)
        if wish.out is not None:
            test.write(wish.out)
    except (ContractError, ValueError, OSError) as error:
        words = str(error).replace(str(config), str(setup.path))
        raise ConformError(words) from error
    finally:
        loop.real = False
        hands.end()
    return report


def _lay_out(setup: Setup, folder: Path, world: VirtualWorld, key: bytes) -> Path:
    """Keys with an own one to sign with, and the configuration on them."""
    file = setup.file
    identity = Identity(
        site=file.site,
        agent=file.agent,
        purpose="demo",
        pepper=base64.b64encode(world.random_bytes(32)).decode(),
    )
    gateway = Ed25519PrivateKey.from_private_bytes(world.random_bytes(32))
    save_agent_keys(folder / "keys", identity, [gateway.public_key()])
    own = Ed25519PrivateKey.from_private_bytes(world.random_bytes(32))
    write_secret(
        folder / "keys" / "agent.key", own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    write_secret(folder / "osdp.key", key.hex().encode())
    tables = tomllib.loads(setup.at_bench(folder, microphones=True))
    tables["clock"] = {"source": "system", "rtc": "/dev/rtc0"}
    config = folder / "edge.toml"
    config.write_text(toml(tables), encoding="utf-8")
    return config


class _Ears:
    """The samples of the simulated microphones, half a second at a time, of the one that is tested."""

    def __init__(self, kit: Kit, world: VirtualWorld) -> None:
        self._kit = kit
        self._world = world
        self.wanted = ""

    async def portions(self, device: str) -> Any:
        """For ever; a scene that does not change sounds alike."""
        microphone = self._kit.microphones[device]
        start, count = self._world.monotonic(), 0
        portion, before = b"", None
        while True:
            count += 1
            await self._world.sleep_until(start + count * _PORTION_MS)
            if self.wanted != device:
                continue
            scene = (microphone.dead, dict(microphone.tones))
            if scene != before:
                portion, before = microphone.read(microphone.rate * _PORTION_MS // 1_000), scene
            yield portion
