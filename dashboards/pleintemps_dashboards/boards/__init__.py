"""The dashboards, once for both languages: ``python -m pleintemps_dashboards build`` writes their JSON anew.

InfluxQL that InfluxDB 1.8, 2 and 3 share; decibels are never averaged; days are those of UTC.
"""

import json
import re
from collections.abc import Callable
from typing import Any, Final

from pleintemps_dashboards.parts import Json, Text, data_source_variable, link, place

from . import agents, site, space, territory
from .common import Board

BOARDS: Final[dict[str, Callable[[], Board]]] = {
    "territory": territory.board,
    "site": site.board,
    "space": space.board,
    "agents": agents.board,
}


def render(name: str, language: str) -> str:
    """The dashboard ``name`` as a file of Grafana."""
    board = BOARDS[name]()
    has_site = any(each["name"] == "site" for each in board.variables)
    found: Json = {
        "uid": f"pleintemps-{name}-{language}",
        "title": board.title,
        "description": board.about,
        "tags": ["pleintemps"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": board.time, "to": "now"},
        "annotations": {"list": []},
        "links": [
            link(title, target, language, site=known and has_site) for title, target, known in board.links
        ],
        "templating": {"list": [data_source_variable(), *board.variables]},
        "panels": place(board.panels),
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
