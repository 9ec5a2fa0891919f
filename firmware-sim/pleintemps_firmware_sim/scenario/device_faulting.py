"""Faults of sensors and lines, in real and in virtual time: pins that lie, bytes that go astray, plugs that
come out.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from pleintemps_firmware_sim.devices.ld2410 import Scene, Target
from pleintemps_firmware_sim.errors import ControlError

from .faults import Fault, FaultKind
from .house import House, PinBoard
from .plan import Part, Plan
from .script import Chance

_HOUR_MS: Final = 3_600_000
Act = Callable[[Fault], None]


class Board(PinBoard, Protocol):
    """Pins that can be held."""

    def stick(self, pin: int, level: int | None) -> None: ...


class Line(Protocol):
    """A serial line to an agent: what it makes of bytes, and its plug."""

    garble: Callable[[bytes], bytes] | None
    piece: int
    gap_ms: int

    def plug(self) -> None: ...

    def unplug(self) -> None: ...

    def begin_within_a_frame(self) -> None: ...


class DeviceFaults:
    """Begins and mends; raises ControlError for a target that cannot suffer so."""

    def __init__(self, plan: Plan, building: House[Any, Any], chance: Chance) -> None:
        """A building of :class:`Board` and :class:`Line`."""
        self._plan = plan
        self._building = building
        self._chance = chance
        self._tasks: dict[tuple[FaultKind, str], asyncio.Task[None]] = {}
        self.acts: dict[FaultKind, tuple[Act, Act]] = {
            FaultKind.STUCK: (self._stick, self._loosen),
            FaultKind.DRIFT: (self._drift, self._loosen),
            FaultKind.NOISE: (self._pulses, self._loosen),
            FaultKind.BOUNCE: (self._bounce, self._loosen),
            FaultKind.DROPOUT: (self._drop_out, self._come_back),
            FaultKind.GARBAGE: (self._garble, self._ungarble),
            FaultKind.SPLIT: (self._split, self._join),
            FaultKind.MID_FRAME: (self._plug_anew, _nothing),
        }

    def task(self, fault: Fault, work: Coroutine[Any, Any, None]) -> None:
        """Let ``work`` run until the fault ends."""
        self._tasks[fault.kind, fault.target] = asyncio.create_task(work)

    async def end_task(self, fault: Fault) -> None:
        """End what runs for it; raises what it has ended with by itself."""
        if (task := self._tasks.pop((fault.kind, fault.target), None)) is None:
            return
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(ended, BaseException) and not isinstance(ended, asyncio.CancelledError):
            raise ended

    async def stop(self) -> None:
        """Nothing runs on."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    # --- sensors -------------------------------------------------------------------------------------

    def _part(self, fault: Fault) -> tuple[Part, str]:
        return self._plan.devices()[fault.target]

    def _pin(self, fault: Fault) -> tuple[str, int]:
        """Agent and pin of what hangs on one; raises ControlError."""
        part, where = self._part(fault)
        match part:
            case "pir":
                return self._plan.room(where).agent, self._plan.room(where).pir_pin
            case "reed":
                return self._plan.door(where).agent, self._plan.door(where).reed_pin
            case "handle":
                return self._plan.door(where).agent, self._plan.door(where).exit_pin
            case "fire":
                return where, next(fire.pin for fire in self._plan.fires if fire.agent == where)
        raise ControlError(f"{fault.target} is no sensor on a pin")

    def _put(self, fault: Fault, level: int | None) -> None:
        agent, pin = self._pin(fault)
        self._board(agent).stick(pin, level)

    def _true(self, fault: Fault) -> int:
        agent, pin = self._pin(fault)
        return self._board(agent).level(pin) or 0

    def _board(self, agent: str) -> Board:
        board: Board = self._building.boards[agent]
        return board

    def _stick(self, fault: Fault) -> None:
        part, where = self._part(fault)
        value = fault.number("value")
        if part == "meter":
            self._building.biases[where] = lambda _true: value
            self._building.look(where)
        elif part == "radar":
            self._building.frozen[where] = Scene((Target(200, moving=False),)) if value else Scene()
            self._building.look(where)
        else:
            self._put(fault, 1 if value else 0)

    def _drift(self, fault: Fault) -> None:
        part, where = self._part(fault)
        if part != "meter":
            raise ControlError(f"{fault.target} measures nothing that could drift")
        world, per_h = self._building.world, fault.number("db_per_h")
        began = world.monotonic()
        self._building.biases[where] = lambda true: true + per_h * (world.monotonic() - began) / _HOUR_MS
        self._building.look(where)

    def _loosen(self, fault: Fault) -> None:
        part, where = self._part(fault)
        if part == "meter":
            self._building.biases.pop(where, None)
            self._building.look(where)
        elif part == "radar":
            self._building.frozen.pop(where, None)
            self._building.look(where)
        else:
            self._put(fault, None)

    def _pulses(self, fault: Fault) -> None:
        world = self._building.world
        pause = round(_HOUR_MS / fault.number("per_h"))
        pulse = round(fault.number("pulse_ms"))

        async def run() -> None:
            while True:
                await world.sleep_until(world.monotonic() + self._chance.between(1, 2 * pause))
                self._put(fault, 1 - self._true(fault))
                await world.sleep_until(world.monotonic() + pulse)
                self._put(fault, None)

        self._pin(fault)
        self.task(fault, run())

    def _bounce(self, fault: Fault) -> None:
        # an agent looks at its contacts by the clock of its doors
        world, every = self._building.world, round(fault.number("every_ms"))

        async def run() -> None:
            rest = self._true(fault)
            while True:
                for level in (1 - rest, rest):
                    self._put(fault, level)
                    await world.sleep_until(world.monotonic() + every)

        self._pin(fault)
        self.task(fault, run())

    def _drop_out(self, fault: Fault) -> None:
        part, where = self._part(fault)
        if part in ("radar", "meter"):
            self._line(fault).unplug()
        elif part == "keypad":
            self._building.door(where).deaf = True
        elif part == "pir":
            self._put(fault, 0)
        elif part in ("reed", "handle", "fire"):
            self._put(fault, 1)  # the wire is off: the resistor pulls it up
        else:
            raise ControlError(f"{fault.target} says nothing that could fail to come")

    def _come_back(self, fault: Fault) -> None:
        part, where = self._part(fault)
        if part in ("radar", "meter"):
            self._line(fault).plug()
        elif part == "keypad":
            self._building.door(where).deaf = False
        else:
            self._put(fault, None)

    # --- serial lines --------------------------------------------------------------------------------

    def _line(self, fault: Fault) -> Line:
        part, where = self._part(fault)
        if part not in ("radar", "meter"):
            raise ControlError(f"{fault.target} is on no serial line")
        line: Line = self._building.device(f"{where}-{part}")
        return line

    def _garble(self, fault: Fault) -> None:
        share = fault.number("share")

        def garble(data: bytes) -> bytes:
            wrong = (self._chance.share() < share for _ in data)
            return bytes(
                self._chance.between(0, 255) if bad else byte for byte, bad in zip(data, wrong, strict=True)
            )

        self._line(fault).garble = garble

    def _ungarble(self, fault: Fault) -> None:
        self._line(fault).garble = None

    def _plug_anew(self, fault: Fault) -> None:
        line = self._line(fault)
        line.unplug()
        line.begin_within_a_frame()
        line.plug()

    def _split(self, fault: Fault) -> None:
        line = self._line(fault)
        line.piece, line.gap_ms = round(fault.number("bytes")), round(fault.number("gap_ms"))

    def _join(self, fault: Fault) -> None:
        self._line(fault).piece = 0


def _nothing(_fault: Fault) -> None:
    return
