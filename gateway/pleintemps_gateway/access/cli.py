"""``pleintemps-gateway codes``: how easily the codes of each door are guessed, and how they are hashed."""

import argparse
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pleintemps_gateway.config import SiteConfig, load
from pleintemps_gateway.errors import SettingsError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from pleintemps_contract.world import World

    from .salts import SetInUse


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the gateway's parser."""
    codes = commands.add_parser(
        "codes", help="the odds and the salt of codes", description="The odds and the salt of codes."
    )
    actions = codes.add_subparsers(title="commands", metavar="COMMAND", required=True)
    text = "say how many codes each door knows and how easily one is guessed; exit code 1 if too easily"
    check = actions.add_parser("check", help=text, description=text[0].upper() + text[1:] + ".")
    check.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file")
    check.add_argument("--json", action="store_true", help="one JSON line")
    check.set_defaults(run=_check)
    _register_salt(actions)


def _check(options: argparse.Namespace) -> int:
    from pleintemps_gateway.store.engine import migrate, open_engine

    config = load(options.config)
    migrate(config.database_url)
    engine = open_engine(config.database_url)
    try:
        doors = [door for site in config.sites for door in _doors(engine, site)]
    finally:
        engine.dispose()
    fits = not any(door["easy"] for door in doors)
    if options.json:
        print(json.dumps({"fits": fits, "doors": doors}))
        return 0 if fits else 1
    for door in doors:
        word = "too easy" if door["easy"] else "fits"
        offline = f"offline {door['offline_odds']:.1e}" if door["offline_spaces"] else "no offline codes"
        chance = f"{door['odds']:.1e} for 100 tries ({word})"
        print(
            f"{door['site']}/{door['door']}: {door['codes']} codes, {chance}, "
            f"next {door['next_digits']} digits; {offline}"
        )
    return 0 if fits else 1


def _doors(engine: "Engine", site: SiteConfig) -> list[dict[str, Any]]:
    from pleintemps_contract.offline import odds as offline_odds

    from .allocator import digits_for, odds
    from .issuing import known_at_doors
    from .offline_plan import plan_of

    with engine.connect() as conn:
        known = known_at_doors(conn, site.site, {door.agent for door in site.doors})
    plan, found = plan_of(site), []
    for door in site.doors:
        lengths = known.get(door.door, {})
        chance, count = float(odds(lengths)), sum(lengths.values())
        offline = [space.digits for space in plan.spaces.values() if door.door in space.doors]
        found.append(
            {
                "site": site.site,
                "door": door.door,
                "codes": count,
                "odds": chance,
                "easy": chance > site.codes.guess,
                "next_digits": digits_for(count, site.codes.guess, site.codes.digits),
                "offline_spaces": len(offline),
                "offline_odds": float(offline_odds(offline)),
                "offline_refused": sorted(space for space, name in plan.refused.items() if name == door.door),
            }
        )
    return found


# --- salt ---------------------------------------------------------------------------------------------------


def _register_salt(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "how codes are hashed: one set of salt and cost, two while codes of an older one live"
    salt = actions.add_parser("salt", help=text, description=text[0].upper() + text[1:] + ".")
    steps = salt.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, run, help_text in (
        ("new", _new, "hash every code from now on with a new salt and the configured cost"),
        ("status", _status, "say which sets there are and how many codes live under each"),
    ):
        parser = steps.add_parser(
            name, help=help_text, description=help_text[0].upper() + help_text[1:] + "."
        )
        parser.add_argument(
            "--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file"
        )
        parser.add_argument("--site", metavar="SITE", help="of several sites, this one")
        parser.set_defaults(run=run)
        if name == "status":
            parser.add_argument("--json", action="store_true", help="one JSON line")


def _within(
    options: argparse.Namespace, job: "Callable[[Connection, SiteConfig, World], list[SetInUse]]"
) -> "tuple[SiteConfig, list[SetInUse]]":
    """What ``job`` gives for the site, in one transaction."""
    from pleintemps_gateway import app
    from pleintemps_gateway.store.engine import migrate, open_engine, write_transaction

    config = load(options.config)
    if options.site is None and len(config.sites) > 1:
        raise SettingsError(f"--site: name one of {', '.join(site.site for site in config.sites)}")
    site = config.site(options.site or config.sites[0].site)
    world = app.world_of(config, options.config.absolute().parent)
    migrate(config.database_url)
    engine = open_engine(config.database_url)
    try:
        with write_transaction(engine, [site.site]) as conn:
            return site, job(conn, site, world)
    finally:
        engine.dispose()


def _new(options: argparse.Namespace) -> int:
    from pleintemps_gateway.audit.log import record

    from .salts import in_use, new_salt

    def job(conn: "Connection", site: SiteConfig, world: "World") -> "list[SetInUse]":
        made = new_salt(conn, site, world)
        record(conn, site.site, world, "salt.made", f"salt/{made.salt_id}", {"by": "command line"})
        return in_use(conn, site.site)

    site, sets = _within(options, job)
    print(f"{site.site}: new codes are hashed with {_cost(sets[0])}")
    for old in sets[1:]:
        print(f"{old.codes} codes keep {old.hashes.salt_id} until they end or are issued anew")
    return 0


def _status(options: argparse.Namespace) -> int:
    from .salts import in_use

    site, sets = _within(options, lambda conn, site, _world: in_use(conn, site.site))
    wanted = (site.codes.memory_kib, site.codes.iterations)
    fits = not sets or (sets[0].hashes.memory_kib, sets[0].hashes.iterations) == wanted
    if options.json:
        print(json.dumps({"site": site.site, "as_configured": fits, "sets": [_facts(each) for each in sets]}))
        return 0
    zone = ZoneInfo(site.zone)
    for place, each in enumerate(sets):
        word = "new codes" if place == 0 else "older codes"
        until = ""
        if each.until is not None:
            until = f", the last until {datetime.fromtimestamp(each.until / 1000, zone):%Y-%m-%d %H:%M}"
        print(f"{_cost(each)}: {word}, {each.codes} live{until}")
    if not sets:
        print(f"{site.site}: no code was ever made")
    if not fits:
        print("the configuration has another cost: `codes salt new` takes it up")
    return 0


def _cost(used: "SetInUse") -> str:
    hashes = used.hashes
    return f"{hashes.salt_id} (argon2id, {hashes.memory_kib} KiB, {hashes.iterations} passes)"


def _facts(used: "SetInUse") -> dict[str, Any]:
    hashes = used.hashes
    return {
        "salt_id": hashes.salt_id,
        "memory_kib": hashes.memory_kib,
        "iterations": hashes.iterations,
        "codes": used.codes,
        "until": used.until,
    }
