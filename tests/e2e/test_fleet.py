"""A fleet against a real broker and gateway: what was committed is what is stored, whatever broke."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, func, select

from pleintemps_gateway.store import schema
from tests.support.broker import Mosquitto, find_mosquitto
from tests.support.ports import find_free_port
from tests.support.waiting import wait_for

pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
]
BIN = Path(sys.executable).parent
SIZE = ["--sites", "2", "--spaces", "10", "--day", "10"]
BROKER = """
autosave_on_changes false
max_queued_messages 100000
max_inflight_messages 1000
"""


class Place:
    """Broker, gateway and its store in one folder."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.url = f"mqtt://127.0.0.1:{broker.port}"
        self.folder = folder / "gateway"
        self.config = self.folder / "gateway.toml"
        self._process: subprocess.Popen[bytes] | None = None
        web = str(find_free_port())
        self.sim("--write-config", str(self.folder), "--web-port", web)
        self._run("pleintemps-gateway", "init", "--demo", "--config", str(self.config))

    def _run(self, *command: str) -> str:
        found = subprocess.run([BIN / command[0], *command[1:]], capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stderr + found.stdout
        return found.stdout

    def sim(self, *arguments: str) -> str:
        """The output of ``pleintemps-sim fleet``."""
        return self._run("pleintemps-sim", "fleet", *SIZE, "--broker", self.url, *arguments)

    def start(self) -> None:
        """The gateway's ingest process, once it rules."""
        command = [str(BIN / "pleintemps-gateway"), "ingest", "--config", str(self.config)]
        with (self.folder / "log").open("ab") as log:
            before = log.tell()
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        log_file = self.folder / "log"
        wait_for(lambda: b"broker-up" in log_file.read_bytes()[before:], within_s=30, what="gateway")

    def end(self, sign: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(sign)
            self._process.wait(20)
            self._process = None

    def engine(self) -> Engine:
        return create_engine(f"sqlite:///{self.folder / 'state' / 'gateway.db'}")

    def stored(self) -> dict[str, int]:
        """What the gateway's store has of all journals."""
        batches, events, journals = schema.sample_batches, schema.events, schema.journals
        with self.engine().connect() as conn:
            return {
                "readings": conn.execute(select(func.sum(batches.c.readings))).scalar_one(),
                "batches": conn.execute(select(func.count()).select_from(batches)).scalar_one(),
                "events": conn.execute(select(func.count()).select_from(events)).scalar_one(),
                "lost": conn.execute(select(func.sum(journals.c.lost))).scalar_one(),
            }


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    program = find_mosquitto()
    assert program is not None
    broker = Mosquitto(program, tmp_path, extra=BROKER)
    broker.start()
    made = Place(tmp_path, broker)
    try:
        made.start()
        yield made
    finally:
        made.end(signal.SIGTERM)
        broker.stop()


def check(found: dict[str, Any], stored: dict[str, int]) -> None:
    assert found["waiting"] == {"readings": 0, "events": 0}
    assert found["lost"] == {"readings": 0}
    assert stored == {
        "readings": found["readings"],
        "batches": found["batches"],
        "events": found["events"],
        "lost": 0,
    }
    assert found["receipted"]["readings"] == found["readings"]
    assert found["receipted"]["events"] == found["events"]
    assert found["signatures"] == "checked"
    assert not found["heard"]["refused"]


def test_lines_and_power_are_cut_and_nothing_is_lost(place: Place) -> None:
    keys = str(place.folder / "keys")
    output = place.sim("--keys", keys, "--for", "4", "--rate", "5", "--reconnect", "30", "--kill", "8")
    found = json.loads(output.splitlines()[-1])
    assert found["readings"] > 100
    assert found["lines_cut"] + found["power_cuts"] >= 3
    assert found["acts"]["manifests"] >= found["agents"]
    check(found, place.stored())


@pytest.mark.soak
def test_a_gateway_dies_while_batches_are_lost_and_nothing_is_lost(place: Place) -> None:
    command = [
        str(BIN / "pleintemps-sim"),
        "fleet",
        *SIZE,
        "--broker",
        place.url,
        "--for",
        "40",
        "--rate",
        "5",
    ]
    command += ["--keys", str(place.folder / "keys"), "--lose", "0.1", "--reconnect", "4", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as fleet:
        try:
            wait_for(lambda: has_batches(place), within_s=30, what="stored batches")
            place.end(signal.SIGKILL)
            place.start()
            output, _ = fleet.communicate(timeout=120)
        finally:
            fleet.kill()
    found = json.loads(output)
    assert fleet.returncode == 0
    assert found["sent"]["dropped"] >= 3
    assert found["sent"]["again"] >= 3
    check(found, place.stored())


def has_batches(place: Place) -> bool:
    with place.engine().connect() as conn:
        return conn.execute(select(func.count()).select_from(schema.sample_batches)).scalar_one() > 10
