"""``pleintemps-gateway occupancy``: what a room has taught, shown or forgotten; hours marked by people."""

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from pleintemps_gateway.config import SiteConfig, load
from pleintemps_gateway.errors import SettingsError

if TYPE_CHECKING:
    from sqlalchemy import Engine, Row

    from pleintemps_contract.world import World

_BY: Final = "command line"


class _House(NamedTuple):
    site: SiteConfig
    engine: "Engine"
    world: "World"


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the gateway's parser."""
    text = "what a room has taught about its sensors: show it, forget it, mark hours"
    parser = commands.add_parser("occupancy", help=text, description=text[0].upper() + text[1:] + ".")
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add(actions, "show", _show, "print what the running gateway stored last (it does so every hour)")
    text = "forget it, marked hours too: the room learns anew, at once if the gateway is running"
    _add(actions, "reset", _reset, text)
    mark = _add(actions, "mark", _mark, "say that a room was empty or used at a time of the last seven days")
    when = "ISO 8601, with an offset or in the site's time"
    mark.add_argument("--from", dest="start", required=True, type=_moment, metavar="ISO", help=when)
    mark.add_argument("--to", dest="end", required=True, type=_moment, metavar="ISO", help=when)
    state = mark.add_mutually_exclusive_group(required=True)
    state.add_argument("--empty", dest="state", action="store_const", const="empty", help="nobody was there")
    state.add_argument(
        "--used", dest="state", action="store_const", const="used", help="somebody was there all the time"
    )
    unmark = _add(actions, "unmark", _unmark, "take a mark away, and with it what it taught")
    unmark.add_argument("--mark", required=True, metavar="ID", help="as mark has printed it")
    _add(actions, "marks", _marks, "print the marks of a room, the youngest hour first")


def _add(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], int],
    meaning: str,
) -> argparse.ArgumentParser:
    action = actions.add_parser(name, help=meaning, description=meaning[0].upper() + meaning[1:] + ".")
    action.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file")
    action.add_argument("--site", required=True, metavar="SITE")
    space = action.add_mutually_exclusive_group(required=True)
    space.add_argument("space", nargs="?", metavar="SPACE", help="its slug in the configuration")
    space.add_argument("--space", dest="named", metavar="SPACE", help="the same")
    action.add_argument("--json", action="store_true", help="one JSON line for each thing")
    action.set_defaults(run=run)
    return action


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time like 2026-11-23T18:00") from None


def _within(options: argparse.Namespace, job: Callable[[_House, str], list[dict[str, Any]]]) -> int:
    """Do ``job`` for the space that is named, and print what it gives."""
    from pleintemps_gateway import app
    from pleintemps_gateway.store.engine import migrate, open_engine

    config = load(options.config)
    site, space = config.site(options.site), options.space or options.named
    if space not in {known.space for known in site.spaces}:
        raise SettingsError(f"--space: {space!r} is no space of {site.site}")
    world = app.world_of(config, options.config.absolute().parent)
    migrate(config.database_url)
    engine = open_engine(config.database_url)
    try:
        found = job(_House(site, engine, world), space)
    finally:
        engine.dispose()
    for item in found:
        shown = [json.dumps(item)] if options.json else [f"{k}: {json.dumps(v)}" for k, v in item.items()]
        print("\n".join(shown))
    return 0


def _show(options: argparse.Namespace) -> int:
    return _within(options, _youngest)


def _youngest(house: _House, space: str) -> list[dict[str, Any]]:
    from pleintemps_gateway.store.learnt import youngest

    with house.engine.connect() as conn:
        row = youngest(conn, house.site.site).get(space)
    found: dict[str, Any] = {"site": house.site.site, "space": space, "version": 0, "at": None}
    found |= {"reset_by": None, "learnt": None}
    if row is not None:
        found |= {"version": row["version"], "reset_by": row["reset_by"], "at": _iso(row["at"])}
        found["learnt"] = None if row["body"] is None else json.loads(row["body"])
    return [found]


def _reset(options: argparse.Namespace) -> int:
    from .marking import reset

    def job(house: _House, space: str) -> list[dict[str, Any]]:
        reset(house.engine, house.site, house.world, space, _BY)
        return _youngest(house, space)

    return _within(options, job)


def _mark(options: argparse.Namespace) -> int:
    from .marking import Wish, mark

    def job(house: _House, space: str) -> list[dict[str, Any]]:
        zone = ZoneInfo(house.site.zone)
        start, end = (
            round((at if at.tzinfo else at.replace(tzinfo=zone)).timestamp() * 1000)
            for at in (options.start, options.end)
        )
        wish = Wish(space, start, end, options.state)
        return [_shown(mark(house.engine, house.site, house.world, wish, _BY))]

    return _within(options, job)


def _unmark(options: argparse.Namespace) -> int:
    from .marking import unmark

    def job(house: _House, space: str) -> list[dict[str, Any]]:
        unmark(house.engine, house.site, house.world, space, options.mark, _BY)
        return [{"site": house.site.site, "space": space, "mark": options.mark, "removed": True}]

    return _within(options, job)


def _marks(options: argparse.Namespace) -> int:
    from .marking import marked

    def job(house: _House, space: str) -> list[dict[str, Any]]:
        with house.engine.connect() as conn:
            return [_shown(row) for row in marked(conn, house.site.site, space)]

    return _within(options, job)


def _shown(row: "Row[Any]") -> dict[str, Any]:
    names = ("site", "space", "mark", "state", "by")
    times = {name: _iso(row._mapping[name]) for name in ("start", "end", "at")}
    return {name: row._mapping[name] for name in names} | times | {"lesson": json.loads(row.lesson)}


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat()
