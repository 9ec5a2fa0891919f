"""The arrows between packages, and the names that must not be imported."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_import_linter_passes() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    checked = subprocess.run(
        [str(linter), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_tests_import_no_bare_folder() -> None:
    """``import edge`` works from the root as an empty namespace. In the packages ruff bans it."""
    folders = {path.parents[1].name for path in ROOT.glob("*/pleintemps_*/__init__.py")}
    found = []
    for path in ROOT.glob("tests/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.append(node.module)
            found += [f"{path.name}: {name}" for name in names if name.split(".")[0] in folders]
    assert found == []
