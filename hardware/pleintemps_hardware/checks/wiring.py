"""What a rule is given, and what a broken one says."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pleintemps_hardware import circuit
from pleintemps_hardware.board import Board
from pleintemps_hardware.kit import Part, Profile, Terminal


@dataclass(frozen=True, slots=True)
class Wiring:
    """One way to build a kit, on its board, with its graph."""

    profile: Profile
    board: Board
    circuit: circuit.Circuit

    @classmethod
    def of(cls, profile: Profile, board: Board) -> "Wiring":
        return cls(profile, board, circuit.of(profile))

    def circuit_of(self, terminal: Terminal) -> "Circuit | None":
        """The contact that ``terminal`` reads and where its other side is; None if it leads to no rail."""
        for core, part in self.cores(terminal):
            for contact in part.contacts:
                if contact.role == "signal" and core in contact.between:
                    far = contact.between[1 - contact.between.index(core)]
                    ends = self.circuit.reach(f"{part.part}:{far}", lambda edge: edge.contact is None)
                    rail = next((each for each in ("gnd", "3v3", "5v") if f"rail:{each}" in ends), None)
                    if rail:
                        return Circuit(contact.rests, rail)
        return None

    def cores(self, terminal: Terminal) -> Iterator[tuple[str, Part]]:
        """Terminals of parts that cores lead to from ``terminal``."""
        for cable in self.profile.cables:
            part = self.profile.part(cable.part)
            for core in cable.cores:
                if core.at == terminal.terminal and part is not None:
                    yield core.to, part


@dataclass(frozen=True, slots=True)
class Circuit:
    """A contact between a pin and ``rail``."""

    rests: str
    rail: str

    @property
    def closed_level(self) -> str:
        return "low" if self.rail == "gnd" else "high"

    @property
    def pull(self) -> str:
        """The resistor without which an open contact says nothing."""
        return "up" if self.rail == "gnd" else "down"

    @property
    def open_level(self) -> str:
        return "high" if self.rail == "gnd" else "low"


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a wiring must keep: ``find`` says what does not, ``todo`` what to do then."""

    name: str
    todo: str
    find: Callable[[Wiring], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Problem:
    """``what`` breaks ``rule``."""

    rule: str
    what: str
    todo: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}: {self.todo}"
