"""The command line: one line for a mistake, never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pleintemps_firmware_sim.cli import main


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["--version"], ["demo", "--help"], ["replay", "dataset", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
    assert "uci-864" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["device", "ld2410", "--link", "radar", "--distance", "-5"],
        ["replay", "dataset", "uci-864", "--day", "2017-12-22", "--from", "10:00Z"],
        ["demo", "--port", "0"],
        ["demo", "--speed", "1000"],
        ["demo", "--for", "-1"],
        ["device", "toaster", "--link", "x"],
        ["replay", "dataset", "uci-864", "--day", "yesterday"],
    ],
)
def test_a_wrong_command_line_is_exit_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_an_order_without_a_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["press", "--data", str(tmp_path), "gate", "1#"]) == 2
    assert capsys.readouterr().err.startswith(f"pleintemps-sim: nothing runs in {tmp_path}")


def test_a_replay_without_data(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("PLEINTEMPS_DATA", raising=False)
    assert main(["replay", "dataset", "uci-864", "--day", "2017-12-22"]) == 2
    assert "PLEINTEMPS_DATA" in capsys.readouterr().err


def test_one_device_alone(tmp_path: Path) -> None:
    link = tmp_path / "radar"
    process = subprocess.Popen(
        [sys.executable, "-m", "pleintemps_firmware_sim.cli", "device", "ld2410", "--link", str(link)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert "ld2410" in process.stdout.readline()
        while not link.is_symlink():
            assert process.poll() is None
        port = os.open(link, os.O_RDWR | os.O_NOCTTY)
        assert os.read(port, 4)
        os.close(port)
    finally:
        process.terminate()
        process.communicate(timeout=10)
    assert process.returncode == 0
    assert not link.is_symlink()
