"""Ears on pins and serial lines, below the drivers: what the self test measures by. At the rim."""

from collections.abc import Callable
from pathlib import Path

from pleintemps_contract.cores import Wire, Wires


class TappedWires:
    """``wires`` whose lines tell ``hear(device, sent, data)``, and that others than drivers can write to."""

    def __init__(
        self, wires: Wires, devices: dict[Path, str], hear: Callable[[str, bool, bytes], None]
    ) -> None:
        self._wires = wires
        self._devices = devices
        self._hear = hear
        self._open: dict[str, Wire] = {}

    def open(self, port: Path, baud: int, take: Callable[[bytes], None], lost: Callable[[str], None]) -> Wire:
        """Raises OSError."""
        device = self._devices.get(port, "")

        def taken(data: bytes) -> None:
            self._hear(device, False, data)
            take(data)

        wire = self._wires.open(port, baud, taken, lost)
        tapped = _Tapped(wire, lambda data: self._hear(device, True, data), lambda: self._closed(device))
        self._open[device] = tapped
        return tapped

    def write(self, device: str, data: bytes) -> None:
        """Put ``data`` on the line of ``device``; raises OSError where it is not open."""
        wire = self._open.get(device)
        if wire is None:
            raise OSError("its port is not open")
        wire.write(data)

    def _closed(self, device: str) -> None:
        self._open.pop(device, None)


class _Tapped:
    def __init__(self, wire: Wire, hear: Callable[[bytes], None], closed: Callable[[], None]) -> None:
        self._wire = wire
        self._hear = hear
        self._closed = closed

    def write(self, data: bytes) -> None:
        self._hear(data)
        self._wire.write(data)

    def in_place(self) -> str:
        return self._wire.in_place()

    def close(self) -> None:
        self._closed()
        self._wire.close()
