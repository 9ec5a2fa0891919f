"""``pleintemps-gateway occupancy``: what a room has taught, shown or forgotten."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pleintemps_gateway.config import load
from pleintemps_gateway.errors import SettingsError


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the gateway's parser."""
    text = "what a room has taught about its sensors: show it, forget it"
    parser = commands.add_parser("occupancy", help=text, description=text[0].upper() + text[1:] + ".")
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, run, meaning in (
        ("show", _show, "print what the running gateway stored last (it does so every hour)"),
        ("reset", _reset, "forget it: the room learns anew, at once if the gateway is running"),
    ):
        action = actions.add_parser(name, help=meaning, description=meaning[0].upper() + meaning[1:] + ".")
        action.add_argument(
            "--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file"
        )
        action.add_argument("--site", required=True, metavar="SITE")
        action.add_argument("--space", required=True, metavar="SPACE")
        action.add_argument("--json", action="store_true", help="one JSON line")
        action.set_defaults(run=run)


def _show(options: argparse.Namespace) -> int:
    return _do(options, reset=False)


def _reset(options: argparse.Namespace) -> int:
    return _do(options, reset=True)


def _do(options: argparse.Namespace, *, reset: bool) -> int:
    from pleintemps_contract.world import SystemWorld
    from pleintemps_gateway.store.changes import record_change
    from pleintemps_gateway.store.engine import migrate, open_engine, write_transaction
    from pleintemps_gateway.store.learnt import keep, youngest

    config = load(options.config)
    site = config.site(options.site)
    if options.space not in {space.space for space in site.spaces}:
        raise SettingsError(f"--space: {options.space!r} is no space of {site.site}")
    migrate(config.database_url)
    engine = open_engine(config.database_url)
    try:
        if reset:
            now = SystemWorld().now()
            with write_transaction(engine, [site.site]) as conn:
                keep(conn, site.site, options.space, now, None, "command line")
                record_change(conn, site.site, "learnt", options.space, now)
        with engine.connect() as conn:
            row = youngest(conn, site.site).get(options.space)
    finally:
        engine.dispose()
    found: dict[str, Any] = {"site": site.site, "space": options.space, "version": 0, "at": None}
    found |= {"reset_by": None, "learnt": None}
    if row is not None:
        found |= {"version": row["version"], "reset_by": row["reset_by"]}
        found["at"] = datetime.fromtimestamp(row["at"] / 1000, UTC).isoformat()
        found["learnt"] = None if row["body"] is None else json.loads(row["body"])
    if options.json:
        print(json.dumps(found))
        return 0
    for name, value in found.items():
        print(f"{name}: {json.dumps(value)}")
    return 0
