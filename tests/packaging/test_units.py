"""The units say what their programs need and no more."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .clean_root import exposure
from .packages import HOUSE

SERVICES = {
    "pleintemps-gateway.service": 1.2,
    "pleintemps-broker.service": 1.1,
    "pleintemps-edge.service": 1.9,
}
CEILINGS = SERVICES | {
    "pleintemps-backup.service": 1.3,
    "pleintemps-update.service": 1.3,
    # root, who puts a new version below /opt and starts the agent anew
    "pleintemps-edge-step.service": 5.4,
    "pleintemps-edge-follow.service": 5.4,
}
"""Exposure by ``systemd-analyze security`` (systemd 252), 0 to 10: it may fall and must not rise."""
UNITS = {path.name: path for path in HOUSE.glob("*/pleintemps_*/systemd/*.service")}


def analyze(*words: str) -> str:
    done = subprocess.run(
        ["systemd-analyze", "--no-pager", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


TIMERS = {path.name: path for path in HOUSE.glob("*/pleintemps_*/systemd/*.timer")}


def test_every_unit_is_judged_and_every_timer_has_one() -> None:
    assert UNITS.keys() == CEILINGS.keys()
    assert {name.replace(".timer", ".service") for name in TIMERS} == CEILINGS.keys() - SERVICES.keys()


needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@needs_systemd
@pytest.mark.parametrize("unit", CEILINGS)
def test_no_unit_is_more_exposed_than_it_was(unit: str) -> None:
    assert exposure(analyze("security", "--offline=true", str(UNITS[unit]))) <= CEILINGS[unit]


@needs_systemd
def test_systemd_has_nothing_to_say_against_them(tmp_path: Path) -> None:
    """The programs are not installed here: another one that exists stands for them."""
    for name, path in (UNITS | TIMERS).items():
        text = re.sub(r"(?m)^(ExecStart=)\S+", rf"\g<1>{sys.executable}", path.read_text())
        (tmp_path / name).write_text(text)
    assert analyze("verify", "--man=no", *(str(tmp_path / name) for name in UNITS | TIMERS)) == ""


def test_each_program_writes_to_its_own_folder_as_its_own_user() -> None:
    for program in ("gateway", "edge"):
        text = UNITS[f"pleintemps-{program}.service"].read_text()
        assert f"\nUser=pleintemps-{program}\n" in text
        assert f"\nStateDirectory=pleintemps-{program}\n" in text
        assert f"\nExecStart=/opt/pleintemps/{program}/current/bin/pleintemps-{program} run" in text
