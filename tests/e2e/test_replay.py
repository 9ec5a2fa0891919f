"""A recorded room played through device firmware, agent, broker and gateway, all real processes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.serial
SIM = Path(sys.executable).parent / "pleintemps-sim"
AGREEMENT = 0.95


def replay(data: Path, *arguments: str, within_s: float) -> dict[str, Any]:
    command = [str(SIM), "replay", "dataset", "uci-864", "--speed", "120", "--json", *arguments]
    done = subprocess.run(
        [*command, "--data-root", str(data)], capture_output=True, text=True, timeout=within_s, check=False
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def test_one_hour_with_an_arrival(data_dir: Path) -> None:
    report = replay(data_dir, "--day", "2017-12-22", "--from", "15:00", "--to", "16:00", within_s=240)
    assert report["rows"] > 100
    assert report["readings"] > report["rows"]
    assert report["agreement"] >= AGREEMENT


@pytest.mark.soak
def test_the_whole_day(data_dir: Path) -> None:
    report = replay(data_dir, "--day", "2017-12-22", within_s=1_500)
    assert report["rows"] == 1_462
    assert report["agreement"] >= AGREEMENT
    assert report["usage_records"] > 0
