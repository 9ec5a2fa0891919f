"""The suite on good configurations, on unsafe ones and on agents that are wrong."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from pleintemps_firmware_sim import cli
from pleintemps_firmware_sim.conform.requirement import Result
from pleintemps_firmware_sim.conform.setup import Setup
from pleintemps_firmware_sim.conform.table import requirements
from pleintemps_firmware_sim.errors import ConformError
from pleintemps_firmware_sim.scenario.configs import edge_toml
from pleintemps_firmware_sim.scenario.plan import SAINT_AUBIN

from .agents import EXAMPLE, Deaf, Ending, Forgetful, Mute, Open, Quiet, Shut, changed, outcomes


def test_the_shipped_example_conforms_and_nothing_is_left_out() -> None:
    found = outcomes(Setup.read(EXAMPLE))
    assert not [each for rows in found.values() for each in rows if each.result is Result.FAIL]
    assert list(found) == sorted(found, key=[each.id for each in requirements()].index)
    assert set(found) == {each.id for each in requirements()}
    for rows in found.values():
        assert all(each.why for each in rows if each.result is Result.NOT_APPLICABLE)


@pytest.mark.parametrize("agent", SAINT_AUBIN.agents)
def test_the_demo_s_agents_conform(agent: str, tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    text = edge_toml(
        SAINT_AUBIN, agent, mqtt_url="mqtt://127.0.0.1:1883", ports=tmp_path / "ports", clock_socket=None
    )
    path.write_text(text)
    found = outcomes(Setup.read(path), "SAFE", "DOOR-03", "DOOR-06", "CODE-04", "CMD-01", "SER-01")
    assert not [each for rows in found.values() for each in rows if each.result is Result.FAIL]


@pytest.mark.parametrize(
    ("old", "new", "requirement"),
    [
        ("open_s = 30", "open_s = 3000\nextended_open_s = 3600", "SAFE-01"),
        ("release_s = 5", "release_s = 1", "SAFE-02"),
        ('url = "mqtt://127.0.0.1:1883"', 'url = "mqtt://broker.example"', "SEC-01"),
        ("pin = 17", "pin = 17\nwarm_up_s = 5", "SAFE-06"),
        ('space = "hall"\npin = 17', 'space = "hall"\npin = 17\nmax_silence_s = 3600', "SAFE-05"),
    ],
)
def test_what_is_unsafe_fails_by_name(old: str, new: str, requirement: str, tmp_path: Path) -> None:
    (rows,) = outcomes(changed(tmp_path, (old, new)), requirement).values()
    assert [each.result for each in rows].count(Result.FAIL) == 1


def test_a_magnet_that_could_lock_in_fails_by_name_and_is_not_played(tmp_path: Path) -> None:
    magnet = changed(tmp_path, ('wiring = "energise-to-unlock"', 'wiring = "energise-to-lock"'))
    found = outcomes(magnet, "SAFE-03", "DOOR-01")
    assert found["SAFE-03"][0].result is Result.FAIL
    assert found["DOOR-01"][0].result is Result.NOT_APPLICABLE
    assert "refuses" in found["DOOR-01"][0].why


def test_a_contact_whose_cut_wire_reads_as_shut_fails(tmp_path: Path) -> None:
    found = outcomes(changed(tmp_path, ('open_when = "high"', 'open_when = "low"')), "DOOR-12")
    assert found["DOOR-12"][0].result is Result.FAIL


def test_the_command_tells_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    junit, html = tmp_path / "report.xml", tmp_path / "report.html"
    words = ["conform", "--config", str(EXAMPLE), "--only", "SAFE", "CODE-01", "--json"]
    assert cli.main([*words, "--junit", str(junit), "--html", str(html)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["passed"], told["failed"], told["not_applicable"]) == (6, 0, 2)
    suite = Xml.parse(junit).getroot()[0]
    assert suite.get("failures") == "0"
    assert len(suite.findall("testcase/skipped")) == int(suite.get("skipped", "0")) == 2
    assert "not applicable" in html.read_text()


def test_a_failure_is_exit_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setup = changed(tmp_path, ("open_s = 30", "open_s = 3000\nextended_open_s = 3600"))
    assert cli.main(["conform", "--config", str(setup.path), "--only", "SAFE-01"]) == 1
    assert "FAIL SAFE-01" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("site = ", "not TOML"),
        ('agent = "a"', "site"),
        ('site = "s"\nagent = "a"\nkeys = "k"\nstate = "s"\ncolour = "red"', "colour"),
        ('site = "s"\nagent = "a"\nkeys = "k"\nstate = "s"\n[[devices]]\ndevice = "x"\ndriver = "pir"', "x"),
    ],
)
def test_a_wrong_file_is_exit_status_2_and_one_line(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(text)
    assert cli.main(["conform", "--config", str(path), "--only", "CODE-01"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert str(path) in line


@pytest.mark.parametrize("value", ['"long"', "[]", "{}", "1979-05-27"])
def test_a_value_of_another_type_is_the_file_s_fault(value: str, tmp_path: Path) -> None:
    setup = changed(tmp_path, ("pin = 17", f"pin = 17\nwarm_up_s = {value}"))
    with pytest.raises(ConformError, match="warm_up_s"):
        outcomes(setup, "SAFE-06")


def test_an_unknown_requirement_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConformError, match="no requirement ZZZ-9"):
        outcomes(Setup.read(EXAMPLE), "ZZZ-9")


EVERYTHING = Path(__file__).with_name("everything.toml")


@pytest.mark.parametrize(
    "requirement",
    [
        "FIRE-02",
        "DOOR-10",
        "DOOR-13",
        "CARD-02",
        "TOKEN-01",
        "PANEL-02",
        "SIG-01",
        "TAMP-01",
        "RADIO-02",
        "SENS-05",
        "SENS-06",
    ],
)
def test_every_kind_of_device_has_its_counterpart(requirement: str) -> None:
    (rows,) = outcomes(Setup.read(EVERYTHING), requirement).values()
    assert {each.result for each in rows} <= {Result.PASS, Result.NOT_APPLICABLE}
    assert Result.PASS in {each.result for each in rows}


def test_what_cannot_be_played_says_why() -> None:
    (rows,) = outcomes(Setup.read(EVERYTHING), "SER-01").values()
    reasons = {each.subject: each.why for each in rows if each.result is Result.NOT_APPLICABLE}
    assert reasons.keys() == {"office-osdp"}
    assert "OSDP" in reasons["office-osdp"]


@pytest.mark.parametrize(
    ("agent", "requirement"),
    [
        (Forgetful, "CODE-03"),
        (Forgetful, "POWER-01"),
        (Mute, "LINE-03"),
        (Mute, "DOOR-04"),
        (Open, "CODE-01"),
        (Open, "DOOR-09"),
        (Shut, "DOOR-01"),
        (Shut, "LINE-02"),
        (Deaf, "SER-01"),
        (Deaf, "SENS-03"),
        (Ending, "CMD-01"),
        (Quiet, "SENS-05"),
        (Quiet, "SENS-06"),
    ],
)
def test_an_agent_that_is_wrong_fails_by_name(agent: Any, requirement: str) -> None:
    setup = Setup.read(EVERYTHING if agent is Quiet else EXAMPLE)
    found = outcomes(setup, requirement, make=agent)
    assert Result.FAIL in {each.result for each in found[requirement]}


@pytest.mark.soak
def test_every_requirement_is_met_somewhere_with_every_device() -> None:
    found = outcomes(Setup.read(EVERYTHING))
    assert not [each for rows in found.values() for each in rows if each.result is Result.FAIL]
    example = outcomes(Setup.read(EXAMPLE), "SAFE", "SENS")
    played = {
        name
        for rows in (found, example)
        for name, each in rows.items()
        if any(one.result is Result.PASS for one in each)
    }
    assert {each.id for each in requirements()} - played == {"SEC-02"}
