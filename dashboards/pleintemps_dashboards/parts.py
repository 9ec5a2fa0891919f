"""Pieces of Grafana dashboards as Grafana's JSON has them; every text is a pair, French and English."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from .asking import Engine, Query, Table

Json = dict[str, Any]
GAP_MS: Final = 900_000
"""So long without a point is a gap, which stays one."""


class Text(NamedTuple):
    fr: str
    en: str


class Target(NamedTuple):
    """One question; ``alias`` names its curves, None for a table."""

    query: Query | Table
    alias: Text | None = None


class Variable(NamedTuple):
    """What the reader chooses; its values come from the data."""

    name: str
    label: Text
    query: Query


class Column(NamedTuple):
    """A column of a table: its title, and ``unit`` or ``decimals`` where they are not the panel's."""

    title: Text
    unit: str = ""
    decimals: int | None = None
    hidden: bool = False


class Panel(NamedTuple):
    """``height`` in rows of the grid; ``half``: of its width. ``gap``: say that gaps stay gaps."""

    kind: str
    title: Text
    about: Text
    targets: Sequence[Target]
    unit: str
    height: int
    half: bool
    gap: bool
    custom: Json
    defaults: Json
    overrides: Sequence[Json]
    columns: Mapping[str, Column]


GAP: Final = Text(
    "Un trou d'un quart d'heure ou plus reste un trou : rien n'est supposé.",
    "A gap of a quarter of an hour or more stays a gap: nothing is assumed.",
)
PLUGINS: Final[Mapping[Engine, str]] = {"influxql": "influxdb", "metricsql": "prometheus"}
SOURCES: Final[Mapping[Engine, Json]] = {
    "influxql": {"text": "Plein Temps", "value": "pleintemps"},
    "metricsql": {"text": "Plein Temps (VictoriaMetrics)", "value": "pleintemps-metricsql"},
}
LETTERS: Final = "ABCDEF"
_LEGEND: Final[Json] = {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []}


def source(engine: Engine) -> Json:
    """The data source, always by the variable."""
    return {"type": PLUGINS[engine], "uid": "${datasource}"}


def lines(
    title: Text,
    about: Text,
    targets: Sequence[Target],
    unit: str,
    *,
    height: int = 9,
    half: bool = True,
    step: bool = False,
    gap: bool = True,
    low: float | None = None,
    high: float | None = None,
    overrides: Sequence[Json] = (),
) -> Panel:
    """Curves; ``step`` for what holds until it changes."""
    custom: Json = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 0,
        "showPoints": "auto",
        "spanNulls": False,
        "insertNulls": GAP_MS if gap else False,
        "lineInterpolation": "stepAfter" if step else "linear",
    }
    return Panel(
        "timeseries", title, about, targets, unit, height, half, gap, custom, _range(low, high), overrides, {}
    )


def bars(
    title: Text,
    about: Text,
    targets: Sequence[Target],
    unit: str,
    *,
    height: int = 9,
    half: bool = True,
    stacked: bool = True,
    decimals: int | None = None,
    high: float | None = None,
) -> Panel:
    """One bar an interval."""
    mode = "normal" if stacked else "none"
    custom: Json = {"drawStyle": "bars", "fillOpacity": 80, "lineWidth": 0}
    custom["stacking"] = {"mode": mode, "group": "A"}
    defaults = _range(0, high)
    if decimals is not None:
        defaults["decimals"] = decimals
    return Panel("timeseries", title, about, targets, unit, height, half, False, custom, defaults, (), {})


def states(
    title: Text,
    about: Text,
    target: Target,
    words: Mapping[int, tuple[Text, str]],
    *,
    height: int = 8,
    half: bool = True,
    gap: bool = True,
) -> Panel:
    """A lane for each thing; ``words`` give text and colour to each value."""
    options = {
        str(value): {"text": text, "color": colour, "index": index}
        for index, (value, (text, colour)) in enumerate(words.items())
    }
    defaults: Json = {
        "mappings": [{"type": "value", "options": options}],
        "color": {"mode": "thresholds"},
        "thresholds": {"mode": "absolute", "steps": [{"color": "text", "value": None}]},
    }
    custom: Json = {"fillOpacity": 80, "lineWidth": 0, "insertNulls": GAP_MS if gap else False}
    return Panel(
        "state-timeline", title, about, [target], "none", height, half, gap, custom, defaults, (), {}
    )


def table(
    title: Text,
    about: Text,
    query: Table,
    columns: Mapping[str, Column],
    *,
    height: int = 9,
    half: bool = True,
) -> Panel:
    return Panel(
        "table", title, about, [Target(query)], "none", height, half, False, {}, {}, (), dict(columns)
    )


def _range(low: float | None, high: float | None) -> Json:
    return {name: value for name, value in (("min", low), ("max", high)) if value is not None}


def place(panels: Iterable[Panel], engine: Engine) -> list[Json]:
    """Panels with their numbers and places: halves side by side, the others across."""
    placed: list[Json] = []
    x = y = tall = 0
    for number, panel in enumerate(panels, 1):
        width = 12 if panel.half else 24
        if x + width > 24:
            x, y, tall = 0, y + tall, 0
        placed.append(_panel(number, panel, {"x": x, "y": y, "w": width, "h": panel.height}, engine))
        x, tall = x + width, max(tall, panel.height)
    return placed


def _panel(number: int, panel: Panel, where: Json, engine: Engine) -> Json:
    about = panel.about
    if panel.gap:
        about = Text(f"{about.fr} {GAP.fr}", f"{about.en} {GAP.en}")
    defaults: Json = {"unit": panel.unit, **panel.defaults}
    if panel.custom:
        defaults["custom"] = panel.custom
    metricsql = engine == "metricsql"
    if metricsql and panel.custom.get("spanNulls") is False:
        # points of fixed steps: what is told each minute must not fall apart when a step is shorter
        defaults["custom"] = panel.custom | {"spanNulls": panel.custom["insertNulls"] or False}
    targets: list[Json] = []
    names = {name: name for name in panel.columns}
    for target in panel.targets:
        if isinstance(target.query, Table) and metricsql:
            names |= {name: f"Value #{LETTERS[index]}" for index, name in enumerate(target.query.metricsql)}
            queries = target.query.metricsql.values()
            targets += [_metric_column(LETTERS[index], query) for index, query in enumerate(queries)]
        elif isinstance(target.query, Query) and metricsql:
            targets.append(_metric(LETTERS[len(targets)], target.query, target.alias))
        else:
            targets.append(_target(LETTERS[len(targets)], target))
    columns = {names[name]: column for name, column in panel.columns.items()}
    if metricsql:
        columns.pop("Time", None)
    overrides = [*panel.overrides, *(_column(name, column) for name, column in columns.items())]
    more: Json = {}
    if metricsql and panel.kind == "table":
        more["transformations"] = _merged(columns)
    if metricsql and any(isinstance(each.query, Query) and each.query.every for each in panel.targets):
        more["maxDataPoints"] = 10_000  # else a long range would leave intervals out
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": about,
        "datasource": source(engine),
        "gridPos": where,
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "options": _options(panel),
        "targets": targets,
        **more,
    }


def _options(panel: Panel) -> Json:
    if panel.kind == "table":
        first = next(column.title for column in panel.columns.values() if not column.hidden)
        return {"showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": first, "desc": False}]}
    if panel.kind == "state-timeline":
        return {
            "mergeValues": True,
            "showValue": "auto",
            "rowHeight": 0.8,
            "legend": _LEGEND,
            "tooltip": {"mode": "single"},
        }
    return {"legend": _LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}}


def _target(letter: str, target: Target) -> Json:
    asked = target.query.influxql
    found: Json = {"refId": letter, "datasource": source("influxql"), "rawQuery": True, "query": asked}
    if target.alias is None:
        return found | {"resultFormat": "table"}
    return found | {"resultFormat": "time_series", "alias": target.alias}


def _metric(letter: str, query: Query, alias: Text | None) -> Json:
    found = _expression(letter, query.metricsql) | {"range": True, "instant": False, "format": "time_series"}
    if alias is not None:
        found["legendFormat"] = Text(*(re.sub(r"\$tag_(\w+)", r"{{\1}}", text) for text in alias))
    return found | ({"interval": query.every} if query.every else {})


def _metric_column(letter: str, query: str) -> Json:
    return _expression(letter, query) | {"range": False, "instant": True, "format": "table"}


def _expression(letter: str, query: str) -> Json:
    return {"refId": letter, "datasource": source("metricsql"), "editorMode": "code", "expr": query}


def _merged(columns: Mapping[str, Column]) -> list[Json]:
    """The columns of several queries side by side, in their order, without the moment of the question."""
    order = {name: index for index, name in enumerate(columns)}
    kept: Json = {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": {}}
    return [{"id": "merge", "options": {}}, {"id": "organize", "options": kept}]


def _column(name: str, column: Column) -> Json:
    properties: list[Json] = []
    if column.unit:
        properties.append({"id": "unit", "value": column.unit})
    properties.append({"id": "displayName", "value": column.title})
    if column.decimals is not None:
        properties.append({"id": "decimals", "value": column.decimals})
    if column.hidden:
        properties.append({"id": "custom.hidden", "value": True})
    return {"matcher": {"id": "byName", "options": name}, "properties": properties}


def chosen(variable: Variable, engine: Engine) -> Json:
    """A variable as Grafana has it."""
    return {
        "name": variable.name,
        "label": variable.label,
        "type": "query",
        "datasource": source(engine),
        "query": variable.query.influxql if engine == "influxql" else variable.query.metricsql,
        "hide": 0,
        "refresh": 2,
        "regex": "",
        "sort": 1,
        "includeAll": False,
        "multi": False,
        "current": {},
    }


def data_source_variable(engine: Engine) -> Json:
    return {
        "name": "datasource",
        "label": Text("Source de données", "Data source"),
        "type": "datasource",
        "query": PLUGINS[engine],
        "hide": 0,
        "current": {"selected": True, **SOURCES[engine]},
        "includeAll": False,
        "multi": False,
        "refresh": 1,
        "regex": "",
    }


def uid(board: str, language: str, engine: Engine) -> str:
    """The name of a dashboard for Grafana, where those of both engines may stand side by side."""
    return f"pleintemps-{board}-{language}" + ("" if engine == "influxql" else "-metricsql")


def link(title: Text, target: str, *, site: bool) -> Json:
    """To the dashboard whose uid is ``target``, with the time and (if it is known) the site."""
    chosen = "&${site:queryparam}" if site else ""
    return {
        "type": "link",
        "title": title,
        "url": f"/d/{target}?${{datasource:queryparam}}{chosen}&${{__url_time_range}}",
        "icon": "dashboard",
        "targetBlank": False,
        "asDropdown": False,
        "tags": [],
        "includeVars": False,
        "keepTime": False,
    }
