"""``pleintemps-gateway person``: what is held about somebody, handed out or erased."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pleintemps_gateway.config import GatewayConfig, load

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pleintemps_contract.world import World
    from pleintemps_gateway.access.vault import Vault

    from .finding import Kind, Wanted

_KINDS: "tuple[tuple[Kind, str, str], ...]" = (
    ("booking", "ID", "one booking, as booking add has printed it"),
    ("mail", "ADDRESS", "everything under an address: bookings, rights, groups it answers for"),
    ("group", "SLUG", "a group and all its bookings"),
    ("right", "ID", "a recurring right"),
)


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the gateway's parser."""
    person = commands.add_parser(
        "person",
        help="what is held about somebody: export or erase it",
        description="What is held about somebody (RGPD, articles 15 and 17).",
    )
    actions = person.add_subparsers(title="commands", metavar="COMMAND", required=True)
    export = "print everything that is held, as JSON"
    erase = "erase it in the store, the spool, the journal of deliveries and the back-ups; for good"
    for name, run, text in (("export", _export, export), ("erase", _erase, erase)):
        parser = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        parser.add_argument(
            "--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file"
        )
        which = parser.add_mutually_exclusive_group(required=True)
        for kind, metavar, meaning in _KINDS:
            which.add_argument(f"--{kind}", metavar=metavar, help=meaning)
        parser.add_argument("--json", action="store_true", help="one JSON line")
        parser.set_defaults(run=run)


def _wanted(options: argparse.Namespace) -> "Wanted":
    from pleintemps_gateway.errors import SettingsError

    from .finding import Wanted

    kind = next(kind for kind, *_ in _KINDS if getattr(options, kind) is not None)
    text = str(getattr(options, kind)).strip()
    if not text:
        raise SettingsError(f"--{kind}: nothing is named")
    return Wanted(kind, text)


def opened(options: argparse.Namespace) -> "tuple[GatewayConfig, Engine, World, Vault]":
    """What a command works with; raises the package's errors."""
    from pleintemps_gateway import app
    from pleintemps_gateway.access.vault import Vault
    from pleintemps_gateway.keys import load_gateway_keys
    from pleintemps_gateway.store.engine import migrate, open_engine

    config = load(options.config)
    world = app.world_of(config, options.config.absolute().parent)
    vault = Vault(load_gateway_keys(Path(config.keys)).sealing, world)
    migrate(config.database_url)
    return config, open_engine(config.database_url), world, vault


def _export(options: argparse.Namespace) -> int:
    from .export import export
    from .files import spooled
    from .finding import find

    wanted = _wanted(options)
    config, engine, _, _ = opened(options)
    shown: dict[str, Any] = {"sites": {}, "files": []}
    with engine.connect() as conn:
        for site in config.sites:
            found = find(conn, site.site, wanted)
            tables = export(conn, site.site, found)
            if tables:
                shown["sites"][site.site] = tables
            # a message that waits for its reader holds the code: it is named, not printed
            shown["files"] += [str(spool.path) for spool in spooled(config, site.site, found)]
    engine.dispose()
    print(json.dumps(shown, ensure_ascii=False, indent=None if options.json else 1))
    return 0


def _erase(options: argparse.Namespace) -> int:
    from .wiping import wipe

    wanted = _wanted(options)
    config, engine, world, vault = opened(options)
    try:
        done = wipe(config, engine, vault, world, wanted, "command line")
    finally:
        engine.dispose()
    if options.json:
        print(json.dumps(done._asdict()))
        return 0
    for site, counts in done.rows.items():
        print(f"{site}: " + ", ".join(f"{table} {count}" for table, count in counts.items()))
    if not done.rows:
        print("nothing was held in the store")
    print(f"{done.files} files of the spool, {done.copies} back-ups written anew")
    for text in done.remains:
        print(f"remains: {text}")
    return 0
