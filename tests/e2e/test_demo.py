"""``pleintemps-sim demo`` as a tester uses it: the command line, its last line, its end."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.ports import find_free_port
from tests.support.waiting import wait_for

pytestmark = pytest.mark.serial
SIM = Path(sys.executable).parent / "pleintemps-sim"
COUNTS = ("codes_accepted", "codes_refused", "alerts", "usage_records", "bookings")


def children_of(group: str) -> list[int]:
    """Processes of this machine whose command line names ``group``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if group in line:
                found.append(int(entry.name))
    return found


def test_an_evening_is_counted_as_it_was_lived(tmp_path: Path) -> None:
    command = [str(SIM), "demo", "--for", "60", "--json", "--port", str(find_free_port())]
    done = subprocess.run(
        [*command, "--data", str(tmp_path / "demo")],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["agrees"] is True, report
    for name in COUNTS:
        assert report[name] == report["people"][name] > 0, name
    assert report["alerts_by_kind"] == report["people"]["alerts_by_kind"]
    assert report["readings"] > 0
    assert report["events"] > 0
    assert children_of(str(tmp_path)) == []


def test_control_c_ends_every_child_and_leaves_nothing(tmp_path: Path) -> None:
    data = tmp_path / "demo"
    process = subprocess.Popen(
        [str(SIM), "demo", "--port", str(find_free_port()), "--data", str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    code = next(line for line in lines if "gate, office" in line)
    assert any(word.isdigit() and len(word) >= 8 for word in code.split())
    assert len(children_of(str(data))) >= 5  # broker, gateway with two children, two agents
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 130
    wait_for(lambda: not children_of(str(data)), within_s=2, what="end of every child")
    process.stdout.close()


def test_a_busy_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        done = subprocess.run(
            [str(SIM), "demo", "--port", str(port)], capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 1
    assert f"port {port} is in use" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
