"""A page as a PDF: WeasyPrint reads our own static files and nothing else."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .render import STATIC

_BASE = "http://page/"


def to_pdf(html: str) -> bytes:
    """The bytes of an A4 document. Needs Debian's libpango; takes seconds for long tables."""
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    class Own(URLFetcher):  # type: ignore[misc]
        def fetch(self, url: str, headers: Any = None) -> Any:
            path = urlsplit(url).path
            file = (STATIC / Path(path).name) if path.startswith("/static/") else None
            if file is None or not file.is_file():
                raise ValueError(f"{url} is no file of ours")
            return super().fetch(file.as_uri(), headers)

    made: bytes = HTML(string=html, base_url=_BASE, url_fetcher=Own()).write_pdf()
    return made
