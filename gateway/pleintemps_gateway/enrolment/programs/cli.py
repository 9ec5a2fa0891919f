"""``pleintemps-gateway broker``: other programs at the site's broker, such as Home Assistant or a display.

What one may there is written in the ACL, under its name: the configuration's own lines, or the file
``[broker] also``. Its key is made here and carried to it, so it is good for a year at most, and ends with one
command.
"""

import argparse
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pleintemps_gateway.config import load
from pleintemps_gateway.errors import SettingsError

if TYPE_CHECKING:
    from pleintemps_gateway.enrolment.authority import Authority

ELSEWHERE: Final = "*"
"""The site of a program in the ledger: it belongs to none."""
DAYS: Final = 365
_BY: Final = "command line"


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the gateway's parser."""
    text = "let another program speak to the broker, or end that"
    broker = commands.add_parser("broker", help=text, description=text[0].upper() + text[1:] + ".")
    actions = broker.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, run, told in (
        ("user", _user, "make key and certificate of a program: the broker's user NAME, for a year"),
        ("end", _end, "let the broker refuse the program NAME from now on"),
    ):
        parser = actions.add_parser(name, help=told, description=told[0].upper() + told[1:] + ".")
        parser.add_argument(
            "--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file"
        )
        parser.add_argument("name", metavar="NAME", help="as the ACL names it, such as homeassistant")
        if name == "user":
            parser.add_argument(
                "--out", type=Path, required=True, metavar="DIR", help="a new folder for what it needs"
            )
        parser.set_defaults(run=run)


def serials(authority: "Authority", name: str) -> set[int]:
    """Every certificate that the program was given."""
    mine = (ELSEWHERE, name)
    return {int(each.serial, 16) for each in authority.issued() if (each.site, each.agent) == mine}


def _user(options: argparse.Namespace) -> int:
    from pleintemps_contract.identifiers import unreserved_slug
    from pleintemps_contract.keyfiles import write_secret
    from pleintemps_contract.world import SystemWorld
    from pleintemps_gateway.enrolment import roster
    from pleintemps_gateway.enrolment.authority import key_pem, load_authority, new_key, pem_of
    from pleintemps_gateway.enrolment.broker_files import acl_text

    config = load(options.config)
    keys, name = Path(config.keys), unreserved_slug(options.name)
    if options.out.exists():
        raise SettingsError(f"--out: {options.out} is there already")
    with roster.locked(keys):
        authority, key = load_authority(keys), new_key()
        made = authority.program(name, key.public_key(), DAYS, SystemWorld())
        written = roster.write_lists(config)
    options.out.mkdir(mode=0o700, parents=True)
    write_secret(options.out / f"{name}.key", key_pem(key))
    (options.out / f"{name}.crt").write_text(pem_of(made), encoding="ascii")
    shutil.copyfile(keys / "site-ca" / "ca.crt", options.out / "ca.crt")
    _note(options, "broker.user-made", name)
    print(f"{options.out}: take it to {name}; good until {_day(made.not_valid_after_utc)}")
    if f"user {name}\n" not in acl_text(config, ()):
        print(
            f"it may nothing yet: write its lines into [broker] also, under `user {name}`, and repeat `init`"
        )
    elif written:
        print(roster.tell_broker(config) or "the broker was told")
    return 0


def _end(options: argparse.Namespace) -> int:
    from pleintemps_contract.world import SystemWorld
    from pleintemps_gateway.enrolment import roster
    from pleintemps_gateway.enrolment.authority import load_authority

    config = load(options.config)
    keys = Path(config.keys)
    with roster.locked(keys):
        authority = load_authority(keys)
        mine = serials(authority, options.name)
        if not mine:
            raise SettingsError(f"no program is called {options.name!r}")
        authority.revoke(mine, SystemWorld())
        left = roster.tell_broker(config)
    _note(options, "broker.user-ended", options.name)
    print(f"{options.name}: {len(mine)} certificates are void: it cannot connect again")
    print(
        f"LEFT TO DO: {left}"
        if left
        else "the broker was told; take its lines out of the ACL to end its session"
    )
    return 0


def _note(options: argparse.Namespace, action: str, name: str) -> None:
    from pleintemps_gateway import app
    from pleintemps_gateway.audit.log import EVERY_SITE, record
    from pleintemps_gateway.store.engine import migrate, open_engine, write_transaction

    config = load(options.config)
    world = app.world_of(config, options.config.absolute().parent)
    migrate(config.database_url)
    engine = open_engine(config.database_url)
    try:
        with write_transaction(engine, [EVERY_SITE]) as conn:
            record(conn, EVERY_SITE, world, action, f"program/{name}", {"by": _BY})
    finally:
        engine.dispose()


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d")
