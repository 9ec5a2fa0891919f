"""What passes on the serial lines and keypads of a running building, as decoded frames."""

from collections.abc import Callable, Iterable
from typing import Final

from pleintemps_firmware_sim.devices.pty import SerialDevice
from pleintemps_firmware_sim.pins.board import Board
from pleintemps_firmware_sim.scenario.house import House

from .frames import Decoded, Framer
from .views import FrameView
from .wiegand_frames import Pulses

_SILENT_MS: Final = 150
"""A frame does not pause so long; a radar reports every 100 ms."""
_RAW_SHOWN: Final = 64

OnFrame = Callable[[FrameView], None]


class Wires:
    """Listens to all of them from now on; ``keys`` holds the last key of every door's keypad."""

    def __init__(self, house: House[Board, SerialDevice], on_frame: OnFrame) -> None:
        self.keys: dict[str, str] = {}
        self._house = house
        self._on_frame = on_frame
        for space, room in house.rooms.items():
            for part, protocol, there in (("radar", "ld2410", room.radar), ("meter", "modbus", room.meter)):
                if there is not None:
                    name = f"{space}-{part}"
                    house.device(name).link.on_wire = _Line(name, protocol, house, on_frame)
        for agent, board in house.boards.items():
            board.on_input = _Keypads(agent, self.keys, house, on_frame)

    def close(self) -> None:
        """Listen no more."""
        for device in self._house.serial.values():
            device.link.on_wire = None
        for board in self._house.boards.values():
            board.on_input = None


def _view(house: House[Board, SerialDevice], line: str, protocol: str, out: bool, one: Decoded) -> FrameView:
    return FrameView(
        at=house.world.now(),
        line=line,
        out=out,
        protocol=protocol,
        name=one.name,
        fields=one.fields,
        raw=one.raw[:_RAW_SHOWN].hex(" "),
        ok=one.ok,
    )


class _Line:
    """Both directions of one serial line."""

    def __init__(
        self, name: str, protocol: str, house: House[Board, SerialDevice], on_frame: OnFrame
    ) -> None:
        self._name, self._protocol, self._house, self._on_frame = name, protocol, house, on_frame
        self._framers = {out: Framer(protocol, out=out) for out in (False, True)}
        self._last = {False: 0, True: 0}

    def __call__(self, out: bool, data: bytes) -> None:
        framer, now = self._framers[out], self._house.world.monotonic()
        found = framer.end() if now - self._last[out] > _SILENT_MS else []
        self._last[out] = now
        for one in found + framer.feed(data):
            self._on_frame(_view(self._house, self._name, self._protocol, out, one))


class _Keypads:
    """The keypads on one agent's board; each sends a whole frame in one go."""

    def __init__(
        self, agent: str, keys: dict[str, str], house: House[Board, SerialDevice], on_frame: OnFrame
    ) -> None:
        self._keys, self._house, self._on_frame = keys, house, on_frame
        self._lines: dict[int, tuple[str, str]] = {}
        """By pin: whose line, and the bit that a pulse there is."""
        for name, post in house.doors.items():
            if post.plan.agent == agent:
                self._lines |= {post.plan.d0: (name, "0"), post.plan.d1: (name, "1")}
        self._pulses = {name: Pulses() for name, _ in self._lines.values()}

    def __call__(self, edges: Iterable[tuple[int, int, int]]) -> None:
        heard: dict[str, None] = {}
        for pin, level, tick in edges:
            if pin in self._lines:
                door, bit = self._lines[pin]
                heard[door] = None
                self._heard(door, self._pulses[door].edge(bit, level, tick))
        for door in heard:
            self._heard(door, self._pulses[door].end())

    def _heard(self, door: str, one: Decoded | None) -> None:
        if one is None:
            return
        if one.name == "key":
            self._keys[door] = one.fields["key"]
        self._on_frame(_view(self._house, f"{door}-keypad", "wiegand", True, one))
