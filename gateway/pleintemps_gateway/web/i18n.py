"""Two languages from gettext catalogues. The message is the English text; both catalogues hold every message.

Texts are marked for extraction by the names of the methods: ``gettext``, ``ngettext`` and ``hgettext``.
"""

from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

from babel import Locale
from babel.core import parse_locale
from babel.messages.catalog import Message
from babel.messages.pofile import read_po
from markupsafe import Markup, escape

LANGUAGES: Final = ("fr", "en")
DEFAULT: Final = "fr"
LOCALES: Final = Path(__file__).parent / "locales"
# English of Europe: 24-hour clock, day before month.
_BABEL: Final = {"fr": "fr_FR", "en": "en_GB"}


class Catalogue:
    """The texts of one language, from every ``.po`` file of its folder.

    Values go in by name, ``%(name)s``; a literal percent sign is ``%%``.
    """

    def __init__(self, language: str, folder: Path = LOCALES) -> None:
        self.language = language
        self.locale = Locale.parse(_BABEL[language])
        self._single: dict[str, str] = {}
        self._plural: dict[str, tuple[str, ...]] = {}
        self._form: Callable[[int], int] = plural_form(language)
        for path in sorted((folder / language / "LC_MESSAGES").glob("*.po")):
            with path.open("rb") as file:
                self._take(read_po(file, locale=language))

    def _take(self, catalog: Iterable[Message]) -> None:
        for message in catalog:
            if isinstance(message.id, str):
                self._single[message.id] = str(message.string or "")
            elif message.string:
                self._plural[message.id[0]] = tuple(message.string)

    def gettext(self, message: str, /, **values: Any) -> str:
        """``message`` in this language; itself if the catalogue lacks it (a test forbids that)."""
        return (self._single.get(message) or message) % values

    def ngettext(self, one: str, many: str, number: int, /, **values: Any) -> str:
        """The form for ``number``, which is also the value ``num``, as this language writes numbers."""
        return self.forms(one, many)[self._form(number)] % {"num": self.number(number), **values}

    def forms(self, one: str, many: str) -> tuple[str, ...]:
        """Both forms as they stand in the catalogue, for the page to choose from."""
        return self._plural.get(one) or (one, many)

    def hgettext(self, message: str, /, **values: Any) -> Markup:
        """A text that holds tags; values are escaped."""
        return Markup(self._single.get(message) or message) % {
            key: escape(value) for key, value in values.items()
        }

    def number(self, value: float, digits: int = 0) -> str:
        """As this language writes it, with a no-break space or a comma between thousands."""
        return _decimal(value, digits, self.locale)


@lru_cache(maxsize=4096)
def _decimal(value: float, digits: int, locale: Locale) -> str:
    from babel.numbers import format_decimal

    return format_decimal(value, format="#,##0" + ("." + "0" * digits if digits else ""), locale=locale)


def plural_form(language: str) -> Callable[[int], int]:
    """Which of the two forms a number takes: French says "0 alerte", English "0 alerts"."""
    if language == "fr":
        return lambda number: int(abs(number) >= 2)
    return lambda number: int(number != 1)


@cache
def catalogue(language: str, folder: Path = LOCALES) -> Catalogue:
    """The texts of the pages, or those of ``folder``, read once."""
    return Catalogue(language, folder)


def choose(wanted: Iterable[str | None], accept_language: str) -> str:
    """The first known language of ``wanted``, then of the ``Accept-Language`` header, then French."""
    for language in wanted:
        if language in LANGUAGES:
            return language
    ranked = sorted(_accepted(accept_language), key=lambda item: -item[1])
    return next((language for language, weight in ranked if weight > 0), DEFAULT)


def _accepted(header: str) -> Iterable[tuple[str, float]]:
    for part in header[:500].split(","):
        tag, _, parameter = part.strip().partition(";")
        try:
            language = parse_locale(tag.strip(), sep="-")[0]
            weight = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if language in LANGUAGES:
            yield language, weight
