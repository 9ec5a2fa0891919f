"""Commissioning: what the self test asks of a person, what it finds, and the report that it signs.

The agent's self test is a core as in :mod:`.cores`, the entry point ``selftest``: at the wall a technician
carries out what it asks, on the simulator's bench simulated hands do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import msgspec

from .cores import AgentRims
from .units import UnixMs
from .world import World

FORMAT: Final = 1


class Verdict(StrEnum):
    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


class Ask(StrEnum):
    """What somebody is to do; a program can act on it without reading the text."""

    WAIT = "wait"
    """Nothing: the device speaks for itself."""
    SWING = "swing"
    """Open the door from inside, and shut it."""
    PRESS = "press"
    """Press the button or handle, and let go."""
    EXIT = "exit"
    """Press the exit button of a magnet and open the door with it, then shut it."""
    TRIP = "trip"
    """Let the fire panel's contact open, and close again."""
    FREE = "free"
    """As TRIP, and meanwhile open the magnet's door, then shut it."""
    HOUSING = "housing"
    """Open the housing, and close it."""
    KEYS = "keys"
    """Type :attr:`Prompt.keys`."""
    CARD = "card"
    TOKEN = "token"
    LEAVE = "leave"
    """Leave the room and keep still outside."""
    ENTER = "enter"
    """Come in and walk about."""
    STAND = "stand"
    """Stand still before the sensor."""
    TONE = "tone"
    """Put the calibrator on and switch it on."""
    QUIET = "quiet"
    """Take the calibrator off and be quiet."""
    CLAP = "clap"
    AGREE = "agree"
    """Say whether the lock may be moved now: the door will be free for some seconds."""
    ENTRANCE = "entrance"
    """Open the released door from outside, and shut it."""
    PULL = "pull"
    """Pull at the shut door and say whether it holds."""
    SHOWN = "shown"
    """Say whether the reader lights and sounds."""
    LIT = "lit"
    """Say whether the warning light is on."""
    ARM = "arm"
    """Say whether the alarm may be set and unset now."""


Answer = str
YES: Final[Answer] = "y"
NO: Final[Answer] = "n"
SKIP: Final[Answer] = "s"


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """One instruction. ``answers`` are those that are waited for, none where the device itself answers; each
    step can be skipped. ``keys`` is what to type, ``level_db`` the calibrator's, ``seconds`` how long it
    waits.
    """

    number: int
    device: str
    driver: str
    step: str
    ask: Ask
    text: str
    door: str = ""
    answers: tuple[Answer, ...] = ()
    keys: str = ""
    level_db: float = 0.0
    seconds: int = 0


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """``limit`` is the edge of what passes, ``source`` where that is from; both empty for a plain figure."""

    name: str
    value: float
    unit: str
    verdict: Verdict = Verdict.PASS
    limit: str = ""
    source: str = ""
    where: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found wrong or was left out, in the report's language, and what to do about it."""

    code: str
    verdict: Verdict
    text: str
    advice: str = ""


class DeviceResult(msgspec.Struct, frozen=True, kw_only=True):
    device: str
    driver: str
    verdict: Verdict
    where: str = ""
    wiring: str = ""
    measurements: list[Measurement] = []
    findings: list[Finding] = []


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Times in Unix ms. ``board`` is the pin map of the configuration, ``model`` what the machine says of
    itself; ``configuration`` the SHA-256 of the file. ``complete`` is false when it was ended before the end.
    """

    format: int = FORMAT
    site: str
    agent: str
    board: str = ""
    model: str = ""
    version: str
    python: str = ""
    language: str = "fr"
    technician: str = ""
    simulated: bool = False
    configuration: str = ""
    started: UnixMs
    ended: UnixMs
    complete: bool
    verdict: Verdict
    devices: list[DeviceResult]

    @property
    def broken(self) -> list[str]:
        """The devices that failed, by name."""
        return [each.device for each in self.devices if each.verdict is Verdict.FAIL]


class Chip(NamedTuple):
    """What a clock chip says: Unix ms or None, and why not."""

    at: int | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the self test looks at on the machine beside the devices. ``chip`` reads the clock chip;
    ``free_mib`` is what the state folder's disk has left.
    """

    chip: Callable[[], Chip]
    free_mib: Callable[[], float]
    model: str = ""


class Technician(Protocol):
    """Who carries out what is asked. All of it happens on the event loop and returns at once."""

    def told(self, prompt: Prompt, answer: Callable[[Answer], None]) -> None:
        """The next instruction; ``answer`` may be called later, any number of times, until the next one."""

    def found(self, result: DeviceResult) -> None:
        """A device is through."""


@dataclass(frozen=True, slots=True)
class Order:
    """How to test. ``only`` names devices, all if empty; ``alone``: nobody is there, what needs somebody is
    left out; ``agreed``: locks may be moved without asking; ``calibrator_db`` is the calibrator's level.
    """

    language: str = "fr"
    only: tuple[str, ...] = ()
    alone: bool = False
    agreed: bool = False
    technician: str = ""
    calibrator_db: float = 94.0


class SelftestCore(Protocol):
    async def run(self) -> Report:
        """To the end; cancelled it secures every lock and raises, and :meth:`report` has what was found."""

    def report(self) -> Report:
        """What was found so far."""

    def write(self, folder: Path) -> list[Path]:
        """Sign the report and write it as JSON and as a page into ``folder``; the files."""


class MakeSelftest(Protocol):
    """The entry point ``selftest``."""

    def __call__(
        self,
        config: Path,
        world: World,
        rims: AgentRims,
        machine: Machine,
        technician: Technician,
        order: Order,
    ) -> SelftestCore:
        """Call it inside the event loop. Raises ContractError or the package's own errors."""
