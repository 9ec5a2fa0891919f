"""The catalogue of faults: what each one hits and takes, as one table.

``people`` are done by the director with a stage's doors; the others by the stage itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal


class FaultKind(StrEnum):
    STUCK = "stuck"
    DRIFT = "drift"
    NOISE = "noise"
    DROPOUT = "dropout"
    GARBAGE = "garbage-bytes"
    MID_FRAME = "mid-frame-start"
    SPLIT = "split-frames"
    BOUNCE = "bounce-storm"
    LATE = "late-messages"
    DUPLICATE = "duplicate-messages"
    REORDER = "reordered-messages"
    CLOCK_STEP = "clock-step"
    POWER_CUT = "power-cut"
    DISK_FULL = "disk-full"
    BROKER_LOSS = "broker-loss"
    NETWORK_LOSS = "network-loss"
    HALF_OPEN = "half-open-link"
    JAM = "jammed-lock"
    PROP = "propped-door"
    TAILGATE = "tailgating"
    GUESSING = "code-guessing"
    REPLAY = "replay-attack"
    LOW_BATTERY = "low-battery"


Target = Literal["building", "agent", "door", "device", "sensor", "serial"]
"""``device`` is any device by its name, ``sensor`` a pin or a meter, ``serial`` one on a line."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number with its default and limits, both allowed; ``unit`` is for who reads."""

    default: float
    low: float
    high: float
    unit: str


@dataclass(frozen=True, slots=True)
class FaultRow:
    """``lasts`` false: it happens at one moment and needs no mending."""

    target: Target
    says: str
    takes: Mapping[str, Parameter] = field(default_factory=dict)
    lasts: bool = True
    people: bool = False


FAULTS: Final[Mapping[FaultKind, FaultRow]] = {
    FaultKind.STUCK: FaultRow(
        "sensor",
        "it says one value for ever: a pin its level, a radar its last scene, a meter its dB",
        {"value": Parameter(1, 0, 130, "level of the pin, or dB")},
    ),
    FaultKind.DRIFT: FaultRow(
        "sensor",
        "a meter reads higher and higher, or lower and lower",
        {"db_per_h": Parameter(20, -200, 10_000, "dB an hour")},
    ),
    FaultKind.NOISE: FaultRow(
        "sensor",
        "pulses out of nothing on a pin, each as long as a true one at least; seeded",
        {"per_h": Parameter(120, 1, 3_600, "an hour"), "pulse_ms": Parameter(3_000, 50, 60_000, "ms")},
    ),
    FaultKind.DROPOUT: FaultRow("device", "it falls silent: no supply, or its plug is out"),
    FaultKind.GARBAGE: FaultRow(
        "serial",
        "bytes of chance between and instead of its own; seeded",
        {"share": Parameter(0.5, 0.01, 1, "of all bytes")},
    ),
    FaultKind.MID_FRAME: FaultRow(
        "serial", "the first bytes after it was plugged in anew are the end of a frame", lasts=False
    ),
    FaultKind.SPLIT: FaultRow(
        "serial",
        "its frames arrive in pieces",
        {"bytes": Parameter(3, 1, 64, "a piece"), "gap_ms": Parameter(5, 0, 500, "ms between pieces")},
    ),
    FaultKind.BOUNCE: FaultRow(
        "sensor",
        "a contact chatters: edges every `every_ms` for as long as it lasts, its level in the end true",
        {"every_ms": Parameter(5, 1, 1_000, "ms")},
    ),
    FaultKind.LATE: FaultRow(
        "agent",
        "every message of and to it is late",
        {"delay_ms": Parameter(5_000, 1, 3_600_000, "ms")},
    ),
    FaultKind.DUPLICATE: FaultRow("agent", "every message of and to it arrives twice"),
    FaultKind.REORDER: FaultRow(
        "agent",
        "messages of and to it change places; seeded",
        # both ends take what overtakes in less; after 10 s without an answer an agent says it again
        {"within_ms": Parameter(20_000, 1, 600_000, "ms that one may be held back; over 10 s is noticed")},
    ),
    FaultKind.CLOCK_STEP: FaultRow(
        "agent",
        "its wall clock leaps, its monotonic one does not",
        {"seconds": Parameter(3_600, -100_000_000, 100_000_000, "s")},
        lasts=False,
    ),
    FaultKind.POWER_CUT: FaultRow("agent", "it is off at once; it starts again when mended"),
    FaultKind.DISK_FULL: FaultRow("agent", "nothing more can be written to its disk"),
    FaultKind.BROKER_LOSS: FaultRow("building", "the broker is off at once; it starts again when mended"),
    FaultKind.NETWORK_LOSS: FaultRow("agent", "its connection breaks and cannot be made"),
    FaultKind.HALF_OPEN: FaultRow(
        "agent", "its connection stands and carries nothing, until somebody gives up and makes a new one"
    ),
    FaultKind.JAM: FaultRow(
        "door",
        "the lock does not let go, whatever it is told: only force or the inside handle opens",
    ),
    FaultKind.PROP: FaultRow("door", "a wedge: once open it stays open until mended", people=True),
    FaultKind.TAILGATE: FaultRow(
        "door",
        "strangers go through behind the next people whom it lets in",
        {"people": Parameter(1, 1, 50, "strangers")},
        people=True,
    ),
    FaultKind.GUESSING: FaultRow(
        "door",
        "somebody types codes of chance that are nobody's; seeded",
        {
            "tries": Parameter(6, 1, 10_000, "codes"),
            "every_s": Parameter(5, 1, 3_600, "s"),
            "digits": Parameter(8, 4, 12, "digits"),
        },
        lasts=False,
        people=True,
    ),
    FaultKind.REPLAY: FaultRow(
        "agent",
        "all that the broker carried to the agent before (commands, grants, receipts) is sent once more,"
        " and commands as retained messages too",
        lasts=False,
    ),
    FaultKind.LOW_BATTERY: FaultRow(
        "door",
        "the battery of its lock says so little",
        {"percent": Parameter(8, 0, 100, "%")},
    ),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault at one target; ``params`` complete, by the catalogue's names."""

    kind: FaultKind
    target: str
    params: Mapping[str, float] = field(default_factory=dict)

    def number(self, name: str) -> float:
        """A parameter, or its default; raises KeyError for one that the kind does not take."""
        parameter = FAULTS[self.kind].takes[name]
        return self.params.get(name, parameter.default)
