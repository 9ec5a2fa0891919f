"""The bill of materials: what to buy for each kit, what it must satisfy, what may stand in for it."""

import csv
import io
import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Annotated

from msgspec import Meta, Struct

from pleintemps_contract.configfile import convert

from .tables import markdown

HEADINGS = ("item", "pieces", "for", "with", "why", "must", "alternatives", "EUR about")

_HEAD = """Made by `make hardware` from `bill.toml`; change that. `for` names the parts of the kit's profile
(X terminals, F fuses, W cables), `with` what a line belongs to. **Prices are approximate**, in EUR with VAT,
of 2026, for one piece: for a first budget. Names are examples; `must` is what counts."""


class Item(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line: ``kits`` says how many pieces a kit takes, ``parts`` what of a profile it is.

    In ``parts`` ``X`` stands for terminals, ``F`` for fuses and other protection, ``W`` for cables,
    ``controller`` for the board. ``eur`` is an approximate range for one piece.
    """

    item: str
    kits: Annotated[dict[str, Annotated[int, Meta(ge=1)]], Meta(min_length=1)]
    parts: tuple[str, ...]
    why: str
    must: str
    alternatives: Annotated[tuple[str, ...], Meta(min_length=2)]
    eur: tuple[int, int]
    only: str = ""

    def __post_init__(self) -> None:
        if self.eur[0] > self.eur[1]:
            raise ValueError(f"{self.item}: `eur` goes from low to high")


class _Bill(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    items: tuple[Item, ...]


def read() -> tuple[Item, ...]:
    """The items; raises ConfigError that names the key."""
    text = resources.files(__package__).joinpath("bill.toml").read_text(encoding="utf-8")
    return convert("bill.toml", tomllib.loads(text), _Bill).items


def _rows(kit: str) -> Iterator[tuple[str, ...]]:
    for item in read():
        if kit in item.kits:
            yield (
                item.item,
                str(item.kits[kit]),
                ", ".join(item.parts),
                item.only,
                item.why,
                item.must,
                "; ".join(item.alternatives),
                f"{item.eur[0]} to {item.eur[1]}",
            )


def total(kit: str, options: frozenset[str]) -> tuple[int, int]:
    """About what ``kit`` costs with these ``options``, in EUR, from and to."""
    items = [item for item in read() if kit in item.kits and item.only in {"", *options}]
    return sum(each.eur[0] * each.kits[kit] for each in items), sum(
        each.eur[1] * each.kits[kit] for each in items
    )


def csv_table(kit: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADINGS)
    writer.writerows(_rows(kit))
    return out.getvalue()


def page(kit: str, variants: dict[str, frozenset[str]]) -> str:
    """The kit's bill; ``variants`` are the ways to build it, by title, with their options."""
    return "\n".join(_page(kit, variants)) + "\n"


def _page(kit: str, variants: dict[str, frozenset[str]]) -> Iterator[str]:
    yield f"# Bill of materials: {kit}"
    yield ""
    yield _HEAD
    yield ""
    yield from markdown(HEADINGS, _rows(kit))
    yield ""
    for title, options in variants.items():
        low, high = total(kit, options)
        yield f"- {title}: about {round(low, -1):,} to {round(high, -1):,} EUR, without labour."
