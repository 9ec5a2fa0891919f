"""What a browser calls itself, in three words: enough to know one's own devices by, and no more is kept."""

from typing import Final

_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)


def device_of(agent: str) -> str:
    """Browser and system of a ``User-Agent``; its own first word for what is no browser; empty for none."""
    browser = next((name for sign, name in _BROWSERS if sign in agent), "")
    system = next((name for sign, name in _SYSTEMS if sign in agent), "")
    found = ", ".join(part for part in (browser, system) if part)
    first = agent.split("/", maxsplit=1)[0].split()[:1]
    plain = "".join(letter for letter in " ".join(first) if letter.isprintable())
    return (found or plain)[:80]
