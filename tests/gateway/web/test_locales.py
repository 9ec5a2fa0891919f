"""Both catalogues are complete: every message of code and templates, with the same values."""

import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

import pleintemps_gateway.delivery
import pleintemps_gateway.web
from pleintemps_gateway.web.formats import Formats
from pleintemps_gateway.web.i18n import LANGUAGES, catalogue, choose
from pleintemps_gateway.web.sentences import Sentences
from pleintemps_gateway.web.words import Words

from . import town

ROOMS = [
    Path(path).parent for path in (pleintemps_gateway.web.__file__, pleintemps_gateway.delivery.__file__)
]
BOTH = [
    pytest.param(room, language, id=f"{room.name}-{language}") for room in ROOMS for language in LANGUAGES
]
KEYWORDS = {"_": None, "gettext": None, "hgettext": None, "ngettext": (1, 2), "forms": (1, 2)}


def extracted(room: Path) -> dict[str, tuple[str, ...]]:
    """Every message of the source, its forms by the first of them."""
    with (room / "locales" / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    found = {}
    for _, _, message, _, _ in extract_from_dir(room, methods, options, keywords=KEYWORDS):
        forms = (message,) if isinstance(message, str) else tuple(message)
        found[forms[0]] = forms
    return found


def files(room: Path, language: str) -> list[Path]:
    return sorted((room / "locales" / language / "LC_MESSAGES").glob("*.po"))


def stored(room: Path, language: str) -> list[Message]:
    """The messages of all files, without their heads."""
    found = []
    for path in files(room, language):
        with path.open("rb") as file:
            found += [message for message in read_po(file, locale=language) if message.id]
    return found


def forms_of(text: Message) -> tuple[str, ...]:
    return (str(text.string),) if isinstance(text.string, str) else tuple(text.string or ())


@pytest.mark.parametrize(("room", "language"), BOTH)
def test_a_catalogue_has_every_message_and_no_other(room: Path, language: str) -> None:
    texts = {
        message.id if isinstance(message.id, str) else message.id[0]: message
        for message in stored(room, language)
    }
    assert len(texts) == len(stored(room, language)), "a message stands in two files"
    wanted = extracted(room)
    assert len(wanted) > 40
    assert set(wanted) - set(texts) == set(), "messages without a translation"
    assert set(texts) - set(wanted) == set(), "translations that nothing uses"
    for name, forms in wanted.items():
        text = texts[name]
        assert not text.fuzzy, name
        assert len(forms_of(text)) == len(forms), name
        assert all(form.strip() for form in forms_of(text)), name


@pytest.mark.parametrize(("room", "language"), BOTH)
def test_a_translation_takes_the_values_and_tags_of_its_message(room: Path, language: str) -> None:
    for message in stored(room, language):
        first = message.id if isinstance(message.id, str) else message.id[0]
        for form in forms_of(message):
            for pattern in (r"%\(\w+\)s", r"</?\w+>"):
                assert sorted(re.findall(pattern, form)) == sorted(re.findall(pattern, first)), first


@pytest.mark.parametrize("room", ROOMS)
def test_english_says_what_the_message_says(room: Path) -> None:
    for message in stored(room, "en"):
        if "label: " not in str(message.id):
            assert forms_of(message) == ((message.id,) if isinstance(message.id, str) else tuple(message.id))


@pytest.mark.parametrize("room", ROOMS)
def test_french_keeps_a_no_break_space_before_high_punctuation(room: Path) -> None:
    for message in stored(room, "fr"):
        for form in forms_of(message):
            assert not re.search(r"[^\u00a0][:;?!](?:\s|$)", form), form


def test_ages_and_figures_in_both_languages() -> None:
    french, english = Formats(catalogue("fr")), Formats(catalogue("en"))
    now, zone = town.NOW, "Europe/Paris"

    def said(formats: Formats, ms: int, style: str) -> str:
        return formats.age(now - ms, now, zone, style).replace("\u00a0", " ")

    assert [said(french, ms, "plain") for ms in (8_000, 12 * town.MINUTE, 108 * town.MINUTE)] == [
        "8 s",
        "12 min",
        "21:05",
    ]
    assert said(french, 12 * town.MINUTE, "ago") == "il y a 12 min"
    assert said(english, 12 * town.MINUTE, "ago") == "12 min ago"
    assert said(french, 14 * town.MINUTE, "since") == "depuis 14 min"
    assert said(english, 14 * town.MINUTE, "since") == "for 14 min"
    assert said(french, 108 * town.MINUTE, "since") == "depuis 21:05"
    assert said(english, 108 * town.MINUTE, "ago") == "at 21:05"
    assert french.moment(town.at("18:32", 17), zone, now) == "mardi 18:32"
    assert french.moment(town.at("08:30", 20), zone, now) == "demain 08:30"
    assert english.moment(town.at("08:30", 20), zone, now) == "tomorrow 08:30"
    assert (french.percent(98), english.percent(98)) == ("98\u00a0%", "98%")
    assert catalogue("fr").number(1840) == "1\u202f840" and catalogue("en").number(1840) == "1,840"
    assert catalogue("fr").number(0.4, 1) == "0,4"


@pytest.mark.parametrize(
    ("start", "end", "period"),
    [
        ("2026-11-21T20:00", "2026-11-21T22:30", "Samedi 21 novembre, 20:00–22:30"),
        ("2026-11-21T22:00", "2026-11-22T02:00", "Samedi 21 novembre, 22:00–02:00"),
        ("2026-11-20T20:00", "2026-11-22T12:00", "Vendredi 20 novembre, 20:00 – dimanche 22 novembre, 12:00"),
        ("2026-03-29T01:30", "2026-03-29T03:30", "Dimanche 29 mars, 01:30–03:30"),
        ("2026-10-25T01:30", "2026-10-25T03:00", "Dimanche 25 octobre, 01:30–03:00"),
    ],
)
def test_a_booking_says_when_it_ends(start: str, end: str, period: str) -> None:
    zone = ZoneInfo("Europe/Paris")
    first, last = (
        round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000) for text in (start, end)
    )
    assert Formats(catalogue("fr")).period(first, last, "Europe/Paris") == period


def test_an_hour_that_comes_twice_says_which_one_it_is() -> None:
    first = 1_792_888_200_000  # 2026-10-25, 00:30 UTC
    french, english = Formats(catalogue("fr")), Formats(catalogue("en"))
    assert french.clock(first, "Europe/Paris") == "02:30 (heure d'été)"
    assert english.clock(first + 3_600_000, "Europe/Paris") == "02:30 (winter time)"
    assert english.moment(first + 3_600_000, "Europe/Paris", first) == "02:30 (winter time)"
    for later in (-3_600_000, 7_200_000):
        assert "(" not in french.clock(first + later, "Europe/Paris")
    assert french.clock(1_774_744_200_000, "Europe/Paris") == "01:30", "spring skips an hour and repeats none"
    assert french.clock(1_774_747_800_000, "Europe/Paris") == "03:30"


def test_weekdays_come_in_their_order() -> None:
    assert Formats(catalogue("fr")).weekdays(["thu", "mon"]) == "lundi, jeudi"


def test_numbers_choose_their_form() -> None:
    for number, french, english in (
        (0, "0 attendu", "0 expected"),
        (1, "1 attendu", "1 expected"),
        (2, "2 attendus", "2 expected"),
    ):
        one, many = "%(num)s expected", "%(num)s expected"
        assert catalogue("fr").ngettext(one, many, number) == french
        assert catalogue("en").ngettext(one, many, number) == english


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "fr"),
        ("en", "en"),
        ("en-US,en;q=0.9", "en"),
        ("fr;q=0.2, en;q=0.4", "en"),
        ("en;q=0, de", "fr"),
        ("*", "fr"),
    ],
)
def test_the_browsers_wish(header: str, language: str) -> None:
    assert choose((None, "xx"), header) == language


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "what", ["motion", "quiet", "moving", "still", "moving-and-still", "nobody", "sound"]
)
def test_all_that_tells_of_people_has_words(language: str, what: str) -> None:
    texts = catalogue(language)
    say = Sentences(texts, Formats(texts), Words(texts))
    said = say.evidence(f"hall-meter {what}")
    assert said.startswith("hall-meter (")
