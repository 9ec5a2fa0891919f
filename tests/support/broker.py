"""A real Mosquitto on a loopback port, that can be killed and started again."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .ports import find_free_port
from .processes import wait_until_up

_CONNECT = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x0a\x00\x04wait"  # MQTT 3.1.1, client id "wait"
_DISCONNECT = b"\xe0\x00"


def find_mosquitto() -> str | None:
    """The broker's program; Debian keeps it out of an ordinary user's PATH."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


class Mosquitto:
    """One broker with its own folder and port. What it saved survives ``kill`` and ``start``."""

    def __init__(self, program: str, folder: Path, *, port: int = 0, extra: str = "") -> None:
        """``extra`` is added to the configuration, for access rules and the like."""
        self.port = port or find_free_port()
        self.log = folder / "mosquitto.log"
        self._program = program
        self._config = folder / "mosquitto.conf"
        self._process: subprocess.Popen[bytes] | None = None
        lines = [
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous true",
            "set_tcp_nodelay true",
            "persistence true",
            f"persistence_location {folder}/",
            # every change, not every interval; see settle() for what that leaves open
            "autosave_on_changes true",
            "autosave_interval 1",
            "log_dest stderr",
        ]
        if os.geteuid() == 0:
            # otherwise it drops to a user who may not write into the test's folder
            lines.append("user root")
        self._config.write_text("\n".join([*lines, extra, ""]))

    def start(self) -> None:
        """Starts the broker and waits until it answers."""
        if self._process is not None:
            raise RuntimeError("mosquitto is already running")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([self._program, "-c", str(self._config)], stderr=log, stdout=log)
        wait_until_up(self._answers, self._process, self.log, within_s=10)

    def settle(self) -> None:
        """Returns when all that was acknowledged before the call is on disk.

        Mosquitto acknowledges first and saves at the end of the same turn of its loop, so a kill in between
        loses what it acknowledged. An answer to a new connection comes from a later turn.
        """
        if not self._answers():
            raise RuntimeError("mosquitto does not answer")

    def kill(self) -> None:
        """Ends it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ends it in order; nothing happens if it is not running."""
        self._end(signal.SIGTERM)

    def _end(self, sign: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(sign)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(_CONNECT)
                # CONNACK, whatever its return code: a broker that refuses us is up as well
                up = connection.recv(4)[:1] == b"\x20"
                connection.sendall(_DISCONNECT)
                return up
        except OSError:
            return False


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A running broker; the test is skipped where Mosquitto is not installed."""
    program = find_mosquitto()
    if program is None:
        pytest.skip("mosquitto is not installed")
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    broker = Mosquitto(program, folder)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()
