"""A small agent with simulated devices in virtual time, and its recording."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from pleintemps_contract.cores import AgentRims
from pleintemps_contract.gateway_messages import CredentialKind, Window
from pleintemps_contract.recording import Right, Worth
from pleintemps_edge.agent import Agent
from pleintemps_edge.config import load
from pleintemps_edge.record.recorder import Recorder
from pleintemps_edge.record.recording import follow
from pleintemps_edge.record.sink import Sink
from pleintemps_firmware_sim.devices.ld2410 import Ld2410, Scene, Target
from pleintemps_firmware_sim.devices.modbus_sound import ModbusSoundMeter
from pleintemps_firmware_sim.devices.wiegand import card_edges, key_edges
from pleintemps_firmware_sim.replaying.office import Office
from pleintemps_firmware_sim.virtual.broker import Access, MemoryBroker
from pleintemps_firmware_sim.virtual.loop import VirtualLoop
from pleintemps_firmware_sim.virtual.paths import Path as Way
from pleintemps_firmware_sim.virtual.pins import MemoryBoard
from pleintemps_firmware_sim.virtual.serial import MemoryDevice, MemoryWires
from pleintemps_firmware_sim.virtual.worlds import VirtualWorld, chance_of

BEGIN = 1_767_596_400_000
CODE = "48215907"
LATE_CODE = "70539168"
CARD = (17, 40_961)
GRANT = "ab" * 16
CONFIG = """
site = "school"
agent = "hall"
keys = "keys"
state = "state"

[[devices]]
device = "strike"
driver = "strike"
pin = 5

[[devices]]
device = "contact"
driver = "reed"
space = "hall"
pin = 6

[[devices]]
device = "pad"
driver = "wiegand"
d0 = 17
d1 = 18
cards = [26]

[[devices]]
device = "eye"
driver = "pir"
space = "hall"
pin = 22
warm_up_s = 0

[[devices]]
device = "radar"
driver = "ld2410"
space = "hall"
port = "ports/radar"

[[devices]]
device = "meter"
driver = "modbus_sound"
space = "hall"
port = "ports/meter"
baud = 4800
address = 1
register = 0
scale = 0.1
quantity = "level"
poll_s = 1.0

[[devices]]
device = "scanner"
driver = "token_reader"
port = "ports/scanner"

[[doors]]
door = "hall"
from = "street"
to = "hall"
lock = "strike"
contact = "contact"
readers = ["pad", "scanner"]
open_s = 10
pre_alarm_s = 2
"""


class Silent:
    """A reader of texts, which says nothing by itself."""

    def receive(self, data: bytes, now: int) -> None:
        return

    def transmit(self, now: int) -> bytes:
        return b""

    def due(self) -> int | None:
        return None


class Place:
    """The agent's surroundings; ``act`` of :func:`recorded` moves them."""

    def __init__(self, folder: Path) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.world = VirtualWorld(BEGIN, 3, "true")
        self.broker = MemoryBroker(self.world)
        self.way = Way(chance_of(3, "way"))
        self.board = MemoryBoard(loop.time, lambda *_: None)
        for pin, level in ((6, 0), (17, 1), (18, 1), (22, 0)):
            self.board.drive(pin, level)
        self.radar = Ld2410(0)
        self.meter = ModbusSoundMeter(delay_ms=5)
        self.lines = {
            "radar": MemoryDevice(self.radar, self.world, sparse=True),
            "meter": MemoryDevice(self.meter, self.world, sparse=False),
            "scanner": MemoryDevice(Silent(), self.world, sparse=False),
        }
        self.office = Office("school", "hall", self.broker, self.world, 1)
        self.office.make_keys(folder / "keys")
        self.rims = AgentRims(
            broker=Access(self.broker, self.way),
            building=Access(self.broker, self.way),
            wires=MemoryWires(self.lines),
            pins=self.board.power_up(),
            disciplined=lambda: True,
        )

    def scan(self, text: bytes) -> None:
        """The reader of texts has read one."""
        port = self.lines["scanner"].port
        assert port is not None
        port.take(text)

    async def passes(self, seconds: float) -> None:
        await self.world.sleep_until(self.world.monotonic() + round(seconds * 1000))

    async def type(self, keys: str) -> None:
        """Fast, as somebody who knows the code."""
        for key in keys:
            await self._pulses([(each.after_ns, each.line, each.level) for each in key_edges(key, 4)])

    async def card(self) -> None:
        await self._pulses([(each.after_ns, each.line, each.level) for each in card_edges(26, *CARD)])

    async def _pulses(self, edges: list[tuple[int, str, int]]) -> None:
        start = self.world.monotonic() * 1_000_000
        await self.passes(edges[-1][0] / 1e9 + 0.001)
        self.board.drive_edges((17 if line == "d0" else 18, level, start + ns) for ns, line, level in edges)
        await self.passes(0.2)


def worth(identifier: str = GRANT, kind: CredentialKind = CredentialKind.CODE) -> Worth:
    windows = [Window(start=BEGIN - 3_600_000, end=BEGIN + 3_600_000)]
    return Worth(id=identifier, kind=kind, doors=["hall"], windows=windows)


async def recorded(folder: Path, act: Callable[[Place], Awaitable[None]], config: str = CONFIG) -> Path:
    """The file of a recording of what happens in ``act``; the agent is up and has its grants by then."""
    place = Place(folder)
    (folder / "edge.toml").write_text(config)
    card = f"card:w26:{CARD[0]}:{CARD[1]}"
    place.office.learn(
        [
            Right(t=0, credential=CODE, worth=[worth()]),
            Right(t=0, credential=card, worth=[worth("cd" * 16, CredentialKind.CARD)]),
        ]
    )
    place.office.publish()
    for line in place.lines.values():
        line.plug()
    file = folder / "night.rec"
    sink = Sink(file, 2**24)
    setup = load(folder / "edge.toml")
    recorder = Recorder(setup, sink, place.world, place.world.now)
    agent = Agent(setup, place.world, place.world, place.rims, tap=recorder.tap)
    stop = asyncio.Event()
    running = asyncio.create_task(follow(agent, recorder, stop, place.world, None))
    await place.passes(3)
    await act(place)
    stop.set()
    await running
    sink.close()
    return file


async def evening(place: Place) -> None:
    """Somebody guesses, somebody comes with a code and leaves the door open too long, a card, a cable."""
    await place.type("1234#")
    await place.passes(1)
    await place.type(f"{CODE}#")
    await place.passes(1)
    place.board.drive(6, 1)
    place.board.drive(22, 1)
    place.radar.see(Scene((Target(150, moving=True),)))
    place.lines["radar"].poke()
    place.meter.hear(71.3)
    await place.passes(14)
    place.board.drive(6, 0)
    await place.passes(1)
    await place.card()
    place.lines["meter"].unplug()
    await place.passes(4)
    place.lines["meter"].plug()
    place.way.break_all("cable")
    place.board.drive(22, 0)
    place.radar.see(Scene())
    place.lines["radar"].poke()
    await place.passes(20)
