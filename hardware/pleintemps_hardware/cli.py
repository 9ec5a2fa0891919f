"""``python -m pleintemps_hardware``: kits shown and checked, a Pi's boot files, door labels."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pleintemps_contract.configfile import load_toml
from pleintemps_contract.errors import ConfigError

from . import kit, label, papers, rules
from .checks import booted
from .checks.wiring import Problem

USAGE_ERROR = 2
REFUSED = 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pleintemps_hardware",
        description="The kits: what is wired to what, and what must not be.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="the kits that come along")
    commands.add_parser("rules", help="every rule that a profile must keep, with what to do")
    show = commands.add_parser("show", help="a kit's profile as TOML, to copy and change")
    show.add_argument("kit", metavar="KIT")
    check = commands.add_parser("check", help="say ok, or one line for each rule that a profile breaks")
    check.add_argument("kit", metavar="KIT", help="a kit that comes along, or a file .toml")
    boot = commands.add_parser("boot", help="the lines of config.txt that a kit needs")
    boot.add_argument("kit", metavar="KIT", help="a kit that comes along, or a file .toml")
    boot.add_argument(
        "--at", type=Path, metavar="FOLDER", help="check the files there, such as /boot/firmware"
    )
    write = commands.add_parser("write", help="write tables, drawings and bills below a folder")
    write.add_argument("folder", type=Path, metavar="FOLDER")
    sign = commands.add_parser("label", help="a door's label with the duty number, as SVG")
    sign.add_argument(
        "--config", type=Path, metavar="FILE", required=True, help="gateway.toml: [sites.about] duty"
    )
    sign.add_argument("--site", metavar="SITE", required=True)
    sign.add_argument("--door", metavar="NAME", required=True, help="what the door is called")
    sign.add_argument("--out", type=Path, metavar="FILE", required=True)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done and well, 1 a rule is broken, 2 the command line or a file is wrong."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except (ConfigError, OSError) as error:
        print(error, file=sys.stderr)
        return USAGE_ERROR


def _run(options: argparse.Namespace) -> int:
    match options.command:
        case "list":
            for name in kit.names():
                print(f"{name}: {kit.load(name, Path()).title}")
        case "rules":
            for rule in rules.RULES:
                print(f"{rule.name}: {rule.todo}")
        case "show":
            print(kit.text(options.kit), end="")
        case "check":
            return _say(rules.check(kit.load(options.kit, Path())))
        case "boot":
            return _boot(kit.load(options.kit, Path()), options.at)
        case "write":
            print(f"{len(papers.write(options.folder))} files")
        case _:
            found = label.of(load_toml(options.config, label.Gateway), options.site, options.door)
            options.out.write_text(label.svg(found), encoding="utf-8")
    return 0


def _boot(profile: kit.Profile, folder: Path | None) -> int:
    if folder is None:
        print("\n".join(profile.boot.config))
        return 0
    config, cmdline = ((folder / name).read_text(encoding="utf-8") for name in ("config.txt", "cmdline.txt"))
    return _say(booted.check(profile, config, cmdline))


def _say(problems: list[Problem]) -> int:
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print("ok")
    return REFUSED if problems else 0
