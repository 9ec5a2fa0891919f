"""What the documents say leads somewhere: links, pictures, words of the screen in the guide."""

import argparse
import re
import shlex
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from babel.messages.pofile import read_po

from pleintemps_dashboards import cli as dashboards
from pleintemps_edge import cli as edge
from pleintemps_gateway import cli as gateway

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
GUIDE = ROOT / "docs/gardien.md"
CATALOGUES = ROOT / "gateway/pleintemps_gateway/web/locales/fr/LC_MESSAGES"
MOST_BYTES = 250_000
MOST_PICTURES = 12
_CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PLACE = re.compile(r"%\(\w+\)s")


def links(document: Path) -> list[str]:
    """Targets of links and pictures that are no address of the Internet."""
    found = _LINK.findall(_CODE.sub("", document.read_text()))
    return [each for each in found if not re.match(r"[a-z]+:", each)]


@cache
def headings(document: Path) -> frozenset[str]:
    """The anchors of a document as GitHub makes them."""
    lines = re.findall(r"^#+ (.+)$", _CODE.sub("", document.read_text()), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_and_picture_is_there(document: Path) -> None:
    lost = []
    for target in links(document):
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in headings(file)):
            lost.append(target)
    assert lost == []


def test_the_pictures_are_few_small_and_all_shown() -> None:
    stored = set((ROOT / "docs/images").iterdir())
    shown = {(path.parent / each).resolve() for path in DOCUMENTS for each in links(path)}
    assert stored <= shown
    assert 0 < len(stored) <= MOST_PICTURES
    assert [each.name for each in stored if each.stat().st_size > MOST_BYTES] == []


def plain(text: str) -> str:
    """Without the differences that no reader sees: spaces, line breaks, the two apostrophes."""
    return " ".join(text.replace("’", "'").split())


def shapes() -> list[re.Pattern[str]]:
    """Every French text of the pages, with a gap for each value; those that are gaps alone say nothing."""
    found = []
    for file in sorted(CATALOGUES.glob("*.po")):
        with file.open("rb") as opened:
            messages = [message for message in read_po(opened, locale="fr") if message.id]
        for message in messages:
            for text in [message.string] if isinstance(message.string, str) else message.string or ():
                parts = [re.escape(each) for each in _PLACE.split(plain(text))]
                if re.search(r"\w{3}", "".join(parts)):
                    found.append(re.compile(".{1,40}".join(parts)))
    return found


def test_the_guide_quotes_the_words_of_the_screen() -> None:
    known = shapes()
    quoted = {plain(each) for each in re.findall(r"\*\*(.+?)\*\*", GUIDE.read_text(), re.DOTALL)}
    assert len(quoted) > 50
    assert sorted(each for each in quoted if not any(shape.fullmatch(each) for shape in known)) == []


PARSERS: Final[dict[str, Callable[[], argparse.ArgumentParser]]] = {
    "pleintemps-gateway": gateway._parser,
    "pleintemps-edge": edge._parser,
    "python -m pleintemps_dashboards": dashboards._parser,
}


def test_the_commands_for_operators_are_understood() -> None:
    text = (ROOT / "docs/operators.md").read_text()
    lines = "".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)).splitlines()
    assert len(lines) > 10
    for line in lines:
        program = next(each for each in PARSERS if line.startswith(each))
        # a wrong one leaves by SystemExit
        PARSERS[program]().parse_args(shlex.split(line.removeprefix(program)))
