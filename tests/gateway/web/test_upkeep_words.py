"""What halted a release, in both languages."""

import pytest

from pleintemps_gateway.web.board import Alert
from pleintemps_gateway.web.formats import Formats
from pleintemps_gateway.web.i18n import catalogue
from pleintemps_gateway.web.upkeep_words import UpkeepWords


@pytest.mark.parametrize(
    ("language", "why", "detail", "said"),
    [
        ("fr", "silent", "", "entrance ne répond plus depuis qu'il a reçu la version 1.3.0."),
        ("fr", "left", "1.2.0", "entrance a quitté la version 1.3.0 pour 1.2.0."),
        ("fr", "not-taken", "", "entrance n'a pas pris la version 1.3.0."),
        (
            "fr",
            "faults",
            "clock, device strike, storage",
            "nouveaux défauts avec la version 1.3.0 : son horloge, appareil strike, son stockage.",
        ),
        ("en", "faults", "door hall, smoke", "new faults with version 1.3.0: door hall, smoke."),
    ],
)
def test_a_halted_release_says_why_and_what_became_of_it(
    language: str, why: str, detail: str, said: str
) -> None:
    texts = catalogue(language)
    alert = Alert(
        site="ecole",
        zone="Europe/Paris",
        site_name="École",
        alert="a" * 32,
        kind="update-halted",
        rank="watch",
        state="open",
        space="",
        door="",
        place="",
        opened=0,
        acknowledged=None,
        acknowledged_by="",
        comment="",
        resolved=None,
        facts="",
    )
    facts = {"agent": "entrance", "version": "1.3.0", "why": why, "detail": detail}
    told = UpkeepWords(texts, Formats(texts)).facts["update-halted"](alert, facts, 0).striptags()
    assert said in told
    assert ("Nobody is offered it" if language == "en" else "Elle n'est plus proposée") in told
