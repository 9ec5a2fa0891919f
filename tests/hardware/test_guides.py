"""The technician's guides name every rule, and their commands are understood."""

import re
import shlex
from pathlib import Path

import pytest

from pleintemps_edge import cli as edge
from pleintemps_hardware import cli as hardware
from pleintemps_hardware import rules
from pleintemps_hardware.checks import fit, pins
from pleintemps_hardware.checks.power import FUSE_LIMITS

DOCS = Path(__file__).parents[2] / "docs"
ENGLISH = DOCS / "hardware.md"
GUIDES = [ENGLISH, DOCS / "installateur.md"]


def test_the_guide_names_every_rule_and_no_other() -> None:
    table = ENGLISH.read_text("utf-8").partition("| Rule | Refuses |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    known = {rule.name for rule in rules.RULES} | {rule.name for rule in fit.RULES}
    assert named == known | {"port-twice"}


def test_the_guide_has_the_limits_of_the_rules() -> None:
    text = " ".join(ENGLISH.read_text("utf-8").split())
    for section, amps in FUSE_LIMITS[:-1]:
        assert f"{section:g} mm2 {amps:g} A" in text
    for name, bus in (("contact", "contact"), ("RS-485 (OSDP, Modbus)", "rs485"), ("Wiegand", "wiegand")):
        assert f"| {name} | {pins.LIMITS[bus]:,.0f} m |" in text
    assert f"radar (UART, 256,000 baud) | {pins.LIMITS['uart']:g} m" in text
    assert f"microphone (I2S) | {pins.LIMITS['i2s']:g} m" in text


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_the_law_of_exits_stands_before_the_choice_of_a_lock(guide: Path) -> None:
    text = guide.read_text("utf-8")
    places = [text.index(word) for word in ("CO 45", "CO 46", "R4227-6", "MS 45", "1N4007")]
    assert places == sorted(places)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_the_commands_of_the_guides_are_understood(guide: Path) -> None:
    text = guide.read_text("utf-8")
    found = re.findall(r"`((?:pleintemps-edge|python -m pleintemps_hardware) [^`]+)`", text)
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        found += block.splitlines()
    assert len(found) >= 6
    for line in found:
        words = shlex.split(line.partition(" > ")[0])
        if words[0] == "python":
            hardware._parser().parse_args(words[3:])  # a wrong one leaves by SystemExit
        else:
            edge._parser().parse_args(words[1:])
