"""Writes the occupancy part of docs/accuracy.md from the reference data below PLEINTEMPS_DATA."""

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

from pleintemps_gateway.cli import main as gateway

BEGIN, END = "<!-- occupancy: begin -->", "<!-- occupancy: end -->"
PAGE = Path(__file__).parent.parent / "docs" / "accuracy.md"
UCI = ("uci-864-room-occupancy-estimation.csv", "--format", "uci-864", "--split", "leave-one-day-out")
HOUSE = ("van-kasteren", "--format", "van-kasteren", "--unsupervised", "--house")
RUNS = (
    ("UCI 864, motion and sound, days in order", (*UCI, "--unsupervised")),
    ("UCI 864, motion and sound, each day after the others", UCI),
    ("UCI 864, motion alone, days in order", (*UCI, "--unsupervised", "--series", "pir")),
    ("van Kasteren A, per minute", (*HOUSE, "A")),
    ("van Kasteren C, per minute", (*HOUSE, "C")),
)


def _figures(data: Path, options: tuple[str, ...]) -> dict[str, Any]:
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        code = gateway(["evaluate", "occupancy", str(data / options[0]), *options[1:], "--json"])
    if code:
        sys.exit(code)
    found: dict[str, Any] = json.loads(text.getvalue())
    return found


def _row(name: str, found: dict[str, Any]) -> str:
    def latency(key: str) -> str:
        return " / ".join("never" if v is None else f"{v:.0f}" for v in found[key].values())

    times = f"{latency('arrival_s')} | {latency('clear_s')}"
    return f"| {name} | {found['accuracy']:.4f} | {found['f1']:.4f} | {times} | {found['missed_vacancies']} |"


def main() -> int:
    """Run every row; the rest of the page stays as it is."""
    folder = os.environ.get("PLEINTEMPS_DATA")
    if folder is None:
        sys.stderr.write("accuracy: PLEINTEMPS_DATA is not set; docs/data.md says where the data are\n")
        return 2
    lines = [
        BEGIN,
        "| Recording | Accuracy | F1 | Arrival s (median / max) | Clear s (same) | Missed vacancies |",
        "|---|---|---|---|---|---|",
    ]
    for name, options in RUNS:
        found = _figures(Path(folder) / "occupancy", options)
        lines += [_row(name, found), _row("its baseline, a plain timeout", found["baseline"])]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(before + "\n".join([*lines, END]) + after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
