"""``pleintemps-gateway``: one command for the gateway's owner. Errors are one line."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from pleintemps_contract import __version__
from pleintemps_contract.errors import ClockError, ContractError
from pleintemps_contract.world import SystemWorld
from pleintemps_gateway.config import GatewayConfig, load
from pleintemps_gateway.errors import GatewayError, OutsideError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 well, 1 failed, 2 a mistake in usage or configuration."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
    except (ClockError, OSError) as error:
        return _fail(error, 1)
    except (OutsideError, ContractError) as error:
        return _fail(error, 2)
    except GatewayError as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return 130
    return code


def _fail(error: Exception, code: int) -> int:
    text = " ".join(str(error).split())
    print(f"pleintemps-gateway: {text}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pleintemps-gateway",
        description="The gateway: reconciles bookings with what agents measure, and gives out door codes.",
    )
    parser.add_argument("--version", action="version", version=f"pleintemps-gateway {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    init = _add(commands, "init", _init, "make keys and store; repeat it for new agents")
    init.add_argument("--demo", action="store_true", help="demo keys, which a simulated clock needs")
    init.add_argument("--agent", action="append", default=[], metavar="NAME", help="an agent without a door")
    init.add_argument("--site", help="the site of --agent, where there are several")
    _add(commands, "migrate", _migrate, "bring the store to this version's schema")
    return parser


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file")
    parser.set_defaults(run=run)
    return parser


def _config(options: argparse.Namespace) -> GatewayConfig:
    return load(options.config)


def _init(options: argparse.Namespace) -> int:
    from pleintemps_gateway.keys import make_keys
    from pleintemps_gateway.store.engine import migrate

    config = _config(options)
    agents = {door.agent: site.site for site in config.sites for door in site.doors}
    for name in options.agent:
        agents[name] = config.site(options.site or config.sites[0].site).site
    purpose = "demo" if options.demo else "production"
    made = make_keys(Path(config.keys), agents, "demo" if options.demo else "production", SystemWorld())
    for line in made:
        print(line)
    revision = migrate(config.database_url)
    print(f"{len(made)} made, {purpose} keys in {config.keys}, store at revision {revision}")
    return 0


def _migrate(options: argparse.Namespace) -> int:
    from pleintemps_gateway.store.engine import migrate

    print(f"store at revision {migrate(_config(options).database_url)}")
    return 0


def run() -> NoReturn:
    """Entry for ``python -m``."""
    sys.exit(main())


if __name__ == "__main__":
    run()
