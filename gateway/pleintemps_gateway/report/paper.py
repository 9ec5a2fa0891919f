"""The report as HTML that stands alone, and as PDF where Pango is there (WeasyPrint)."""

import logging
import re
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import Engine

from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.web.render import STATIC, Pages
from pleintemps_gateway.web.report_words import ReportWords

from .reading import Sheet, read_sheet

if TYPE_CHECKING:
    from weasyprint import Document

_PRINT: Final = re.compile(r"@media print \{\s*:root[^{]*\{([^}]*)\}")
_ROOT: Final = re.compile(r":root \{([^}]*)\}")
_TOKEN: Final = re.compile(r"(--[a-z0-9-]+):\s*([^;]+);")

_log = logging.getLogger(__name__)


class Most(NamedTuple):
    """So many of each are on the sheet; the others are counted in words."""

    lanes: int
    happened: int
    coming: int


_MOST: Final = (Most(40, 8, 8), Most(32, 6, 6), Most(24, 4, 5), Most(16, 3, 4), Most(12, 1, 2))
"""The first that fits on one page of A4 is taken."""


EVERYTHING: Final = Most(1_000, 1_000, 1_000)
"""For a page on a screen."""


class Press:
    """Makes reports of one gateway's store."""

    said = False
    """Whether it was said that no PDF can be made: once is enough."""

    def __init__(self, config: GatewayConfig, engine: Engine, world: World) -> None:
        self._config = config
        self._engine = engine
        self._world = world
        self._pages = Pages(config, simulated=world.source == "simulated")

    def sheet(self, sites: tuple[str, ...], day: date) -> Sheet:
        """What the store knows of that night now."""
        with self._engine.connect() as conn:
            return read_sheet(conn, self._config, sites, day, self._world.now())

    def title(self, sheet: Sheet, language: str) -> str:
        return ReportWords.of(language).title(sheet)

    def html(self, sheet: Sheet, language: str, most: Most = _MOST[0]) -> str:
        """A page that needs nothing else: its style is in it, its picture too."""
        style = stylesheet()
        shapes = "".join(text for text in style.splitlines() if text.startswith(".night "))
        values = {"sheet": sheet, "now": self._world.now(), "zone": sheet.zone, "most": most}
        return self._pages.page(
            "report_alone.html", language, account=None, style=style, shapes=shapes, **values
        )

    def pdf(self, sheet: Sheet, language: str) -> bytes | None:
        """One sheet of A4, with less on it where need be; None where Pango is missing: logged once."""
        try:
            document = self.laid_out(sheet, language)
        except OSError as error:
            if not Press.said:
                Press.said = True
                _log.warning(line("no-pdf", detail="libpango is missing: HTML instead", error=error))
            return None
        made: bytes | None = document.write_pdf()
        return made

    def laid_out(self, sheet: Sheet, language: str) -> "Document":
        """The fullest layout that is one page; raises OSError where Pango is missing."""
        from weasyprint import HTML

        logging.getLogger("weasyprint").setLevel(logging.ERROR)  # it names every rule that is the screen's
        for most in _MOST:
            document: Document = HTML(string=self.html(sheet, language, most)).render()
            if len(document.pages) == 1:
                break
        return document


def stylesheet() -> str:
    """The report's style with every colour in place of its token, so that mail programs and SVG know it."""
    tokens = (STATIC / "tokens.css").read_text(encoding="utf-8")
    values: dict[str, str] = {}
    for block in (_ROOT.findall(tokens), _PRINT.findall(tokens)):
        for text in block:
            values |= {name: value.strip() for name, value in _TOKEN.findall(text)}
    style = (STATIC / "report.css").read_text(encoding="utf-8")
    for _ in range(2):
        style = re.sub(r"var\((--[a-z0-9-]+)\)", lambda found: values.get(found[1], found[0]), style)
    return style
