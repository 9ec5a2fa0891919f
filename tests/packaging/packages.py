"""The Debian packages under test: of this tree, and of the commit before the newest schema."""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

HOUSE: Final = Path(__file__).resolve().parents[2]
TOOLS: Final = HOUSE / "scripts" / "deb"
PROGRAMS: Final = ("gateway", "edge")
ARCHITECTURE: Final = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "")
_MIGRATIONS: Final = "gateway/pleintemps_gateway/store/migrations/versions"


def build(program: str, to: Path, version: str, source: Path = HOUSE) -> Path:
    """The package of ``source``; its wheels are kept in ``build/`` for the next time."""
    house = HOUSE / "build/wheelhouse" / f"{program}-{ARCHITECTURE}"
    if source != HOUSE:
        copied = to / f"wheels-{program}"
        ours = shutil.ignore_patterns("pleintemps-*", "requirements-*")
        shutil.copytree(house, copied, copy_function=os.link, ignore=ours)
        house = copied
    run(TOOLS / "wheels.py", program, ARCHITECTURE, house, "--source", source)
    words = ["--wheels", house, "--to", to, "--version", version, "--source", source]
    return Path(run(TOOLS / "build.py", program, ARCHITECTURE, *words).strip())


def fill_stick(to: Path, debs: Path) -> None:
    """As `make stick` does, for this architecture alone."""
    to.mkdir()
    for program in PROGRAMS:
        shutil.copy(debs / f"pleintemps-{program}_1_{ARCHITECTURE}.deb", to)
    shutil.copy(TOOLS / "stick/install.sh", to)
    subprocess.run([str(TOOLS / "companions.sh"), str(to / "debian")], check=True)
    files = sorted(path for path in to.rglob("*") if path.is_file())
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(to)}\n" for path in files]
    (to / "SHA256SUMS").write_text("".join(sums))


def run(*words: object) -> str:
    done = subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def previous_tree(to: Path) -> Path:
    """The tree as it was before the newest migration came; raises AssertionError without history."""
    newest = sorted((HOUSE / _MIGRATIONS).glob("r*.py"))[-1]
    words = ["log", "--diff-filter=A", "--format=%H", "--", str(newest.relative_to(HOUSE))]
    added = git(*words).decode().split()
    assert added, f"no commit of the history brought {newest.name}"
    to.mkdir(parents=True)
    subprocess.run(["tar", "-x", "-C", str(to)], input=git("archive", f"{added[-1]}~1"), check=True)
    return to


def git(*words: str) -> bytes:
    return subprocess.run(["git", "-C", str(HOUSE), *words], capture_output=True, check=True).stdout
