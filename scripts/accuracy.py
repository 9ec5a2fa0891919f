"""Writes the occupancy part of docs/accuracy.md from the reference data below PLEINTEMPS_DATA."""

import contextlib
import io
import json
import os
import sys
from itertools import islice, permutations
from pathlib import Path
from typing import Any

from pleintemps_gateway.cli import main as gateway
from pleintemps_gateway.evaluate.readers import read_uci
from pleintemps_gateway.evaluate.trials import drops, in_orders, middle

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


def _trials(path: Path) -> list[str]:
    """Each sensor of UCI 864 ill for a day, and 30 of the 5040 orders of its seven days, evenly spread."""
    recording = read_uci(path)
    found = drops(recording)
    worst = found.worst
    f1 = in_orders(recording, list(islice(permutations(range(7)), 0, None, 173)))
    return [
        "",
        "| UCI 864, motion and sound | Figure |",
        "|---|---|",
        f"| one of the three sensors high, low or missing on one of six days ({found.trials} trials): "
        f"drop of that day's accuracy, mean | {found.mean:.4f} |",
        f"| the same, worst ({worst.series} {worst.fault}, day {worst.day + 1}) | {worst.accuracy:.4f} |",
        f"| days in {len(f1)} orders: F1, least / median / most "
        f"| {f1[0]:.4f} / {middle(f1):.4f} / {f1[-1]:.4f} |",
        f"| orders with F1 below .972 | {sum(each < 0.972 for each in f1)} |",
    ]


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
    lines += _trials(Path(folder) / "occupancy" / UCI[0])
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(before + "\n".join([*lines, END]) + after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
