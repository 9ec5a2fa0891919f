"""``pleintemps-gateway status`` and ``doctor``."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pleintemps_contract.checkup.findings import exit_code, page, worst

if TYPE_CHECKING:
    from .readers import Place


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the gateway's parser."""
    for name, run, text in (
        ("status", _status, "is it running: processes, broker, agents, alerts, last back-up"),
        ("doctor", _doctor, "look at everything that keeps it going, and say what to do"),
    ):
        parser = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog="Exit code: 0 all well, 1 something to look at, 2 something is broken.",
        )
        parser.add_argument(
            "--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file"
        )
        parser.add_argument("--json", action="store_true", help="one JSON line")
        if name == "doctor":
            parser.add_argument("--thorough", action="store_true", help="walk through a large store as well")
        parser.set_defaults(run=run)


@contextmanager
def _place(options: argparse.Namespace) -> "Iterator[Place]":
    """Raises the package's errors for a configuration that cannot be used."""
    from pleintemps_contract.errors import ContractError
    from pleintemps_contract.world import SystemWorld, World
    from pleintemps_gateway import app
    from pleintemps_gateway.config import load
    from pleintemps_gateway.store.engine import open_engine

    from .readers import Place

    config = load(options.config)
    world: World
    try:
        world = app.world_of(config, options.config.absolute().parent)
    except ContractError:
        world = SystemWorld()  # what is wrong with keys or the simulated clock is among the findings
    engine = open_engine(config.database_url)
    try:
        yield Place(options.config, config, world, engine, getattr(options, "thorough", False))
    finally:
        engine.dispose()


def _doctor(options: argparse.Namespace) -> int:
    from pleintemps_contract.checkup.findings import examine

    from .checks import CHECKS, FAULTS

    with _place(options) as place:
        findings = list(examine(CHECKS, place, FAULTS))
    if options.json:
        shown = {"level": worst(findings), "findings": findings}
        print(msgspec.json.encode(shown).decode())
    else:
        print(page(findings))
    return exit_code(findings)


def _status(options: argparse.Namespace) -> int:
    from pleintemps_contract.checkup.findings import examine

    from .checks import CHECKS, FAULTS
    from .gateways import describe_gateways, read_gateways
    from .readers import read_backup, read_status
    from .status import describe, status_of
    from .status import exit_code as status_code

    with _place(options) as place:
        found = examine(
            [check for check in CHECKS if check.name in ("processes", "gateways", "broker")], place, FAULTS
        )
        findings = list(found)
        several = read_gateways(place)
        status = status_of(read_status(place), read_backup(place), findings, several)
        now = place.world.now()
    print(
        msgspec.json.encode(status).decode()
        if options.json
        else describe(status, now, describe_gateways(several))
    )
    return status_code(status)
