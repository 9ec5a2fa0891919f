"""Brings the locked wheels of a program, with its own, into a folder from which it installs without network.

    wheels.py gateway amd64 build/wheelhouse/gateway-amd64 [--source DIR]

The folder gets the wheels for every Python of ``PYTHONS`` and a ``requirements-<python>.txt`` with the
SHA-256 of each. What is downloaded has to have a hash of the lock beside this file, whatever machine this
runs on. What exists as source alone (and is nothing but Python) is built here.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
PYTHONS = ("3.11", "3.13")
"""Those of Debian 12 and 13, and of the Raspberry Pi OS made from each."""
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
GLIBC = 36
"""Debian 12 has glibc 2.36."""
SYSTEM = {("lgpio", "3.13")}
"""No wheel exists: the package asks for Debian's own."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the wheel house of one program for one architecture.")
    parser.add_argument("program", choices=("gateway", "edge"))
    parser.add_argument("architecture", choices=tuple(MACHINES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--source", type=Path, default=PROJECT, help="the tree that the program comes from")
    options = parser.parse_args()
    lock = HERE / f"{options.program}.lock"
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {python: list(locked(lock, MACHINES[options.architecture], python)) for python in PYTHONS}
    fetch(folder, wanted, MACHINES[options.architecture])
    own = build(options.source, folder)
    used = set()
    for python, requirements in wanted.items():
        files = [pick(folder, each, MACHINES[options.architecture], python) for each in requirements] + [own]
        used |= set(files)
        # pip installs the others, and stays out of what it makes
        shown = [(*named(file), digest(file)) for file in files if not file.name.startswith("pip-")]
        lines = [f"{name}=={version} --hash=sha256:{mark}" for name, version, mark in shown]
        (folder / f"requirements-{python}.txt").write_text("\n".join(sorted(lines)) + "\n")
    for file in set(folder.glob("*.whl")) - used:
        file.unlink()
    size = sum(file.stat().st_size for file in used)
    print(f"{folder}: {len(used)} wheels, {size / 1e6:.0f} MB", file=sys.stderr)
    return 0


def locked(lock: Path, machine: str, python: str) -> Iterator[tuple[Requirement, tuple[str, ...]]]:
    """What the lock asks for on Linux, each with its permitted hashes."""
    environment = {
        "implementation_name": "cpython",
        "implementation_version": f"{python}.2",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{python}.2",
        "python_version": python,
        "sys_platform": "linux",
    }
    for line in lock.read_text().replace("\\\n", " ").splitlines():
        if line.strip() and not line.startswith("#"):
            head, *hashes = re.split(r"\s+--hash=", line.strip())
            requirement = Requirement(head)
            if (requirement.name, python) in SYSTEM:
                continue
            if requirement.marker is None or requirement.marker.evaluate(environment):
                yield requirement, tuple(each.strip() for each in hashes)


def tags(machine: str, python: str) -> list[Tag]:
    """What runs there, best first."""
    version = tuple(int(part) for part in python.split("."))
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC, 4, -1)]
    platforms += [f"{old}_{machine}" for old in ("manylinux2014", "manylinux2010", "manylinux1", "linux")]
    abi = f"cp{''.join(python.split('.'))}"
    return [*cpython_tags(version, [abi], platforms), *compatible_tags(version, abi, platforms)]


def pick(folder: Path, wanted: tuple[Requirement, tuple[str, ...]], machine: str, python: str) -> Path:
    """The wheel of the folder that serves this requirement best; raises SystemExit if there is none."""
    requirement, _ = wanted
    order = {tag: place for place, tag in enumerate(tags(machine, python))}
    found = []
    for file in folder.glob("*.whl"):
        name, version, _, kinds = parse_wheel_filename(file.name)
        if name == canonicalize_name(requirement.name) and requirement.specifier.contains(
            version, prereleases=True
        ):
            found += [(order[kind], file) for kind in kinds if kind in order]
    if not found:
        raise SystemExit(f"wheels: {requirement} has no wheel for Python {python} on {machine}")
    return min(found)[1]


def fetch(folder: Path, wanted: dict[str, list[tuple[Requirement, tuple[str, ...]]]], machine: str) -> None:
    """Download what is missing; a file that is there already counts if the lock knows its hash."""
    for python, requirements in wanted.items():
        missing = [each for each in requirements if not there(folder, each, machine, python)]
        platforms = dict.fromkeys(tag.platform for tag in tags(machine, python) if tag.platform != "any")
        target = ["--implementation", "cp", "--python-version", python]
        target += [word for each in platforms for word in ("--platform", each)]
        plain = [each for each in missing if not source_only(each, python, machine)]
        if plain:
            pip("download", "--only-binary=:all:", *target, "--dest", folder, asked=plain)
        for each in missing:
            if each not in plain:
                pip("wheel", "--use-pep517", "--wheel-dir", folder, asked=[each])


SOURCES = {"http-ece", "py-vapid"}
"""Those that have no wheel; both are nothing but Python."""


def source_only(wanted: tuple[Requirement, tuple[str, ...]], python: str, machine: str) -> bool:
    return canonicalize_name(wanted[0].name) in SOURCES


def there(folder: Path, wanted: tuple[Requirement, tuple[str, ...]], machine: str, python: str) -> bool:
    try:
        file = pick(folder, wanted, machine, python)
    except SystemExit:
        return False
    return canonicalize_name(wanted[0].name) in SOURCES or f"sha256:{digest(file)}" in wanted[1]


def pip(command: str, *options: object, asked: list[tuple[Requirement, tuple[str, ...]]]) -> None:
    lines = [
        f"{each.name}{each.specifier} {' '.join('--hash=' + one for one in hashes)}" for each, hashes in asked
    ]
    environment = {key: value for key, value in os.environ.items() if key != "PIP_FIND_LINKS"}
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        words = [
            sys.executable,
            "-m",
            "pip",
            command,
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "-r",
            file.name,
        ]
        done = subprocess.run(
            [*words, *map(str, options)], env=environment, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise SystemExit(f"wheels: pip {command} failed:\n{done.stderr[-2000:]}")


def build(source: Path, folder: Path) -> Path:
    """Our own wheel, the same for every architecture and Python."""
    with tempfile.TemporaryDirectory() as work:
        words = [
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--wheel-dir",
            work,
            str(source),
        ]
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"wheels: our own cannot be built:\n{done.stderr[-2000:]}")
        made = next(Path(work).glob("pleintemps-*.whl"))
        for old in folder.glob("pleintemps-*.whl"):
            old.unlink()
        return Path(shutil.copy(made, folder / made.name))


def named(file: Path) -> tuple[str, str]:
    name, version, *_ = parse_wheel_filename(file.name)
    return name, str(version)


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
