"""The form that hangs in a key safe: its rules, and a line for each time that the key is taken."""

from html import escape
from typing import Final

WIDTH, HEIGHT = 210, 297
LINES: Final = 14
_RULES: Final = (
    (
        "Appelez d’abord le numéro de permanence, puis écrivez une ligne.",
        "Call the duty number first, then write a line.",
    ),
    (
        "Rapportez la clé le jour même ; scellé neuf, son numéro ici.",
        "Bring the key back the same day; new seal, its number here.",
    ),
    ("Jamais de code dans ce coffre.", "Never a code in this safe."),
    (
        "Clé manquante : on change le cylindre le jour même.",
        "Key missing: the cylinder is changed the same day.",
    ),
)
_COLUMNS: Final = (
    (22, "Date", "Date"),
    (16, "Heure", "Time"),
    (42, "Nom", "Name"),
    (44, "Pourquoi", "Why"),
    (26, "Accord de", "Allowed by"),
    (16, "Rendue", "Back at"),
    (24, "Scellé n°", "Seal no."),
)


def svg() -> str:
    """The form as SVG, in millimetres."""
    body = [_text(105, 18, 8, "Coffre à clés · Key safe", 'text-anchor="middle" font-weight="bold"')]
    y = 28.0
    for number, (french, english) in enumerate(_RULES, 1):
        body.append(_text(12, y, 4.2, f"{number}. {french}", 'font-weight="bold"'))
        body.append(_text(17, y + 5, 3.6, english, 'fill="#444444"'))
        y += 12
    body.append(_text(12, y + 3, 4.2, f"Porte · Door: {'_' * 22}   Permanence · Duty: {'_' * 20}"))
    body += _table(y + 9)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}mm" height="{HEIGHT}mm"'
        f' viewBox="0 0 {WIDTH} {HEIGHT}" font-family="Arial, Helvetica, sans-serif">\n'
        "<title>Coffre à clés, key safe</title>\n"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _table(top: float) -> list[str]:
    left, height, head = 10, 12, 12
    right = left + sum(width for width, _, _ in _COLUMNS)
    bottom = top + head + LINES * height
    found = [
        _rule(left, top + head + row * height, right, top + head + row * height) for row in range(LINES + 1)
    ]
    found.append(_rule(left, top, right, top))
    x = left
    for width, french, english in _COLUMNS:
        found.append(_rule(x, top, x, bottom))
        found.append(_text(x + 1.5, top + 5, 3.6, french, 'font-weight="bold"'))
        found.append(_text(x + 1.5, top + 9.5, 3.2, english, 'fill="#444444"'))
        x += width
    found.append(_rule(x, top, x, bottom))
    return found


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="#000000" stroke-width="0.3"/>'


def _text(x: float, y: float, size: float, words: str, more: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" {more}>{escape(words)}</text>'
