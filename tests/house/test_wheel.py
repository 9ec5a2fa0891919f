"""Hatch silently leaves out a package that is not listed and a file that git ignores."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _package_folders() -> list[Path]:
    return sorted(path.parent for path in ROOT.glob("*/pleintemps_*/__init__.py"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel built from this checkout, without the network."""
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    built = subprocess.run(build, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = out.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_six_packages_are_listed() -> None:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())
    hatch = configuration["tool"]["hatch"]["build"]
    folders = _package_folders()
    assert len(folders) == 6
    assert sorted(hatch["targets"]["wheel"]["packages"]) == [
        str(folder.relative_to(ROOT)) for folder in folders
    ]
    assert sorted(hatch["dev-mode-dirs"]) == [folder.parent.name for folder in folders]


def test_every_file_of_every_package_is_shipped(wheel: zipfile.ZipFile) -> None:
    on_disk = {
        str(path.relative_to(folder.parent))
        for folder in _package_folders()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    shipped = {name for name in wheel.namelist() if not name.split("/")[0].endswith(".dist-info")}
    assert on_disk - shipped == set()
    assert shipped - on_disk == set()


def test_every_package_is_typed(wheel: zipfile.ZipFile) -> None:
    assert {f"{folder.name}/py.typed" for folder in _package_folders()} <= set(wheel.namelist())


def test_commands_pin_factory_and_licence_are_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = (name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt"))
    text = wheel.read(entry_points).decode()
    for command in ("pleintemps-edge", "pleintemps-gateway", "pleintemps-sim", "[gpiozero_pin_factories]"):
        assert command in text
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel.namelist())
