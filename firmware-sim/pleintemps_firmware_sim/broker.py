"""The demo's broker: Mosquitto where it is installed, otherwise amqtt in a process of its own."""

import os
import shutil
import sys
from pathlib import Path

from .processes import Child


def find_mosquitto() -> str | None:
    """The broker's program; Debian keeps it out of an ordinary user's PATH."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def mosquitto_conf(port: int, folder: Path) -> str:
    """Listens on the loopback address only; see docs/decisions.md 10 and 14."""
    lines = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        "set_tcp_nodelay true",
        "persistence true",
        f"persistence_location {folder}/",
        # saving at every change costs nine tenths of its speed, and nothing of ours needs it
        "autosave_interval 60",
        # the gateway acknowledges after its commit: what waits for that must not be dropped
        "max_queued_messages 100000",
        "max_inflight_messages 1000",
        "log_dest stderr",
    ]
    if os.geteuid() == 0:
        # otherwise it drops to a user who may not write into this folder
        lines.append("user root")
    return "\n".join(lines) + "\n"


def make_broker(port: int, folder: Path, log: Path) -> Child:
    """The broker for a demo in ``folder``, not yet started."""
    folder.mkdir(parents=True, exist_ok=True)
    program = find_mosquitto()
    if program is None:
        argv = [sys.executable, "-m", "pleintemps_firmware_sim.python_broker", str(port)]
        return Child("broker", argv, log=log, cwd=folder)
    config = folder / "mosquitto.conf"
    config.write_text(mosquitto_conf(port, folder), encoding="utf-8")
    return Child("broker", [program, "-c", str(config)], log=log, cwd=folder)
