"""Templates to HTML, once for each language. A fragment is a part of a page that the live stream replaces."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.delivery.reference import spaced

from . import nav
from .board import Alert, Board
from .formats import Formats, iso
from .help_words import HelpWords
from .i18n import LANGUAGES, catalogue, plural_form
from .qr import qr_svg
from .sentences import Sentences
from .skyline import draw, meter
from .stories import Stories
from .taught import TaughtWords
from .usages import UsageWords
from .visits import Visits
from .words import Words

HERE: Final = Path(__file__).parent
TEMPLATES: Final = HERE / "templates"
STATIC: Final = HERE / "static"
# The line of "now" in the skyline moves in steps, so that the picture is not sent at every frame.
_SKY_STEP_MS: Final = 5 * 60_000


@dataclass(frozen=True, slots=True)
class View:
    """All viewers of one view see the same HTML: language, sites, and whether they may act."""

    language: str
    sites: tuple[str, ...]
    may_act: bool


@dataclass(frozen=True, slots=True)
class Fragment:
    """``template`` shows ``item``; equal fragments look alike."""

    template: str
    item: Any

    @property
    def key(self) -> str:
        """Tells a page whether it has this very fragment."""
        return hashlib.blake2b(repr(self.item).encode(), digest_size=8).hexdigest()


class Pages:
    """Everything that turns records into HTML."""

    def __init__(self, config: GatewayConfig, *, simulated: bool) -> None:
        self._environments = {language: _environment(language) for language in LANGUAGES}
        for environment in self._environments.values():
            environment.globals.update(
                simulated=simulated,
                town=", ".join(site.name for site in config.sites[:2]),
                languages=LANGUAGES,
            )

    def page(self, template: str, language: str, **values: Any) -> str:
        """A whole page; ``values`` must hold ``now``, ``zone`` and ``account`` (or None)."""
        return self._environments[language].get_template(template).render(**values)

    def fragments(self, board: Board) -> dict[str, Fragment]:
        """The parts of "Tonight" by the id of their element."""
        found = {
            "counts": Fragment("_counts.html", board.counts),
            "badge": Fragment("_badge.html", board.counts.alert + board.counts.watch),
            "attention": Fragment("_attention.html", board.attention),
            "coming": Fragment("_coming.html", board.coming),
            "sky": Fragment("_sky.html", (board.skyline, board.now - board.now % _SKY_STEP_MS)),
        }
        for site in board.sites:
            found[f"site-{site.site}"] = Fragment(
                "_site.html", (len(site.tiles), site.alerts, site.watches, site.site, site.panels)
            )
            for tile in site.tiles:
                found[f"tile-{site.site}-{tile.space}"] = Fragment("_tile.html", tile)
        return found

    def fragment(self, view: View, fragment: Fragment, now: int, csrf: str = "") -> str:
        """For the stream without any reader's own token: the page's script puts it into the forms."""
        template = self._environments[view.language].get_template(fragment.template)
        return template.render(item=fragment.item, key=fragment.key, now=now, may_act=view.may_act, csrf=csrf)

    def parts(self, view: View, board: Board, csrf: str) -> dict[str, Markup]:
        """Every fragment of "Tonight" for the page as it is first loaded."""
        return {
            name: Markup(self.fragment(view, fragment, board.now, csrf))
            for name, fragment in self.fragments(board).items()
        }

    def announcement(self, view: View, alert: Alert, now: int) -> str:
        sentences: Sentences = self._environments[view.language].globals["say"]  # type: ignore[assignment]
        return sentences.announcement(alert, now)


def _environment(language: str) -> Environment:
    texts = catalogue(language)
    formats = Formats(texts)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        _=texts.gettext,
        gettext=texts.gettext,
        hgettext=texts.hgettext,
        ngettext=texts.ngettext,
        forms=texts.forms,
        number=texts.number,
        f=formats,
        say=Sentences(texts, formats, Words(texts)),
        words=Words(texts),
        story=Stories(texts, Words(texts)),
        learnt=TaughtWords(texts, formats),
        used=UsageWords(texts, formats),
        visits=Visits(texts, Words(texts)),
        desk=HelpWords(texts, formats, Visits(texts, Words(texts))),
        language=language,
        nav=nav,
        draw=draw,
        meter=meter,
        form=plural_form(language),
        iso=iso,
        static=static_url,
        spaced=spaced,
        qr=qr_svg,
    )
    return environment


@lru_cache
def static_url(name: str) -> str:
    """The address of a static file, with its content's hash so that no browser keeps an old one."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"
