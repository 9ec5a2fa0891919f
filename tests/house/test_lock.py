"""The lock is complete, checked by hash, and says nothing of where its files were fetched."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
# "name==version ; marker \" followed by indented "--hash=..." lines
_ENTRIES = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)[1:]
_ROOT_REQUIREMENT = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ \\]+)(?: ; (?P<marker>[^\\]+?))? \\$")


def _locked() -> dict[str, tuple[str, Marker | None]]:
    locked = {}
    for entry in _ENTRIES:
        match = _ROOT_REQUIREMENT.match(entry.splitlines()[0])
        assert match, f"not a pinned requirement: {entry.splitlines()[0]}"
        locked[match["name"]] = (match["version"], Marker(match["marker"]) if match["marker"] else None)
    return locked


def test_every_requirement_has_hashes_and_nothing_else() -> None:
    assert len(_ENTRIES) > 50
    for entry in _ENTRIES:
        first, *rest = entry.rstrip().splitlines()
        assert rest, f"no hash: {first}"
        for line in rest:
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?", line), line


def test_no_index_is_named() -> None:
    assert "://" not in LOCK
    assert "index-url" not in LOCK
    assert "find-links" not in LOCK


def test_every_dependency_and_the_build_backend_are_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(line for extra in project["project"]["optional-dependencies"].values() for line in extra),
    ]
    locked = _locked()
    for requirement in map(Requirement, wanted):
        version, _ = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), (
            f"{requirement} is locked at {version}: run `make lock`"
        )


def test_nothing_that_is_installed_lacks_another_or_has_a_wrong_one() -> None:
    """It is installed as it is locked, without a look at what each needs."""
    check = [sys.executable, "-m", "pip", "check", "--disable-pip-version-check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_what_is_installed_is_what_is_locked() -> None:
    for name, (version, marker) in _locked().items():
        if marker is None or marker.evaluate():
            assert importlib.metadata.version(name) == version, f"{name}: run `make install`"
