"""Things on pages, each of which stays where it is: a change touches one page. Pure."""

from collections.abc import Mapping
from itertools import chain, count
from typing import Final

from pleintemps_gateway.access.placing import PAGE_WEIGHT

MAX_THINGS: Final = 64


class Shelf:
    """Where named things stand. One that is new, or has outgrown its page, goes to the first with room."""

    def __init__(self) -> None:
        self._pages: dict[str, int] = {}

    def arrange(self, weights: Mapping[str, int]) -> dict[int, list[str]]:
        """The names on each page, in order; ``weights`` are bytes. What is not among them leaves."""
        kept = {name: page for name, page in self._pages.items() if name in weights}
        self._pages = {}
        things: dict[int, int] = {}
        total: dict[int, int] = {}
        for name in [*sorted(kept), *sorted(weights.keys() - kept.keys())]:
            weight = weights[name]
            page = next(
                page
                for page in chain([kept.get(name, 0)], count())
                if page not in things or (things[page] < MAX_THINGS and total[page] + weight <= PAGE_WEIGHT)
            )
            things[page] = things.get(page, 0) + 1
            total[page] = total.get(page, 0) + weight
            self._pages[name] = page
        pages: dict[int, list[str]] = {}
        for name, page in sorted(self._pages.items()):
            pages.setdefault(page, []).append(name)
        return pages
