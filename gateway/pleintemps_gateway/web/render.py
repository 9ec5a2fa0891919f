"""Templates to HTML, once for each language. A fragment is a part of a page that the live stream replaces."""

import hashlib
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.delivery.reference import spaced

from . import nav
from .account_words import AccountWords
from .agent_words import AgentWords
from .alert_words import AlertWords
from .audit_words import AuditWords
from .board import Alert
from .door_words import DoorWords
from .evidence_chart import draw_evidence
from .formats import Formats, iso
from .fragments import Fragment, View
from .help_words import HelpWords
from .i18n import LANGUAGES, catalogue, plural_form
from .place_words import PlaceWords
from .qr import qr_svg
from .report_words import ReportWords
from .sentences import Sentences
from .skyline import draw, meter, outline
from .stories import Stories
from .taught import TaughtWords
from .usages import UsageWords
from .visits import Visits
from .words import Words

HERE: Final = Path(__file__).parent
TEMPLATES: Final = HERE / "templates"
STATIC: Final = HERE / "static"


class Pages:
    """Everything that turns records into HTML."""

    def __init__(self, config: GatewayConfig, *, simulated: bool) -> None:
        self._simulated = simulated
        self._names = {site.site: site.name for site in config.sites}

    def page(self, template: str, language: str, **values: Any) -> str:
        """A whole page; ``values`` hold ``now``, ``zone`` and ``account`` (or None), but for a part of one.

        ``town`` names the buildings of its reader, the first two of them.
        """
        account = values.get("account")
        sites = self._names if account is None else [each for each in self._names if each in account.sites]
        town = ", ".join(self._names[site] for site in list(sites)[:2])
        found = environment(language).get_template(template)
        return found.render(simulated=self._simulated, **({"town": town} | values))

    def fragment(self, view: View, fragment: Fragment, now: int, csrf: str = "") -> str:
        """For the stream without any reader's own token: the page's script puts it into the forms."""
        template = environment(view.language).get_template(fragment.template)
        return template.render(item=fragment.item, key=fragment.key, now=now, may_act=view.may_act, csrf=csrf)

    def formats(self, language: str) -> Formats:
        found: Formats = environment(language).globals["f"]  # type: ignore[assignment]
        return found

    def announcement(self, view: View, alert: Alert, now: int) -> str:
        sentences: Sentences = environment(view.language).globals["say"]  # type: ignore[assignment]
        return sentences.announcement(alert, now)


@cache
def environment(language: str) -> Environment:
    """Of a language, made once: to compile the templates takes longer than a page may."""
    texts = catalogue(language)
    formats = Formats(texts)
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        languages=LANGUAGES,
        _=texts.gettext,
        gettext=texts.gettext,
        hgettext=texts.hgettext,
        ngettext=texts.ngettext,
        forms=texts.forms,
        number=texts.number,
        f=formats,
        say=Sentences(texts, formats, Words(texts)),
        alertsay=AlertWords.of(language),
        report=ReportWords.of(language),
        draw_evidence=draw_evidence,
        words=Words(texts),
        story=Stories(texts, Words(texts)),
        learnt=TaughtWords(texts, formats),
        used=UsageWords(texts, formats),
        visits=Visits(texts, Words(texts)),
        accounts=AccountWords(texts),
        agents_say=AgentWords(texts, formats),
        audits=AuditWords(texts, Words(texts)),
        places=PlaceWords(texts, formats),
        doorsay=DoorWords(texts, formats, Words(texts)),
        desk=HelpWords(texts, formats, Visits(texts, Words(texts))),
        language=language,
        nav=nav,
        draw=draw,
        meter=meter,
        outline=outline,
        form=plural_form(language),
        iso=iso,
        static=static_url,
        spaced=spaced,
        qr=qr_svg,
    )
    return made


@lru_cache
def static_url(name: str) -> str:
    """The address of a static file, with its content's hash so that no browser keeps an old one."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"
