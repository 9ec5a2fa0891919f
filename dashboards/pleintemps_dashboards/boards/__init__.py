"""The dashboards, once for both languages and engines: ``python -m pleintemps_dashboards build`` writes them.

InfluxQL that InfluxDB 1.8, 2 and 3 share, and MetricsQL for VictoriaMetrics; decibels are never averaged;
days are those of UTC.
"""

import json
import re
from collections.abc import Callable
from typing import Any, Final

from pleintemps_dashboards.asking import Engine, Query
from pleintemps_dashboards.parts import Json, Text, chosen, data_source_variable, link, place, uid

from . import agents, site, space, territory
from .common import Board

BOARDS: Final[dict[str, Callable[[], Board]]] = {
    "territory": territory.board,
    "site": site.board,
    "space": space.board,
    "agents": agents.board,
}


def render(name: str, language: str, engine: Engine = "influxql") -> str:
    """The dashboard ``name`` as a file of Grafana."""
    board = BOARDS[name]()
    has_site = any(each.name == "site" for each in board.variables)
    queries = [target.query for panel in board.panels for target in panel.targets]
    days = any(isinstance(query, Query) and query.every == "1d" for query in queries)
    found: Json = {
        "uid": uid(name, language, engine),
        "title": board.title,
        "description": board.about,
        "tags": ["pleintemps"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        # a day of MetricsQL begins where Grafana aligns it
        "timezone": "utc" if days and engine == "metricsql" else "browser",
        "refresh": "30s",
        "time": {"from": board.time, "to": "now"},
        "annotations": {"list": []},
        "links": [
            link(title, uid(target, language, engine), site=known and has_site)
            for title, target, known in board.links
        ],
        "templating": {
            "list": [data_source_variable(engine), *(chosen(each, engine) for each in board.variables)]
        },
        "panels": place(board.panels, engine),
    }
    return json.dumps(_said(found, language), ensure_ascii=False, indent=2) + "\n"


def _said(node: Any, language: str) -> Any:
    """``node`` with its texts in one language; French has a no-break space before high punctuation."""
    if isinstance(node, Text):
        return re.sub(r" ([:;?!])", "\u00a0\\1", node.fr) if language == "fr" else node.en
    if isinstance(node, dict):
        return {key: _said(value, language) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_said(value, language) for value in node]
    return node
