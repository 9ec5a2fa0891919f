"""``pleintemps-gateway update``: offer a release, see how far it is, halt it."""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pleintemps_gateway.config import GatewayConfig, SiteConfig, load
from pleintemps_gateway.errors import SettingsError

if TYPE_CHECKING:
    from .desk import Desk
    from .rules import Rollout
    from .settings import UpdatesConfig


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the gateway's parser."""
    text = "signed releases of the agents' program: canaries first, then waves, halted at the first ill agent"
    update = commands.add_parser("update", help=text, description=text[0].upper() + text[1:] + ".")
    actions = update.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, run, summary in (
        ("offer", _offer, "check a release and offer it to canary agents"),
        ("status", _status, "how far releases are; exit code 1 if one is halted"),
        ("step", _step, "go on where all is well, halt where an agent is ill; every five minutes by a timer"),
        ("halt", _halt, "offer it to nobody any more; who has it goes back; again gives up one that halted"),
    ):
        action = actions.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        action.add_argument(
            "--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file"
        )
        action.add_argument("--site", help="one site only; needed to offer where there are several")
        action.add_argument("--json", action="store_true", help="one JSON line")
        if name == "offer":
            _of_offer(action)
        if name == "halt":
            action.add_argument("--reason", default="by hand", metavar="TEXT", help="for the audit log")
        action.set_defaults(run=run)


def _of_offer(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--from",
        type=Path,
        required=True,
        action="append",
        dest="sources",
        metavar="DIR",
        help="a signed release; once for each kind of machine",
    )
    action.add_argument(
        "--canary", action="append", required=True, metavar="AGENT", help="who has it first; may be repeated"
    )


@contextmanager
def _desk(options: argparse.Namespace) -> "Iterator[tuple[GatewayConfig, UpdatesConfig, Desk]]":
    from pleintemps_gateway import app
    from pleintemps_gateway.keys import load_gateway_keys
    from pleintemps_gateway.store.engine import migrate, open_engine

    from .desk import Desk

    config = load(options.config)
    if config.updates is None:
        raise SettingsError(f"{options.config}: [updates] is missing: it says whose releases are believed")
    world = app.world_of(config, options.config.absolute().parent)
    signer = load_gateway_keys(Path(config.keys)).signer
    migrate(config.database_url)
    engine = open_engine(config.database_url)
    try:
        yield config, config.updates, Desk(config, config.updates, engine, signer, world)
    finally:
        engine.dispose()


def _sites(config: GatewayConfig, wanted: str | None) -> list[SiteConfig]:
    return config.sites if wanted is None else [config.site(wanted)]


def _offer(options: argparse.Namespace) -> int:
    from .desk import put_release

    with _desk(options) as (config, settings, desk):
        sites = _sites(config, options.site)
        if len(sites) > 1:
            raise SettingsError(f"--site: name one of {', '.join(site.site for site in sites)}")
        releases = [put_release(Path(config.state), folder, settings) for folder in options.sources]
        versions = {release.version for release in releases}
        if len(versions) > 1:
            raise SettingsError(f"--from: these are several versions: {', '.join(sorted(versions))}")
        rollout = desk.offer(sites[0], versions.pop(), options.canary)
    return _show({sites[0].site: rollout}, as_json=options.json)


def _status(options: argparse.Namespace) -> int:
    return _step(options)


def _step(options: argparse.Namespace) -> int:
    """To look is to go on: what is shown is what is so now."""
    with _desk(options) as (config, _, desk):
        shown = {site.site: desk.step(site) for site in _sites(config, options.site)}
    return _show(shown, as_json=options.json)


def _halt(options: argparse.Namespace) -> int:
    with _desk(options) as (config, _, desk):
        shown = {site.site: desk.halt(site, options.reason) for site in _sites(config, options.site)}
    _show(shown, as_json=options.json)
    return 0


def _show(rollouts: "dict[str, Rollout | None]", *, as_json: bool) -> int:
    halted = any(rollout is not None and rollout.state == "halted" for rollout in rollouts.values())
    if as_json:
        print(json.dumps({site: msgspec.to_builtins(rollout) for site, rollout in rollouts.items()}))
        return int(halted)
    for site, rollout in rollouts.items():
        print(f"{site}: {'nothing was offered' if rollout is None else _line(rollout)}")
    return int(halted)


def _line(rollout: "Rollout") -> str:
    well = sum(part.well_since is not None for part in rollout.parts)
    everybody: Any = sum(len(wave) for wave in rollout.waves)
    said = f"{rollout.version} {rollout.state}, wave {rollout.wave + 1} of {len(rollout.waves)}:"
    said += f" {well} of {len(rollout.parts)} with an offer are well, {everybody} agents in all"
    return f"{said}; {rollout.reason}" if rollout.reason else said
