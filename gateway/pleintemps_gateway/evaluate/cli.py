"""``pleintemps-gateway evaluate``: recorded rooms through the rules."""

import argparse
import json
from datetime import date
from pathlib import Path

from pleintemps_gateway.errors import SettingsError

from . import noise_cli
from .occupancy import report
from .readers import read_csv, read_uci, read_van_kasteren
from .recording import KINDS, Recording, chosen, with_fault

_FAULTS = ("high", "low", "missing")


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the gateway's."""
    evaluate = commands.add_parser(
        "evaluate", help="how well the rules do on a recording", description="Recordings through the rules."
    )
    actions = evaluate.add_subparsers(title="commands", metavar="COMMAND", required=True)
    text = "replay a recorded room, compare with its truth and with a plain timeout"
    parser = actions.add_parser("occupancy", help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument("path", type=Path, metavar="PATH", help="a file; the folder for van-kasteren")
    parser.add_argument("--format", required=True, choices=("uci-864", "van-kasteren", "csv"))
    parser.add_argument(
        "--split",
        choices=("leave-one-day-out",),
        help="each day by a room that lived through the other days, without their truth; the "
        "baseline's timeout is chosen on the other days, in hindsight without",
    )
    parser.add_argument(
        "--unsupervised", action="store_true", help="one room goes through all days in order, without truth"
    )
    parser.add_argument(
        "--series", type=_kinds, default=frozenset(KINDS), metavar="KINDS", help=f"of {', '.join(KINDS)}"
    )
    parser.add_argument("--house", metavar="A", help="of van-kasteren: the letter in the files' names")
    parser.add_argument(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        metavar="SERIES=FAULT",
        help="a series that is high, low or missing all the time, such as pir:S6=high",
    )
    parser.add_argument(
        "--fault-day", type=_day, metavar="YYYY-MM-DD", help="the faults are of this day only (UTC)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON line with all figures")
    parser.set_defaults(run=_occupancy)
    noise_cli.register(actions).set_defaults(run=_noise)


def _kinds(text: str) -> frozenset[str]:
    kinds = frozenset(text.split(","))
    if not kinds <= set(KINDS):
        raise argparse.ArgumentTypeError(f"{text!r} is not some of {','.join(KINDS)}")
    return kinds


def _day(text: str) -> int:
    try:
        return date.fromisoformat(text).toordinal() - date(1970, 1, 1).toordinal()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day like 2026-11-23") from None


def _fault(text: str) -> tuple[str, str]:
    series, _, fault = text.rpartition("=")
    if not series or fault not in _FAULTS:
        raise argparse.ArgumentTypeError(f"{text!r} is not SERIES=high, low or missing")
    return series, fault


def _read(options: argparse.Namespace) -> Recording:
    if options.format == "van-kasteren":
        if options.house is None or not options.house.isalnum():
            raise SettingsError("--house: name the house, such as A")
        return read_van_kasteren(options.path, options.house)
    if options.house is not None:
        raise SettingsError("--house is for van-kasteren")
    return read_uci(options.path) if options.format == "uci-864" else read_csv(options.path)


def _occupancy(options: argparse.Namespace) -> int:
    recording = chosen(_read(options), options.series)
    if not recording.samples:
        raise SettingsError(f"--series: the recording has no {' or '.join(sorted(options.series))}")
    for series, fault in options.fault:
        known = sorted({sample.series for sample in recording.samples})
        if series not in known:
            raise SettingsError(f"--fault: {series!r} is none of {', '.join(known)}")
        recording = with_fault(recording, series, fault, options.fault_day)
    found = report(
        recording,
        leave_one_day_out=options.split is not None,
        in_order=options.unsupervised or options.split is None,
    )
    _show(found, options)
    return 0


def _noise(options: argparse.Namespace) -> int:
    _show(noise_cli.found(options), options)
    return 0


def _show(found: dict[str, object], options: argparse.Namespace) -> None:
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name}: {json.dumps(value)}")
