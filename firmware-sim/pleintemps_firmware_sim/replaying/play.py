"""Plays a recording to an agent in virtual time.

The agent lives twice: first it is given what the recorded agent knew at its start, its grants; then it is
started anew at the moment when the recording begins, and hears, sees and is told what was recorded. Nothing
that it does changes what is recorded: a lock that it moves at another moment reports as it did then.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pleintemps_contract import cores
from pleintemps_contract.recording import (
    Building,
    Card,
    Clock,
    Edge,
    Events,
    Line,
    Openings,
    Ordered,
    Receipted,
    Right,
    Samples,
    Series,
    Strange,
    Timings,
)
from pleintemps_firmware_sim.errors import ChildError, DatasetError
from pleintemps_firmware_sim.virtual.broker import Access, MemoryBroker
from pleintemps_firmware_sim.virtual.paths import Path as Way
from pleintemps_firmware_sim.virtual.pins import MemoryBoard
from pleintemps_firmware_sim.virtual.site import Hosted
from pleintemps_firmware_sim.virtual.worlds import VirtualWorld, chance_of

from .keypads import Pulse, frames
from .office import Office
from .ports import ReplayPort, ReplayWires, by_port
from .reading import Recording
from .told import Told, told
from .toml import replayable, written

LEAD_MS: Final = 60_000
"""How long before the recording the agent is given its grants."""
DRAIN_MS: Final = 15_000
"""How long the agent has after the recording to send what it holds."""
EARLY_MS: Final = 20
"""A line that was there is there so much sooner, for the replay's agent is quicker."""
LOOK_MS: Final = 2_000
"""An event stands in the recording so soon."""
FLUSH_MS: Final = 7_000
"""A reading does: the agent gathers levels for 5 s."""
_PULSE_NS: Final = 50_000
_ASKED: Final = frozenset({"modbus_sound"})
"""Devices that speak only when they are asked."""
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it

Step = tuple[int, Callable[[], None]]


@dataclass(frozen=True, slots=True)
class Played:
    """What both agents told, and the devices that could not be played."""

    recorded: Told
    replayed: Told
    left_out: list[str]


async def play(recording: Recording, config: Mapping[str, Any] | None = None) -> Played:
    """Play ``recording`` to an agent of ``config``, by default that of the recording.

    To be awaited in a virtual loop. Raises DatasetError or the agent's own errors for a configuration that
    cannot be used, ChildError for an agent that does not come up.
    """
    folder = Path(tempfile.mkdtemp(prefix="pleintemps-replay-", dir=_MEMORY if _MEMORY.is_dir() else None))
    try:
        return await _Play(recording, recording.header.config if config is None else config, folder).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Play:
    def __init__(self, recording: Recording, config: Mapping[str, Any], folder: Path) -> None:
        header = recording.header
        self._recording = recording
        self._entries = recording.entries
        cards = {entry.device for entry in self._entries if isinstance(entry, Card)}
        table, left_out, self._stand_ins = replayable(config, cards)
        recorded = replayable(header.config)
        self._left_out = sorted({*left_out, *recorded.left_out})
        self._file = folder / "edge.toml"
        self._file.write_text(written(table), encoding="utf-8")
        self._world = VirtualWorld(header.begin - LEAD_MS, 1, "replay")
        epochs = [entry.epoch for entry in self._entries if isinstance(entry, Ordered | Timings)]
        self._broker = MemoryBroker(self._world)
        self._office = Office(
            str(table.get("site")), str(table.get("agent")), self._broker, self._world, min(epochs, default=1)
        )
        self._office.make_keys(folder / "keys")
        self._way = Way(chance_of(1, "way"))
        self._building = MemoryBroker(self._world)
        self._building_way = Way(chance_of(1, "building"))
        asked = {
            str(device.get("port"))
            for device in recorded.config["devices"]
            if str(device.get("driver")) in _ASKED
        }
        self._ports = {
            name: ReplayPort(entries, answers=name in asked, text=self._office.text)
            for name, entries in by_port(self._entries).items()
        }
        self._wires = ReplayWires(self._world, {folder / name: port for name, port in self._ports.items()})
        self._board = MemoryBoard(asyncio.get_running_loop().time, lambda _pin, _level, _tick: None)
        self._trusted = next((entry.trusted for entry in self._entries if isinstance(entry, Clock)), True)
        self._began = 0
        self._make: cores.MakeAgent = cores.load("edge")

    async def run(self) -> Played:
        await self._give_grants()
        boot_before = self._office.boot
        self._begin()
        agent = self._start()
        await self._follow(agent)
        boot = self._office.boot if self._office.boot != boot_before else ""
        await self._drain(agent)
        boot = boot or self._office.boot
        await agent.end()
        header = self._recording.header
        until = self._until()
        lines = self._entries
        recorded = told(
            header.begin,
            *until,
            [record for each in lines if isinstance(each, Events) for record in each.records],
            [each.batch for each in lines if isinstance(each, Samples)],
            [info for each in lines if isinstance(each, Series) for info in each.series],
        )
        replayed = told(
            header.begin,
            *until,
            [record for record in self._office.records.values() if record.boot == boot],
            [batch for batch in self._office.batches.values() if batch.boot == boot],
            self._office.series,
        )
        return Played(self._without_left_out(recorded), self._without_left_out(replayed), self._left_out)

    def _until(self) -> tuple[int, int]:
        """Up to where the recording knows the events and the samples of its agent."""
        length = self._recording.length
        if not self._recording.cut:
            return length, length
        return length - LOOK_MS, length - FLUSH_MS

    def _without_left_out(self, said: Told) -> Told:
        """Without the words of devices that are not there in the replay."""
        series = {
            info.series
            for each in self._entries
            if isinstance(each, Series)
            for info in each.series
            if info.device in self._left_out
        }
        silent = tuple(f"device={device} " for device in self._left_out)
        return Told(
            [each for each in said.events if not any(name in f"{each[1]} " for name in silent)],
            {name: values for name, values in said.samples.items() if name not in series},
            said.states,
        )

    # --- lives ----------------------------------------------------------------------------------------

    def _start(self) -> Hosted:
        rims = cores.AgentRims(
            broker=Access(self._broker, self._way),
            building=Access(self._building, self._building_way),
            wires=self._wires,
            pins=self._board.power_up(),
            disciplined=lambda: self._trusted,
        )
        try:
            return Hosted(self._make(self._file, self._world, rims))
        except (ValueError, OSError) as error:
            why = str(error).replace(f"{self._file}: ", "")  # a file of our own, made of the tester's
            raise DatasetError(f"an agent refuses this configuration: {why}") from error

    async def _give_grants(self) -> None:
        """The first life: what is known at the start of the recording."""
        first: dict[str, Right] = {}
        for entry in self._entries:
            if isinstance(entry, Right):
                first.setdefault(entry.credential, entry)
        openings = next((entry for entry in self._entries if isinstance(entry, Openings)), None)
        self._office.learn([*first.values(), *([] if openings is None else [openings])])
        wanted = self._office.publish()
        for entry in self._entries:
            if isinstance(entry, Edge) and not entry.out and entry.us is None:
                self._board.drive(entry.pin, entry.level)
        trusted, self._trusted = self._trusted, True
        agent = self._start()
        end = self._world.monotonic() + LEAD_MS
        while self._office.installed != wanted and self._world.monotonic() < end - 10_000:
            agent.check()
            await self._world.sleep_until(self._world.monotonic() + 100)
        if self._office.installed != wanted:
            raise ChildError("the agent did not take its grants")
        await self._world.sleep_until(end - 1_000)
        await agent.end()
        self._board.power_down()
        await self._world.sleep_until(end)
        self._trusted = trusted

    def _begin(self) -> None:
        self._began = self._world.monotonic()
        self._office.at_once = False
        for port in self._ports.values():
            port.begin(self._began)
        self._way.broken = self._building_way.broken = True

    async def _follow(self, agent: Hosted) -> None:
        for at, act in sorted(self._steps(), key=lambda step: step[0]):
            if at > 0:
                await self._world.sleep_until(self._began + at)
            agent.check()
            act()
        await self._world.sleep_until(self._began + self._recording.length)
        agent.check()

    async def _drain(self, agent: Hosted) -> None:
        self._way.broken = False
        self._office.at_once = True
        await self._world.sleep_until(self._world.monotonic() + DRAIN_MS)
        agent.check()

    # --- what happens when ----------------------------------------------------------------------------

    def _steps(self) -> list[Step]:
        steps: list[Step] = [step for port in self._ports.values() for step in port.steps]
        steps += [(at, self._pulses(pulses)) for at, pulses in frames(self._entries, self._stand_ins)]
        shown: dict[str, Right] = {}
        opened = False
        first_clock = True
        for entry in self._entries:
            if isinstance(entry, Edge) and not entry.out and entry.us is not None:
                steps.append((entry.t, self._edge(entry, entry.us)))
            elif isinstance(entry, Edge) and not entry.out:
                steps.append((entry.t, self._level(entry)))
            elif isinstance(entry, Line):
                steps.append(self._line(entry))
            elif isinstance(entry, Building) and entry.to:
                steps.append((entry.t - (EARLY_MS if entry.retained else 0), self._said(entry)))
            elif isinstance(entry, Receipted):
                steps.append((entry.t, _later(self._office.receipt, entry)))
            elif isinstance(entry, Ordered):
                steps.append((entry.t, _later(self._office.order, entry)))
            elif isinstance(entry, Timings):
                steps.append((entry.t, _later(self._office.timings, entry)))
            elif isinstance(entry, Strange):
                steps.append((entry.t, _later(self._office.strange, entry)))
            elif isinstance(entry, Clock):
                steps.append((entry.t, self._clock(entry, first=first_clock)))
                first_clock = False
            elif isinstance(entry, Openings):
                if opened:
                    steps.append((entry.t, self._rights(entry)))
                opened = True
            elif isinstance(entry, Right):
                before = shown.get(entry.credential)
                if before is not None and before.worth != entry.worth:
                    steps.append((before.t + 1, self._rights(entry)))
                shown[entry.credential] = entry
        return steps

    def _edge(self, entry: Edge, us: int) -> Callable[[], None]:
        def act() -> None:
            tick = (self._began * 1_000 + us) * 1_000
            if self._board.level(entry.pin) == entry.level:  # only one direction was listened to
                self._board.drive(entry.pin, 1 - entry.level, tick - _PULSE_NS)
            self._board.drive(entry.pin, entry.level, tick)

        return act

    def _pulses(self, pulses: list[Pulse]) -> Callable[[], None]:
        return lambda: self._board.drive_edges(
            (pulse.pin, pulse.level, (self._began * 1_000 + pulse.us) * 1_000) for pulse in pulses
        )

    def _level(self, entry: Edge) -> Callable[[], None]:
        return lambda: self._board.drive(entry.pin, entry.level)

    def _line(self, entry: Line) -> Step:
        way = self._way if entry.broker == "site" else self._building_way

        def up() -> None:
            way.broken = False

        def down() -> None:
            way.broken = True
            way.break_all("recorded")

        return (max(0, entry.t - EARLY_MS), up) if entry.up else (entry.t, down)

    def _said(self, entry: Building) -> Callable[[], None]:
        return lambda: self._building.publish(entry.topic, entry.payload.encode(), entry.retained)

    def _clock(self, entry: Clock, *, first: bool) -> Callable[[], None]:
        def act() -> None:
            self._trusted = entry.trusted
            if not first:
                self._world.step(entry.wall - self._world.now())

        return act

    def _rights(self, entry: Right | Openings) -> Callable[[], None]:
        def act() -> None:
            self._office.learn([entry])
            self._office.publish()

        return act


def _later(do: Callable[[Any], None], entry: Any) -> Callable[[], None]:
    return lambda: do(entry)
