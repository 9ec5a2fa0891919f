"""Public holidays of France and its parts, by the library ``holidays``."""

import sys
from datetime import date
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final

_COUNTRIES: Final = "holidays.countries"


@cache
def public_holidays(region: str, year: int) -> frozenset[date]:
    """Of ``year`` in one of :func:`regions`."""
    return frozenset(_library().country_holidays("FR", subdiv=region or None, years=[year]))


@cache
def regions() -> tuple[str, ...]:
    """Parts of France with public holidays of their own, and the rest of it."""
    return ("", *(name for name in _library().country_holidays("FR").subdivisions if " " not in name))


def _library() -> ModuleType:
    """The library with the countries that are asked for: its package of them loads all 250 at once, which
    takes 7 MB and 0.08 s of each process.
    """
    import holidays

    if _COUNTRIES not in sys.modules:
        alone = ModuleType(_COUNTRIES)
        alone.__path__ = [str(Path(holidays.__file__).parent / "countries")]
        sys.modules[_COUNTRIES] = alone
    return holidays
