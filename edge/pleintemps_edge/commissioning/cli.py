"""The commands ``selftest`` and ``discover``."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from pleintemps_contract import logs
from pleintemps_contract.errors import ConfigError, ContractError
from pleintemps_edge.errors import CommissioningError, EdgeError, SetupError

FAILED: Final = 1
USAGE_ERROR: Final = 2
INTERRUPTED: Final = 130
_LEVELS: Final = (40.0, 140.0)


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Give the command line these commands."""
    summary = "lead somebody through every device, measure, judge, and write a signed report"
    command = commands.add_parser(
        "selftest",
        help=summary,
        description=f"{summary}. Stop the agent first. Exit status: 0 nothing fails, 1 something does,"
        " 2 the configuration is wrong, 130 ended by Ctrl-C: locks are closed, the report says incomplete.",
    )
    command.add_argument("--config", type=Path, metavar="FILE", help="the agent's edge.toml")
    command.add_argument("--lang", choices=("fr", "en"), help="of instructions and report (fr, or by LANG)")
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="for the report (reports in the state folder)"
    )
    command.add_argument("--only", nargs="+", default=[], metavar="DEVICE", help="test these alone")
    command.add_argument("--yes", action="store_true", help="locks may be moved without asking")
    command.add_argument(
        "--non-interactive", action="store_true", help="nobody is there: test what needs nobody"
    )
    command.add_argument("--technician", default="", metavar="NAME", help="for the report, if wanted")
    command.add_argument(
        "--calibrator", type=float, default=94.0, metavar="DB", help="level of the calibrator, 40 to 140 (94)"
    )
    command.add_argument("--json", action="store_true", help="the report as one JSON line on standard output")
    command.set_defaults(run=_selftest, parser=command)
    proofs = command.add_subparsers(dest="proof", metavar="verify")
    verify = proofs.add_parser("verify", help="prove the signature of a report, JSON or page")
    verify.add_argument("file", type=Path, metavar="FILE")
    verify.add_argument(
        "--ca", type=Path, metavar="CA.crt", help="the site's CA, which has to vouch for the agent"
    )
    verify.add_argument("--json", action="store_true", help="one JSON object")
    verify.set_defaults(run=_verify)
    summary = "find serial devices, clock chips and sound cards, and suggest a configuration; changes nothing"
    command = commands.add_parser(
        "discover",
        help=summary,
        description=f"{summary}. Listens first, asks only lines on which nobody speaks, and only what they"
        " are. Ports that are the console or in use are left alone: stop the agent first.",
    )
    command.add_argument("--json", action="store_true", help="one JSON object")
    command.add_argument("--suggest", action="store_true", help="print a fragment of edge.toml")
    command.add_argument(
        "--port", type=Path, nargs="+", default=[], metavar="PATH", help="probe these as well"
    )
    command.add_argument("--only-ports", action="store_true", help="of serial ports those of --port alone")
    command.add_argument("--listen", action="store_true", help="ask nothing: finds radars alone")
    command.set_defaults(run=_discover)


def _language(options: argparse.Namespace) -> str:
    if options.lang:
        return str(options.lang)
    spoken = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or "fr"
    return "en" if spoken.lower().startswith("en") else "fr"


def _selftest(options: argparse.Namespace) -> int:
    from pleintemps_edge.config import load

    if options.config is None:
        options.parser.error("the following arguments are required: --config")
    if not _LEVELS[0] <= options.calibrator <= _LEVELS[1] or len(options.technician) > 100:
        options.parser.error("--calibrator: 40 to 140 dB; --technician: 100 characters")
    try:
        load(options.config)
    except SetupError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return USAGE_ERROR
    if not options.non_interactive and not _somebody():
        options.parser.error("nobody can answer here: use a terminal, or --non-interactive")
    logs.setup()
    logging.getLogger("mqtt").setLevel(logging.ERROR)
    logging.getLogger().setLevel(logging.ERROR)  # what drivers say of devices stands in the report
    try:
        return asyncio.run(_run(options))
    except (EdgeError, ContractError) as error:
        print(f"pleintemps-edge: {error}", file=sys.stderr)
        return USAGE_ERROR if isinstance(error, ConfigError) else FAILED


def _somebody() -> bool:
    """Whether a terminal, or a program at the end of a pipe, can answer."""
    if sys.stdin is None:
        return False
    try:
        return sys.stdin.isatty() or stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be what was lost
        print(text, file=sys.stderr)


async def _run(options: argparse.Namespace) -> int:
    from pleintemps_contract.clockconfig import open_world
    from pleintemps_contract.commissioning import Order
    from pleintemps_contract.world import SystemWorld
    from pleintemps_edge.config import load
    from pleintemps_edge.rims import own

    from . import terminal, texts
    from .machine import machine
    from .running import Selftest

    setup = load(options.config)
    language = _language(options)
    world = open_world(setup.config.clock, setup.base, setup.keys.purpose)
    technician = terminal.Terminal(
        language,
        sys.stderr if options.json else sys.stdout,
        None if options.non_interactive else sys.stdin,
    )
    order = Order(
        language=language,
        only=tuple(options.only),
        alone=options.non_interactive,
        agreed=options.yes,
        technician=options.technician,
        calibrator_db=options.calibrator,
    )
    ended = False
    try:
        test = Selftest(
            setup,
            options.config.read_bytes(),
            world,
            own(setup),
            machine(setup),
            technician,
            order,
            SystemWorld(),
        )
        running = asyncio.create_task(test.run())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
        try:
            await running
        except asyncio.CancelledError:
            ended = True
            _say(f"\n{texts.word(language, 'ended')}")
    finally:
        technician.close()
    report = test.report()
    for path in test.write(options.out or setup.state / "reports"):
        _say(f"{texts.word(language, 'written')}: {path}")
    if options.json:
        print(msgspec.json.encode(report).decode())
    broken = ", ".join(report.broken) or texts.word(language, "none")
    _say(f"{texts.word(language, 'broken')}: {broken}")
    return INTERRUPTED if ended else FAILED if report.broken else 0


def _verify(options: argparse.Namespace) -> int:
    from .report import MAX_BYTES, prove

    try:
        with options.file.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        ca = options.ca.read_bytes() if options.ca is not None else None
    except OSError as error:
        print(f"pleintemps-edge: {error.filename}: {error.strerror or error}", file=sys.stderr)
        return USAGE_ERROR
    try:
        proved = prove(data, ca)
    except CommissioningError as error:
        print(f"pleintemps-edge: {options.file}: {error}", file=sys.stderr)
        return FAILED
    report = proved.report
    if options.json:
        told = {
            "kid": proved.kid,
            "subject": proved.subject,
            "issued": proved.issued,
            "site": report.site,
            "agent": report.agent,
            "ended": report.ended,
            "complete": report.complete,
            "verdict": report.verdict,
            "broken": report.broken,
        }
        print(msgspec.json.encode(told).decode())
        return 0
    day = datetime.fromtimestamp(report.ended / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    whose = proved.subject or "no certificate"
    vouched = "issued by the given CA" if proved.issued else "not held against a CA: give --ca"
    print(f"signed by key {proved.kid} ({whose}; {vouched})")
    state = "" if report.complete else ", incomplete"
    broken = ", ".join(report.broken) or "-"
    print(f"{report.agent} of {report.site}, {day}: {report.verdict}{state}; broken: {broken}")
    return 0


def _discover(options: argparse.Namespace) -> int:
    from pleintemps_contract.world import SystemWorld
    from pleintemps_edge.drivers.serial_port import Ttys

    from .discovering import discover
    from .looking import Looking
    from .suggesting import describe, fragment

    looking = Looking()
    found = asyncio.run(
        discover(
            looking,
            Ttys(),
            SystemWorld(),
            [path.absolute() for path in options.port],
            own=not options.only_ports,
            speak=not options.listen,
        )
    )
    if options.json:
        print(msgspec.json.encode(found).decode())
        return 0
    if options.suggest:
        print(fragment(found), end="")
        return 0
    print(describe(found))
    return 0
