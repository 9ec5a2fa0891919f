"""``pleintemps-sim``: the demo building, orders to it, scenarios, single devices, recorded rooms."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from datetime import date, time
from importlib import resources
from pathlib import Path
from typing import Any

from pleintemps_contract import __version__, logs
from pleintemps_contract.errors import ContractError

from .conform.cli import add_conform
from .console.cli import add_console, add_orders
from .device_cli import add_device
from .errors import ConformError, ControlError, DatasetError, ScenarioError, SimulatorError
from .fleet.cli import add_fleet
from .processes import end_on_signals
from .replaying.cli import add as add_recording
from .scenario.cli import add as add_scenarios
from .selftest.cli import add_selftest

FAILED = 1
USAGE = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 it could not be done, 2 the command line is wrong, 130 ended by Ctrl-C."""
    options = _parser().parse_args(arguments)
    logs.setup()
    try:
        status: int = options.run(options)
    except ScenarioError as error:
        print(error, file=sys.stderr)  # FILE:LINE:COLUMN first, as editors want it
        return USAGE
    except (ConformError, ControlError, DatasetError) as error:
        return _fail(error, USAGE)
    except (SimulatorError, ContractError, OSError) as error:
        return _fail(error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _fail(error: Exception, status: int) -> int:
    print(f"pleintemps-sim: {error}", file=sys.stderr)
    return status


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65_535:
        raise argparse.ArgumentTypeError("1 to 65535")
    return port


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number <= 1_000_000:
        raise argparse.ArgumentTypeError("more than 0")
    return number


def _demo_speed(text: str) -> float:
    speed = float(text)
    if not 0.1 <= speed <= 10:
        raise argparse.ArgumentTypeError("0.1 to 10")
    return speed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pleintemps-sim",
        description="Simulated sensors, doors and people for the ordinary agents and gateway.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_demo(commands)
    add_console(commands)
    add_orders(commands)
    add_device(commands)
    _add_replay(commands)
    add_fleet(commands)
    add_scenarios(commands)
    add_conform(commands)
    add_selftest(commands)
    return parser


def _add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    demo = commands.add_parser("demo", help="start the demo building, with everything it needs")
    demo.add_argument("--port", type=_port, default=8080, help="of the caretaker's page (8080)")
    demo.add_argument("--panel-port", type=_port, metavar="N", help="of the tester's page (else none)")
    demo.add_argument("--data", type=Path, metavar="DIR", help="keep data and logs here (else: temporary)")
    demo.add_argument("--seed", type=int, default=1, help="of the people's whims (1)")
    demo.add_argument("--for", type=_positive, dest="seconds", metavar="SECONDS", help="end by itself")
    demo.add_argument("--json", action="store_true", help="one JSON line on standard output at the end")
    demo.add_argument("--speed", type=_demo_speed, default=1.0, help="simulated seconds per second (1)")
    demo.set_defaults(run=_demo)


def _demo(options: argparse.Namespace) -> int:
    from .demo import DemoOptions, run_demo

    wanted = DemoOptions(
        port=options.port,
        data=options.data,
        seed=options.seed,
        speed=options.speed,
        panel_port=options.panel_port,
    )
    return asyncio.run(run_demo(wanted, seconds=options.seconds, as_json=options.json))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("YYYY-MM-DD") from None


def _clock_time(text: str) -> time:
    try:
        clock_time = time.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("HH:MM") from None
    if clock_time.tzinfo is not None:
        raise argparse.ArgumentTypeError("HH:MM, without a zone")
    return clock_time


def _add_replay(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    replay = commands.add_parser("replay", help="play a recording through agent, broker and gateway")
    what = replay.add_subparsers(title="recordings", required=True, metavar="WHAT")
    dataset = what.add_parser("dataset", help="a room of a public data set")
    dataset.add_argument("name", choices=("uci-864",))
    dataset.add_argument("--day", type=_day, required=True, metavar="YYYY-MM-DD")
    dataset.add_argument("--from", type=_clock_time, dest="start", metavar="HH:MM", help="local time")
    dataset.add_argument("--to", type=_clock_time, dest="end", metavar="HH:MM", help="local time")
    dataset.add_argument("--speed", type=_positive, default=120.0, help="simulated seconds per second (120)")
    dataset.add_argument("--json", action="store_true", help="nothing but the JSON line on standard output")
    dataset.add_argument("--bookings", type=Path, metavar="FILE.ics", help="instead of those that come along")
    dataset.add_argument(
        "--data-root", type=Path, metavar="DIR", help="folder of the data sets (else: PLEINTEMPS_DATA)"
    )
    dataset.set_defaults(run=_replay)
    add_recording(what)


def _replay(options: argparse.Namespace) -> int:
    from .datasets import uci864
    from .replay import ReplayOptions, run_replay

    named = os.environ.get("PLEINTEMPS_DATA")
    root = options.data_root or (Path(named) if named else None)
    if root is None:
        raise DatasetError("where is the data? Give --data-root or set PLEINTEMPS_DATA")
    rows = uci864.read_day(root, options.day, options.start, options.end)
    stream = sys.stderr if options.json else sys.stdout

    async def play(bookings: Path) -> dict[str, Any]:
        wanted = ReplayOptions(rows=rows, bookings=bookings, speed=options.speed)
        work = asyncio.ensure_future(run_replay(wanted, lambda text: print(text, file=stream, flush=True)))
        end_on_signals(work)
        return await work

    shipped = resources.files("pleintemps_firmware_sim.datasets") / "uci-864.ics"
    try:
        if options.bookings is not None:
            report = asyncio.run(play(options.bookings))
        else:
            with resources.as_file(shipped) as bookings:
                report = asyncio.run(play(bookings))
    except asyncio.CancelledError:
        return INTERRUPTED
    print(json.dumps(report), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
