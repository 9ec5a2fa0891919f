"""Every MetricsQL query of every panel, asked of a real VictoriaMetrics: the numbers that the same panel's
InfluxQL brings from a real InfluxDB 1.6 with the same data."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pleintemps_contract.world import SystemWorld
from pleintemps_dashboards import FOLDER, folder_of
from tests.support.series_servers import DASHBOARD_FLAGS, InfluxDB1, VictoriaMetrics

from .town import DAY, HOUR, MINUTE, SITE, SPACE, lines

DATABASE = "metricsql"
VARIABLES = {"$site": SITE, "$space": SPACE}
Panel = dict[str, Any]
Found = dict[tuple[tuple[str, str], ...], dict[int, float]]
"""By labels, by time (ms)."""


class Town(NamedTuple):
    """Both servers hold measurements from ``start`` to ``end``, and hours of ``days`` before ``end``."""

    influx: InfluxDB1
    metrics: VictoriaMetrics
    start: int
    end: int
    days: int


def _fill(influxdb: InfluxDB1, metrics: VictoriaMetrics, hours: int, days: int, rhythm_ms: int) -> Town:
    end = SystemWorld().now() // HOUR * HOUR
    start = end - hours * HOUR
    influxdb.create_database(DATABASE)
    for request in lines(start, hours, days * 24, rhythm_ms):
        influxdb.write(DATABASE, request)
        metrics.write(request)
    metrics.flush()
    return Town(influxdb, metrics, start, end, days)


@pytest.fixture(scope="module")
def town(influxdb: InfluxDB1, dashboard_metrics: VictoriaMetrics) -> Town:
    return _fill(influxdb, dashboard_metrics, hours=3, days=4, rhythm_ms=MINUTE // 2)


def _load(engine: str, name: str) -> dict[str, Any]:
    folder = folder_of("metricsql") if engine == "metricsql" else FOLDER
    loaded: dict[str, Any] = json.loads((folder / "dashboards" / "en" / f"{name}.json").read_text())
    return loaded


def _panels() -> list[tuple[str, Panel, Panel]]:
    found = []
    for path in sorted(folder_of("metricsql").glob("dashboards/en/*.json")):
        mine, other = (_load(engine, path.stem)["panels"] for engine in ("metricsql", "influxql"))
        found += [(f"{path.stem}-{a['id']}", a, b) for a, b in zip(mine, other, strict=True)]
    return found


PANELS = _panels()
CURVES = [(name, a, b) for name, a, b in PANELS if a["type"] != "table"]
TABLES = [(name, a, b) for name, a, b in PANELS if a["type"] == "table"]


def _filled(query: str, more: dict[str, str]) -> str:
    for variable, value in (VARIABLES | more).items():
        query = query.replace(variable, value)
    assert "$" not in query.replace("$/", "")
    return query


def _influx(town: Town, query: str, start: int, end: int, interval: str) -> list[dict[str, Any]]:
    times = f"time >= {start}ms and time < {end}ms"
    return town.influx.query(DATABASE, _filled(query, {"$timeFilter": times, "$__interval": interval}))


def _key(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


_UNITS = {"s": 1_000, "m": MINUTE, "h": HOUR, "d": DAY}


def _compare_curves(town: Town, mine: Panel, other: Panel, interval: str) -> int:
    """How many numbers there were; asserts that they are the same."""
    numbers = 0
    for target, question in zip(mine["targets"], other["targets"], strict=True):
        every = target.get("interval", interval)
        step = int(every[:-1]) * _UNITS[every[-1]]
        start, end = (town.start, town.end) if step < HOUR else (town.end - town.days * DAY, town.end)
        start, end = start // step * step, end // step * step
        expected: Found = {
            _key(series.get("tags", {})): {at: value for at, value in series["values"] if value is not None}
            for series in _influx(town, question["query"], start, end, every)
        }
        answer = town.metrics.query(
            _filled(target["expr"], {"$__interval": every}),
            start=str(start / 1000),
            end=str((end - step) / 1000),
            step=str(step / 1000),
        )
        found: Found = {
            _key(series["metric"]): {round(at * 1000): float(value) for at, value in series["values"]}
            for series in answer
        }
        assert found.keys() == expected.keys()
        for key, values in expected.items():
            assert found[key] == pytest.approx(values, rel=1e-9, abs=1e-9), key
        numbers += sum(map(len, found.values()))
    return numbers


def _compare_table(town: Town, mine: Panel, other: Panel) -> None:
    (question,) = other["targets"]
    start = town.end - 3 * DAY
    rows = {
        _key(series["tags"]): dict(zip(series["columns"], series["values"][0], strict=True))
        for series in _influx(town, question["query"], start, town.end + 1, "")
    }
    assert rows
    titles = _titles(other)
    shown = {title: name for name, title in _titles(mine).items()}
    by_name = {
        titles.get("Time" if column == "time" else column): column for column in next(iter(rows.values()))
    }
    for target in mine["targets"]:
        at = SystemWorld().now() if "[7d]" in target["expr"] else town.end
        query = _filled(target["expr"], {"${__range}": f"{(town.end - start) // 1000}s"})
        found = {
            _key(series["metric"]): float(series["value"][1])
            for series in town.metrics.query(query, time=str(at / 1000))
        }
        title = next(title for title, name in shown.items() if name == f"Value #{target['refId']}")
        expected = {key: row[by_name[title]] for key, row in rows.items()}
        assert found == pytest.approx(expected, rel=1e-9), title


def _titles(panel: Panel) -> dict[str, str]:
    """Titles of columns by their names in the answer."""
    return {
        override["matcher"]["options"]: prop["value"]
        for override in panel["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if prop["id"] == "displayName"
    }


@pytest.mark.parametrize(("mine", "other"), [pair[1:] for pair in CURVES], ids=[name for name, *_ in CURVES])
def test_a_panel_shows_the_numbers_of_influxql(town: Town, mine: Panel, other: Panel) -> None:
    assert _compare_curves(town, mine, other, "5m") > 0


@pytest.mark.parametrize(("mine", "other"), [pair[1:] for pair in TABLES], ids=[name for name, *_ in TABLES])
def test_a_table_shows_the_numbers_of_influxql(town: Town, mine: Panel, other: Panel) -> None:
    _compare_table(town, mine, other)


@pytest.mark.parametrize("name", ["agents", "site", "space", "territory"])
def test_variables_offer_what_influxql_offers(town: Town, name: str) -> None:
    mine, other = (
        [each for each in _load(engine, name)["templating"]["list"] if each["type"] == "query"]
        for engine in ("metricsql", "influxql")
    )
    for variable, question in zip(mine, other, strict=True):
        match = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
        assert match is not None
        path = f"/api/v1/label/{match[2]}/values"
        found = town.metrics.api(path, **{"match[]": _filled(match[1], {}), "start": str(town.start / 1000)})
        series = _influx(town, question["query"], town.start, town.end, "")
        assert found == sorted(row[1] for one in series for row in one["values"])


def test_a_gap_stays_a_gap(town: Town) -> None:
    """An offset around the whole query would show the last value instead."""
    (panel,) = (mine for name, mine, _ in CURVES if mine["title"] == "Level and limit")
    query = _filled(panel["targets"][0]["expr"], {"$__interval": "1m"})
    when = {"start": str(town.start / 1000), "end": str(town.end / 1000), "step": "60"}
    (series,) = town.metrics.query(query, **when)
    times = [round(at) for at, _ in series["values"]]
    assert max(later - at for at, later in pairwise(times)) >= 25 * 60


def test_the_documentation_asks_for_what_the_tests_set() -> None:
    said = (Path(__file__).parents[2] / "docs" / "series.md").read_text(encoding="utf-8")
    assert all(flag in said for flag in DASHBOARD_FLAGS)


@pytest.mark.soak
@pytest.mark.parametrize("interval", ["10s", "1m", "7m", "1h"])
def test_all_panels_over_days_and_intervals(
    influxdb: InfluxDB1, dashboard_metrics: VictoriaMetrics, interval: str
) -> None:
    town = _fill(influxdb, dashboard_metrics, hours=30, days=40, rhythm_ms=10_000)
    for _, mine, other in CURVES:
        assert _compare_curves(town, mine, other, interval) > 0
    for _, mine, other in TABLES:
        _compare_table(town, mine, other)
