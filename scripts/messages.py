"""Brings the texts of SOURCE files into the catalogues NAME.po of ``web`` or ``delivery``.

A text that no catalogue of the room holds yet goes to both languages; its French is to be written, and is
said on standard output. A text of NAME.po that nothing in the room uses any more is dropped. Sources are
paths below the room's package, folders too.
"""

import argparse
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

GATEWAY = Path(__file__).parent.parent / "gateway" / "pleintemps_gateway"
KEYWORDS = {"_": None, "gettext": None, "hgettext": None, "ngettext": (1, 2), "forms": (1, 2)}


def key(message: str | list[str] | tuple[str, ...]) -> str:
    return message if isinstance(message, str) else message[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("room", choices=("web", "delivery"))
    parser.add_argument("name")
    parser.add_argument("sources", nargs="+", metavar="SOURCE")
    options = parser.parse_args()
    room = GATEWAY / options.room
    locales = room / "locales"
    with (locales / "babel.cfg").open() as file:
        methods, settings = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    used: dict[str, str | tuple[str, ...]] = {}
    mine: dict[str, str | tuple[str, ...]] = {}
    for source, _, message, _, _ in extract_from_dir(room, methods, settings, keywords=KEYWORDS):
        forms = message if isinstance(message, str) else tuple(message)
        used[key(forms)] = forms
        if any(Path(source).is_relative_to(wanted) for wanted in options.sources):
            mine[key(forms)] = forms
    for language in ("fr", "en"):
        folder = locales / language / "LC_MESSAGES"
        others: set[str] = set()
        for path in sorted(folder.glob("*.po")):
            if path.stem != options.name:
                with path.open("rb") as file:
                    others |= {key(message.id) for message in read_po(file) if message.id}
        target = folder / f"{options.name}.po"
        catalog = Catalog(locale=language, project="Plein Temps", header_comment="", fuzzy=False)
        if target.exists():
            with target.open("rb") as file:
                catalog = read_po(file, locale=language)
        for name in [key(message.id) for message in catalog if message.id]:
            if name not in used or name in others:
                catalog.delete(name)
        have = {key(message.id) for message in catalog if message.id}
        for name, forms in mine.items():
            if name not in have and name not in others:
                catalog.add(forms, forms if language == "en" else None)
        with target.open("wb") as file:
            write_po(file, catalog, width=110, no_location=True, sort_output=True)
        for each in catalog:
            if each.id and not all([each.string] if isinstance(each.string, str) else each.string or [None]):
                print(f"{language}: {each.id!r}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
