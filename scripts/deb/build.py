"""Makes a Debian package of one program for one architecture from its wheel house.

    build.py gateway amd64 --wheels build/wheelhouse/gateway-amd64 --to dist [--version V] [--source DIR]

The package brings the wheels, not an environment: it is made on the machine, for that machine's Python.
So one package serves Debian 12 and 13, and no file in it was made on another architecture. Prints the path
of the package.
"""

import argparse
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
SCRIPTS = ("postinst", "prerm", "postrm")
DOCUMENTS = {
    "gateway": (
        "installation.md",
        "installation.fr.md",
        "running.md",
        "operators.md",
        "gateway.md",
        "privacy.md",
    ),
    "edge": ("installation.md", "installation.fr.md", "agent.md", "drivers.md"),
}
UNITS = {
    "gateway": "gateway/pleintemps_gateway/systemd",
    "edge": "edge/pleintemps_edge/systemd",
}
CONTROL = {
    "gateway": """\
Depends: python3 (>= 3.11), python3 (<< 3.14), adduser, util-linux, init-system-helpers
Recommends: mosquitto, libpangoft2-1.0-0, fonts-dejavu-core
Suggests: postgresql
Description: gateway that lets a town use its rooms around the clock
 It reconciles bookings with what door agents measure, gives out door codes, raises
 alerts, and serves the caretakers' pages. Its Python packages come with it, pinned
 and with their hashes; installing it needs no network.
""",
    "edge": """\
Depends: python3 (>= 3.11), python3 (<< 3.14), @LGPIO@adduser, util-linux, init-system-helpers
Recommends: alsa-utils
Description: door agent that lets a town use its rooms around the clock
 It opens doors for booking codes, alone where it must, and measures presence and
 noise. Its Python packages come with it, pinned and with their hashes; installing
 it needs no network.
""",
}
LGPIO = {"amd64": "", "arm64": "python3 (<< 3.12) | python3-lgpio, "}
"""The pins of a Raspberry Pi: no wheel of lgpio exists for Python 3.13, Debian has it."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the Debian package of one program.")
    parser.add_argument("program", choices=tuple(CONTROL))
    parser.add_argument("architecture", choices=tuple(LGPIO))
    parser.add_argument("--wheels", type=Path, required=True, help="its wheel house")
    parser.add_argument("--to", type=Path, required=True, help="the folder that gets the package")
    parser.add_argument("--version", help="the project's, with the number of its commits, if absent")
    parser.add_argument("--source", type=Path, default=PROJECT, help="the tree that documents come from")
    options = parser.parse_args()
    version = options.version or version_of(options.source)
    options.to.mkdir(parents=True, exist_ok=True)
    package = options.to / f"pleintemps-{options.program}_{version}_{options.architecture}.deb"
    with tempfile.TemporaryDirectory() as work:
        root = Path(work) / "root"
        lay_out(root, options.program, version, options.wheels, options.source)
        write_control(root, options.program, version, options.architecture)
        moment = moment_of(options.source)
        settle(root, int(moment))
        # wheels are compressed already
        command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", root, package]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": moment}
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    print(package)
    return 0


def lay_out(root: Path, program: str, version: str, wheels: Path, source: Path) -> None:
    """Every file of the package at its place."""
    home = root / "opt/pleintemps" / program
    shutil.copytree(wheels, home / "wheels")
    (home / "versions").mkdir()
    place(home / "common.sh", (HERE / "common.sh").read_text())
    command = (HERE / program / "program").read_text()
    place(root / f"usr/bin/pleintemps-{program}", command, executable=True)
    units = PROJECT / UNITS[program]
    for unit in sorted([*units.glob("*.service"), *units.glob("*.timer")]):
        place(root / "usr/lib/systemd/system" / unit.name, unit.read_text())
    if program == "gateway":
        place(home / "gateway.toml", (HERE / "gateway/gateway.toml").read_text())
        # for who keeps broker, series and dashboards in containers
        place(home / "company/compose.yaml", (PROJECT / "compose.yaml").read_text())
        for name in ("influxdb", "grafana"):
            shutil.copytree(PROJECT / "dashboards" / name, home / "company/dashboards" / name)
    else:
        place(root / "usr/lib/udev/rules.d/60-pleintemps-edge.rules", (HERE / "edge/udev.rules").read_text())
    documents = root / f"usr/share/doc/pleintemps-{program}"
    for name in DOCUMENTS[program]:
        if (source / "docs" / name).exists():
            place(documents / name, (source / "docs" / name).read_text())
    for example in sorted((source / program / f"pleintemps_{program}/examples").glob("*.toml")):
        place(documents / "examples" / example.name, example.read_text())
    place(documents / "copyright", copyright_text())
    changes = gzip.compress((source / "CHANGELOG.md").read_bytes(), mtime=0)
    (documents / "changelog.gz").write_bytes(changes)


def write_control(root: Path, program: str, version: str, architecture: str) -> None:
    size = sum(file.stat().st_size for file in root.rglob("*") if file.is_file()) // 1024
    head = [
        f"Package: pleintemps-{program}",
        f"Version: {version}",
        f"Architecture: {architecture}",
        "Maintainer: Plein Temps maintainers <maintainers@pleintemps.invalid>",
        "Section: misc",
        "Priority: optional",
        f"Installed-Size: {size}",
    ]
    text = "\n".join(head) + "\n" + CONTROL[program].replace("@LGPIO@", LGPIO[architecture])
    place(root / "DEBIAN/control", text)
    for name in SCRIPTS:
        text = (HERE / program / name).read_text().replace("@VERSION@", version)
        place(root / "DEBIAN" / name, text, executable=True)


def place(path: Path, text: str, *, executable: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755 if executable else 0o644)


def settle(root: Path, moment: int) -> None:
    """Modes and times that do not depend on who builds it, and when."""
    for path in [root, *root.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
        elif not path.stat().st_mode & 0o100:
            path.chmod(0o644)
        os.utime(path, (moment, moment))


def copyright_text() -> str:
    return (
        "Plein Temps is free software under the Apache License, version 2.0:\n"
        "/usr/share/common-licenses/Apache-2.0\n\n"
        "The wheels in /opt/pleintemps are other people's work; the licence of each is in it.\n"
    )


def version_of(source: Path) -> str:
    """Rises with every commit, so that a later package upgrades an earlier one."""
    project = tomllib.loads((source / "pyproject.toml").read_text())["project"]["version"]
    commits = git(source, "rev-list", "--count", "HEAD")
    return f"{project}+{commits}" if commits else str(project)


def moment_of(source: Path) -> str:
    return git(source, "log", "-1", "--format=%ct") or "1700000000"


def git(source: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", source, *words], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    sys.exit(main())
