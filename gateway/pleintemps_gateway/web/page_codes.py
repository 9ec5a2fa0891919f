"""The codes that a link opens: its own, and those sealed to its page since."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from sqlalchemy import Row

from pleintemps_contract.gateway_messages import Window
from pleintemps_gateway.access.main_page import is_on_page
from pleintemps_gateway.access.purposes import EXTRA, MAIN, OFFLINE, ONE_TIME, TOKEN
from pleintemps_gateway.access.vault import decrypt_code, link_hash, open_on_page
from pleintemps_gateway.delivery.reference import spaced

_ORDER: Final = {MAIN: 0, OFFLINE: 1, EXTRA: 2, ONE_TIME: 3}


@dataclass(frozen=True, slots=True)
class PageCode:
    """One credential. ``code`` is empty where this link does not open it: it has a message of its own.

    Times are Unix ms; ``counts`` says whether it opens doors now.
    """

    grant: str
    purpose: str
    kind: str
    label: str
    code: str
    start: int
    end: int
    counts: bool

    @property
    def shown(self) -> str:
        return spaced(self.code)

    @property
    def is_token(self) -> bool:
        return self.kind == TOKEN


def read_code(row: Row[Any], link: str) -> str:
    """The code of a row of ``credentials`` for who holds ``link``; empty if not for them, or resting."""
    if row.rests_until is not None:
        return ""
    try:
        if row.link_hash == link_hash(link):
            return decrypt_code(row.site, row.grant, link, bytes(row.encrypted_code))
        if row.paged_code is not None:
            return open_on_page(row.site, row.grant, link, bytes(row.paged_code))
    except InvalidTag:
        return ""  # sealed to a page that was there before, or erased
    return ""


def code_of(row: Row[Any], link: str, windows: Iterable[Window], now: int) -> PageCode:
    """``row`` as the page shows it; ``windows`` are the times of its booking."""
    own = [Window(start=row.start, end=row.end)] if row.end is not None else list(windows)
    return PageCode(
        grant=row.grant,
        purpose=row.purpose,
        kind=row.kind,
        label=row.label or "",
        code=read_code(row, link),
        start=own[0].start if own else 0,
        end=own[-1].end if own else 0,
        counts=any(window.start <= now < window.end for window in own),
    )


def codes_of_booking(
    rows: Iterable[Row[Any]], link: str, windows: list[Window], now: int
) -> tuple[PageCode, ...]:
    """Those of the living credentials of a booking that its page shows, the main one first."""
    shown = [code_of(row, link, windows, now) for row in rows if is_on_page(row)]
    shown = [each for each in shown if now < each.end]
    return tuple(sorted(shown, key=lambda each: (_ORDER[each.purpose], each.label)))
