"""Serial lines that are listened in on."""

from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Literal, Protocol

from pleintemps_contract.cores import Wire, Wires
from pleintemps_edge.sensing.lines import Line, Lines


class Hearing(Enum):
    """How a line is recorded: its bytes, its texts as tokens, or nothing because it is encrypted."""

    BYTES = "bytes"
    TOKENS = "tokens"
    NOTHING = "nothing"


PortState = Literal["open", "refused", "lost", "closed"]


class Ear(Protocol):
    """What is told of serial lines, by the name of the port in the configuration."""

    def port(self, name: str, state: PortState) -> None: ...

    def bytes(self, name: str, to: bool, data: bytes) -> None: ...

    def text(self, name: str, text: str) -> None: ...


class _TappedWire:
    def __init__(self, name: str, hearing: Hearing, ear: Ear) -> None:
        self.wire: Wire
        self._name = name
        self._hearing = hearing
        self._ear = ear
        self._lines = Lines()

    def write(self, data: bytes) -> None:
        if self._hearing is Hearing.BYTES:
            self._ear.bytes(self._name, False, data)
        self.wire.write(data)

    def in_place(self) -> str:
        return self.wire.in_place()

    def close(self) -> None:
        self._ear.port(self._name, "closed")
        self.wire.close()

    def heard(self, data: bytes) -> None:
        """Bytes to the agent."""
        if self._hearing is Hearing.BYTES:
            self._ear.bytes(self._name, True, data)
        elif self._hearing is Hearing.TOKENS:
            for found in self._lines.feed(data):
                self._ear.text(self._name, found.text if isinstance(found, Line) else "")


class TappedWires:
    """``wires`` with lines that tell; ``ports``: by path, the configured name of each and how it is heard."""

    def __init__(self, wires: Wires, ports: dict[Path, tuple[str, Hearing]], ear: Ear) -> None:
        self._wires = wires
        self._ports = ports
        self._ear = ear

    def open(self, port: Path, baud: int, take: Callable[[bytes], None], lost: Callable[[str], None]) -> Wire:
        """Raises OSError."""
        name, hearing = self._ports.get(port, (str(port), Hearing.NOTHING))
        tapped = _TappedWire(name, hearing, self._ear)

        def taken(data: bytes) -> None:
            tapped.heard(data)
            take(data)

        def gone(reason: str) -> None:
            self._ear.port(name, "lost")
            lost(reason)

        try:
            tapped.wire = self._wires.open(port, baud, taken, gone)
        except OSError:
            self._ear.port(name, "refused")
            raise
        self._ear.port(name, "open")
        return tapped
