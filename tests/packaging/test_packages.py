"""What `make deb` and `make stick` make: the same versions as everywhere else, complete, and careful."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pleintemps_gateway.config import GatewayConfig, load

from .packages import HOUSE, PROGRAMS, TOOLS, run

LOCK = HOUSE / "requirements.lock"
SHELL = sorted(
    path
    for path in TOOLS.rglob("*")
    if path.is_file() and path.read_bytes().startswith((b"#!/bin/sh", b"# What the maintainer"))
)


def packaged_config(folder: Path) -> GatewayConfig:
    """The configuration that a fresh installation begins with."""
    path = folder / "gateway.toml"
    path.write_text((TOOLS / "gateway/gateway.toml").read_text().replace("@HOST@", "town-hall"))
    return load(path)


def locked(path: Path) -> dict[str, tuple[str, frozenset[str]]]:
    """Version and hashes by name."""
    found = {}
    for line in path.read_text().replace("\\\n", " ").splitlines():
        if line and not line.startswith("#"):
            head, *hashes = re.split(r"\s+--hash=", line.strip())
            name, version = re.match(r"([A-Za-z0-9._-]+)==(\S+)", head).groups()  # type: ignore[union-attr]
            found[str(canonicalize_name(name))] = (version, frozenset(each.strip() for each in hashes))
    return found


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_package_brings_the_versions_that_were_tested(program: str) -> None:
    everywhere, ours = locked(LOCK), locked(TOOLS / f"{program}.lock")
    for name, what in ours.items():
        # pip makes the environment, and is no part of it
        assert name == "pip" or everywhere[name] == what, f"{name}: make lock"
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"][program]]
    assert {canonicalize_name(Requirement(each).name) for each in wanted} <= ours.keys(), "make lock"


@pytest.mark.parametrize("path", SHELL, ids=lambda path: str(path.relative_to(TOOLS)))
def test_every_script_is_understood(path: Path) -> None:
    subprocess.run(["sh", "-n", str(path)], check=True)
    assert "set -eu" in path.read_text() or path.name == "common.sh"


def test_a_fresh_configuration_is_one_and_keeps_everything_in_one_folder(tmp_path: Path) -> None:
    config = packaged_config(tmp_path)
    assert config.state == "/var/lib/pleintemps-gateway"
    assert config.keys == "/var/lib/pleintemps-gateway/keys"
    assert config.database_url.endswith(":////var/lib/pleintemps-gateway/gateway.db")
    assert config.mqtt.url == "mqtts://town-hall:8883"
    assert config.web.host == "127.0.0.1"


@pytest.fixture(scope="module", params=PROGRAMS)
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A package with a wheel house of one small file: what is around the wheels is what is looked at."""
    to, program = tmp_path_factory.mktemp("package"), request.param
    (to / "wheels").mkdir()
    (to / "wheels/requirements-3.11.txt").write_text("")
    made = run(TOOLS / "build.py", program, "arm64", "--wheels", to / "wheels", "--to", to, "--version", "7")
    return program, Path(made.strip())


def ask(*words: object) -> str:
    return subprocess.run(["dpkg-deb", *map(str, words)], capture_output=True, text=True, check=True).stdout


def test_a_package_says_what_it_needs_and_belongs_to_root(package: tuple[str, Path]) -> None:
    program, path = package
    assert path.name == f"pleintemps-{program}_7_arm64.deb"
    needs = ask("--field", path, "Depends")
    assert "python3 (>= 3.11)" in needs
    assert ("python3 (<< 3.12) | python3-lgpio" in needs) == (program == "edge")
    listed = [line.split(None, 5) for line in ask("--contents", path).splitlines()]
    assert {row[1] for row in listed} == {"root/root"}
    assert all(re.fullmatch(r"drwxr-xr-x|-rw-r--r--|-rwxr-xr-x", row[0]) for row in listed)
    files = {row[5].removeprefix(".") for row in listed}
    assert f"/usr/bin/pleintemps-{program}" in files
    assert f"/usr/lib/systemd/system/pleintemps-{program}.service" in files
    assert f"/opt/pleintemps/{program}/common.sh" in files
    assert f"/usr/share/doc/pleintemps-{program}/installation.md" in files
    # whoever has changed theirs is not asked about it at the next upgrade
    assert not [name for name in files if name.startswith("/etc/")]
    assert "conffiles" not in ask("--info", path)


def test_two_builds_are_the_same_package(package: tuple[str, Path], tmp_path: Path) -> None:
    program, path = package
    wheels = path.parent / "wheels"
    again = run(TOOLS / "build.py", program, "arm64", "--wheels", wheels, "--to", tmp_path, "--version", "7")
    assert Path(again.strip()).read_bytes() == path.read_bytes()


def test_a_damaged_stick_installs_nothing(tmp_path: Path) -> None:
    shutil.copy(TOOLS / "stick/install.sh", tmp_path)
    (tmp_path / "pleintemps-edge_1_amd64.deb").write_bytes(b"not what it was")
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  pleintemps-edge_1_amd64.deb\n")
    words = ["sh", str(tmp_path / "install.sh"), "edge"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "this stick is damaged or was changed" in done.stderr or "run it as root" in done.stderr


def test_nothing_names_where_packages_come_from() -> None:
    for path in [*TOOLS.rglob("*.lock"), *TOOLS.rglob("*.py"), *SHELL, HOUSE / "compose.yaml"]:
        assert not re.search(r"https?://(?!127\.0\.0\.1|influxdb:)", path.read_text()), path
