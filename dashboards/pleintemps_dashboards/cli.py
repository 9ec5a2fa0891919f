"""The commands ``export DIR`` and ``build`` of ``python -m pleintemps_dashboards``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from . import ENGINES, FOLDER, LANGUAGES, __version__, build, export

_VARIABLES = """\
Set in Grafana's environment:
  GF_PATHS_PROVISIONING={folder}/provisioning
  PLEINTEMPS_DASHBOARDS={folder}/dashboards
"""
_SOURCES: Final = {
    "influxql": """\
  PLEINTEMPS_INFLUX_URL        of the InfluxDB that the gateway writes to, for example http://127.0.0.1:8086
  PLEINTEMPS_INFLUX_DATABASE   the gateway's bucket (InfluxDB 2: the database mapped to it)
  PLEINTEMPS_INFLUX_TOKEN      a token that may read it; empty without authentication""",
    "metricsql": """\
  PLEINTEMPS_VICTORIA_URL      of the VictoriaMetrics that the gateway writes to, for example http://127.0.0.1:8428
  PLEINTEMPS_VICTORIA_TOKEN    a bearer token where a proxy asks for one; may be empty""",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or 1 when the folder cannot be written; argparse ends a wrong command line with 2."""
    options = _parser().parse_args(arguments)
    folder: Path = FOLDER if options.command == "build" else options.folder.absolute()
    try:
        written = build() if options.command == "build" else export(folder, options.language, options.engine)
    except OSError as error:
        print(
            f"pleintemps_dashboards: {error.filename or folder}: {error.strerror or error}", file=sys.stderr
        )
        return 1
    for path in written:
        print(path)
    if options.command == "export":
        print(_VARIABLES.format(folder=folder) + _SOURCES[options.engine])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pleintemps_dashboards", description="Grafana dashboards over the series of a gateway."
    )
    parser.add_argument("--version", action="version", version=f"pleintemps {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    writing = commands.add_parser(
        "export",
        help="write Grafana's provisioning and the dashboards into a folder",
        description="Writes provisioning/ and dashboards/ below DIR and says which variables Grafana needs. "
        "Files of the same names are replaced.",
    )
    writing.add_argument("folder", metavar="DIR", type=Path, help="where to write; made if it is not there")
    writing.add_argument(
        "--language", choices=LANGUAGES, default="fr", help="language of titles and descriptions (fr)"
    )
    writing.add_argument(
        "--engine",
        choices=ENGINES,
        default="influxql",
        help="influxql for InfluxDB, metricsql for VictoriaMetrics (influxql)",
    )
    commands.add_parser(
        "build",
        help="write the package's own dashboards anew from boards.py",
        description="For who changes boards.py: writes the JSON files of this package anew.",
    )
    return parser
