"""Ten thousand cards and codes while the machine hashes and meters, each edge delivered up to 50 ms late.

The simulated reader makes the edges; they reach the driver by the call that gpiozero makes for an edge, each
with its own true tick and a delay of its own, so that they come in any order. Lateness is a matter of the
line's clock: it is virtual here, so it is never 51 ms.

    nothing lost    everything is read, in order, and nothing is unreadable
    edges lost      what is whole is read, in order; what is damaged is refused, and none is misread
    real threads    over the simulated pins' socket, in real time, on a machine that may be later than agreed:
                    what is read is what was sent, in order, whatever else had to be refused
"""

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from gpiozero.pins.mock import MockFactory, MockPin
from gpiozero.pins.pi import PiPin

from pleintemps_contract.credentials import hash_code
from pleintemps_contract.gateway_messages import HashSet
from pleintemps_contract.world import ManualWorld, SystemWorld
from pleintemps_edge.drivers.base import CardRead, KeyPressed, Observation, Unreadable
from pleintemps_edge.drivers.registry import Context
from pleintemps_edge.drivers.wiegand import Wiegand
from pleintemps_edge.sensing.modbus_rtu import Request, answer, crc16
from pleintemps_edge.sensing.wiegand import APART_US
from pleintemps_firmware_sim.devices.wiegand import card_bits, frame_edges, key_bits
from pleintemps_firmware_sim.pins.board import Board, tick_now
from pleintemps_firmware_sim.pins.factory import SocketFactory
from tests.edge.actors import until

from .running import built

ENTRIES: Final = 10_000
LATE_NS: Final = 50_000_000
HASHES: Final = HashSet(salt_id="s1", salt="ab" * 16, memory_kib=8_192, iterations=1, lanes=1)
LOST: Final = "lost"
"""What stands for damaged frames in what was heard."""

Bits = Literal[0, 4, 8]
Cards = tuple[Literal[26, 34], ...]


@dataclass
class Reader:
    """One reader on its two pins, its spacing in us, and what it has sent: keys, cards, damaged frames."""

    device: str
    bits: Bits
    cards: Cards
    spacing_us: int
    d0: int
    d1: int
    sent: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    unreadable: int = 0
    free_at_ns: int = 0

    def take(self, seen: Observation) -> None:
        if isinstance(seen, KeyPressed):
            self.heard.append(seen.key)
        elif isinstance(seen, CardRead):
            self.heard.append(seen.card)
        elif isinstance(seen, Unreadable):
            self.heard.append(LOST)
            self.unreadable += 1


def readers() -> list[Reader]:
    """All kinds, from the quickest to the slowest spacing that keys 80 ms apart leave room for."""
    kinds: list[tuple[Bits, Cards, int]] = [
        (4, (), 1_000),
        (8, (), 2_000),
        (0, (26,), 200),
        (0, (34,), 880),
        (0, (26, 34), 2_000),
        (0, (26,), 1_000),
        (4, (26,), 1_000),
        (4, (26, 34), 1_000),
        (4, (26, 34), 880),
        (8, (26, 34), 2_000),
        (8, (26,), 500),
        (4, (34,), 5_000),
    ]
    return [
        Reader(f"reader-{n}", bits, cards, spacing, 2 * n + 2, 2 * n + 3)
        for n, (bits, cards, spacing) in enumerate(kinds)
    ]


@contextmanager
def labour() -> Iterator[dict[str, int]]:
    """One thread hashes codes, another reads a meter, until the block ends; yields how often they did."""
    done = {"hashed": 0, "metered": 0}
    end = threading.Event()
    request = Request(address=1, register=0, count=2)
    reply = bytes((1, 3, 4, 1, 244, 1, 245))
    reply += crc16(reply)

    def hashes() -> None:
        while not end.wait(0.001):
            hash_code(f"{done['hashed']:08d}", HASHES)
            done["hashed"] += 1

    def meters() -> None:
        while not end.wait(0.001):
            for _ in range(10):
                assert answer(request, request.encode() + reply) is not None
            done["metered"] += 1

    threads = [threading.Thread(target=hashes), threading.Thread(target=meters)]
    for thread in threads:
        thread.start()
    try:
        yield done
    finally:
        end.set()
        for thread in threads:
            thread.join()


Arrival = tuple[int, int, int, int]
"""Arrived (ns), order, tick (ns), pin."""


class Traffic:
    """Makes entries and the edges of them, as they arrive."""

    def __init__(self, seed: int, damage: float) -> None:
        self._chance = random.Random(seed)
        self._damage = damage
        self.arrivals: list[Arrival] = []
        self.damaged = 0

    def entry(self, reader: Reader) -> None:
        """A card or a whole code, a moment after what this reader sent before."""
        chance = self._chance
        reader.free_at_ns += chance.randint(120_000_000, 300_000_000)
        if reader.cards and (not reader.bits or chance.random() < 0.6):
            bits = chance.choice(reader.cards)
            facility, number = chance.randrange(2 ** (bits - 18)), chance.randrange(2**16)
            self._frame(reader, card_bits(bits, facility, number), f"w{bits}:{facility}:{number}")
            return
        assert reader.bits
        for key in f"{chance.randrange(10**8):08d}#":
            began = reader.free_at_ns
            self._frame(reader, key_bits(key, reader.bits), key)
            reader.free_at_ns = began + chance.randint(80_000_000, 150_000_000)

    def _frame(self, reader: Reader, frame: str, what: str) -> None:
        edges = frame_edges(frame, pulse_ns=50_000, interval_ns=1_000 * reader.spacing_us)
        falling = [edge for edge in edges if edge.level == 0]
        if self._chance.random() < self._damage:
            falling = self._lose(falling)
            self.damaged += 1
            what = LOST
        for edge in falling:
            tick = reader.free_at_ns + edge.after_ns
            pin = reader.d1 if edge.line == "d1" else reader.d0
            self.arrivals.append((tick + self._chance.randint(0, LATE_NS), len(self.arrivals), tick, pin))
        reader.sent.append(what)
        reader.free_at_ns += edges[-1].after_ns

    def _lose(self, falling: list[Any]) -> list[Any]:
        """At least one edge less and not all: single ones, some off an end, a run, every other by chance.

        What is left has no gap over 41 ms: what the rules say of longer ones holds for them.
        """
        chance, count = self._chance, len(falling)
        while True:
            kind = chance.choice(["one", "two", "end", "run", "half"])
            if kind in ("one", "two"):
                lost = set(chance.sample(range(count), 1 if kind == "one" else 2))
            elif kind == "end":
                many = chance.randint(1, 3)
                lost = set(range(many)) if chance.random() < 0.5 else set(range(count - many, count))
            elif kind == "run":
                first = chance.randint(1, count - 2)
                lost = set(range(first, chance.randint(first + 1, count - 1)))
            else:
                lost = {place for place in range(1, count) if chance.random() < 0.5} or {count - 1}
            left = [edge for place, edge in enumerate(falling) if place not in lost]
            if all(later.after_ns - edge.after_ns <= 1_000 * APART_US for edge, later in pairwise(left)):
                return left


def deliver(pin: MockPin, tick: int) -> None:
    """The call that gpiozero makes for a falling edge."""
    pin._state = False
    PiPin._call_when_changed(pin, tick / 1e9, False)
    pin._state = True


class Line(ManualWorld):
    """Time that moves on as soon as the drivers have done their part: a few turns of the loop."""

    async def _settle(self) -> None:
        for _ in range(2):
            await asyncio.sleep(0)

    async def reach(self, at: int) -> None:
        """Advance to ``at``, quickly where nobody wakes before."""
        await self._settle()
        if self._sleepers and self._sleepers[0][0] <= at:
            await self.advance(at - self.monotonic())
        else:
            self.move(at - self.monotonic())


def take_places(all_readers: list[Reader], context: Context) -> "list[asyncio.Task[None]]":
    """A driver at work for each reader."""
    tasks = []
    for reader in all_readers:
        table = {"device": reader.device, "driver": "wiegand", "d0": reader.d0, "d1": reader.d1}
        driver = built(context, Wiegand, **table, bits=reader.bits, cards=list(reader.cards))
        tasks.append(asyncio.create_task(driver.run(reader.take)))
    return tasks


async def end(tasks: "list[asyncio.Task[None]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def play(factory: MockFactory, traffic: Traffic, all_readers: list[Reader], context: Context) -> None:
    """Let everything arrive in order of arrival, by whole milliseconds of the line's clock."""
    line = context.line
    assert isinstance(line, Line)

    async def main() -> None:
        tasks = take_places(all_readers, context)
        numbers = [number for reader in all_readers for number in (reader.d0, reader.d1)]
        pins = {number: factory.pin(number) for number in numbers}
        await line.advance(0)
        # an edge is seen at the first ms that is not before its arrival
        for at, arrived in groupby(sorted(traffic.arrivals), key=lambda arrival: -(-arrival[0] // 1_000_000)):
            await line.reach(at)
            for _, _, tick, number in arrived:
                deliver(pins[number], tick)
        await line.advance(1_000)
        await end(tasks)

    asyncio.run(main())


@pytest.fixture
def context(pins: MockFactory, tmp_path: Path) -> Context:
    line = Line()
    return Context(world=line, base=tmp_path, line=line, pin_factory=pins)


@pytest.mark.parametrize("entries", [ENTRIES // 5, pytest.param(ENTRIES, marks=pytest.mark.soak)])
def test_none_of_many_cards_and_codes_is_misread_or_refused(
    context: Context, pins: MockFactory, entries: int
) -> None:
    all_readers = readers()
    traffic = Traffic(seed=1, damage=0)
    for n in range(entries):
        traffic.entry(all_readers[n % len(all_readers)])
    with labour() as done:
        play(pins, traffic, all_readers, context)
    assert done["hashed"] > 0
    assert done["metered"] > 0
    for reader in all_readers:
        assert reader.heard == reader.sent
        assert reader.unreadable == 0


def without_repeats(heard: list[str]) -> list[str]:
    """One refusal for several in a row: a frame may have fallen apart, or two may have stood together."""
    return [
        what for what, before in zip(heard, [None, *heard], strict=False) if (what, before) != (LOST, LOST)
    ]


def test_where_edges_are_lost_every_damaged_frame_is_refused_and_none_is_misread(
    context: Context, pins: MockFactory
) -> None:
    """The control: parity would let through a part of these, and length some of the others."""
    all_readers = readers()
    traffic = Traffic(seed=2, damage=0.3)
    for n in range(ENTRIES // 10):
        traffic.entry(all_readers[n % len(all_readers)])
    play(pins, traffic, all_readers, context)
    assert traffic.damaged > ENTRIES // 10
    for reader in all_readers:
        assert without_repeats(reader.heard) == without_repeats(reader.sent)


def test_over_the_simulated_pins_nothing_is_misread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLEINTEMPS_PINS", str(tmp_path / "pins"))
    # with one length on the line no lateness at all can make one frame of another
    all_readers = [reader for reader in readers() if bool(reader.bits) + len(reader.cards) == 1]
    traffic = Traffic(seed=3, damage=0)
    for n in range(2 * len(all_readers)):
        traffic.entry(all_readers[n % len(all_readers)])

    async def main() -> None:
        board = Board(tmp_path / "pins")
        for reader in all_readers:
            board.drive(reader.d0, 1)
            board.drive(reader.d1, 1)
        await board.start()
        factory = await asyncio.to_thread(SocketFactory)
        line = SystemWorld()
        context = Context(world=line, base=tmp_path, line=line, pin_factory=factory)
        tasks = take_places(all_readers, context)
        began, began_ns = line.monotonic(), tick_now()
        for at, arrived in groupby(sorted(traffic.arrivals), key=lambda arrival: -(-arrival[0] // 1_000_000)):
            await line.sleep_until(began + at)
            for _, _, tick, number in arrived:
                board.drive_edges([(number, 0, began_ns + tick), (number, 1, began_ns + tick + 50_000)])
        await until(lambda: all(len(reader.heard) >= len(reader.sent) for reader in all_readers))
        await end(tasks)
        await asyncio.to_thread(factory.close)
        await board.stop()

    with labour():
        asyncio.run(main())
    for reader in all_readers:
        sent = iter(reader.sent)
        read = [what for what in reader.heard if what != LOST]
        assert all(what in sent for what in read)  # in order
