"""The label of a door: whom to call, in French and English, with the number as large as the paper allows."""

from dataclasses import dataclass
from html import escape
from typing import Final

from msgspec import Struct

from pleintemps_contract.errors import ConfigError

_FRENCH: Final = (
    "La porte ne s’ouvre pas ? Appelez, jour et nuit :",
    "De l’intérieur, cette porte s’ouvre toujours, sans code ni clé.",
    "Incendie, blessé, danger : 112",
)
_ENGLISH: Final = (
    "The door does not open? Call, day and night:",
    "From inside this door always opens, without code or key.",
    "Fire, injury, danger: 112",
)
WIDTH, HEIGHT = 210, 148
"""Millimetres: A5, lying."""


@dataclass(frozen=True, slots=True)
class Label:
    """What stands on it. ``number`` is written as given."""

    site: str
    door: str
    number: str


class _About(Struct, frozen=True):
    duty: str = ""


class _Site(Struct, frozen=True):
    site: str
    name: str = ""
    about: _About = _About()


class Gateway(Struct, frozen=True):
    """What of ``gateway.toml`` a label needs; the gateway itself checks the file."""

    sites: tuple[_Site, ...] = ()


def of(gateway: Gateway, site: str, door: str) -> Label:
    """The label of ``door`` with the duty number of ``site``; raises ConfigError where there is none."""
    found = next((each for each in gateway.sites if each.site == site), None)
    if found is None:
        known = ", ".join(each.site for each in gateway.sites)
        raise ConfigError(f"there is no site {site!r}; there are {known}")
    if not found.about.duty:
        raise ConfigError(f"site {site}: `about.duty` is empty: a label needs the number of who can help")
    return Label(found.name or site, door, found.about.duty)


def svg(label: Label) -> str:
    """The label as SVG of A5, in millimetres."""
    size = min(27.0, 318 / max(1, len(label.number)))  # digits are about 0.56 of their size wide
    lines = [
        _line(16, 9, f"{label.site} · {label.door}", bold=True),
        _line(31, 8, _FRENCH[0]),
        _line(40, 7, _ENGLISH[0], colour="#444444"),
        _line(74, size, label.number, bold=True),
        '<rect x="10" y="88" width="190" height="0.6" fill="#000000"/>',
        _line(101, 6.6, _FRENCH[1], bold=True),
        _line(110, 6, _ENGLISH[1], colour="#444444"),
        _line(127, 7.5, _FRENCH[2], bold=True),
        _line(136, 6, _ENGLISH[2], colour="#444444"),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}mm" height="{HEIGHT}mm"'
        f' viewBox="0 0 {WIDTH} {HEIGHT}" font-family="Arial, Helvetica, sans-serif" text-anchor="middle">\n'
        f"<title>{escape(f'{label.site}, {label.door}: {label.number}')}</title>\n"
        f'<rect x="1" y="1" width="{WIDTH - 2}" height="{HEIGHT - 2}" rx="4" fill="#ffffff"'
        ' stroke="#000000"/>\n' + "\n".join(lines) + "\n</svg>\n"
    )


def _line(y: float, size: float, words: str, *, bold: bool = False, colour: str = "#000000") -> str:
    weight = ' font-weight="bold"' if bold else ""
    place = f'x="{WIDTH / 2:g}" y="{y:g}" font-size="{size:.3g}"'
    return f'<text {place}{weight} fill="{colour}">{escape(words)}</text>'
