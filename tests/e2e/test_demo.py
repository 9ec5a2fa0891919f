"""``pleintemps-sim demo`` as a tester uses it: the command line, its last line, its end."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
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


def assert_the_loud_choir_was_warned_before_the_caretaker(data: Path) -> None:
    """The order of the noise: by what people saw, by the agent's journal, by the gateway's store."""
    acts = [json.loads(line) for line in (data / "ledger.jsonl").read_text().splitlines()]
    seen = {act["what"]: act["at"] for act in acts if act.get("where") == "hall"}
    with closing(sqlite3.connect(data / "state" / "gateway.db")) as store:
        changes = [
            (at, json.loads(body))
            for at, body in store.execute("SELECT at, body FROM events WHERE type = 'signal' ORDER BY seq")
        ]
        (told,) = store.execute("SELECT created, done, state FROM deliveries WHERE template = 'noise'")
        (alert,) = store.execute("SELECT opened, resolved, facts FROM alerts WHERE kind = 'noise'")
        (signal,) = store.execute('SELECT signal, "on", wanted FROM signals')
    (lit, on), (dark, off) = changes
    assert (on["signal"], on["space"], on["on"], off["on"]) == ("hall-light", "hall", True, False)
    assert (on["cause"], off["cause"]) == ("command", "command")
    created, done, state = told
    assert state == "sent"
    opened, resolved, facts = alert
    # the light by the agent's journal and by its pin, the message in the folder; then the caretaker
    assert lit < opened  # by the agent's clock, which follows the gateway's to some milliseconds
    assert seen["sings too loud"] < seen["lights"] < opened
    assert seen["sings too loud"] < created <= done < opened
    assert json.loads(facts)["warned_at"] <= created
    spooled = [json.loads(path.read_bytes()) for path in (data / "state" / "outbox").glob("*.json")]
    assert [each["space"] for each in spooled if each["template"] == "noise"] == ["hall"]
    # quiet: the alert ends, then the light, and nobody had to do anything
    assert seen["sings no more"] < resolved <= seen["goes dark"]
    assert lit < dark
    assert signal == ("hall-light", 0, 0)


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
    assert report["people"]["lights"] == {"on": 1, "off": 1}
    assert_the_loud_choir_was_warned_before_the_caretaker(tmp_path / "demo")
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
