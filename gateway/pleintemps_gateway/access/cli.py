"""``pleintemps-gateway codes``: how easily the codes of each door are guessed."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pleintemps_gateway.config import SiteConfig, load

if TYPE_CHECKING:
    from sqlalchemy import Engine


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the gateway's parser."""
    codes = commands.add_parser("codes", help="the odds of codes", description="The odds of codes.")
    actions = codes.add_subparsers(title="commands", metavar="COMMAND", required=True)
    text = "say how many codes each door knows and how easily one is guessed; exit code 1 if too easily"
    check = actions.add_parser("check", help=text, description=text[0].upper() + text[1:] + ".")
    check.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file")
    check.add_argument("--json", action="store_true", help="one JSON line")
    check.set_defaults(run=_check)


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
