"""The command ``conform``."""

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .requirement import Outcome, Requirement

FAILED: Final = 1


def add_conform(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Give the command line this command."""
    conform = commands.add_parser(
        "conform",
        help="run every device and every fault against an agent's configuration",
        description="Play every requirement that applies against an agent on this configuration, in virtual"
        " time. Exit status: 0 all are met, 1 some are not, 2 the file is wrong.",
    )
    conform.add_argument("--config", type=Path, metavar="edge.toml", help="the agent's configuration")
    conform.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="REQ",
        help="only these, such as DOOR-01, or DOOR for all of them",
    )
    conform.add_argument("--list", action="store_true", help="print the requirements and their sources")
    conform.add_argument(
        "--json", action="store_true", help="the outcomes as one JSON line on standard output"
    )
    conform.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    conform.add_argument("--html", type=Path, metavar="FILE", help="write a page")
    conform.set_defaults(run=_conform, parser=conform)


def _conform(options: argparse.Namespace) -> int:
    from pleintemps_contract import cores

    from .requirement import failed
    from .results import lines, summary, write
    from .running import conform, wanted
    from .setup import Setup

    chosen = wanted(options.only)
    if options.list:
        for each in chosen:
            print(f"{each.id}  {each.text}  ({each.source})")
        return 0
    if options.config is None:
        options.parser.error("the following arguments are required: --config")
    setup = Setup.read(options.config)
    make: Any = cores.load("edge")
    stream = sys.stderr if options.json else sys.stdout

    def told(requirement: "Requirement", outcomes: "list[Outcome]") -> None:
        for line in lines(requirement, outcomes):
            print(line, file=stream, flush=True)

    logging.disable(logging.CRITICAL)  # what the agents at the bench log is no word to the tester
    try:
        outcomes = conform(setup, chosen, make, told)
    finally:
        logging.disable(logging.NOTSET)
    write(setup, chosen, outcomes, options.junit, options.html)
    counts = summary(setup, chosen, outcomes)
    print(
        f"{counts['passed']} passed, {counts['failed']} failed, {counts['not_applicable']} not applicable",
        file=stream,
    )
    if options.json:
        print(json.dumps(counts), flush=True)
    return FAILED if any(failed(outcomes)) else 0
