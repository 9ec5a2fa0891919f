"""The testers' commands on the command line: their options are those of the table, their errors one line."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pleintemps_firmware_sim.cli import main
from pleintemps_firmware_sim.console.acts import ACTS, Number

from .house import standing


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Path]:
    """The folder of a house that stands beside the test."""
    up, loop = threading.Event(), asyncio.new_event_loop()
    end = asyncio.Event()

    async def live() -> None:
        async with standing(tmp_path):
            up.set()
            await end.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(live(),))
    thread.start()
    assert up.wait(10)
    yield tmp_path
    loop.call_soon_threadsafe(end.set)
    thread.join(10)
    loop.close()


def test_orders_are_given_and_answered(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data", str(house)]
    assert main(["leave", "hall", *data]) == 0
    assert main(["noise", "hall", "--db", "70", "--for", "1", *data]) == 0
    assert main(["enter", "yard", "--who", "Ada", *data]) == 0
    assert main(["do", "stick", "yard-pir", "--value", "1", *data]) == 0
    assert main(["do", "broker-up", *data]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "opened",
        "70 dB for 1 s",
        "Ada is in",
        "yard-pir: stuck",
        "building: there is no broker-loss",
    ]
    assert main(["push", "cellar", *data]) == 2
    assert "cellar" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        ["press", "gate", "1#"],
        ["console"],
        ["console", "--data", "nowhere"],
        ["panel", "--port", "70000"],
        ["panel", "--port", "0", "--data"],
        ["do", "dance"],
        ["noise", "hall", "--db", "loud"],
    ],
)
def test_what_cannot_be_is_one_line_and_status_2(
    wrong: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    try:
        assert main(wrong) == 2
    except SystemExit as ended:
        assert ended.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_console_without_a_terminal_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["console", "--data", str(tmp_path)]) == 2
    assert "needs a terminal" in capsys.readouterr().err


def test_the_help_of_an_act_names_its_goal_and_its_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    for act in ("noise", "bounce-storm", "broker-down"):
        with contextlib.suppress(SystemExit):
            main(["do", act, "--help"])
        shown, row = capsys.readouterr().out, ACTS[act]
        assert row.goal in shown
        assert all(
            f"({field.default:g})" in shown for field in row.takes.values() if isinstance(field, Number)
        )
