"""What a caretaker is sent, in their language: a title, one sentence, where to go."""

from typing import Any, NamedTuple

from sqlalchemy import Row

from pleintemps_gateway.config import SiteConfig

from .formats import Formats
from .i18n import catalogue
from .sentences import Sentences
from .tonight import alert_view
from .words import Words


class Notice(NamedTuple):
    """``path`` is that of a page; ``urgent``: somebody is to look now."""

    title: str
    body: str
    path: str
    urgent: bool


def alert_notice(row: Row[Any], site: SiteConfig, kind: str, language: str, now: int) -> Notice:
    """About the alert ``row``: raised, given to them, back after a pause, or still on."""
    texts = catalogue(language)
    formats = Formats(texts)
    say = Sentences(texts, formats, Words(texts))
    alert = alert_view(row, site)
    lead = {
        "given": texts.gettext("Given to you"),
        "back": texts.gettext("The pause is over"),
        "reminder": texts.gettext("Still on"),
    }.get(kind, say.kind(alert))
    since = texts.gettext("since %(clock)s", clock=formats.moment(alert.opened, alert.zone, now))
    colon = "\u00a0: " if language == "fr" else ": "
    fact = say.fact(alert, now).striptags()
    body = f"{say.place(alert)}, {since}. {fact}".strip()
    urgent = alert.rank == "alert"
    return Notice(f"{lead}{colon}{say.title(alert)}", body, f"/alerts/{alert.site}/{alert.alert}", urgent)


def test_notice(language: str) -> Notice:
    """To see whether a channel works."""
    texts = catalogue(language)
    return Notice(
        texts.gettext("A test"),
        texts.gettext("Plein Temps reaches you this way. Nothing is to be done."),
        "/notifications",
        False,
    )
