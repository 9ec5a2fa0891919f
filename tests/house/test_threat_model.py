"""Each mitigation of the threat model is linked to tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
LINK = re.compile(r"`(tests/[a-z0-9_/]+\.py)::([A-Za-z0-9_]+)`")


def rows() -> list[list[str]]:
    """The table of what stands against what."""
    table = TEXT.partition("## What stands against it")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_each_threat_has_a_mitigation_and_a_test() -> None:
    assert len(rows()) > 25
    for row in rows():
        threat, mitigation, tests = row
        assert threat and mitigation and LINK.search(tests), row
        assert LINK.sub("", tests).strip(" ,") == "", row


def test_every_linked_test_exists() -> None:
    links = LINK.findall(TEXT)
    assert links
    for path, name in links:
        file = ROOT / path
        assert file.is_file(), path
        pattern = rf"^(async def |def |class ){name}\b|^{name} = "
        assert re.search(pattern, file.read_text(encoding="utf-8"), re.MULTILINE), f"{path}::{name}"
