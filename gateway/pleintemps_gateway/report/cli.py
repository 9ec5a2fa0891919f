"""``pleintemps-gateway report``: the night of a day in a file."""

import argparse
from datetime import date
from pathlib import Path

from pleintemps_contract.world import SystemWorld
from pleintemps_gateway.app import world_of
from pleintemps_gateway.config import load
from pleintemps_gateway.errors import SettingsError


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``report``."""
    text = "write the morning report of a night to a file, .pdf or .html"
    report = commands.add_parser("report", help=text, description=text[0].upper() + text[1:] + ".")
    report.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file")
    report.add_argument(
        "--night", required=True, type=_day, metavar="DATE", help="the day on which the night began"
    )
    report.add_argument("--out", required=True, type=Path, metavar="FILE", help="ends with .pdf or .html")
    report.add_argument("--site", action="append", default=[], help="one site, or several; all by default")
    report.add_argument("--language", choices=("fr", "en"), default="fr")
    report.set_defaults(run=_report)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day like 2026-11-23") from None


def _report(options: argparse.Namespace) -> int:
    from pleintemps_gateway.store.engine import open_engine

    from .paper import Press

    config = load(options.config)
    out: Path = options.out
    if out.suffix not in (".pdf", ".html"):
        raise SettingsError("--out: a name that ends with .pdf or .html")
    for site in options.site:
        config.site(site)
    sites = tuple(options.site) or tuple(site.site for site in config.sites)
    base = options.config.absolute().parent
    world = world_of(config, base) if config.clock.source == "simulated" else SystemWorld()
    engine = open_engine(config.database_url)
    try:
        press = Press(config, engine, world)
        sheet = press.sheet(sites, options.night)
        if out.suffix == ".html":
            made: bytes | None = press.html(sheet, options.language).encode()
        else:
            made = press.pdf(sheet, options.language)
    finally:
        engine.dispose()
    if made is None:
        raise SettingsError("no PDF can be made here: libpango is missing; ask for .html")
    out.write_bytes(made)
    print(f"{out}: {len(made)} bytes")
    return 0
