"""Rules that every dashboard keeps; Grafana itself accepts far worse without a word."""

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from pleintemps_dashboards import FOLDER, LANGUAGES
from pleintemps_dashboards.boards import BOARDS, render

FILES = sorted(FOLDER.glob("dashboards/*/*.json"))
DATASOURCE = {"type": "influxdb", "uid": "${datasource}"}
UNITS = {"dB", "percentunit", "short", "none", "h", "m", "s"}
NAMES = ["agents", "site", "space", "territory"]
COLUMNS = 24


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(params=FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    return _load(request.param)


def test_there_are_four_dashboards_in_every_language() -> None:
    assert [(path.parent.name, path.stem) for path in FILES] == [
        (language, name) for language in sorted(LANGUAGES) for name in NAMES
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_files_are_what_their_source_says(path: Path) -> None:
    wanted = render(path.stem, path.parent.name)
    assert path.read_text(encoding="utf-8") == wanted, "run: python -m pleintemps_dashboards build"


def test_names_are_unique_for_grafana() -> None:
    uids = [_load(path)["uid"] for path in FILES]
    assert len(set(uids)) == len(FILES)
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
    assert variables["datasource"]["query"] == "influxdb"
    users = [variable for variable in variables.values() if variable["type"] == "query"]
    for panel in dashboard["panels"]:
        users += [panel, *panel["targets"]]
    assert all(user["datasource"] == DATASOURCE for user in users)
    assert len(users) > 2


def test_queries_use_known_variables_and_a_range(dashboard: dict[str, Any]) -> None:
    known = {variable["name"] for variable in dashboard["templating"]["list"]}
    known |= {"timeFilter", "__interval"}
    for panel in dashboard["panels"]:
        references = [target["refId"] for target in panel["targets"]]
        assert references
        assert len(set(references)) == len(references)
        for target in panel["targets"]:
            assert target["rawQuery"] is True
            assert set(re.findall(r"\$(\w+)", target["query"])) <= known
            assert "$timeFilter" in target["query"] or "now()" in target["query"]


def test_decibels_are_never_averaged(dashboard: dict[str, Any]) -> None:
    for panel in dashboard["panels"]:
        if panel["fieldConfig"]["defaults"]["unit"] == "dB":
            assert all("mean(" not in target["query"] for target in panel["targets"]), panel["title"]


def _without_texts(node: Any) -> Any:
    if isinstance(node, dict):
        texts = {"title", "description", "label", "alias", "text", "uid", "url", "displayName"}
        renamed = node.get("id") == "displayName"
        return {
            key: _without_texts(value)
            for key, value in node.items()
            if key not in texts and not (renamed and key == "value")
        }
    if isinstance(node, list):
        return [_without_texts(one) for one in node]
    return node


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_languages_differ_in_their_words_only(name: str) -> None:
    french, english = (_load(FOLDER / "dashboards" / language / f"{name}.json") for language in ("fr", "en"))
    assert _without_texts(french) == _without_texts(english)
    for one, other in zip(french["panels"], english["panels"], strict=True):
        assert one["title"] != other["title"]
        assert one["description"] != other["description"]


def test_links_lead_to_the_dashboards_of_the_same_language(dashboard: dict[str, Any]) -> None:
    uids = {_load(path)["uid"] for path in FILES}
    language = dashboard["uid"].rsplit("-", 1)[1]
    targets = [re.match(r"/d/([a-z0-9-]+)\?", link["url"]) for link in dashboard["links"]]
    assert targets
    for target in targets:
        assert target is not None
        assert target[1] in uids
        assert target[1].endswith(f"-{language}")
        assert target[1] != dashboard["uid"]


def test_provisioning_names_the_data_source_that_the_dashboards_choose(dashboard: dict[str, Any]) -> None:
    file = yaml.safe_load((FOLDER / "provisioning/datasources/pleintemps.yaml").read_text())
    assert file["apiVersion"] == 1
    (source,) = file["datasources"]
    assert source["type"] == "influxdb"
    assert source["jsonData"]["version"] == "InfluxQL"
    chosen = dashboard["templating"]["list"][0]["current"]
    assert chosen["value"] == source["uid"]
    assert chosen["text"] == source["name"]


def test_provisioning_finds_the_dashboards_by_a_variable() -> None:
    file = yaml.safe_load((FOLDER / "provisioning/dashboards/pleintemps.yaml").read_text())
    assert file["apiVersion"] == 1
    (provider,) = file["providers"]
    assert provider["type"] == "file"
    assert provider["options"]["path"] == "$PLEINTEMPS_DASHBOARDS"
