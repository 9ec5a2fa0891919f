"""The commands about scenarios: ``run``, ``scenarios``, ``schema``."""

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pleintemps_firmware_sim.processes import end_on_signals

if TYPE_CHECKING:
    from .facts import RunResult
    from .loading import Scenario
    from .running import RunOptions

NOT_MET: Final = 1
INTERRUPTED: Final = 130


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Give the command line these commands."""
    run = commands.add_parser(
        "run",
        help="play a scenario and say whether what it expects came true",
        description="Play a scenario. Exit status: 0 all is met, 1 something is not or could not be played,"
        " 2 the file is wrong.",
    )
    run.add_argument("scenario", metavar="FILE|NAME", help="a file, or a name that `scenarios` lists")
    run.add_argument("--virtual-time", action="store_true", help="all in one process, time without waiting")
    run.add_argument("--seed", type=_seed, default=1, metavar="N", help="of people, weather and faults (1)")
    run.add_argument("--speed", type=_speed, default=1.0, help="simulated seconds per second, real time (1)")
    run.add_argument("--lasts", type=_span, metavar="SPAN", help="end after so long, such as 7d or 90min")
    run.add_argument("--json", action="store_true", help="the result as one JSON line on standard output")
    run.add_argument("--facts", action="store_true", help="with --json: all facts too")
    run.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    run.add_argument("--html", type=Path, metavar="FILE", help="write a page with timelines")
    run.add_argument("--data", type=Path, metavar="DIR", help="keep data and logs here (real time)")
    run.set_defaults(run=_run)
    listing = commands.add_parser("scenarios", help="list the scenarios that come along")
    listing.add_argument("--json", action="store_true", help="one JSON line")
    listing.set_defaults(run=_list)
    schema = commands.add_parser("schema", help="print the JSON Schema of scenario files")
    schema.set_defaults(run=_schema)


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed < 2**63:
        raise argparse.ArgumentTypeError("0 to 2^63 - 1")
    return seed


def _speed(text: str) -> float:
    speed = float(text)
    if not 0.1 <= speed <= 10:
        raise argparse.ArgumentTypeError("0.1 to 10")
    return speed


def _span(text: str) -> str:
    from .checks import MAX_RUN_MS
    from .times import Span, span_ms

    try:
        span: str = msgspec.convert(text, Span)
    except msgspec.ValidationError:
        raise argparse.ArgumentTypeError("a duration, such as 90min or 7d") from None
    if not 1_000 <= span_ms(span) <= MAX_RUN_MS:
        raise argparse.ArgumentTypeError("from 1 s to 400 days")
    return span


def _run(options: argparse.Namespace) -> int:
    from .loading import load
    from .running import RunOptions

    scenario = load(options.scenario)
    if options.lasts is not None:
        scenario = scenario.cut(options.lasts)
    wanted = RunOptions(
        mode="virtual" if options.virtual_time else "real", seed=options.seed, speed=options.speed
    )
    stream = sys.stderr if options.json else sys.stdout
    print(f"{scenario.name}: {scenario.file.title} (seed {options.seed})", file=stream, flush=True)
    try:
        result = _virtual(scenario, wanted) if options.virtual_time else _real(scenario, wanted, options.data)
    except asyncio.CancelledError:
        return INTERRUPTED
    time = " --virtual-time" if options.virtual_time else ""
    if not options.virtual_time and options.speed != 1:
        time = f" --speed {options.speed:g}"
    lasts = f" --lasts {options.lasts}" if options.lasts is not None else ""
    again = f"pleintemps-sim run {options.scenario} --seed {options.seed}{time}{lasts}"
    result = msgspec.structs.replace(result, again=again)
    _write(options, scenario, result)
    _say(result, options)
    return 0 if result.passed else NOT_MET


def _virtual(scenario: "Scenario", wanted: "RunOptions") -> "RunResult":
    from pleintemps_firmware_sim.virtual.loop import VirtualLoop
    from pleintemps_firmware_sim.virtual.play import play

    from .running import run

    # as at Ctrl-C, which the runner sees to: what was made in memory is cleared away
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: signal.raise_signal(signal.SIGINT))
    try:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(run(scenario, play, wanted))
    finally:
        signal.signal(signal.SIGTERM, before)


def _real(scenario: "Scenario", wanted: "RunOptions", data: Path | None) -> "RunResult":
    from pleintemps_firmware_sim.real.play import RealPlay

    from .running import run

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    async def work() -> "RunResult":
        task = asyncio.ensure_future(run(scenario, RealPlay(data, say), wanted))
        end_on_signals(task)
        return await task

    return asyncio.run(work())


def _write(options: argparse.Namespace, scenario: "Scenario", result: "RunResult") -> None:
    from pleintemps_firmware_sim.report.junit import junit
    from pleintemps_firmware_sim.report.page import page

    if options.junit is not None:
        options.junit.write_bytes(junit([result]))
    if options.html is not None:
        text = page(result, scenario.file.title, scenario.plan.zone)
        options.html.write_text(text, encoding="utf-8")


def _say(result: "RunResult", options: argparse.Namespace) -> None:
    from pleintemps_firmware_sim.report.junit import repeat_with

    if options.json:
        print(msgspec.json.encode(summary(result, facts=options.facts)).decode(), flush=True)
    stream = sys.stderr if options.json else sys.stdout
    for verdict in result.verdicts:
        if not verdict.met:
            where = f"{options.scenario}:{verdict.line}"
            print(f"{where}: {verdict.name}: {verdict.text}: {verdict.why}", file=stream)
    met = sum(verdict.met for verdict in result.verdicts)
    print(f"{met} of {len(result.verdicts)} met; {result.rate:g} times as fast as life", file=stream)
    if not result.passed:
        print(f"again: {repeat_with(result)}", file=stream)


def summary(result: "RunResult", *, facts: bool) -> dict[str, Any]:
    """What ``--json`` prints."""
    found: dict[str, Any] = {
        "scenario": result.scenario,
        "passed": result.passed,
        "seed": result.seed,
        "mode": result.mode,
        "begin": result.begin,
        "end": result.end,
        "simulated_s": (result.end - result.begin) / 1_000,
        "rate": result.rate,
        "cpu_s": _cpu_s(),
        "digest": result.digest,
        "verdicts": result.verdicts,
    }
    return found | ({"facts": result.facts} if facts else {})


def _cpu_s() -> float:
    """Seconds of processor that this process has taken since its start."""
    taken = os.times()
    return round(taken.user + taken.system, 1)


def _list(options: argparse.Namespace) -> int:
    from .loading import load, names

    rows = [(name, load(name).file) for name in names()]
    if options.json:
        print(json.dumps([{"name": name, "title": file.title, "lasts": file.lasts} for name, file in rows]))
        return 0
    wide = max((len(name) for name, _ in rows), default=0)
    for name, file in rows:
        print(f"{name:{wide}}  {file.lasts:>6}  {file.title}")
    return 0


def _schema(_options: argparse.Namespace) -> int:
    from .file import schema_text

    print(schema_text(), end="")
    return 0
