"""``pleintemps-gateway evaluate noise``."""

import argparse
from pathlib import Path
from typing import Any

from pleintemps_gateway.config import SiteConfig, SpaceConfig, load
from pleintemps_gateway.errors import SettingsError

from .levels import read_levels
from .noise import ALONE, report

_ABOUT = "replay recorded levels through the noise rules: windows, warnings, alerts, percentiles"


def register(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """Add the command to those of ``evaluate``."""
    parser = actions.add_parser("noise", help=_ABOUT, description=_ABOUT[0].upper() + _ABOUT[1:] + ".")
    parser.add_argument("path", type=Path, metavar="FILE", help="time, series, value; or NoiseSensor's")
    parser.add_argument("--config", type=Path, metavar="TOML", help="the gateway's file, for its limits")
    parser.add_argument("--space", metavar="S", help="the space of that file whose limits count")
    parser.add_argument("--json", action="store_true", help="one JSON line with all figures")
    return parser


def _space(options: argparse.Namespace) -> tuple[SiteConfig, SpaceConfig]:
    if options.config is None and options.space is None:
        return ALONE, ALONE.spaces[0]
    if options.config is None or options.space is None:
        raise SettingsError("--config and --space go together")
    sites = load(options.config).sites
    chosen = [(site, space) for site in sites for space in site.spaces if space.space == options.space]
    if len(chosen) != 1:
        names = ", ".join(space.space for site in sites for space in site.spaces)
        raise SettingsError(f"--space: {options.space!r} is not one space of {names}")
    return chosen[0]


def found(options: argparse.Namespace) -> dict[str, Any]:
    """The report that the command line asks for; raises SettingsError or ConfigError, one line."""
    site, space = _space(options)
    return report(read_levels(options.path), site, space)
