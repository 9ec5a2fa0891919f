"""Both languages say the same things, and every code, prompt and measurement has its words."""

import re
from pathlib import Path

from pleintemps_contract.commissioning import Ask, Verdict
from pleintemps_edge.commissioning import findings, limits, texts, words
from pleintemps_edge.commissioning.words import Text

PACKAGE = Path(texts.__file__).parent
PLACE = re.compile(r"\{(\w+)\}")
EVERY: list[Text] = [
    *words.INSTRUCTIONS.values(),
    *words.WORDS.values(),
    *(text for both in findings.FINDINGS.values() for text in both),
]


def test_french_and_english_have_the_same_places() -> None:
    for french, english in EVERY:
        assert sorted(PLACE.findall(french)) == sorted(PLACE.findall(english)), english
        assert bool(french) is bool(english)


def test_every_problem_in_the_scripts_has_words_and_no_words_are_idle() -> None:
    files = (path for path in PACKAGE.glob("*.py") if path.stem not in ("findings", "words"))
    source = "".join(path.read_text() for path in files)
    raised = set(re.findall(r'Problem\("([a-z-]+)"', source))
    quoted = set(re.findall(r'"([a-z-]+)"', source)) | {"does-not-arm", "does-not-disarm"}
    assert raised <= set(findings.FINDINGS)
    assert set(findings.FINDINGS) <= quoted


def test_every_ask_and_verdict_and_limit_has_words() -> None:
    by_hand = {each.value for each in Ask} - {"swing", "press", "exit", "trip", "free", "housing", "token"}
    assert by_hand - {"wait", "arm"} <= set(words.INSTRUCTIONS)
    assert {each.value for each in Verdict} <= set(words.WORDS)
    assert {name for name in limits.LIMITS if name not in words.WORDS} == set()
    assert set(words.SOURCES) == set(limits.LIMITS)
