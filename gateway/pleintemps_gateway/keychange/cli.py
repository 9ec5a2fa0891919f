"""``pleintemps-gateway key``: the change of the key that signs, step by step."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pleintemps_gateway.config import GatewayConfig, load
from pleintemps_gateway.errors import SettingsError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from pleintemps_gateway.signing import Signing


class Holder(NamedTuple):
    """An agent and the key ids that its last birth names; ``keys`` is empty if it never said any."""

    site: str
    agent: str
    keys: tuple[str, ...]


def holders(conn: "Connection", config: GatewayConfig) -> list[Holder]:
    """Every agent that has a key folder, with the keys that it says it believes."""
    from sqlalchemy import select

    from pleintemps_gateway.keys import load_peppers
    from pleintemps_gateway.store.schema import agents

    found = []
    for site in config.sites:
        rows = conn.execute(select(agents.c.agent, agents.c["keys"]).where(agents.c.site == site.site))
        told = {row[0]: msgspec.json.decode(row[1] or "[]", type=tuple[str, ...]) for row in rows}
        for agent in load_peppers(Path(config.keys), site.site):
            found.append(Holder(site.site, agent, told.get(agent, ())))
    return found


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the gateway's parser."""
    text = "change the key that signs for the gateway: new, wait for status, use, wait, retire"
    key = commands.add_parser("key", help=text, description=text[0].upper() + text[1:] + ".")
    actions = key.add_subparsers(title="commands", metavar="COMMAND", required=True)
    force = "go on although agents lack the key: each of them then needs a visit with a new gateway-keys.json"
    for name, run, help_text in (
        ("new", _new, "make a new key, which the one that signs announces to every agent"),
        ("status", _status, "say which keys there are and which agents lack the newest"),
        ("use", _use, "let the new key sign, once every agent holds it"),
        ("retire", _retire, "destroy the old key and tell every agent to forget it"),
    ):
        parser = actions.add_parser(
            name, help=help_text, description=help_text[0].upper() + help_text[1:] + "."
        )
        parser.add_argument(
            "--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file"
        )
        parser.set_defaults(run=run)
        if name in ("use", "retire"):
            parser.add_argument("--force", action="store_true", help=force)
        if name == "status":
            parser.add_argument("--json", action="store_true", help="one JSON line")


def _holders(config: GatewayConfig) -> list[Holder]:
    from pleintemps_gateway.store.engine import migrate, open_engine

    migrate(config.database_url)
    engine = open_engine(config.database_url)
    try:
        with engine.connect() as conn:
            return holders(conn, config)
    finally:
        engine.dispose()


def _new(options: argparse.Namespace) -> int:
    from pleintemps_gateway.signing import new_key

    config = load(options.config)
    signing = new_key(Path(config.keys))
    _note(options, "key.made", signing.wanted)
    print(f"{signing.wanted} is announced by {signing.signer.kid}, which signs until `key use`")
    print("a running gateway announces it by itself; keep a copy of keys/gateway in a safe place")
    return 0


def _note(options: argparse.Namespace, action: str, kid: str) -> None:
    """Write a step that was done into the audit log of what concerns every site."""
    from pleintemps_gateway import app
    from pleintemps_gateway.audit.log import EVERY_SITE, record
    from pleintemps_gateway.store.engine import migrate, open_engine, write_transaction

    config = load(options.config)
    world = app.world_of(config, options.config.absolute().parent)
    migrate(config.database_url)
    engine = open_engine(config.database_url)
    try:
        with write_transaction(engine, [EVERY_SITE]) as conn:
            record(conn, EVERY_SITE, world, action, f"key/{kid}", {"by": "command line"})
    finally:
        engine.dispose()


def _parts(signing: "Signing") -> list[tuple[str, str]]:
    roles = []
    for kid in signing.kids:
        if kid == signing.signer.kid:
            roles.append((kid, "signs"))
        else:
            roles.append((kid, "next" if kid == signing.wanted else "old"))
    return roles


def _status(options: argparse.Namespace) -> int:
    from pleintemps_gateway.signing import load_signing

    config = load(options.config)
    signing = load_signing(Path(config.keys))
    known = _holders(config)
    lacking = _lacking(signing, known)
    if options.json:
        keys = {kid: role for kid, role in _parts(signing)}
        told = {f"{holder.site}/{holder.agent}": list(holder.keys) for holder in known}
        print(json.dumps({"keys": keys, "wanted": signing.wanted, "agents": told, "lacking": lacking}))
        return 0
    words = {
        "signs": "signs",
        "next": "announced, signs after `key use`",
        "old": "signs no more, until `key retire`",
    }
    for kid, role in _parts(signing):
        print(f"{kid}  {words[role]}")
    for holder in known:
        name = f"{holder.site}/{holder.agent}"
        held = ", ".join(holder.keys) or "has not said which keys it holds"
        print(f"{name}  {'lacks' if name in lacking else 'holds'} {signing.wanted}: {held}")
    print(f"{len(lacking)} of {len(known)} agents lack {signing.wanted}")
    return 0


def _lacking(signing: "Signing", known: list[Holder]) -> list[str]:
    return [f"{holder.site}/{holder.agent}" for holder in known if signing.wanted not in holder.keys]


def _check(options: argparse.Namespace, config: GatewayConfig) -> None:
    """Raises SettingsError while an agent lacks the newest key, unless told not to mind."""
    from pleintemps_gateway.signing import load_signing

    lacking = _lacking(load_signing(Path(config.keys)), _holders(config))
    if lacking and not options.force:
        raise SettingsError(f"lacking the new key: {', '.join(lacking)}; --force leaves them behind")


def _use(options: argparse.Namespace) -> int:
    from pleintemps_gateway.signing import use_key

    config = load(options.config)
    _check(options, config)
    kid = use_key(Path(config.keys)).signer.kid
    _note(options, "key.used", kid)
    print(f"{kid} signs; the old key is believed until `key retire`")
    return 0


def _retire(options: argparse.Namespace) -> int:
    from pleintemps_gateway.signing import retire_key

    config = load(options.config)
    _check(options, config)
    kid = retire_key(Path(config.keys)).signer.kid
    _note(options, "key.retired", kid)
    print(f"the old key is destroyed; only {kid} may sign")
    return 0
