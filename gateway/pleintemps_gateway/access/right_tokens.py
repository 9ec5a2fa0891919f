"""The token of a recurring right: as many of its next windows as a QR code holds. Pure but for the id."""

from typing import Any, Final

from sqlalchemy import Row

from pleintemps_contract.envelope import Signer
from pleintemps_contract.tokens import Token, sign_token
from pleintemps_gateway.bookings.calendars import calendar_of
from pleintemps_gateway.config import SiteConfig

from .right_rule import doors_of, windows_of_right
from .weeks import AHEAD_DAYS

_DAY_MS: Final = 86_400_000
_WEEK_MS: Final = 7 * _DAY_MS
_MOST_WINDOWS: Final = 16
_MOST_DOORS: Final = 16


def text_of_token(
    site: SiteConfig, right: Row[Any], signer: Signer, token_id: str, now: int, told: int
) -> tuple[Token, str] | None:
    """A token and its text for a row of ``rights``, whose earlier tokens count until ``told`` (Unix ms).

    None if those last for another week, nothing comes after them, or the doors do not fit into a token.
    """
    if told > now + _WEEK_MS:
        return None
    ahead = now + AHEAD_DAYS * _DAY_MS
    times = [each for each in windows_of_right(right, calendar_of(site), now) if now < each.end]
    times = [each for each in times if each.start < ahead]
    doors = [door.door for door in doors_of(site, right)]
    if not doors or len(doors) > _MOST_DOORS:
        return None
    for count in range(min(len(times), _MOST_WINDOWS), 0, -1):
        token = Token(
            id=token_id, site=site.site, doors=doors, windows=times[:count], extended=right.extended
        )
        if times[count - 1].end <= told:
            return None
        try:
            return token, sign_token(token, signer)
        except ValueError:  # too large: one window less
            continue
    return None
