"""What people are told, and about what."""

from typing import Final

import msgspec

TEMPLATES: Final = (
    "code",
    "moved",
    "cancelled",
    "reissued",
    "offline-code",
    "reminder",
    "withheld",
    "expiring",
    "release-warning",
    "released",
    "one-time",
    "right",
    "noise",
    "account-invite",
    "account-reset",
)
"""Each has its texts in French and English."""


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to tell; ``language`` is ``fr``, ``en`` or empty for that of the site."""

    name: str = ""
    mail: str = ""
    phone: str = ""
    language: str = ""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to say about a booking or a right. Times are Unix ms.

    ``code`` and ``link`` are empty where they are not told anew. What is left out of ``contact``, ``space``,
    ``doors`` (slugs, from the street on), ``opens`` and ``closes`` is looked up when it is queued. ``reason``
    is the word of a withheld code; ``until`` when a release follows, or a paper, a right or a one-time code
    ends. ``token``: it is a QR code, on the page; ``paged``: a page that was told before shows it too. Of an
    account ``label`` is the name, and ``link`` begins with ``welcome/``.
    """

    site: str
    booking: str = ""
    right: str = ""
    grant: str = ""
    source: str = ""
    uid: str = ""
    title: str = ""
    start: int = 0
    end: int = 0
    code: str = ""
    link: str = ""
    label: str = ""
    offline: bool = False
    token: bool = False
    paged: bool = False
    space: str = ""
    contact: Contact | None = None
    doors: list[str] = []
    opens: int = 0
    closes: int = 0
    reason: str = ""
    until: int | None = None
    level_db: int = 0
    limit_db: int = 0
