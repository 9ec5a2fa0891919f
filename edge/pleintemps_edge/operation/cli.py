"""``pleintemps-edge doctor``."""

import argparse
import sys
from pathlib import Path

import msgspec

from pleintemps_contract.checkup.findings import exit_code, page, worst


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the agent's parser."""
    summary = "look at everything that keeps the agent going, and say what to do"
    command = commands.add_parser(
        "doctor",
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog="Exit status: 0 all well, 1 something to look at, 2 something is broken.",
    )
    command.add_argument("--config", type=Path, required=True, metavar="FILE", help="the agent's edge.toml")
    command.add_argument("--json", action="store_true", help="one JSON object")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """The exit status; 2 as well for a file that cannot be read at all."""
    from pleintemps_contract.checkup.findings import examine
    from pleintemps_contract.configfile import load_toml
    from pleintemps_contract.errors import ConfigError
    from pleintemps_contract.world import SystemWorld
    from pleintemps_edge.config import EdgeConfig

    from .checks import CHECKS, FAULTS
    from .readers import Place

    try:
        config = load_toml(options.config, EdgeConfig)
    except ConfigError as error:
        print(f"pleintemps-edge: {error}", file=sys.stderr)
        return 2
    findings = list(examine(CHECKS, Place(options.config, config, SystemWorld()), FAULTS))
    if options.json:
        print(msgspec.json.encode({"level": worst(findings), "findings": findings}).decode())
    else:
        print(page(findings))
    return exit_code(findings)
