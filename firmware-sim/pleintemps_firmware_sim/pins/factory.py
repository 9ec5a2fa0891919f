"""The agent's end: a gpiozero pin factory whose pins are those of a simulator.

``GPIOZERO_PIN_FACTORY=pleintemps`` chooses it, ``PLEINTEMPS_PINS`` names the simulator's Unix socket. Levels
are those of the simulator from the first read on; edges carry the tick of who made them, so an agent sees
the true order and distance of pulses whatever the socket delays. If the simulator goes, pins keep their
levels and the factory connects again; outputs are then told anew.
"""

import contextlib
import logging
import os
import socket
import threading
from pathlib import Path
from typing import Any, Final

import msgspec
from gpiozero.pins.mock import MockFactory, MockPin
from gpiozero.pins.pi import PiPin

from pleintemps_contract.logs import line as log_line
from pleintemps_firmware_sim.errors import PinsError

from .messages import Edge, Snapshot, line

ENVIRONMENT: Final = "PLEINTEMPS_PINS"
_CONNECT_S: Final = 5.0
_RETRY_S: Final = 0.5
_NS: Final = 1_000_000_000

_log = logging.getLogger(__name__)


class SocketPin(MockPin):  # type: ignore[misc]
    """One pin. An input follows the simulator; an output tells it every change."""

    def __init__(self, factory: "SocketFactory", info: Any) -> None:
        super().__init__(factory, info)
        known = factory.level(self._number)
        if known is not None:
            self._state = bool(known)

    def follow(self, level: int, tick: int) -> None:
        """An edge made by the simulator; outputs are driven here and do not listen."""
        if self._function != "input" or self._state == bool(level):
            return
        self._state = bool(level)
        self._last_change = tick / _NS
        wanted = self._edges == "both" or self._edges == ("rising" if level else "falling")
        if wanted and self._when_changed is not None:
            PiPin._call_when_changed(self, self._last_change, self._state)

    def tell(self) -> None:
        """Say the level of an output to the simulator; inputs say nothing."""
        if self._function == "output":
            self._factory.say(self._number, int(self._state), int(self._factory.ticks() * _NS))

    def output_with_state(self, state: bool) -> None:
        self._state = bool(state)
        self._function = "output"
        self.tell()

    def _set_function(self, value: str) -> None:
        super()._set_function(value)
        self.tell()

    def _change_state(self, value: bool) -> bool:
        if self._state == value:
            return False
        self._state = value
        self._last_change = self._factory.ticks()
        self.tell()
        return True

    def _set_pull(self, value: str) -> None:
        if self._factory.level(self._number) is None:
            super()._set_pull(value)
        else:
            # what is wired to the pin wins over the resistor
            self._pull = value


class SocketFactory(MockFactory):  # type: ignore[misc]
    """Pins of the simulator on the socket ``PLEINTEMPS_PINS``. Raises PinsError if nobody answers there."""

    def __init__(self) -> None:
        super().__init__(pin_class=SocketPin)
        path = os.environ.get(ENVIRONMENT)
        if not path:
            raise PinsError(f"{ENVIRONMENT} is not set: name the socket of the simulated pins")
        self._path = Path(path)
        self._lock = threading.Lock()
        self._levels: dict[int, int] = {}
        self._closed = threading.Event()
        self._socket: socket.socket | None = None
        lines = self._connect()
        self._reader = threading.Thread(
            target=self._follow, args=(lines,), name="simulated-pins", daemon=True
        )
        self._reader.start()

    def level(self, number: int) -> int | None:
        """Level of a pin as the simulator last told it; None if nothing is wired to it."""
        return self._levels.get(number)

    def say(self, number: int, level: int, tick: int) -> None:
        """Tell the simulator that an output is at ``level``; while it is away nothing is sent."""
        with self._lock:
            if self._socket is not None:
                with contextlib.suppress(OSError):  # the reader sees the same and connects again
                    self._socket.sendall(line(Edge(pin=number, level=level, tick=tick)))

    def close(self) -> None:
        self._closed.set()
        self._hang_up()
        super().close()

    def _connect(self) -> Any:
        """Connect and take the snapshot over; returns the lines that follow. Raises PinsError."""
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(_CONNECT_S)
            connection.connect(str(self._path))
            lines = connection.makefile("rb")
            snapshot = msgspec.json.decode(lines.readline(), type=Snapshot)
            connection.settimeout(None)
        except (OSError, msgspec.MsgspecError) as error:
            connection.close()
            raise PinsError(f"no simulated pins at {self._path}: {error}") from error
        with self._lock:
            self._socket = connection
        tick = int(self.ticks() * _NS)
        for number, level in snapshot.levels.items():
            self._apply(number, level, tick)
        return lines

    def _apply(self, number: int, level: int, tick: int) -> None:
        self._levels[number] = level
        for pin in list(self.pins.values()):
            if pin._number == number:
                pin.follow(level, tick)

    def _follow(self, lines: Any) -> None:
        decoder = msgspec.json.Decoder(Edge)
        while not self._closed.is_set():
            try:
                for text in lines:
                    edge = decoder.decode(text)
                    self._apply(edge.pin, edge.level, edge.tick)
            except (OSError, ValueError, msgspec.MsgspecError) as error:
                _log.debug(log_line("pins-read", error=error))
            if self._closed.is_set():
                return
            self._hang_up()
            _log.warning(log_line("pins-lost", socket=self._path))
            found = self._reconnect()
            if found is None:
                return
            lines = found
            _log.warning(log_line("pins-back", socket=self._path))
            for pin in list(self.pins.values()):
                pin.tell()

    def _reconnect(self) -> Any:
        while not self._closed.wait(_RETRY_S):
            with contextlib.suppress(PinsError):
                return self._connect()
        return None

    def _hang_up(self) -> None:
        with self._lock:
            connection, self._socket = self._socket, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
