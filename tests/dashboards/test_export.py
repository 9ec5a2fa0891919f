import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pleintemps_dashboards.cli import main


def test_export_writes_the_tree_that_grafana_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "grafana"
    assert main(["export", str(folder)]) == 0
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert files == [
        "dashboards/agents.json",
        "dashboards/site.json",
        "dashboards/space.json",
        "dashboards/territory.json",
        "prometheus/alerts.yml",
        "provisioning/dashboards/pleintemps.yaml",
        "provisioning/datasources/pleintemps.yaml",
    ]
    said = capsys.readouterr().out
    assert f"PLEINTEMPS_DASHBOARDS={folder}/dashboards" in said
    used = {
        name
        for path in (folder / "provisioning").rglob("*.yaml")
        for name in re.findall(r"\$([A-Z_]+)", path.read_text())
    }
    assert used
    assert all(name in said for name in used)


def test_a_second_export_in_another_language_replaces_the_first(tmp_path: Path) -> None:
    site = tmp_path / "dashboards/site.json"
    other = tmp_path / "dashboards/own.json"
    assert main(["export", str(tmp_path)]) == 0
    assert json.loads(site.read_text())["uid"] == "pleintemps-site-fr"
    other.write_text("{}")
    assert main(["export", str(tmp_path), "--language", "en"]) == 0
    assert json.loads(site.read_text())["uid"] == "pleintemps-site-en"
    assert other.read_text() == "{}"


def test_export_for_victoria_metrics_has_its_own_data_source_and_queries(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(tmp_path / "a")]) == 0
    capsys.readouterr()
    assert main(["export", str(tmp_path / "b"), "--engine", "metricsql"]) == 0
    said = capsys.readouterr().out
    trees = [{path.relative_to(tmp_path / name) for path in (tmp_path / name).rglob("*")} for name in "ab"]
    assert trees[0] == trees[1]
    used = {
        name
        for path in (tmp_path / "b" / "provisioning").rglob("*.yaml")
        for name in re.findall(r"\$([A-Z_]+)", path.read_text())
    }
    assert "PLEINTEMPS_VICTORIA_URL" in used
    assert all(name in said for name in used)
    assert "INFLUX" not in said
    assert (
        json.loads((tmp_path / "b/dashboards/site.json").read_text())["uid"] == "pleintemps-site-fr-metricsql"
    )


def test_a_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["export", str(tmp_path / "file")]) == 1
    answer = capsys.readouterr()
    assert answer.out == ""
    assert len(answer.err.splitlines()) == 1
    assert str(tmp_path / "file") in answer.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--help"], 0, "export"),
        (["export", "--help"], 0, "--language"),
        (["--version"], 0, "pleintemps 0"),
        ([], 2, "usage"),
        (["export", "x", "--language", "de"], 2, "de"),
        (["export", "x", "--engine", "flux"], 2, "flux"),
    ],
)
def test_the_command_helps(arguments: list[str], code: int, said: str) -> None:
    command = [sys.executable, "-m", "pleintemps_dashboards", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == code
    assert said in ended.stdout + ended.stderr
