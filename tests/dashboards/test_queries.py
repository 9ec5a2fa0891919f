"""Every query of every panel, asked of a real InfluxDB 1.6 that our own line writer has filled."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pleintemps_contract.agent_messages import ClockSource
from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.onvif import DoorAlarm
from pleintemps_contract.units import Quantity
from pleintemps_contract.world import SystemWorld
from pleintemps_dashboards import FOLDER
from pleintemps_gateway.series import rows
from pleintemps_gateway.series.lines import render
from tests.support.series_servers import InfluxDB1

DATABASE = "dashboards"
SITE, SPACE = "saint-aubin", "hall"
MINUTE = 60_000
Panel = dict[str, Any]


def _rows(start: int, space: str) -> list[rows.Row]:
    """An hour of one space: loud from the thirtieth minute on, with people, a forced door and two alerts."""
    told: list[rows.Row] = []
    for quantity, value in (
        (Quantity.LEVEL, 60.0),
        (Quantity.MOTION, 1.0),
        (Quantity.RADAR, 3.0),
        (Quantity.CONTACT, 0.0),
    ):
        told.append(
            rows.Samples(
                space=space,
                agent="entrance",
                series=f"{space}-{quantity.value}",
                quantity=quantity,
                ats=range(start, start + 60 * MINUTE, MINUTE),
                values=[value] * 60,
            )
        )
    for minute in range(60):
        at = start + minute * MINUTE
        told.append(rows.SpaceState(space=space, at=at, state=Occupancy.OCCUPIED, probability=0.9))
        told.append(
            rows.NoiseWindow(space=space, at=at, laeq_db=60.0 if minute < 30 else 71.5, limit_db=65.0)
        )
    told.append(rows.AlertChange(kind="noise", at=start + 30 * MINUTE, resolved=False, space=space))
    told.append(rows.AlertChange(kind="noise", at=start + 50 * MINUTE, resolved=True, space=space))
    told.append(rows.DoorAlarmState(door=space, space=space, at=start, alarm=DoorAlarm.NORMAL))
    told.append(
        rows.DoorAlarmState(door=space, space=space, at=start + 5 * MINUTE, alarm=DoorAlarm.FORCED_OPEN)
    )
    hour = {"known_ms": 60 * MINUTE, "used_ms": 30 * MINUTE, "booked_ms": 60 * MINUTE, "both_ms": 15 * MINUTE}
    told.append(rows.SpaceHour(space=space, at=start, **hour))
    for minute in range(60):
        told.append(
            rows.AgentNow(
                agent=f"{space}-1",
                at=start + minute * MINUTE,
                online=minute != 20,
                silent_s=2.0,
                backlog=minute,
                lost=3,
                ill=1,
                clock=ClockSource.RTC,
                clock_trusted=True,
                version=1_002_003,
                certificate_days=40.5,
            )
        )
    return told


@pytest.fixture(scope="module")
def start(influxdb: InfluxDB1) -> int:
    """The hour that the database holds data from: the last full one, as the table of ages looks at now."""
    first = SystemWorld().now() // 3_600_000 * 3_600_000 - 3_600_000
    influxdb.create_database(DATABASE)
    for site, space in ((SITE, SPACE), (SITE, "yard"), ("elsewhere", SPACE)):
        influxdb.write(DATABASE, render(site, _rows(first, space)))
    return first


def _ask(influxdb: InfluxDB1, start: int, query: str) -> list[dict[str, Any]]:
    """What Grafana makes of a query before it sends it."""
    for variable, value in {
        "$timeFilter": f"time >= {start}ms and time <= {start + 60 * MINUTE}ms",
        "$__interval": "1m",
        "$site": SITE,
        "$space": SPACE,
    }.items():
        query = query.replace(variable, value)
    assert "$" not in query.replace("$/", "")
    return influxdb.query(DATABASE, query)


def _dashboards() -> list[tuple[str, Panel]]:
    loaded = []
    for path in sorted(FOLDER.glob("dashboards/*/*.json")):
        dashboard = json.loads(path.read_text(encoding="utf-8"))
        loaded += [(f"{path.parent.name}-{path.stem}-{panel['id']}", panel) for panel in dashboard["panels"]]
    return loaded


@pytest.fixture(params=_dashboards(), ids=lambda named: named[0])
def panel(request: pytest.FixtureRequest) -> Panel:
    _, panel = request.param
    return dict(panel)


def test_every_query_of_the_panel_brings_rows(influxdb: InfluxDB1, start: int, panel: Panel) -> None:
    for target in panel["targets"]:
        series = _ask(influxdb, start, target["query"])
        assert sum(len(one["values"]) for one in series) > 0
        tags = [one.get("tags", {}) for one in series]
        for name in re.findall(r"\$tag_(\w+)", target.get("alias", "")):
            assert all(one[name] for one in tags)
        # otherwise Grafana shows two curves of one name
        assert len({tuple(sorted(one.items())) for one in tags}) == len({_name(target, one) for one in tags})


def _name(target: dict[str, Any], tags: dict[str, str]) -> str:
    if target["resultFormat"] == "table":
        return repr(tags)
    return re.sub(r"\$tag_(\w+)", lambda found: tags[found[1]], str(target["alias"]))


def test_columns_that_a_table_renames_are_there(influxdb: InfluxDB1, start: int) -> None:
    tables = [panel for _, panel in _dashboards() if panel["type"] == "table"]
    assert tables
    for panel in tables:
        (target,) = panel["targets"]
        series = _ask(influxdb, start, target["query"])
        columns = {"Time", *series[0]["tags"], *series[0]["columns"]} - {"time"}
        assert {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]} == columns


def _panel(name: str, title: str) -> Panel:
    path = FOLDER / "dashboards" / "en" / f"{name}.json"
    (found,) = (panel for panel in json.loads(path.read_text())["panels"] if panel["title"] == title)
    return dict(found)


def test_the_site_shows_how_far_each_space_is_above_its_limit(influxdb: InfluxDB1, start: int) -> None:
    (target,) = _panel("site", "Level against limit")["targets"]
    series = _ask(influxdb, start, target["query"])
    assert {one["tags"]["space"] for one in series} == {SPACE, "yard"}
    for one in series:
        assert [value for _, value in one["values"]] == [-5.0] * 30 + [6.5] * 30


def test_the_space_shows_its_own_level_and_limit(influxdb: InfluxDB1, start: int) -> None:
    level, limit = (_ask(influxdb, start, t["query"]) for t in _panel("space", "Level and limit")["targets"])
    assert [value for _, value in level[0]["values"]] == [60.0] * 30 + [71.5] * 30
    assert {value for _, value in limit[0]["values"]} == {65.0}


def test_alerts_are_counted_by_kind(influxdb: InfluxDB1, start: int) -> None:
    opened, resolved = (_ask(influxdb, start, t["query"]) for t in _panel("site", "Alerts")["targets"])
    assert opened[0]["tags"] == {"kind": "noise"}
    assert opened[0]["values"] == [[start + 30 * MINUTE, 2.0]]
    assert resolved[0]["values"] == [[start + 50 * MINUTE, 2.0]]


def test_the_age_is_that_of_each_sensors_own_last_value(influxdb: InfluxDB1, start: int) -> None:
    (target,) = _panel("space", "Age of the data")["targets"]
    series = _ask(influxdb, start, target["query"])
    assert {one["tags"]["kind"] for one in series} == {"level", "motion", "radar", "contact"}
    assert {one["values"][0][0] for one in series} == {start + 59 * MINUTE}


def test_door_alarms_keep_their_own_times(influxdb: InfluxDB1, start: int) -> None:
    (target,) = _panel("space", "Door alarms")["targets"]
    (series,) = _ask(influxdb, start, target["query"])
    assert series["values"] == [[start, 0.0], [start + 5 * MINUTE, 1.0]]


def test_the_territory_shows_how_much_of_the_known_time_is_used(influxdb: InfluxDB1, start: int) -> None:
    (target,) = _panel("territory", "Intensity of use")["targets"]
    series = {one["tags"]["site"]: one["values"] for one in _ask(influxdb, start, target["query"])}
    day = start // 86_400_000 * 86_400_000
    assert series == {SITE: [[day, 0.5]], "elsewhere": [[day, 0.5]]}
    booked, used, both = _panel("territory", "Booked and used")["targets"]
    hours = [_ask(influxdb, start, one["query"])[0]["values"][0][1] for one in (booked, used, both)]
    assert hours == [3, 1.5, 0.75]
    (target,) = _panel("territory", "Use by space")["targets"]
    shown = {
        (one["tags"]["site"], one["tags"]["space"]): one for one in _ask(influxdb, start, target["query"])
    }
    assert shown[SITE, SPACE]["columns"] == ["time", "booked", "used", "share"]
    assert shown[SITE, SPACE]["values"][0][1:] == [1, 0.5, 0.5]
    assert len(shown) == 3


def test_the_agents_show_when_one_was_away_and_what_it_told_last(influxdb: InfluxDB1, start: int) -> None:
    (target,) = _panel("agents", "Connection")["targets"]
    series = {one["tags"]["sensor"]: one["values"] for one in _ask(influxdb, start, target["query"])}
    assert set(series) == {f"{SPACE}-1", "yard-1"}
    assert [at for at, online in series[f"{SPACE}-1"] if not online] == [start + 20 * MINUTE]
    (target,) = _panel("agents", "Versions and certificates")["targets"]
    found = _ask(influxdb, start, target["query"])
    assert [one["values"][0][1:] for one in found] == [[1_002_003, 40.5, 59, 1]] * 2


@pytest.mark.parametrize("name", ["agents", "site", "space", "territory"])
def test_variables_offer_what_was_written(influxdb: InfluxDB1, start: int, name: str) -> None:
    path = Path(FOLDER) / "dashboards" / "fr" / f"{name}.json"
    variables = json.loads(path.read_text(encoding="utf-8"))["templating"]["list"]
    offered = {
        variable["name"]: {
            row[1] for one in _ask(influxdb, start, variable["query"]) for row in one["values"]
        }
        for variable in variables
        if variable["type"] == "query"
    }
    assert offered.pop("site", set()) == (set() if name == "territory" else {SITE, "elsewhere"})
    assert offered == ({"space": {SPACE, "yard"}} if name == "space" else {})
