"""``pleintemps-edge``: run the agent, check its configuration, give an OSDP reader its key."""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pleintemps_contract import logs
from pleintemps_contract.configfile import convert
from pleintemps_contract.errors import ContractError
from pleintemps_contract.world import SystemWorld

from . import __version__
from .agent import serve
from .config import Setup, load
from .drivers.osdp import OsdpConfig
from .drivers.osdp_install import install
from .drivers.registry import Context
from .errors import EdgeError, SetupError

USAGE_ERROR = 2
RUN_ERROR = 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pleintemps-edge",
        description="The agent on one Raspberry Pi: it opens doors for booking codes and measures rooms.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in (
        ("run", "run the agent until SIGTERM or Ctrl-C"),
        ("check", "say ok, or one line for each thing to mend in the configuration"),
        ("osdp-install", "give an OSDP reader a new key, over its old one or the default key"),
    ):
        command = commands.add_parser(name, help=summary, description=summary)
        command.add_argument(
            "--config", type=Path, required=True, metavar="FILE", help="the agent's edge.toml"
        )
        if name == "osdp-install":
            command.add_argument("--device", required=True, metavar="NAME", help="the reader's name in there")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 it could not run, 2 the command line or the configuration is wrong."""
    options = _parser().parse_args(arguments)
    try:
        setup = load(options.config)
    except SetupError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return USAGE_ERROR
    if options.command == "check":
        print("ok")
        return 0
    if options.command == "osdp-install":
        return _install(setup, options.device)
    logs.setup()
    logging.getLogger("mqtt").setLevel(logging.ERROR)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_run(setup))
    except (EdgeError, ContractError) as error:
        print(f"pleintemps-edge: {error}", file=sys.stderr)
        return RUN_ERROR
    return 0


def _install(setup: Setup, device: str) -> int:
    table = next((table for table in setup.config.devices if table.get("device") == device), {})
    if table.get("driver") != "osdp":
        print(f"pleintemps-edge: {device!r} is no device with the driver osdp", file=sys.stderr)
        return USAGE_ERROR
    try:
        done = asyncio.run(install(convert(device, table, OsdpConfig), Context(SystemWorld(), setup.base)))
    except (EdgeError, ContractError, OSError) as error:
        print(f"pleintemps-edge: {error}", file=sys.stderr)
        return RUN_ERROR
    print(f"{device}: {done}")
    return 0


async def _run(setup: Setup) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(setup, stop)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where there is one: 32-bit Pis have no wheel of it."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
