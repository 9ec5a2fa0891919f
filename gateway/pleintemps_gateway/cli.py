"""``pleintemps-gateway``: one command for the gateway's owner. Errors are one line."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pleintemps_contract import __version__, logs
from pleintemps_contract.errors import ClockError, ContractError
from pleintemps_contract.world import SystemWorld, World
from pleintemps_gateway.config import GatewayConfig, SiteConfig, load
from pleintemps_gateway.errors import GatewayError, OutsideError, SettingsError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pleintemps_gateway.access.service import CodeDesk

PARTS: Final = ("run", "ingest", "web")
"""What starts again and again, and is to be there soon: without the modules of all other commands."""
ROLES: Final = ("caretaker", "manager", "tester", "viewer")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 well, 1 failed, 2 a mistake in usage or configuration."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = _parser(given[0] if given else "")
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
    except ClockError as error:
        return _fail(error, 1)
    except (OutsideError, ContractError) as error:
        return _fail(error, 2)
    except (GatewayError, OSError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return 130
    return code


def _fail(error: Exception, code: int) -> int:
    text = " ".join(str(error).split())
    print(f"pleintemps-gateway: {text}", file=sys.stderr)
    return code


def _parser(first: str = "") -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pleintemps-gateway",
        description="The gateway: reconciles bookings with what agents measure, and gives out door codes.",
        epilog="First init, then user add, then run. COMMAND --help says more; errors are one line.",
    )
    parser.add_argument("--version", action="version", version=f"pleintemps-gateway {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    init = _add(
        commands,
        "init",
        _init,
        "make the keys and the store that are missing; repeat it after adding an agent",
    )
    init.add_argument("--demo", action="store_true", help="demo keys, which a simulated clock needs")
    init.add_argument(
        "--agent",
        action="append",
        default=[],
        metavar="NAME",
        help="make this agent's keys here, to be carried to it, where it cannot enrol",
    )
    init.add_argument("--site", help="the site of --agent; needed where there are several")
    _add(commands, "migrate", _migrate, "bring the store to this version's schema")
    _add(commands, "run", _run, "start ingest and web, start a dead one again, end both on SIGTERM or Ctrl-C")
    _add(commands, "ingest", _ingest, "the process that owns the sites: MQTT, rules, alerts, signing")
    _add(commands, "web", _web, "the process that serves pages and API")
    if first not in PARTS:
        _other_commands(commands)
    return parser


def _other_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    from pleintemps_gateway.access import cli as codes
    from pleintemps_gateway.audit import cli as audit
    from pleintemps_gateway.backup import cli as backup
    from pleintemps_gateway.bookings import cli as groups
    from pleintemps_gateway.enrolment import cli as enrolment
    from pleintemps_gateway.enrolment.programs import cli as programs
    from pleintemps_gateway.evaluate import cli as evaluate
    from pleintemps_gateway.keychange import cli as keychange
    from pleintemps_gateway.learnt import cli as learnt
    from pleintemps_gateway.operation import cli as operation
    from pleintemps_gateway.privacy import cli as privacy
    from pleintemps_gateway.report import cli as report
    from pleintemps_gateway.updates import cli as updates
    from pleintemps_gateway.usage import cli as usage

    _user_commands(commands)
    _booking_commands(commands)
    _calendar_commands(commands)
    groups.register(commands)
    keychange.register(commands)
    enrolment.register(commands)
    programs.register(commands)
    codes.register(commands)
    evaluate.register(commands)
    audit.register(commands)
    privacy.register(commands)
    backup.register(commands)
    usage.register(commands)
    learnt.register(commands)
    report.register(commands)
    operation.register(commands)
    updates.register(commands)


def _user_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    user = commands.add_parser("user", help="people who may log in", description="People who may log in.")
    actions = user.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add = _add(actions, "add", _user_add, "add a person or change a password, read from standard input")
    add.add_argument("name", metavar="NAME", help="as they will log in")
    add.add_argument("--role", choices=ROLES, default="caretaker", help="viewer changes nothing")
    add.add_argument("--site", default="*", help="one site only; all by default")
    add.add_argument("--generate", action="store_true", help="make a password and print it, this once")


def _booking_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    booking = commands.add_parser("booking", help="bookings of our own", description="Bookings of our own.")
    actions = booking.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add = _add(actions, "add", _booking_add, "take a booking and print it as JSON")
    add.add_argument("--site", help="needed where there are several")
    add.add_argument("--space", required=True, help="its slug in the configuration")
    when = "ISO 8601, with an offset or in the site's time"
    add.add_argument("--start", required=True, type=_moment, metavar="ISO", help=when)
    add.add_argument("--end", required=True, type=_moment, metavar="ISO", help="within 31 days of the start")
    add.add_argument("--title", required=True, help="what pages and alerts call it")
    add.add_argument("--people", type=int, metavar="N", help="how many are expected")
    add.add_argument("--amplified", action="store_true", help="its sound goes through loudspeakers")
    add.add_argument("--print-code", action="store_true", help="print code and link too, this once")
    move = _add(actions, "move", _booking_move, "give a booking other times: its code stays")
    move.add_argument("--site", help="needed where there are several")
    move.add_argument("--booking", required=True, metavar="ID", help="as booking add has printed it")
    move.add_argument("--start", required=True, type=_moment, metavar="ISO", help=when)
    move.add_argument("--end", required=True, type=_moment, metavar="ISO", help="within 31 days of the start")
    cancel = _add(actions, "cancel", _booking_cancel, "cancel a booking: its code opens nothing any more")
    cancel.add_argument("--site", help="needed where there are several")
    cancel.add_argument("--booking", required=True, metavar="ID", help="as booking add has printed it")


def _calendar_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    calendar = commands.add_parser("calendar", help="look at a calendar", description="Look at a calendar.")
    actions = calendar.add_subparsers(title="commands", metavar="COMMAND", required=True)
    text = "say which bookings a calendar holds and what is wrong with the rest"
    check = actions.add_parser("check", help=text, description=text[0].upper() + text[1:] + ".")
    check.add_argument("file", type=Path, metavar="FILE.ics", help="an iCalendar file")
    check.add_argument("--zone", default="Europe/Paris", help="IANA zone of times that name none")
    check.add_argument(
        "--from", required=True, dest="start", type=_moment, metavar="ISO", help="bookings from here on"
    )
    check.add_argument(
        "--to", required=True, dest="end", type=_moment, metavar="ISO", help="bookings up to here"
    )
    check.add_argument("--json", action="store_true", help="one JSON line with bookings and rejected")
    check.set_defaults(run=_calendar_check)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time like 2026-11-23T18:00") from None


def _milliseconds(moment: datetime, zone: str) -> int:
    try:
        local = moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(f"{zone!r} is no time zone like Europe/Paris") from error
    return round(local.timestamp() * 1000)


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file")
    parser.set_defaults(run=run)
    return parser


def _config(options: argparse.Namespace) -> GatewayConfig:
    return load(options.config)


def _site(config: GatewayConfig, name: str | None) -> SiteConfig:
    """The site that is named, or the only one."""
    if name is None and len(config.sites) > 1:
        raise SettingsError(f"--site: name one of {', '.join(site.site for site in config.sites)}")
    return config.site(name or config.sites[0].site)


def _init(options: argparse.Namespace) -> int:
    from pleintemps_gateway.enrolment import cli as enrolment
    from pleintemps_gateway.keys import make_keys
    from pleintemps_gateway.store.engine import migrate

    config = _config(options)
    revision = migrate(config.database_url)
    homes = {door.agent: site.site for site in config.sites for door in site.doors}
    known = enrolment.known(config)
    # an agent makes its own key when it enrols; demo houses come with all of them
    agents = enrolment.welcome(config, homes) if options.demo else {}
    for name in options.agent:
        agents[name] = homes.get(name) or _site(config, options.site).site
    purpose = "demo" if options.demo else "production"
    urls = (config.mqtt.url, config.enrolment.broker if config.enrolment else "")
    brokers = [host for url in urls if (host := urlsplit(url).hostname)]
    made = make_keys(
        Path(config.keys), agents, "demo" if options.demo else "production", SystemWorld(), brokers
    )
    enrolment.write_broker(config, made)
    for line in made:
        print(line)
    enrolment.let_in(config, enrolment.known(config) - known)
    link = _first_link(config)
    print(f"{len(made)} made, {purpose} keys in {config.keys}, store at revision {revision}")
    if not made:
        print("all of it was there already, and is as it was")
    for line in enrolment.next_steps(config, options.config, homes):
        print(line)
    if link:
        print(f"first account, good once, for a day, while the gateway runs: {link}")
    return 0


def _first_link(config: GatewayConfig) -> str:
    """Where the first manager makes their account; empty once there is one."""
    from pleintemps_gateway.accounts import book, links
    from pleintemps_gateway.store.engine import open_engine, write_transaction

    engine = open_engine(config.database_url)
    try:
        with write_transaction(engine, ["*"]) as conn:
            if book.has_manager(conn):
                return ""
            text = links.make(conn, SystemWorld(), "*", "", links.FIRST).text
    finally:
        engine.dispose()
    host = f"[{config.web.host}]" if ":" in config.web.host else config.web.host
    return f"{config.web.public_url or f'http://{host}:{config.web.port}'}/welcome/{text}"


def _migrate(options: argparse.Namespace) -> int:
    from pleintemps_gateway.store.engine import migrate

    print(f"store at revision {migrate(_config(options).database_url)}")
    return 0


def _run(options: argparse.Namespace) -> int:
    from pleintemps_gateway import app

    logs.setup()
    return app.run(options.config)


def _ingest(options: argparse.Namespace) -> int:
    from pleintemps_gateway import app

    logs.setup()
    app.ingest(options.config)
    return 0


def _web(options: argparse.Namespace) -> int:
    from pleintemps_gateway import app

    logs.setup()
    app.web(options.config)
    return 0


def _open(options: argparse.Namespace) -> "tuple[GatewayConfig, Engine, World]":
    from pleintemps_gateway import app
    from pleintemps_gateway.store.engine import migrate, open_engine

    config = _config(options)
    world = app.world_of(config, options.config.absolute().parent)
    migrate(config.database_url)
    return config, open_engine(config.database_url), world


def _user_add(options: argparse.Namespace) -> int:
    from pleintemps_gateway.accounts.rules import check_password
    from pleintemps_gateway.users import new_password, put_user

    config, engine, world = _open(options)
    if options.site != "*":
        config.site(options.site)
    password = new_password(world) if options.generate else sys.stdin.readline().rstrip("\r\n")
    check_password(password, options.name.split())
    put_user(engine, options.site, options.name, password, options.role, world)
    print(password if options.generate else f"{options.name} may log in as {options.role}")
    return 0


def _desk(config: GatewayConfig, world: World) -> "CodeDesk":
    from pleintemps_gateway.access.service import CodeDesk
    from pleintemps_gateway.delivery.outbox import Outbox
    from pleintemps_gateway.keys import load_gateway_keys

    sealing = load_gateway_keys(Path(config.keys)).sealing
    return CodeDesk(sealing, world, Outbox(config.delivery, sealing, world))


def _booking_add(options: argparse.Namespace) -> int:
    from pleintemps_gateway.bookings.service import create
    from pleintemps_gateway.store.engine import write_transaction

    config, engine, world = _open(options)
    site = _site(config, options.site)
    desk = _desk(config, world)
    with write_transaction(engine, [site.site]) as conn:
        made = create(
            conn,
            site,
            desk,
            space=options.space,
            start=_milliseconds(options.start, site.zone),
            end=_milliseconds(options.end, site.zone),
            title=options.title,
            people=options.people,
            amplified=options.amplified,
        )
    shown = {"site": site.site, "booking": made.booking, "grant": made.issued.grant}
    if made.withheld:
        shown |= {"withheld": made.withheld}
    elif options.print_code:
        shown |= {"code": made.issued.code, "link": made.issued.link}
    print(json.dumps(shown))
    return 0


def _booking_move(options: argparse.Namespace) -> int:
    from pleintemps_gateway.bookings.service import move
    from pleintemps_gateway.store.engine import write_transaction

    config, engine, world = _open(options)
    site = _site(config, options.site)
    start, end = (_milliseconds(moment, site.zone) for moment in (options.start, options.end))
    with write_transaction(engine, [site.site]) as conn:
        move(conn, site, _desk(config, world), options.booking, start=start, end=end)
    print(json.dumps({"site": site.site, "booking": options.booking, "start": _iso(start), "end": _iso(end)}))
    return 0


def _booking_cancel(options: argparse.Namespace) -> int:
    from pleintemps_gateway.bookings.service import cancel
    from pleintemps_gateway.store.engine import write_transaction

    config, engine, world = _open(options)
    site = _site(config, options.site)
    with write_transaction(engine, [site.site]) as conn:
        cancel(conn, site, _desk(config, world), options.booking)
    print(json.dumps({"site": site.site, "booking": options.booking, "status": "cancelled"}))
    return 0


def _calendar_check(options: argparse.Namespace) -> int:
    from pleintemps_gateway.bookings.sources.ical import parse

    start, end = _milliseconds(options.start, options.zone), _milliseconds(options.end, options.zone)
    if end <= start:
        raise SettingsError("--to must be later than --from")
    try:
        data = options.file.read_bytes()
    except OSError as error:
        raise SettingsError(f"{options.file}: {error.strerror}") from error
    parsed = parse(data, options.zone, start, end)
    if options.json:
        bookings = [{"uid": b.event, "start": _iso(b.start), "end": _iso(b.end)} for b in parsed.bookings]
        rejected = [{"uid": item.uid, "reason": item.reason} for item in parsed.rejected]
        print(json.dumps({"bookings": bookings, "rejected": rejected}, ensure_ascii=False))
        return 0
    for item in parsed.bookings:
        print(f"{_iso(item.start)}  {_iso(item.end)}  {item.title or item.uid}")
    for fault in parsed.rejected:
        print(f"rejected  {fault.uid}: {fault.reason}")
    print(f"{len(parsed.bookings)} bookings, {len(parsed.rejected)} rejected")
    return 0


def _iso(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def run() -> NoReturn:
    """Entry for ``python -m``."""
    sys.exit(main())


if __name__ == "__main__":
    run()
