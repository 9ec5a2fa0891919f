"""The disk: versions, links, what is known. Every change is complete or is not there after a power cut."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import msgspec

from pleintemps_contract.keyfiles import replace_secret
from pleintemps_edge.errors import UpdateError

from .rules import State

CURRENT: Final = "current"
PROVEN: Final = "proven"
VERSIONS: Final = "versions"
COMPLETE: Final = "complete"
STATE: Final = "update.json"
_BUILD_S: Final = 1_200.0
_RESTART_S: Final = 60.0


class Build(Protocol):
    """Makes the environment of a version in ``target`` from checked files; raises UpdateError."""

    def __call__(self, release: Path, target: Path) -> None: ...


class Slots:
    """``root`` with its versions; whoever may change it is root."""

    def __init__(self, root: Path, build: Build) -> None:
        self._root = root
        self._build = build

    @property
    def held(self) -> frozenset[str]:
        """Versions that are complete."""
        folder = self._root / VERSIONS
        return (
            frozenset(path.parent.name for path in folder.glob(f"*/{COMPLETE}"))
            if folder.is_dir()
            else frozenset()
        )

    @property
    def current(self) -> str:
        """The version that the service would start; raises UpdateError where there is no link."""
        link = self._root / CURRENT
        try:
            return Path(os.readlink(link)).name
        except OSError as error:
            raise UpdateError(f"{link}: {error.strerror}: updates need the installed package") from error

    def read(self) -> State | None:
        """What is known; None at first, and where it cannot be read: then the disk says it."""
        try:
            return msgspec.json.decode((self._root / STATE).read_bytes(), type=State)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def keep(self, state: State) -> None:
        replace_secret(self._root / STATE, msgspec.json.encode(state))

    def link(self, name: str, version: str) -> bool:
        """Make ``name`` point to ``version``, in one rename; whether it did not before."""
        link, target = self._root / name, f"{VERSIONS}/{version}"
        if link.is_symlink() and os.readlink(link) == target:
            return False
        new = self._root / f".{name}.new"
        new.unlink(missing_ok=True)
        new.symlink_to(target)
        new.replace(link)
        return True

    def build(self, release: Path, version: str) -> None:
        """Complete when this returns; raises UpdateError or OSError."""
        folder = self._root / VERSIONS / version
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o755, parents=True)
        try:
            self._build(release, folder)
        except (UpdateError, OSError):
            shutil.rmtree(folder, ignore_errors=True)
            raise
        os.sync()  # thousands of files: what says that they are complete must come after all of them
        (folder / COMPLETE).touch()

    def drop_others(self, kept: frozenset[str]) -> None:
        folder = self._root / VERSIONS
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name not in kept:
                (path / COMPLETE).unlink(missing_ok=True)
                shutil.rmtree(path, ignore_errors=True)


def make_environment(release: Path, target: Path) -> None:
    """A virtual environment of the release's wheels: no network, every hash checked once more by pip."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    wanted = release / f"requirements-{python}.txt"
    pip = next(iter(sorted(release.glob("pip-*.whl"))), None)
    if not wanted.is_file() or pip is None:
        raise UpdateError(f"the release has nothing for Python {python}")
    base = Path(sys.base_prefix) / "bin" / f"python{python}"
    install = [
        "install",
        "--quiet",
        "--no-input",
        "--no-cache-dir",
        "--disable-pip-version-check",
        "--no-index",
    ]
    install += ["--no-deps", "--require-hashes", "--find-links", str(release), "--requirement", str(wanted)]
    _run([str(base), "-I", "-m", "venv", "--without-pip", str(target)])
    _run([str(target / "bin" / "python"), f"{pip}/pip", *install])
    _run([str(target / "bin" / "pleintemps-edge"), "--version"])


def _run(command: list[str]) -> None:
    plain = {
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "PIP_CONFIG_FILE": "/dev/null",
        "HOME": "/nonexistent",
    }
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_BUILD_S,
            env=plain,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UpdateError(f"{command[0]}: {error}") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UpdateError(f"{Path(command[0]).name} {command[1]}: {last}")


Restart = Callable[[], None]


def restart_service() -> None:
    """Start the agent's service anew; raises UpdateError."""
    try:
        done = subprocess.run(
            ["/usr/bin/systemctl", "restart", "pleintemps-edge.service"],
            capture_output=True,
            text=True,
            timeout=_RESTART_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UpdateError(f"systemctl: {error}") from error
    if done.returncode:
        raise UpdateError(f"systemctl restart: {done.stderr.strip() or done.returncode}")
