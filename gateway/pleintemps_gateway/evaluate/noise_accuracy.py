"""The noise section of ``docs/accuracy.md``: the recordings of reference through the rules, and what
averaging decibels would have said."""

from pathlib import Path
from statistics import fmean
from typing import Final

from .levels import read_levels
from .noise import ALONE, report

FILES: Final = (
    ("noisesensor-ref_audio.csv", 67.34),
    ("noisesensor-test1_near.csv", 70.17),
    ("noisesensor-test_background.csv", 50.11),
)
"""Files of the folder ``noise`` and their LAeq over 10 s by the reference, dB(A)."""


def section(data: Path) -> str:
    """Markdown from the folder of reference data; SettingsError where a file is missing."""
    lines = [
        "## Noise",
        "",
        "80 levels of 125 ms each (NoiseSensor, BSD-3), dB(A). The baseline is the mean of the decibels,",
        "which is what a level is not. Percentiles are exact to a tenth.",
        "",
        "| Recording | Reference LAeq | Rules | Error | Baseline | Its error | L10 | L50 | L90 | Coverage |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, reference in FILES:
        recording = read_levels(data / "noise" / name)
        found = report(recording, ALONE, ALONE.spaces[0])
        mean = fmean(value for _, value in recording.levels[0].samples)
        lines.append(
            f"| `{name}` | {reference:.2f} | {found['LAeq']:.2f} | {found['LAeq'] - reference:+.2f} "
            f"| {mean:.2f} | {mean - reference:+.2f} "
            f"| {found['L10']:.1f} | {found['L50']:.1f} | {found['L90']:.1f} | {found['coverage']:.3f} |"
        )
    return "\n".join([*lines, ""])
