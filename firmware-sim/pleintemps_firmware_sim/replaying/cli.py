"""The command ``replay recording``."""

import argparse
import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any, Final

from pleintemps_contract.configfile import load_toml
from pleintemps_contract.errors import ConfigError
from pleintemps_firmware_sim.errors import DatasetError

DIFFERS: Final = 1


def add(what: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Give ``replay`` this recording."""
    command = what.add_parser(
        "recording",
        help="what `pleintemps-edge record` wrote, to an agent of this version",
        description="Play a recording of a real agent to an agent and say what differs."
        " Exit status: 0 nothing, 1 something or it could not be played, 2 the file is wrong.",
    )
    command.add_argument("file", type=Path, metavar="FILE")
    command.add_argument(
        "--speed", type=_speed, default=None, metavar="X|max", help="seconds per second, or max (max)"
    )
    command.add_argument(
        "--config", type=Path, metavar="edge.toml", help="of the agent that it is played to (else: the same)"
    )
    command.add_argument(
        "--tolerance-ms", type=_milliseconds, default=250, metavar="MS", help="as good as the same time (250)"
    )
    command.add_argument("--json", action="store_true", help="one JSON object on standard output")
    command.add_argument("--report", type=Path, metavar="FILE.html", help="write a page")
    command.set_defaults(run=_run)


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    speed = float(text)
    if not 0.01 <= speed <= 1_000_000:
        raise argparse.ArgumentTypeError("0.01 to 1000000, or max")
    return speed


def _milliseconds(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 60_000:
        raise argparse.ArgumentTypeError("0 to 60000")
    return number


def _run(options: argparse.Namespace) -> int:
    from pleintemps_firmware_sim.virtual.loop import VirtualLoop

    from .diff import compare
    from .pace import PacedLoop
    from .play import play
    from .reading import read
    from .report import page, summary, text

    recording = read(options.file)
    try:
        config = None if options.config is None else load_toml(options.config, dict[str, Any])
    except ConfigError as error:
        raise DatasetError(str(error)) from error
    loop = VirtualLoop if options.speed is None else partial(PacedLoop, options.speed)
    with asyncio.Runner(loop_factory=loop) as runner:
        try:
            played = runner.run(play(recording, config))
        except DatasetError as error:
            raise DatasetError(f"{options.config or options.file}: {error}") from error
    report = compare(played.recorded, played.replayed, tolerance_ms=options.tolerance_ms)
    if options.report is not None:
        options.report.write_text(page(recording, report, played.left_out), encoding="utf-8")
    if options.json:
        print(json.dumps(summary(recording, report, played.left_out)))
    else:
        print(text(recording, report, played.left_out))
    return 0 if report.same else DIFFERS
