"""The command as a technician runs it: processes, pseudo-terminals, pins of a socket, answers by pipe."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import pytest

from pleintemps_contract.commissioning import Verdict
from pleintemps_edge.commissioning.report import prove

from .own_keys import enrolled

BIN = Path(sys.executable).parent
CONFIG = """
site = "s"
agent = "a"
keys = "keys"
state = "state"
[[devices]]
device = "pad"
driver = "wiegand"
d0 = 23
d1 = 24
[[devices]]
device = "strike"
driver = "strike"
pin = 27
bolt_pin = 5
[[devices]]
device = "reed"
driver = "reed"
space = "hall"
pin = 22
[[devices]]
device = "meter"
driver = "modbus_sound"
space = "hall"
port = "meter"
[[doors]]
door = "front"
from = "street"
to = "hall"
lock = "strike"
contact = "reed"
readers = ["pad"]
"""
DOES = {
    "open it from inside": ("door", "leave"),
    "type 1 2 3 #": ("pad", "press 123#"),
    "type 4 5 6 7 8 9 0 *": ("pad", "press 4567890*"),
    "clap several times": ("meter", "level 85"),
    "put the calibrator": ("meter", "level 94"),
    "take the calibrator off": ("meter", "level 40"),
    "Are you at it?": ("test", "y"),
    "Open the door from outside": ("door", "push"),
    "does it hold?": ("test", "y"),
}
"""What somebody does at these words, some seconds later."""
HESITATES_S = 2.5


class Place:
    """Devices and the self test, each with a pipe to type into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs: dict[str, subprocess.Popen[str]] = {}
        self.lines: Queue[str | None] = Queue()

    def start(self, name: str, *command: str, listen: bool = False) -> None:
        pins = {"GPIOZERO_PIN_FACTORY": "pleintemps", "PLEINTEMPS_PINS": str(self.folder / "pins")}
        self.programs[name] = program = subprocess.Popen(
            [str(BIN / command[0]), *command[1:]],
            cwd=self.folder,
            env=os.environ | pins,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            bufsize=1,
        )
        threading.Thread(target=self._hear, args=(program, listen), daemon=True).start()

    def _hear(self, program: "subprocess.Popen[str]", listen: bool) -> None:
        assert program.stdout is not None
        for line in program.stdout:
            if listen:
                self.lines.put(line)
        if listen:
            self.lines.put(None)

    def type(self, name: str, text: str) -> None:
        stdin = self.programs[name].stdin
        assert stdin is not None
        stdin.write(f"{text}\n")
        stdin.flush()

    def end(self) -> None:
        for program in self.programs.values():
            if program.poll() is None:
                program.terminate()
            program.wait(timeout=20)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    enrolled(tmp_path / "keys")
    (tmp_path / "edge.toml").write_text(CONFIG)
    found = Place(tmp_path)
    try:
        found.start("door", "pleintemps-sim", "device", "lock", "--link", "pins")
        while not (tmp_path / "pins").exists():
            assert found.programs["door"].poll() is None
        found.start("pad", "pleintemps-sim", "device", "wiegand", "--link", "pins", "--join")
        found.start("meter", "pleintemps-sim", "device", "modbus-sound", "--link", "meter")
        while not (tmp_path / "meter").exists():
            assert found.programs["meter"].poll() is None
        yield found
    finally:
        found.end()


@pytest.mark.soak
def test_a_technician_is_led_through_a_door_and_ends_the_next_test_by_ctrl_c(place: Place) -> None:
    command = ["pleintemps-edge", "selftest", "--config", "edge.toml", "--lang", "en", "--out", "out"]
    place.start("test", *command, listen=True)
    told = []
    while (line := place.lines.get(timeout=120)) is not None:
        told.append(line)
        for words, act in DOES.items():
            if words in line:
                threading.Timer(HESITATES_S, place.type, act).start()
    assert place.programs["test"].wait(timeout=20) == 1, "".join(told)
    (data,) = (place.folder / "out").glob("*.json")
    report = prove(data.read_bytes()).report
    assert report.complete
    # a door, and no clock chip in the configuration
    assert report.broken == ["agent.rtc"]
    verdicts = {each.device: each.verdict for each in report.devices}
    assert [verdicts[name] for name in ("pad", "strike", "reed", "meter")] == [Verdict.PASS] * 4
    place.start("test", *command[:-1], "again", "--only", "strike", listen=True)
    while "Are you at it?" not in (place.lines.get(timeout=60) or ""):
        pass
    place.type("test", "yes")
    while "lets go" not in (place.lines.get(timeout=60) or ""):
        pass
    place.programs["test"].send_signal(signal.SIGINT)
    assert place.programs["test"].wait(timeout=20) == 130
    (data,) = (place.folder / "again").glob("*.json")
    assert not prove(data.read_bytes()).report.complete


@pytest.mark.soak
def test_what_discover_suggests_for_ports_passes_the_check(place: Place) -> None:
    place.start("radar", "pleintemps-sim", "device", "ld2410", "--link", "radar")
    while not (place.folder / "radar").exists():
        assert place.programs["radar"].poll() is None
    ports = ["discover", "--only-ports", "--port", "meter", "radar", "--suggest"]
    place.start("discover", "pleintemps-edge", *ports, listen=True)
    told = "".join(iter(lambda: place.lines.get(timeout=60) or "", ""))
    assert [line for line in told.splitlines() if line.startswith("driver")] == [
        'driver = "modbus_sound"',
        'driver = "ld2410"',
    ]
    (place.folder / "edge.toml").write_text(
        'site = "s"\nagent = "a"\nkeys = "keys"\nstate = "state"\n' + told
    )
    place.start("check", "pleintemps-edge", "check", "--config", "edge.toml", listen=True)
    assert place.lines.get(timeout=60) == "ok\n"
