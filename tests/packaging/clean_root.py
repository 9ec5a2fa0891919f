"""A clean Debian 12 that is booted in a container of its own: systemd, and no network but its loopback.

The bare system is made once by debootstrap; each test writes into a layer above it that is thrown away.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.support.waiting import wait_for

NAME: Final = "gateway"
HOME: Final = Path("/tmp/pleintemps-clean-root")
"""On the disk, not where the tests put small files, and there for the next run."""
PACKAGES: Final = "systemd,systemd-sysv,dbus,python3,procps,iproute2"
"""What stands on the machine before ours: what ours depend on, and tools to look with."""
STORE: Final = "/var/lib/pleintemps-gateway/gateway.db"
_SHARE: Final = "/mnt"


def missing() -> str:
    """Why no root can be made here; empty if one can."""
    if os.geteuid() != 0:
        return "not root"
    lacking = [tool for tool in ("debootstrap", "systemd-nspawn", "nsenter") if shutil.which(tool) is None]
    return f"{', '.join(lacking)} not installed" if lacking else ""


def base() -> Path:
    """The bare system, made if it is not there yet (two minutes, 300 MB)."""
    folder = HOME / "base"
    done = folder / ".complete"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        (HOME / "debs").mkdir(parents=True, exist_ok=True)
        words = ["debootstrap", "--variant=minbase", f"--cache-dir={HOME / 'debs'}", f"--include={PACKAGES}"]
        made = subprocess.run([*words, "bookworm", str(folder)], capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stdout[-2000:]
        done.touch()
    return folder


class CleanRoot:
    """One booted system. ``share`` is a folder of this machine that it sees as ``/mnt``."""

    def __init__(self, folder: Path) -> None:
        self.share = folder / "share"
        self._root = folder / "root"
        self._folder = folder
        self._container: subprocess.Popen[bytes] | None = None
        self._leader = ""

    def start(self) -> None:
        lower = base()
        for name in ("share", "root", "upper", "work"):
            (self._folder / name).mkdir(parents=True)
        layers = f"lowerdir={lower},upperdir={self._folder / 'upper'},workdir={self._folder / 'work'}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, str(self._root)], check=True)
        # as Debian's installer leaves it
        (self._root / "etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {NAME}\n::1 localhost\n")
        (self._root / "etc/hostname").write_text(f"{NAME}\n")
        words = ["systemd-nspawn", "--quiet", f"--directory={self._root}", f"--hostname={NAME}"]
        words += [
            "--private-network",
            "--register=no",
            "--keep-unit",
            "--boot",
            f"--bind={self.share}:{_SHARE}",
        ]
        with (self._folder / "boot.log").open("wb") as log:
            self._container = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._leader = wait_for(self._find_leader, within_s=30, what="first process of the container")
        wait_for(self._is_up, within_s=60, what="booted system")

    def _find_leader(self) -> str:
        assert self._container is not None
        assert self._container.poll() is None, (self._folder / "boot.log").read_text()
        pid = self._container.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for child in children:
            # another child makes the namespaces and ends
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                    return child
        return ""

    def _is_up(self) -> bool:
        return self.run("systemctl is-system-running", check=False).strip() in ("running", "degraded")

    def stop(self) -> None:
        """Power off, and throw the layer away."""
        if self._container is not None:
            with contextlib.suppress(subprocess.CalledProcessError):
                self.run("systemctl poweroff", check=False)
            try:
                self._container.wait(30)
            except subprocess.TimeoutExpired:
                self._container.send_signal(signal.SIGKILL)
                self._container.wait()
        subprocess.run(["umount", str(self._root)], check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, command: str, *, check: bool = True, given: str = "") -> str:
        """What a shell in there says, errors too; raises AssertionError when the command fails."""
        words = ["nsenter", "--target", self._leader, "--all", "env", "-i"]
        words += ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"]
        words += ["DEBIAN_FRONTEND=noninteractive", "sh", "-c", f"cd / && {command}"]
        done = subprocess.run(
            words, input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout[-4000:]}"
        return done.stdout

    def journal(self, unit: str) -> str:
        return self.run(f"journalctl --no-pager --unit {shlex.quote(unit)}")

    def rows(self, query: str) -> list[list[Any]]:
        """Of the gateway's store, asked with the system's own Python."""
        asked = f"sqlite3.connect({STORE!r}).execute({query!r}).fetchall()"
        code = shlex.quote(f"import json, sqlite3; print(json.dumps({asked}))")
        found: list[list[Any]] = json.loads(self.run(f"python3 -c {code}"))
        return found

    def exposure(self, unit: str) -> float:
        """What ``systemd-analyze security`` says of a unit, 0 to 10."""
        return exposure(self.run(f"systemd-analyze security --no-pager {unit}"))


def exposure(text: str) -> float:
    """The figure in the last line of ``systemd-analyze security``."""
    found = re.search(r"Overall exposure level for .*: ([0-9.]+)", text)
    assert found is not None, text[-1000:]
    return float(found[1])


@contextlib.contextmanager
def booted() -> Iterator[CleanRoot]:
    """A system that runs as long as the block."""
    HOME.mkdir(parents=True, exist_ok=True)
    root = CleanRoot(Path(tempfile.mkdtemp(prefix="run-", dir=HOME)))
    try:
        root.start()
        yield root
    finally:
        root.stop()
