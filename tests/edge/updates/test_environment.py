"""A real environment of real wheels, without a network."""

import base64
import ensurepip
import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pleintemps_edge.errors import UpdateError
from pleintemps_edge.updates.slots import Slots, make_environment

WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
PROGRAM = """
def main() -> int:
    print("pleintemps-edge {version}")
    return {code}
"""


def wheel(folder: Path, version: str, code: int = 0) -> Path:
    """The smallest program that is called as ours."""
    name = f"pleintemps-{version}"
    files = {
        "tiny.py": PROGRAM.format(version=version, code=code),
        f"{name}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: pleintemps\nVersion: {version}\n",
        f"{name}.dist-info/WHEEL": WHEEL,
        f"{name}.dist-info/entry_points.txt": "[console_scripts]\npleintemps-edge = tiny:main\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items())
    path = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in (files | {f"{name}.dist-info/RECORD": record}).items():
            archive.writestr(inner, text)
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def release(folder: Path, version: str, code: int = 0) -> Path:
    folder.mkdir()
    made = wheel(folder, version, code)
    pip = next((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"), None)
    if pip is None:  # Debian keeps its wheels elsewhere
        pip = next(Path("/usr/share/python-wheels").glob("pip-*.whl"))
    shutil.copy(pip, folder)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    line = f"pleintemps=={version} --hash=sha256:{hashlib.sha256(made.read_bytes()).hexdigest()}\n"
    (folder / f"requirements-{python}.txt").write_text(line)
    return folder


@pytest.mark.soak
def test_a_version_is_built_and_a_broken_one_leaves_nothing(tmp_path: Path) -> None:
    slots = Slots(tmp_path / "root", make_environment)
    slots.build(release(tmp_path / "good", "1.3.0"), "1.3.0")
    program = tmp_path / "root/versions/1.3.0/bin/pleintemps-edge"
    said = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    assert said == "pleintemps-edge 1.3.0\n"
    for name, code, spoil in (("dead", 1, ""), ("other-wheel", 0, "x")):
        folder = release(tmp_path / name, "1.4.0", code)
        if spoil:
            with next(folder.glob("pleintemps-*.whl")).open("ab") as file:
                file.write(b"x")
        with pytest.raises(UpdateError):
            slots.build(folder, "1.4.0")
        assert slots.held == {"1.3.0"}
    (tmp_path / "empty").mkdir()
    with pytest.raises(UpdateError, match="nothing for Python"):
        slots.build(tmp_path / "empty", "1.4.0")
