"""``pleintemps-sim run``, ``scenarios`` and ``schema``: what they print, how they end."""

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from pleintemps_firmware_sim.cli import main
from pleintemps_firmware_sim.errors import ScenarioError
from pleintemps_firmware_sim.scenario.file import schema_text
from pleintemps_firmware_sim.scenario.loading import load, names

EMPTY_HOUSE = """\
scenario: empty-house
title: Nobody comes
lasts: 20s
settle: 20s
building: annex
expect:
  - {name: quiet, that: no-alert}
  - {name: NAME, that: leaf, door: annex, is: IS}
"""


def write(folder: Path, name: str, leaf: str) -> str:
    file = folder / "empty.yaml"
    file.write_text(EMPTY_HOUSE.replace("NAME", name).replace("IS", leaf))
    return str(file)


def test_a_wrong_file_is_one_line_and_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, "stays", "ajar")
    assert main(["run", file, "--virtual-time"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"{file}:8:48: Invalid enum value 'ajar'\n"
    assert main(["run", "no-such-thing"]) == 2
    assert "no such scenario; there are " in capsys.readouterr().err


def test_all_met_is_status_0_and_leaves_its_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, xml, html = write(tmp_path, "shut", "shut"), tmp_path / "r.xml", tmp_path / "r.html"
    arguments = ["run", file, "--virtual-time", "--json", "--junit", str(xml), "--html", str(html)]
    assert main([*arguments, "--seed", "5"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["passed"], first["seed"], first["mode"]) == (True, 5, "virtual")
    assert len(first["digest"]) == 64
    assert Xml.parse(xml).getroot().find("testsuite") is not None
    assert "all met" in html.read_text()


def test_one_that_is_not_met_is_status_1_with_its_line_and_how_to_repeat_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, "opened", "open")
    assert main(["run", file, "--virtual-time", "--seed", "5", "--lasts", "5s"]) == 1
    said = capsys.readouterr().out
    assert f"{file}:8: opened: leaf: door: annex, is: open: annex was shut from +0.0 to" in said
    assert "1 of 2 met" in said
    assert f"again: pleintemps-sim run {file} --seed 5 --virtual-time --lasts 5s" in said


def test_it_lasts_as_long_as_one_wants(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, "shut", "shut")
    assert main(["run", file, "--virtual-time", "--json", "--lasts", "7s"]) == 0
    assert json.loads(capsys.readouterr().out)["simulated_s"] == 7
    for wrong in ("7", "1ms", "500d", "soon"):
        with pytest.raises(SystemExit):
            main(["run", file, "--lasts", wrong])


def test_a_shipped_scenario_is_found_by_its_name_and_by_its_place() -> None:
    assert load("scenarios/demo.yaml") == load("demo")
    with pytest.raises(ScenarioError):
        load("scenarios/no-such-thing.yaml")


def test_scenarios_and_their_schema_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenarios", "--json"]) == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)] == names()
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == schema_text()
