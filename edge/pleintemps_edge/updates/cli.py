"""``pleintemps-edge update``: look, install, follow the gateway, go back."""

import argparse
import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from pleintemps_edge.config import EdgeConfig

    from .settings import UpdatesConfig
    from .updater import Updater

USAGE_ERROR: Final = 2
RUN_ERROR: Final = 1
LOCK: Final = "update.lock"
_ACTIONS: Final = (
    ("status", "which version is proven, on trial, refused"),
    ("install", "take a signed release from a folder on trial; the agent itself goes back if it is not well"),
    ("follow", "do what the gateway offers, if it offers something; every quarter of an hour by a timer"),
    ("step", "look at the version on trial; every minute by a timer"),
    ("back", "go back to the version before, on trial as well"),
)


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the agent's parser."""
    summary = "signed updates of this program: tried out, and taken back by themselves"
    update = commands.add_parser("update", help=summary, description=summary[0].upper() + summary[1:] + ".")
    actions = update.add_subparsers(title="commands", metavar="COMMAND", required=True, dest="action")
    for name, text in _ACTIONS:
        action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        action.add_argument(
            "--config", type=Path, required=True, metavar="FILE", help="the agent's edge.toml"
        )
        if name == "install":
            action.add_argument(
                "--from",
                type=Path,
                required=True,
                dest="source",
                metavar="DIR",
                help="a release, as on a stick",
            )
        if name == "status":
            action.add_argument("--json", action="store_true", help="one JSON object")
        action.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """The exit status: 0 done, 1 it could not be done, 2 the configuration has no updates or is wrong."""
    from pleintemps_contract.configfile import load_toml
    from pleintemps_contract.errors import ConfigError, ContractError
    from pleintemps_edge.config import EdgeConfig
    from pleintemps_edge.errors import EdgeError

    try:
        config = load_toml(options.config, EdgeConfig)
        if config.updates is None:
            raise ConfigError(f"{options.config}: [updates] is missing: it says whose releases are believed")
    except ConfigError as error:
        print(f"pleintemps-edge: {error}", file=sys.stderr)
        return USAGE_ERROR
    try:
        updater = _updater(options.config.resolve().parent, config, config.updates)
        if options.action == "status":
            return _status(updater, as_json=options.json)
        with _alone(Path(config.updates.root)):
            said = _act(options, config, updater)
    except (EdgeError, ContractError, OSError) as error:
        print(f"pleintemps-edge: {' '.join(str(error).split())}", file=sys.stderr)
        return RUN_ERROR
    for line in said:
        print(line)
    return 0


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One at a time: who comes second waits."""
    with (root / LOCK).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _updater(base: Path, config: "EdgeConfig", updates: "UpdatesConfig") -> "Updater":
    from pleintemps_edge.errors import NotRunningError
    from pleintemps_edge.status import Status, ask

    from .slots import Slots, make_environment, restart_service
    from .updater import Updater

    state = base / config.state

    def status() -> Status | None:
        try:
            return ask(state)
        except NotRunningError:
            return None

    return Updater(
        slots=Slots(Path(updates.root), make_environment),
        trusted=updates.trusted,
        machine=os.uname().machine,
        work=Path(updates.root),
        status=status,
        restart=restart_service,
    )


def _act(options: argparse.Namespace, config: "EdgeConfig", updater: "Updater") -> list[str]:
    from pleintemps_contract.keyfiles import load_agent_keys
    from pleintemps_edge.link.keyring import read_keys

    from .fetching import Folder, Web

    if options.action == "install":
        return updater.install(Folder(options.source))
    if options.action == "step":
        return updater.step()
    if options.action == "back":
        return updater.back()
    url = config.updates.url if config.updates else ""
    if not url:
        return []
    keys = options.config.resolve().parent / config.keys
    status = updater.status()
    # the running agent knows keys that were introduced since it enrolled
    told = status.gateway_keys if status is not None else []
    gateway = read_keys(told) if told else load_agent_keys(keys).trusted
    return updater.follow(
        lambda path: Web(f"{url}/{path}", keys / "ca.crt"), config.site, config.agent, gateway
    )


def _status(updater: "Updater", *, as_json: bool) -> int:
    state, current = updater.state(), updater.slots.current
    if as_json:
        print(json.dumps({"current": current} | msgspec.to_builtins(state)))
        return 0
    print(f"proven   {state.proven}")
    if state.trial is not None:
        looks = f"{state.trial.looks} looks, well in the last {state.trial.well}"
        print(f"trial    {state.trial.version}: {looks}")
    if state.previous:
        print(f"before   {state.previous}")
    if state.refused:
        print(f"refused  {', '.join(state.refused)}")
    return 0
