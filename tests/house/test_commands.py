"""The three commands answer, and every `make` target the documents name exists."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("command", sorted(PROJECT["scripts"]))
@pytest.mark.parametrize("option", ["--help", "--version"])
def test_command_answers(command: str, option: str) -> None:
    program = Path(sys.executable).parent / command
    answer = subprocess.run([str(program), option], capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    assert command in answer.stdout
    if option == "--version":
        assert PROJECT["version"] in answer.stdout


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_make_help_lists_every_target_for_people() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^make ([a-z-]+)", shown, re.MULTILINE)) == _targets() - {"test-system"}


_DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_make_targets_named_in_documents_exist(document: Path) -> None:
    text = document.read_text()
    code = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL) + re.findall(
        r"`([^`\n]+)`", text
    )
    # only at the start of a command, so that "make sure" in a comment is no target
    named = {
        name for piece in code for name in re.findall(r"(?:^|&&\s*|\$ )make ([a-z-]+)", piece, re.MULTILINE)
    }
    assert named <= _targets()


def test_the_readme_names_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    assert "make run" in text
    assert "make test" in text
