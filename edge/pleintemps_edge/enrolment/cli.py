"""``pleintemps-edge enrol``, ``renew`` and ``local-broker``: keys, and who may speak to the agent's locks."""

import argparse
import getpass
import sys
import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from pleintemps_contract.configfile import load_toml
from pleintemps_contract.enrolment import Enrolled, read_token
from pleintemps_contract.errors import ContractError
from pleintemps_contract.keyfiles import load_agent_keys
from pleintemps_contract.world import SystemWorld, World
from pleintemps_edge.config import EdgeConfig
from pleintemps_edge.errors import EdgeError, EnrolmentError

from .client import enrol, find_authority, fingerprint, read_place
from .files import desk_of, is_complete, key_under_way, write_folder
from .renewal import renew_now

USAGE_ERROR = 2
RUN_ERROR = 1


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the agent's parser."""
    summary = "get this agent's keys from the gateway, with the token of `pleintemps-gateway agent enrol`"
    # without abbreviations: `--token` would be taken for the file, and said in the error
    command = commands.add_parser("enrol", help=summary, description=summary, allow_abbrev=False)
    command.add_argument(
        "--config",
        type=Path,
        required=True,
        metavar="FILE",
        help="the agent's edge.toml; what an enrolment knows of it is written if it is not there",
    )
    command.add_argument("--gateway", required=True, metavar="HOST[:PORT]", help="where its desk is (8884)")
    command.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="holds the token; - is standard input; asked for without",
    )
    command.add_argument("--token", dest="told", help=argparse.SUPPRESS)
    command.add_argument("--keys", metavar="DIR", help="of a new edge.toml: the key folder (keys)")
    command.add_argument("--state", metavar="DIR", help="of a new edge.toml: the state folder (state)")
    command.add_argument("--again", action="store_true", help="replace the keys that are there")
    command.set_defaults(run=run)

    summary = "get the next certificate now; a running agent does so by itself at two thirds of its life"
    command = commands.add_parser("renew", help=summary, description=summary)
    command.add_argument("--config", type=Path, required=True, metavar="FILE", help="the agent's edge.toml")
    command.set_defaults(run=run_renewal)
    summary = (
        "write Mosquitto's files for the building's own broker: locks that speak MQTT, each with its own"
    )
    command = commands.add_parser("local-broker", help=summary, description=summary)
    command.add_argument("--config", type=Path, required=True, metavar="FILE", help="the agent's edge.toml")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="where they go")
    command.add_argument(
        "--listen",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="this machine's address in the network of the devices; the loopback alone without",
    )
    command.set_defaults(run=run_local_broker)


def run_local_broker(options: argparse.Namespace) -> int:
    """The exit status: 0 written, 1 the disk does not take it, 2 the configuration has no such broker."""
    from .local_broker import write

    try:
        listen = [str(ip_address(address)) for address in options.listen]
        config = load_toml(options.config, EdgeConfig)
        base, folder = options.config.resolve().parent, options.out.absolute()
        rights = write(config, base, folder, listen, SystemWorld())
    except (EdgeError, ContractError, ValueError) as error:
        return _fail(error, USAGE_ERROR)
    except OSError as error:
        return _fail(error, RUN_ERROR)
    print(f"written: mosquitto -c {folder / 'mosquitto.conf'}")
    for user in rights.users:
        print(f"user {user.name}, password in {folder / 'passwords' / user.name}")
    return 0


def run_renewal(options: argparse.Namespace) -> int:
    """The exit status: 0 renewed, 1 the gateway refuses or is away, 2 this agent was not enrolled."""
    try:
        told = load_toml(options.config, EdgeConfig)
        folder = options.config.resolve().parent / told.keys
        place = desk_of(folder)
        if place is None:
            raise EnrolmentError(f"{folder}: these keys were not given by a gateway's desk")
    except (EdgeError, ContractError) as error:
        return _fail(error, USAGE_ERROR)
    world: World = SystemWorld()
    try:
        life = renew_now(folder, place, world.now)
    except EdgeError as error:
        return _fail(error, RUN_ERROR)
    print(f"renewed for {(life.end - world.now()) // 86_400_000} days")
    return 0


def run(options: argparse.Namespace) -> int:
    """The exit status: 0 enrolled, 1 the gateway refuses or is away, 2 what was given cannot be used."""
    try:
        if options.told is not None:
            raise EnrolmentError("others see a command line: paste the token when it is asked for")
        there = _there(options)
        folder = options.config.resolve().parent / there.get("keys", "keys")
        place = read_place(options.gateway)
        if is_complete(folder) and not options.again:
            raise EnrolmentError(f"{folder}: there are keys already; --again replaces them")
        token = read_token(_token(options.token_file))
    except (EdgeError, ContractError) as error:
        return _fail(error, USAGE_ERROR)
    world: World = SystemWorld()
    try:
        authority = find_authority(place, token, world.now)
        key = key_under_way(folder)
        given = enrol(place, authority, token, key, world.now)
        write_folder(folder, given, authority, key, place)
        load_agent_keys(folder)
        print(f"enrolled as {given.site}/{given.agent}, keys in {folder}")
        print(f"the authority is {fingerprint(authority)}")
        _configure(options.config, there, given)
        if options.again:
            print("start the agent anew now: until then it knows no code under its new keys")
    except (EdgeError, ContractError, OSError) as error:
        return _fail(error, RUN_ERROR)
    return 0


def _fail(error: Exception, code: int) -> int:
    print(f"pleintemps-edge: {' '.join(str(error).split())}", file=sys.stderr)
    return code


def _there(options: argparse.Namespace) -> dict[str, Any]:
    """What edge.toml says already; of one that is to be written, what it will say. Raises EnrolmentError."""
    try:
        told = tomllib.loads(options.config.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"keys": options.keys or "keys", "state": options.state or "state"}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise EnrolmentError(f"{options.config}: {error}") from error
    for name, wanted in (("keys", options.keys), ("state", options.state)):
        if wanted is not None and wanted != told.get(name):
            raise EnrolmentError(f"{options.config}: {name} is {told.get(name)!r} there: leave --{name} out")
    if not isinstance(told.get("keys"), str):
        raise EnrolmentError(f"{options.config}: keys: names no folder")
    return told


def _token(file: Path | None) -> str:
    """From a file, standard input or a prompt without an echo; raises EnrolmentError."""
    if file is None and sys.stdin.isatty():
        return getpass.getpass("token: ").strip()
    try:
        text = sys.stdin.readline(1_000) if file is None or str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EnrolmentError(f"--token-file: {error}") from error
    return text.strip()


def fragment(given: Enrolled, keys: str, state: str) -> str:
    """What an enrolment knows of edge.toml. Devices and doors come after it."""
    return (
        f'site = "{given.site}"\nagent = "{given.agent}"\nkeys = "{keys}"\nstate = "{state}"\n\n'
        f'[mqtt]\nurl = "{given.broker}"\n'
    )


def _configure(path: Path, there: dict[str, Any], given: Enrolled) -> None:
    """Write a new file; of one that is there say what it should say."""
    if not path.exists():
        path.write_text(fragment(given, there["keys"], there["state"]), encoding="utf-8")
        print(f"{path} is written: add devices and doors, then pleintemps-edge check --config {path}")
        return
    wanted = {"site": given.site, "agent": given.agent}
    wrong = [f'{name} = "{value}"' for name, value in wanted.items() if there.get(name) != value]
    told = there.get("mqtt")
    if not isinstance(told, dict) or told.get("url") != given.broker:
        wrong.append(f'[mqtt] url = "{given.broker}"')
    for text in wrong:
        print(f"change in {path}: {text}")
