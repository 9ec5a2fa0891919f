"""``python -m pleintemps_hardware``: what it prints, writes and refuses; labels and boot files."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib import resources
from pathlib import Path

import pytest

from pleintemps_contract.errors import ConfigError
from pleintemps_hardware import kit, label, papers, rules
from pleintemps_hardware.checks import booted
from pleintemps_hardware.cli import main

from .altering import good

GATEWAY = resources.files("pleintemps_gateway.examples").joinpath("gateway.toml")
BOOT = (
    "# the Pi's own\n[all]\nenable_uart=1\ndtparam=uart0=on\ndtoverlay=disable-bt\n"
    "dtparam=i2s=on\ndtoverlay=googlevoicehat-soundcard\n"
)


def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "pleintemps_hardware", "list"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.splitlines() == ["door-unit: Door unit", "room-unit: Room unit"]


def test_a_kit_is_shown_copied_changed_and_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", "door-unit"]) == 0
    text = capsys.readouterr().out
    assert text == kit.text("door-unit")
    own = tmp_path / "own.toml"
    own.write_text(text.replace("handle = true", "handle = false"))
    assert main(["check", "door-unit"]) == 0
    assert capsys.readouterr().out == "ok\n"
    assert main(["check", str(own)]) == 1
    refused = capsys.readouterr().err.splitlines()
    assert len(refused) == 1
    assert refused[0].startswith("strike-handle: ")


@pytest.mark.parametrize("wrong", [["show", "abacus"], ["check", "nowhere.toml"], ["boot", "abacus"]])
def test_what_is_not_there_is_named(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(wrong) == 2
    assert wrong[1] in capsys.readouterr().err


def test_every_rule_is_listed_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(rules.RULES)


def test_everything_is_written_below_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["write", str(tmp_path)]) == 0
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert found == set(papers.files())
    assert capsys.readouterr().out == f"{len(found)} files\n"


def test_a_pi_is_held_against_its_kit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.txt").write_text(BOOT)
    (tmp_path / "cmdline.txt").write_text("console=tty1 root=PARTUUID=1-2 rootwait\n")
    assert main(["boot", "room-unit", "--at", str(tmp_path)]) == 0
    (tmp_path / "cmdline.txt").write_text("console=serial0,115200 console=tty1\n")
    assert main(["boot", "room-unit", "--at", str(tmp_path)]) == 1
    assert "serial-console: cmdline.txt has console=serial0,115200" in capsys.readouterr().err
    assert main(["boot", "door-unit"]) == 0
    assert capsys.readouterr().out.splitlines() == list(good("door-unit").boot.config)


def test_each_line_that_is_missing_on_the_pi_is_named() -> None:
    profile = good("room-unit")
    for line in profile.boot.config:
        (problem,) = booted.check(profile, BOOT.replace(line, f"#{line}"), "console=tty1")
        assert (problem.rule, line in problem.what) == ("boot-lines", True)
    # a console on the serial port is the affair of kits that use the port
    assert (
        booted.check(good("door-unit"), "dtparam=i2c_arm=on\ndtoverlay=i2c-rtc,ds3231", "console=serial0")
        == []
    )


def test_the_label_has_the_duty_number_of_the_gateways_configuration(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    text = GATEWAY.read_text("utf-8")
    assert 'duty = ""' in text
    config.write_text(text.replace('duty = ""', 'duty = "+33 5 00 00 00 00"', 1))
    out = tmp_path / "label.svg"
    arguments = [
        "--config",
        str(config),
        "--site",
        "saint-aubin",
        "--door",
        "Portail & cour",
        "--out",
        str(out),
    ]
    assert main(["label", *arguments]) == 0
    texts = ["".join(each.itertext()) for each in ET.fromstring(out.read_text("utf-8")).iter()]
    assert "+33 5 00 00 00 00" in texts
    assert any("Portail & cour" in text for text in texts)
    assert {"Incendie, blessé, danger : 112", "Fire, injury, danger: 112"} <= set(texts)


def test_a_label_without_a_number_is_refused() -> None:
    gateway = label.Gateway(sites=(label._Site(site="a"),))
    with pytest.raises(ConfigError, match=r"`about\.duty` is empty"):
        label.of(gateway, "a", "door")
    with pytest.raises(ConfigError, match="no site 'b'; there are a"):
        label.of(gateway, "b", "door")


@pytest.mark.parametrize("number", ["112", "01 23 45 67 89", "+33 (0)1 23 45 67 89 / poste 1234"])
def test_a_number_of_any_length_fits_on_the_paper(number: str) -> None:
    drawn = label.svg(label.Label("Mairie", "Porte", number))
    (line,) = (each for each in ET.fromstring(drawn).iter() if each.text == number and each.get("font-size"))
    assert float(line.get("font-size", "0")) * 0.56 * len(number) < label.WIDTH - 20
