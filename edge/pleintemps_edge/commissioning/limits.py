"""What a measurement may be: one row each, with where the figure is from. Pure."""

from dataclasses import dataclass
from typing import Final

from pleintemps_contract.commissioning import Measurement, Verdict


@dataclass(frozen=True, slots=True)
class Limit:
    """A value up to ``warn`` passes, up to ``fail`` warns; ``least`` turns both round (not less than)."""

    unit: str
    warn: float
    fail: float
    source: str
    least: bool = False

    def judge(self, value: float) -> Verdict:
        over = -value if self.least else value
        warn, fail = (-self.warn, -self.fail) if self.least else (self.warn, self.fail)
        return Verdict.FAIL if over > fail else Verdict.WARN if over > warn else Verdict.PASS

    @property
    def words(self) -> str:
        sign = "≥" if self.least else "≤"
        if self.warn == self.fail:
            return f"{sign} {self.warn:g}"
        return f"{sign} {self.warn:g} ({self.fail:g})"


_DEBOUNCE: Final = "a bare reed bounces about 1 ms (reed-sensor.com glossary); the agent debounces for 30 ms"
_RADAR: Final = "10 reports a second (Hi-Link LD2410C V1.07, LD2450 V1.03)"

LIMITS: Final[dict[str, Limit]] = {
    "bounce": Limit("ms", 5, 29, _DEBOUNCE),
    "edges": Limit("", 20, 60, "a contact that flaps: 20 changes in 10 s (the agent's debounce)"),
    "key-errors": Limit("%", 0, 9, "one key of twelve mistyped is the person, more is the line"),
    "bolt": Limit("ms", 500, 1_000, "the agent gives a strike's bolt contact 1 s"),
    "report-rate": Limit("1/s", 8, 3, _RADAR, least=True),
    "report-gap": Limit("ms", 500, 5_000, f"{_RADAR}; silent after 5 s"),
    "frame-errors": Limit(
        "%", 1, 10, "frames carry no checksum (reference sensors 1, 3): a clean line has none"
    ),
    "gate-margin": Limit(
        "", 5, 0, "energy at rest below the gate's sensitivity (LD2410C V1.07, 0061)", least=True
    ),
    "false-presence": Limit("%", 0, 20, "nobody is in the room: nobody is seen"),
    "false-motion": Limit("", 0, 1, "nobody is in the room: a PIR stays at rest (HC-SR501)"),
    "hold": Limit("s", 60, 300, "HC-SR501: 0.3 to 200 s, variants 5 min (escol.com.my)"),
    "answer": Limit("ms", 500, 1_000, "the agent waits 1 s for a meter's answer"),
    "answer-errors": Limit("%", 0, 10, "Modbus over Serial Line V1.02: a good line has no CRC errors"),
    "meter-off": Limit(
        "dB", 1.5, 3, "stated error of the meter 0.5 dB, calibrator class 2: 0.75 dB (IEC 60942)"
    ),
    "microphone-off": Limit(
        "dB", 1, 2, "2 dB near the microphone after a one-point calibration (reference noise)"
    ),
    "uncalibrated-off": Limit(
        "dB", 0.5, 3, "INMP441: parts are within 3 dB of one another (DS-INMP441-00 1.1)"
    ),
    "clap-rise": Limit("dB", 10, 5, "a clap near the sensor stands 10 dB out of a quiet room", least=True),
    "chip-off": Limit("ms", 2_000, 10_000, "a chip counts whole seconds; EN 60839-11-1: 10 s a week"),
    "free-space": Limit("MiB", 512, 128, "64 MiB of samples, a million records, updates", least=True),
    "reply": Limit("ms", 200, 1_000, "OSDP: a reader answers within 200 ms (SIA OSDP 2.1.7)"),
}


def measured(name: str, value: float, where: str = "") -> Measurement:
    """A value under its limit; raises KeyError for a name without one."""
    limit = LIMITS[name]
    return Measurement(
        name=name,
        value=round(value, 3),
        unit=limit.unit,
        verdict=limit.judge(round(value, 3)),
        limit=limit.words,
        source=limit.source,
        where=where,
    )


def figure(name: str, value: float, unit: str, where: str = "") -> Measurement:
    """A value that is told and not judged."""
    return Measurement(name=name, value=round(value, 3), unit=unit, where=where)
