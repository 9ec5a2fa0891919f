"""``pleintemps-gateway agent``: invite an agent, see who is known, shut one out; the desk's process."""

import argparse
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pleintemps_gateway.config import GatewayConfig, SiteConfig, load
from pleintemps_gateway.errors import SettingsError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pleintemps_contract.world import World

    from .service import Office

_UNITS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_BY: Final = "command line"


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the gateway's parser."""
    agent = commands.add_parser(
        "agent",
        help="let an agent enrol, see who is known, shut one out",
        description="Agents: let one enrol, see who is known, shut one out.",
    )
    actions = agent.add_subparsers(title="commands", metavar="COMMAND", required=True)
    enrol = _add(actions, "enrol", _enrol, "print a one-time token with which an agent gets its keys")
    _named(enrol)
    enrol.add_argument(
        "--valid",
        type=_duration,
        default=_UNITS["h"],
        metavar="T",
        help="such as 20m, 1h (default), 2d; 7d at most",
    )
    enrol.add_argument("--qr", action="store_true", help="draw the token as a QR code too")
    enrol.add_argument("--json", action="store_true", help="one JSON line")
    shown = _add(actions, "list", _list, "say which agents are known, until when, and who was shut out")
    shown.add_argument("--json", action="store_true", help="one JSON line")
    revoke = _add(
        actions,
        "revoke",
        _revoke,
        "shut an agent out: broker and gateway refuse it, its certificates are void",
    )
    _named(revoke)
    revoke.add_argument("--reason", required=True, metavar="TEXT", help="for the audit log")
    stolen = _add(
        actions,
        "stolen",
        _stolen,
        "shut an agent out and change every secret of its doors: codes are told anew",
    )
    _named(stolen)
    stolen.add_argument("--reason", default="stolen", metavar="TEXT", help="for the audit log")
    _add(commands, "enrolment", _desk, "the process that gives agents their certificates")


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file")
    parser.set_defaults(run=run)
    return parser


def _named(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the agent's, as doors name it in the configuration")
    parser.add_argument("--site", help="its site; needed where the configuration does not say")


def _duration(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,5})([mhd])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time like 20m, 1h or 2d")
    return int(found[1]) * _UNITS[found[2]]


def write_broker(config: GatewayConfig, made: list[str]) -> None:
    """The broker's files, for ``init``: a line for ``made`` for each that is news."""
    from . import roster
    from .broker_files import reload_broker, write_conf

    write_conf(config, made)
    with roster.locked(Path(config.keys)):
        if roster.write_lists(config):
            made.append(f"{Path(config.keys) / 'broker' / 'acl'}: who may say and hear what at the broker")
            reload_broker(config)


def known(config: GatewayConfig) -> set[tuple[str, str]]:
    """(site, agent) of every agent that is known now."""
    from . import roster

    return set(roster.known_agents(Path(config.keys)))


def welcome(config: GatewayConfig, homes: dict[str, str]) -> dict[str, str]:
    """Those of ``homes`` (agent -> site) that nobody has shut out."""
    from pleintemps_gateway.store.engine import open_engine
    from pleintemps_gateway.store.enrolment import shut_out_agents

    engine = open_engine(config.database_url)
    try:
        with engine.connect() as conn:
            out = {(site.site, agent) for site in config.sites for agent in shut_out_agents(conn, site.site)}
    finally:
        engine.dispose()
    return {agent: site for agent, site in homes.items() if (site, agent) not in out}


def let_in(config: GatewayConfig, agents: set[tuple[str, str]]) -> None:
    """Agents whose keys ``init`` has just made: whoever was shut out under their names is no more."""
    from pleintemps_contract.world import SystemWorld
    from pleintemps_gateway.store.engine import open_engine, write_transaction

    from .service import note_let_in

    engine, now = open_engine(config.database_url), SystemWorld().now()
    try:
        for site, agent in sorted(agents):
            with write_transaction(engine, [site]) as conn:
                note_let_in(conn, site, agent, now)
    finally:
        engine.dispose()


def next_steps(config: GatewayConfig, file: Path, homes: dict[str, str], root: Path = Path("/")) -> list[str]:
    """What is to be done after ``init``, in a line each: by the services of the package where these are for
    this very file, else by hand. ``root`` is where systemd keeps its folders.
    """
    from . import roster
    from .service import settings_of
    from .units import BROKER, GATEWAY, runs_on

    missing = sorted(homes.keys() - {agent for _, agent in roster.known_agents(Path(config.keys))})
    steps = []
    if config.mqtt.url.startswith("mqtts://"):
        broker = Path(config.keys) / "broker" / "mosquitto.conf"
        by_unit = runs_on(BROKER, broker, root)
        steps.append(
            f"start the broker: {f'systemctl start {BROKER}' if by_unit else f'mosquitto -c {broker}'}"
        )
    if runs_on(GATEWAY, file, root):
        steps.append(f"start the gateway: systemctl start {GATEWAY}; its log: journalctl -u {GATEWAY}")
    else:
        steps.append(f"start the gateway: pleintemps-gateway run --config {file}")
    if missing and settings_of(config) is not None:
        steps += [f"let it enrol: pleintemps-gateway agent enrol {name} --config {file}" for name in missing]
    elif missing:
        steps.append(f"without keys: {', '.join(missing)}: set [mqtt] url to mqtts:// so that they can enrol")
    steps.append(f"keep a copy of {config.keys} in a safe place")
    return [f"next: {step}" for step in steps]


def _opened(options: argparse.Namespace) -> "tuple[GatewayConfig, Engine, World, Office]":
    from pleintemps_gateway import app
    from pleintemps_gateway.store.engine import migrate, open_engine

    from .service import Office

    config = load(options.config)
    house = app.world_of(config, options.config.absolute().parent)
    migrate(config.database_url)
    engine = open_engine(config.database_url)
    return config, engine, house, Office(config, engine, house)


def site_of(config: GatewayConfig, agent: str, named: str | None) -> SiteConfig:
    """The site of an agent: as named, as the configuration or the keys say, or the only one; raises
    SettingsError or ConfigError.
    """
    from . import roster

    homes = {door.agent: site for site in config.sites for door in site.doors}
    homes |= {signal.agent: site for site in config.sites for signal in site.signals}
    known = {name: home for home, name in roster.known_agents(Path(config.keys))}
    home = homes.get(agent) or (config.site(known[agent]) if agent in known else None)
    if named is not None:
        site = config.site(named)
        if home is not None and home.site != site.site:
            raise SettingsError(f"--site: {agent!r} is an agent of {home.site!r}")
        return site
    if home is None and len(config.sites) > 1:
        raise SettingsError(f"--site: name one of {', '.join(site.site for site in config.sites)}")
    return home or config.sites[0]


def _enrol(options: argparse.Namespace) -> int:
    from .service import broker_url, is_local, settings_of

    config, engine, _, office = _opened(options)
    site = site_of(config, options.name, options.site)
    again = (site.site, options.name) in known(config)
    try:
        token, expires = office.invite(site.site, options.name, options.valid, _BY)
    finally:
        engine.dispose()
    settings = settings_of(config)
    port, broker = settings.port if settings else 0, broker_url(config)
    if options.json:
        shown = {"site": site.site, "agent": options.name, "token": token.text, "expires": expires}
        print(json.dumps({**shown, "port": port, "broker": broker}))
        return 0
    print(f"token for {site.site}/{options.name}, good once, until {_moment(expires)}:")
    print(token.text)
    if options.qr:
        print(_qr(token.text))
    print(
        f"on the agent: pleintemps-edge enrol --config edge.toml --gateway HOST:{port}   (asks for the token)"
    )
    if again:
        print("its present keys count until the token is used, and no longer")
    if is_local(broker):
        print(f"its broker will be {broker}, which only this machine reaches: see [enrolment] broker")
    return 0


def _qr(text: str) -> str:
    import io

    import segno

    drawn = io.StringIO()
    segno.make_qr(text, error="m").terminal(drawn, compact=True)
    return drawn.getvalue()


def _list(options: argparse.Namespace) -> int:
    from sqlalchemy import select

    from pleintemps_gateway.store.schema import shut_out

    from . import roster
    from .authority import load_authority

    _, engine, _, office = _opened(options)
    authority = load_authority(office.keys)
    until: dict[tuple[str, str], int] = {}
    gone = authority.revoked()
    for entry in authority.issued():
        if int(entry.serial, 16) not in gone:
            key = (entry.site, entry.agent)
            until[key] = max(until.get(key, 0), entry.until)
    known = roster.known_agents(office.keys)
    with engine.connect() as conn:
        out = list(conn.execute(select(shut_out).where(shut_out.c.ended.is_(None))))
    engine.dispose()
    if options.json:
        agents = [{"site": s, "agent": a, "until": until.get((s, a))} for s, a in known]
        refused = [
            {
                "site": each.site,
                "agent": each.agent,
                "at": each.at,
                "stolen": each.stolen,
                "rotated": each.rotated,
            }
            for each in out
        ]
        print(json.dumps({"agents": agents, "shut_out": refused}))
        return 0
    for site, agent in known:
        ends = until.get((site, agent))
        print(f"{site}/{agent}  " + (f"certificate until {_moment(ends)}" if ends else "certificate unknown"))
    for each in out:
        print(f"{each.site}/{each.agent}  shut out {_moment(each.at)}: {each.reason}")
    print(f"{len(known)} known, {len(out)} shut out")
    return 0


def _revoke(options: argparse.Namespace) -> int:
    config, engine, _, office = _opened(options)
    site = site_of(config, options.name, options.site)
    try:
        _shut_out(office, site, options, stolen=False)
    finally:
        engine.dispose()
    return 0


def _shut_out(office: "Office", site: SiteConfig, options: argparse.Namespace, *, stolen: bool) -> None:
    count, left = office.shut_out(site.site, options.name, options.reason, _BY, stolen=stolen)
    print(f"{site.site}/{options.name} is shut out: {count} certificates are void, its messages are refused")
    print(
        f"LEFT TO DO: {left}"
        if left
        else "the broker was told: it is neither heard nor told anything any more"
    )


def _stolen(options: argparse.Namespace) -> int:
    from pleintemps_gateway.access.service import CodeDesk
    from pleintemps_gateway.delivery.outbox import Outbox
    from pleintemps_gateway.keys import load_gateway_keys

    from .rotation import rotate

    config, engine, house, office = _opened(options)
    site = site_of(config, options.name, options.site)
    keys = load_gateway_keys(Path(config.keys))
    try:
        _shut_out(office, site, options, stolen=True)  # first: it takes effect at once
        desk = CodeDesk(keys.sealing, house, Outbox(config.delivery, keys.sealing, house))
        done = rotate(engine, site, desk, options.name, keys.signer, _BY)
    finally:
        engine.dispose()
    print(
        f"made anew and told: the codes of {done.bookings} bookings and {done.rights} rights;"
        f" other offline secrets for {done.spaces} spaces"
    )
    print(
        "new codes have another salt"
        if done.salt
        else "the salt stays: codes of two sets live, see `codes salt status`"
    )
    if done.cards:
        print(f"LEFT TO DO: {done.cards} rights have cards whose numbers were in it: give other cards")
    print("LEFT TO DO: other passwords of the building's broker and keys of OSDP readers, if it had any")
    print(f"a new agent: pleintemps-gateway agent enrol {options.name} --config {options.config}")
    return 0


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _desk(options: argparse.Namespace) -> int:
    import asyncio

    from pleintemps_contract import logs
    from pleintemps_gateway import app

    from .desk import Desk
    from .service import settings_of

    logs.setup()
    config, engine, _, office = _opened(options)
    settings = settings_of(config)
    if settings is None:
        raise SettingsError("enrolment: there is no desk without [enrolment] or an mqtts:// broker")

    async def work(stop: asyncio.Event) -> None:
        await Desk(office).serve(settings, stop)

    try:
        asyncio.run(app.until_signal(work))
    finally:
        engine.dispose()
    return 0
