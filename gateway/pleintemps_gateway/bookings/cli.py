"""``pleintemps-gateway group`` and ``right``: groups with their papers, recurring rights."""

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args
from zoneinfo import ZoneInfo

import msgspec

from pleintemps_gateway.config import SiteConfig, load
from pleintemps_gateway.errors import SettingsError

from .calendar_config import DayType
from .right_rules import Kind

if TYPE_CHECKING:
    from sqlalchemy import Engine, Row

    from pleintemps_gateway.access.service import CodeDesk
    from pleintemps_gateway.bookings.group_book import Group

_BY: Final = "command line"
_EVERY: Final = "*"
_PAPERS: Final = ("convention_until", "insurance_until", "briefed")


class _House(NamedTuple):
    sites: list[SiteConfig]
    engine: "Engine"
    desk: "CodeDesk"

    def site(self, name: str | None) -> SiteConfig:
        """The site that is named, or the only one."""
        if name is None and len(self.sites) == 1:
            return self.sites[0]
        for site in self.sites:
            if site.site == name:
                return site
        raise SettingsError(f"--site: name one of {', '.join(site.site for site in self.sites)}")


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the gateway's parser."""
    text = "groups that use rooms, and their papers"
    group = commands.add_parser("group", help=text, description=text[0].upper() + text[1:] + ".")
    actions = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    put = _add(actions, "set", _group_set, "add a group or change what is said of it; the rest stays")
    put.add_argument("group", metavar="SLUG", help="its name in the store")
    put.add_argument("--site", help=f"needed where there are several; {_EVERY} for all of them")
    put.add_argument("--name", help="as bookings tell it")
    put.add_argument("--contact", help="who answers for it")
    _reach(put)
    day = "a day, or an empty text for none"
    put.add_argument(
        "--convention-until", type=_day, default=argparse.SUPPRESS, metavar="DAY", help=f"its last day: {day}"
    )
    put.add_argument(
        "--insurance-until", type=_day, default=argparse.SUPPRESS, metavar="DAY", help=f"its last day: {day}"
    )
    put.add_argument(
        "--briefed",
        type=_day,
        default=argparse.SUPPRESS,
        metavar="DAY",
        help=f"when its safety briefing was: {day}",
    )
    put.add_argument("--people", type=int, metavar="N", help="so many at most")
    _add(actions, "list", _group_list, "print the groups of a site, one JSON object a line").add_argument(
        "--site", help="needed where there are several"
    )

    text = "recurring rights of staff and professionals"
    right = commands.add_parser("right", help=text, description=text[0].upper() + text[1:] + ".")
    actions = right.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add = _add(actions, "add", _right_add, "give a right; its code is issued and sent by itself")
    add.add_argument("--site", help="needed where there are several; one right for each site of a person")
    add.add_argument("--space", action="append", required=True, metavar="SLUG", help="repeat it for more")
    add.add_argument("--person", required=True, help="their name")
    _reach(add)
    add.add_argument(
        "--kind", choices=get_args(Kind), default="code", help="staff kinds also end a fire's release"
    )
    add.add_argument("--card", default="", metavar="TEXT", help="of a card: w26:FACILITY:NUMBER")
    add.add_argument("--days", required=True, metavar="DAYS", help="such as mon,tue,fri")
    add.add_argument("--from", dest="start", required=True, metavar="HH:MM", help="in the site's time")
    add.add_argument("--to", required=True, metavar="HH:MM", help="on the next day if it is not later")
    kinds = ", ".join(kind.value for kind in DayType)
    add.add_argument("--except", dest="excluded", default=DayType.CLOSED.value, metavar="TYPES", help=kinds)
    add.add_argument("--extended", action="store_true", help="doors stay open longer for them")
    add.add_argument("--first-day", type=_day, required=True, metavar="DAY", help="such as 2026-09-01")
    add.add_argument("--last-day", type=_day, required=True, metavar="DAY", help="included")
    end = _add(actions, "end", _right_end, "end a right now: it opens nothing any more")
    end.add_argument("--site", help="needed where there are several")
    end.add_argument("right", metavar="ID", help="as right add has printed it")
    _add(actions, "list", _right_list, "print the rights that are not over, one JSON object a line")


def _add(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, text: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file")
    parser.set_defaults(run=run)
    return parser


def _reach(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mail", help="where codes and reminders go")
    parser.add_argument("--phone", help="for text messages")
    parser.add_argument("--language", choices=("fr", "en"), help="that of the site by default")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day like 2026-09-01") from None


def _at(day: date, zone: str) -> int:
    """The beginning of a local day, Unix ms."""
    return round(datetime.combine(day, time(), ZoneInfo(zone)).timestamp() * 1000)


def _last(day: date, zone: str) -> int:
    """The last moment of a local day, Unix ms."""
    return _at(day + timedelta(days=1), zone) - 1


def _open(options: argparse.Namespace) -> _House:
    from pleintemps_gateway import app
    from pleintemps_gateway.access.service import CodeDesk
    from pleintemps_gateway.delivery.outbox import Outbox
    from pleintemps_gateway.keys import load_gateway_keys
    from pleintemps_gateway.store.engine import migrate, open_engine

    config = load(options.config)
    world = app.world_of(config, options.config.absolute().parent)
    migrate(config.database_url)
    sealing = load_gateway_keys(Path(config.keys)).sealing
    desk = CodeDesk(sealing, world, Outbox(config.delivery, sealing, world))
    return _House(config.sites, open_engine(config.database_url), desk)


def _group_set(options: argparse.Namespace) -> int:
    from sqlalchemy import select

    from pleintemps_gateway.store.engine import write_transaction
    from pleintemps_gateway.store.schema import groups

    from .papers import change_group

    house = _open(options)
    sites = house.sites if options.site == _EVERY else [house.site(options.site)]
    where = _EVERY if options.site == _EVERY else sites[0].site
    with write_transaction(house.engine, {where, *(site.site for site in sites)}) as conn:
        same = (groups.c.site == where) & (groups.c.group == options.group)
        known = conn.execute(select(groups).where(same)).first()
        wish = _group(options, known, sites[0].zone)
        changed = change_group(conn, where, sites, house.desk, wish, _BY)
    print(json.dumps({"site": where, "group": options.group, "changed": changed}))
    return 0


def _group(options: argparse.Namespace, known: "Row[Any] | None", zone: str) -> "Group":
    from .group_book import Group
    from .groups import slug_of

    given = vars(options)
    if slug_of(options.group) != options.group:
        raise SettingsError(f"{options.group!r} is no slug like {slug_of(options.group) or 'choir'}")
    values: dict[str, Any] = {"group": options.group, "name": options.group, "contact": ""}
    if known is not None:
        values = {name: known._mapping[name] for name in Group.__struct_fields__}
    for name in ("name", "contact", "mail", "phone", "language", "people"):
        if given[name] is not None:
            values[name] = given[name]
    for name in _PAPERS:
        if name in given:
            day = given[name]
            values[name] = None if day is None else (_at if name == "briefed" else _last)(day, zone)
    if not values["contact"] or not (values.get("mail") or values.get("phone")):
        raise SettingsError("a group has somebody who answers for it: --contact, and --mail or --phone")
    return Group(**values)


def _group_list(options: argparse.Namespace) -> int:
    from .group_book import list_groups

    house = _open(options)
    site = house.site(options.site)
    with house.engine.connect() as conn:
        rows = list_groups(conn, site.site)
    for row in rows:
        times = {name: _iso(row._mapping[name]) for name in (*_PAPERS, "reminded", "updated")}
        print(json.dumps({**row._mapping, **times}, ensure_ascii=False))
    return 0


def _right_add(options: argparse.Namespace) -> int:
    from pleintemps_gateway.store.engine import write_transaction

    from .right_rules import RightRule
    from .rights import Right, add_right

    house = _open(options)
    site = house.site(options.site)
    if options.first_day is None or options.last_day is None:
        raise SettingsError("a right has a first day and a last day")
    week = {"days": _words(options.days), "from": options.start, "to": options.to}
    try:
        rule = msgspec.convert(week | {"except": _words(options.excluded)}, RightRule)
    except msgspec.ValidationError as error:
        raise SettingsError(f"--days, --from, --to, --except: {error}") from error
    right = Right(
        person=options.person,
        mail=options.mail or "",
        phone=options.phone or "",
        language=options.language or "",
        kind=options.kind,
        spaces=options.space,
        rule=rule,
        extended=options.extended,
        valid_from=_at(options.first_day, site.zone),
        valid_until=_last(options.last_day, site.zone),
        card=options.card,
    )
    with write_transaction(house.engine, [site.site]) as conn:
        name = add_right(conn, site, house.desk, right, _BY)
    print(json.dumps({"site": site.site, "right": name}))
    return 0


def _right_end(options: argparse.Namespace) -> int:
    from pleintemps_gateway.store.engine import write_transaction

    from .rights import end_right

    house = _open(options)
    site = house.site(options.site)
    with write_transaction(house.engine, [site.site]) as conn:
        end_right(conn, site, house.desk, options.right, _BY)
    print(json.dumps({"site": site.site, "right": options.right, "ended": True}))
    return 0


def _right_list(options: argparse.Namespace) -> int:
    from .rights import list_rights

    house = _open(options)
    names = [site.site for site in house.sites]
    with house.engine.connect() as conn:
        rows = list_rights(conn, names, house.desk.world.now())
    for row in rows:
        shown = {**row._mapping, "spaces": json.loads(row.spaces), "rule": json.loads(row.rule)}
        times = {name: _iso(row._mapping[name]) for name in ("valid_from", "valid_until", "ended", "updated")}
        print(json.dumps(shown | times, ensure_ascii=False))
    return 0


def _words(text: str) -> Sequence[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _iso(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
