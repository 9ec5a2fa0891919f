"""Rules that every dashboard keeps; Grafana itself accepts far worse without a word."""

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from pleintemps_dashboards import ENGINES, FOLDER, LANGUAGES, Engine, folder_of
from pleintemps_dashboards.boards import BOARDS, render

FILES = {engine: sorted(folder_of(engine).glob("dashboards/*/*.json")) for engine in ENGINES}
ALL = [(engine, path) for engine, paths in FILES.items() for path in paths]
PLUGINS = {"influxql": "influxdb", "metricsql": "prometheus"}
UNITS = {"dB", "percentunit", "short", "none", "h", "m", "s"}
NAMES = ["agents", "site", "space", "territory"]
COLUMNS = 24


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def _engine(dashboard: dict[str, Any]) -> Engine:
    return "metricsql" if dashboard["uid"].endswith("-metricsql") else "influxql"


def _name(case: object) -> str:
    return f"{case.parent.name}-{case.stem}" if isinstance(case, Path) else str(case)


@pytest.fixture(params=ALL, ids=lambda case: f"{case[0]}-{_name(case[1])}")
def dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    engine, path = request.param
    loaded = _load(path)
    assert _engine(loaded) == engine
    return loaded


@pytest.mark.parametrize("engine", ENGINES)
def test_there_are_four_dashboards_in_every_language(engine: Engine) -> None:
    assert [(path.parent.name, path.stem) for path in FILES[engine]] == [
        (language, name) for language in sorted(LANGUAGES) for name in NAMES
    ]


@pytest.mark.parametrize(("engine", "path"), ALL, ids=_name)
def test_files_are_what_their_source_says(engine: Engine, path: Path) -> None:
    wanted = render(path.stem, path.parent.name, engine)
    assert path.read_text(encoding="utf-8") == wanted, "run: python -m pleintemps_dashboards build"


def test_names_are_unique_for_grafana() -> None:
    uids = [_load(path)["uid"] for _, path in ALL]
    assert len(set(uids)) == len(ALL)
    assert all(re.fullmatch(r"[a-z0-9-]{1,40}", uid) for uid in uids)


def test_every_panel_says_what_it_shows(dashboard: dict[str, Any]) -> None:
    assert dashboard["title"]
    assert dashboard["description"]
    assert dashboard["panels"]
    for panel in dashboard["panels"]:
        assert panel["title"], panel["id"]
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    titles = [panel["title"] for panel in dashboard["panels"]]
    assert len(set(titles)) == len(titles)


def test_panels_fill_the_grid_without_overlap(dashboard: dict[str, Any]) -> None:
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    for place in places:
        assert all(type(place[key]) is int for key in "xywh")
        assert place["x"] >= 0
        assert place["y"] >= 0
        assert place["w"] >= 1
        assert place["h"] >= 3
        assert place["x"] + place["w"] <= COLUMNS
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)


def test_the_data_source_is_a_variable_everywhere(dashboard: dict[str, Any]) -> None:
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    plugin = PLUGINS[_engine(dashboard)]
    assert variables["datasource"]["query"] == plugin
    users = [variable for variable in variables.values() if variable["type"] == "query"]
    for panel in dashboard["panels"]:
        users += [panel, *panel["targets"]]
    assert all(user["datasource"] == {"type": plugin, "uid": "${datasource}"} for user in users)
    assert len(users) > 2


def test_queries_use_known_variables_and_a_range(dashboard: dict[str, Any]) -> None:
    known = {variable["name"] for variable in dashboard["templating"]["list"]}
    known |= {"timeFilter", "__interval", "__range"}
    for panel in dashboard["panels"]:
        references = [target["refId"] for target in panel["targets"]]
        assert references
        assert len(set(references)) == len(references)
        for target in panel["targets"]:
            metrics = _engine(dashboard) == "metricsql"
            query = target["expr" if metrics else "query"]
            assert set(re.findall(r"\$\{?(\w+)", query)) <= known
            if metrics:
                # a window for every series, with its beginning and not its end; tables look back from the end
                windows = re.findall(r"\[([^]]+)\]( offset 1ms-(\S+?)\))?", query)
                assert windows
                assert len(windows) == query.count("_over_time(")
                for window, offset, back in windows:
                    assert back == window if offset else target["instant"]
                assert target["range"] is not target["instant"]
            else:
                assert target["rawQuery"] is True
                assert "$timeFilter" in query or "now()" in query


def test_decibels_are_never_averaged(dashboard: dict[str, Any]) -> None:
    for panel in dashboard["panels"]:
        if panel["fieldConfig"]["defaults"]["unit"] == "dB":
            queries = [target.get("query", target.get("expr")) for target in panel["targets"]]
            assert all("mean(" not in query and "sum" not in query for query in queries), panel["title"]
            assert all("avg" not in query for query in queries), panel["title"]


def _without_texts(node: Any) -> Any:
    if isinstance(node, dict):
        texts = {
            "title",
            "description",
            "label",
            "alias",
            "legendFormat",
            "text",
            "uid",
            "url",
            "displayName",
        }
        renamed = node.get("id") == "displayName"
        return {
            key: _without_texts(value)
            for key, value in node.items()
            if key not in texts and not (renamed and key == "value")
        }
    if isinstance(node, list):
        return [_without_texts(one) for one in node]
    return node


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", sorted(BOARDS))
def test_languages_differ_in_their_words_only(name: str, engine: Engine) -> None:
    folder = folder_of(engine) / "dashboards"
    french, english = (_load(folder / language / f"{name}.json") for language in ("fr", "en"))
    assert _without_texts(french) == _without_texts(english)
    for one, other in zip(french["panels"], english["panels"], strict=True):
        assert one["title"] != other["title"]
        assert one["description"] != other["description"]


def test_links_lead_to_the_dashboards_of_the_same_language(dashboard: dict[str, Any]) -> None:
    uids = {_load(path)["uid"] for path in FILES[_engine(dashboard)]}
    language = dashboard["uid"].removesuffix("-metricsql").rsplit("-", 1)[1]
    targets = [re.match(r"/d/([a-z0-9-]+)\?", link["url"]) for link in dashboard["links"]]
    assert targets
    for target in targets:
        assert target is not None
        assert target[1] in uids
        assert target[1].removesuffix("-metricsql").endswith(f"-{language}")
        assert target[1] != dashboard["uid"]


def test_provisioning_names_the_data_source_that_the_dashboards_choose(dashboard: dict[str, Any]) -> None:
    engine = _engine(dashboard)
    file = yaml.safe_load((folder_of(engine) / "provisioning/datasources/pleintemps.yaml").read_text())
    assert file["apiVersion"] == 1
    (source,) = file["datasources"]
    assert source["type"] == PLUGINS[engine]
    assert source["jsonData"].get("version") == ("InfluxQL" if engine == "influxql" else None)
    chosen = dashboard["templating"]["list"][0]["current"]
    assert chosen["value"] == source["uid"]
    assert chosen["text"] == source["name"]


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_both_engines_have_the_same_panels(name: str) -> None:
    one, other = (_load(folder_of(engine) / "dashboards" / "fr" / f"{name}.json") for engine in ENGINES)
    for key in ("title", "description"):
        assert one[key] == other[key]
        assert [panel[key] for panel in one["panels"]] == [panel[key] for panel in other["panels"]]
    for first, second in zip(one["panels"], other["panels"], strict=True):
        assert first["gridPos"] == second["gridPos"]
        names = [
            [re.sub(r"\$tag_(\w+)|\{\{(\w+)\}\}", r"<\1\2>", target[key]) for target in panel["targets"]]
            for panel, key in ((first, "alias"), (second, "legendFormat"))
            if panel["type"] != "table"
        ]
        assert not names or names[0] == names[1]
        assert _titles(first) == _titles(second), first["title"]


def _titles(panel: dict[str, Any]) -> list[str]:
    """Of the columns that are seen, in their order."""
    return [
        prop["value"]
        for override in panel["fieldConfig"]["overrides"]
        if {"id": "custom.hidden", "value": True} not in override["properties"]
        for prop in override["properties"]
        if prop["id"] == "displayName"
    ]


def test_provisioning_finds_the_dashboards_by_a_variable() -> None:
    file = yaml.safe_load((FOLDER / "provisioning/dashboards/pleintemps.yaml").read_text())
    assert file["apiVersion"] == 1
    (provider,) = file["providers"]
    assert provider["type"] == "file"
    assert provider["options"]["path"] == "$PLEINTEMPS_DASHBOARDS"
