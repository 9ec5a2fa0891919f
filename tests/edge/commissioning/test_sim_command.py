"""``pleintemps-sim selftest``: statuses and lines."""

import json

import pytest

from pleintemps_firmware_sim import cli

from .test_bench import DOOR, EXAMPLES

COMMAND = ["selftest", "--config", str(EXAMPLES / f"{DOOR}.toml")]


def test_the_status_says_whether_exactly_what_was_broken_was_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    contact = ["--only", "office-contact", "--json"]
    assert cli.main([*COMMAND, *contact, "--break", "office-contact=cut"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "broken": "office-contact=cut",
        "found": ["office-contact"],
        "right": True,
    }
    assert cli.main([*COMMAND, *contact, "--break", "office-keypad"]) == 1
    assert json.loads(capsys.readouterr().out)["right"] is False


@pytest.mark.parametrize("broken", ["nothing", "office-contact=eaten"])
def test_what_cannot_be_broken_is_refused_by_name(broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*COMMAND, "--break", broken]) == 2
    assert broken.partition("=")[2] or broken in capsys.readouterr().err


def test_the_faults_are_listed_and_steps_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*COMMAND, "--faults"]) == 0
    assert "office-magnet: jammed, loose, uncut" in capsys.readouterr().out
    assert cli.main([*COMMAND, "--only", "office-lid"]) == 0
    told = capsys.readouterr().out
    assert "open the housing" in told
    assert told.endswith("1 tested, broken: nothing\n")
