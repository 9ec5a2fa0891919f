"""``pleintemps-gateway backup`` and ``restore``."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pleintemps_contract.world import SystemWorld
from pleintemps_gateway.config import load
from pleintemps_gateway.errors import SettingsError
from pleintemps_gateway.privacy.cli import opened

from .sealing import check_passphrase, new_seal, read_passphrase
from .settings import BackupConfig

if TYPE_CHECKING:
    from .restoring import Restored, Site


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the gateway's parser."""
    text = (
        "copy the store while the gateway runs (save), or prove a copy by restoring it into nothing (verify)"
    )
    copy = commands.add_parser("backup", help=text, description=text[0].upper() + text[1:] + ".")
    copy.add_argument("what", nargs="?", choices=("save", "verify"), default="save", help="save by default")
    _common(copy)
    copy.add_argument(
        "--to", type=Path, metavar="DIR", help="a folder of back-ups, made if it is missing; else [backup] to"
    )
    copy.add_argument(
        "--from", type=Path, dest="source", metavar="DIR", help="verify: a back-up, or a folder of them"
    )
    copy.add_argument(
        "--with-keys", action="store_true", help="the keys too, which rule the doors: sealed back-ups only"
    )
    copy.add_argument(
        "--keep", type=_keep, metavar="N", help="take away all but the youngest N; else [backup] keep"
    )
    copy.set_defaults(run=_backup)
    text = "put a back-up into the store and say what that changes; stop the gateway first"
    restore = commands.add_parser("restore", help=text, description=text[0].upper() + text[1:] + ".")
    _common(restore)
    restore.add_argument(
        "--from",
        type=Path,
        required=True,
        dest="source",
        metavar="DIR",
        help="a back-up, or a folder of them: then the youngest",
    )
    restore.add_argument("--force", action="store_true", help="replace a store that holds data")
    restore.set_defaults(run=_restore)


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file")
    parser.add_argument(
        "--passphrase-file",
        metavar="FILE",
        help="what seals the back-up, - for standard input; else [backup] passphrase_file",
    )
    parser.add_argument("--json", action="store_true", help="one JSON line")


def _keep(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 10_000:
        raise ValueError
    return number


def _passphrase(options: argparse.Namespace, settings: BackupConfig) -> str:
    """Empty for none; never from the command line itself, which others can read."""
    if options.passphrase_file == "-":
        return check_passphrase(sys.stdin.readline().rstrip("\r\n"))
    where = options.passphrase_file or settings.passphrase_file
    return read_passphrase(Path(where).absolute()) if where else ""


def _backup(options: argparse.Namespace) -> int:
    return _verify(options) if options.what == "verify" else _save(options)


def _save(options: argparse.Namespace) -> int:
    from .copies import thin
    from .saving import save, sealing_mark

    settings = load(options.config).backup or BackupConfig()
    to = options.to or (Path(settings.to) if settings.to else None)
    if to is None:
        raise SettingsError("--to: name the folder of back-ups, here or as [backup] to")
    passphrase = _passphrase(options, settings)
    config, engine, world, vault = opened(options)
    with_keys = options.with_keys or settings.with_keys
    try:
        seal = new_seal(world, passphrase) if passphrase else None
        saved = save(config, engine, vault, world, to.absolute(), seal=seal, with_keys=with_keys)
    finally:
        engine.dispose()
    gone = thin(to.absolute(), options.keep or settings.keep, sealing_mark(vault))
    rows = sum(saved.manifest.rows.values())
    if options.json:
        shown: dict[str, object] = {"folder": str(saved.folder), "made": saved.manifest.made}
        shown |= {"schema": saved.manifest.schema, "rows": rows, "sealed": seal is not None}
        shown |= {"keys": with_keys, "heads": saved.manifest.heads, "gone": [str(path) for path in gone]}
        print(json.dumps(shown))
        return 0
    print(f"{saved.folder}: {rows} rows, schema {saved.manifest.schema}")
    print("sealed: it opens with its passphrase only" if seal else "not sealed: it holds names and addresses")
    if not with_keys:
        print(f"without the keys: keep {config.keys} in a safe place, no code works without them")
    for path in gone:
        print(f"taken away: {path}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    from .verifying import verify

    settings = load(options.config).backup or BackupConfig()
    source = options.source or options.to or (Path(settings.to) if settings.to else None)
    if source is None:
        raise SettingsError("--from: name the back-up or a folder of them, here or as [backup] to")
    passphrase = _passphrase(options, settings)
    config, engine, world, vault = opened(options)
    engine.dispose()
    done = verify(config, vault, world, source.absolute(), passphrase)
    if options.json:
        shown = {"folder": str(done.folder), "made": done.manifest.made, "rows": done.rows}
        shown |= {"schema": done.schema, "sealed": done.manifest.sealed is not None, "keys": done.keys}
        print(json.dumps(shown))
        return 0
    print(f"{done.folder}: of {_moment(done.manifest.made)}, {done.rows} rows: restored and whole")
    print("its keys are in it" if done.keys else "without keys: it needs those of this gateway")
    return 0


def _restore(options: argparse.Namespace) -> int:
    from .restoring import restore, restore_keys

    config = load(options.config)
    passphrase, source = _passphrase(options, config.backup or BackupConfig()), options.source.absolute()
    keys = restore_keys(config, SystemWorld(), source, passphrase)
    config, engine, world, vault = opened(options)
    try:
        done = restore(config, engine, vault, world, source, force=options.force, passphrase=passphrase)
    finally:
        engine.dispose()
    if options.json:
        print(json.dumps(_shown(done) | {"keys": keys}))
        return 0
    if keys:
        print(f"the keys were put back into {config.keys}")
        print("an agent that was shut out since that back-up is let in by it: repeat `agent stolen` for each")
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
