"""``pleintemps-gateway backup`` and ``restore``."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pleintemps_gateway.privacy.cli import opened

if TYPE_CHECKING:
    from .restoring import Restored, Site


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the gateway's parser."""
    text = "copy the store while the gateway runs; without its keys, which are to be kept elsewhere"
    save = commands.add_parser("backup", help=text, description=text[0].upper() + text[1:] + ".")
    save.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file")
    save.add_argument(
        "--to", type=Path, required=True, metavar="DIR", help="a folder of back-ups, made if it is missing"
    )
    save.add_argument("--with-keys", action="store_true", help="the keys too: whoever has it rules the doors")
    save.add_argument("--json", action="store_true", help="one JSON line")
    save.set_defaults(run=_save)
    text = "put a back-up into the store and say what that changes; stop the gateway first"
    restore = commands.add_parser("restore", help=text, description=text[0].upper() + text[1:] + ".")
    restore.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file")
    restore.add_argument(
        "--from",
        type=Path,
        required=True,
        dest="source",
        metavar="DIR",
        help="a back-up, or a folder of them: then the youngest",
    )
    restore.add_argument("--force", action="store_true", help="replace a store that holds data")
    restore.add_argument("--json", action="store_true", help="one JSON line")
    restore.set_defaults(run=_restore)


def _save(options: argparse.Namespace) -> int:
    from .saving import save

    config, engine, world, vault = opened(options)
    try:
        saved = save(config, engine, vault, world, options.to.absolute(), with_keys=options.with_keys)
    finally:
        engine.dispose()
    rows = sum(saved.manifest.rows.values())
    if options.json:
        shown = {"folder": str(saved.folder), "made": saved.manifest.made, "schema": saved.manifest.schema}
        print(json.dumps(shown | {"rows": rows, "keys": options.with_keys, "heads": saved.manifest.heads}))
        return 0
    print(f"{saved.folder}: {rows} rows, schema {saved.manifest.schema}")
    if options.with_keys:
        print("with the keys: whoever reads this folder rules the doors")
    else:
        print(f"without the keys: keep {config.keys} in a safe place, no code works without them")
    return 0


def _restore(options: argparse.Namespace) -> int:
    from .restoring import restore

    config, engine, world, vault = opened(options)
    try:
        done = restore(config, engine, vault, world, options.source.absolute(), force=options.force)
    finally:
        engine.dispose()
    if options.json:
        print(json.dumps(_shown(done)))
        return 0
    print(f"the store is that of {_moment(done.manifest.made)}, from {done.folder}: {done.rows} rows")
    for site, both in done.sites.items():
        for sentence in _sentences(both):
            print(f"{site}: {sentence}")
    if not done.sites:
        print("what was issued after it is not known here; the agents will hold what this back-up says")
    print(f"erased again: {done.erased}")
    for text in done.remains:
        print(f"remains: {text}")
    print("start the gateway: it publishes everything anew, and agents obey it")
    return 0


def _shown(done: "Restored") -> dict[str, object]:
    sites = {site: msgspec.to_builtins(both) for site, both in done.sites.items()}
    shown = {"folder": str(done.folder), "made": done.manifest.made, "rows": done.rows}
    return shown | {"erased": done.erased, "sites": sites, "remains": done.remains}


def _sentences(both: "Site") -> list[str]:
    said = [f"epoch {both.epoch}"]
    if both.bookings_lost:
        names = ", ".join(both.bookings_lost)
        said.append(f"bookings made after the back-up are gone; calendars bring theirs back: {names}")
    if both.codes_lost:
        said.append(f"codes issued after it open nothing any more: {', '.join(both.codes_lost)}")
    if both.bookings_back:
        said.append(f"bookings cancelled after it live again: {', '.join(both.bookings_back)}")
    if both.codes_withdrawn:
        said.append(f"codes withdrawn after it stay withdrawn: {', '.join(both.codes_withdrawn)}")
    return said


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
