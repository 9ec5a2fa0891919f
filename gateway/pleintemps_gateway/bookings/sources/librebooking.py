"""LibreBooking: its REST API (``Web/Services``).

``Authentication/Authenticate`` gives a session; ``Reservations/`` lists what is booked, here in slices of 14
days, the most that it answers by default. Times without an offset are in the zone of the account that asks:
``zone`` says which; the site's by default.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from msgspec import Meta
from msgspec.structs import replace

from pleintemps_gateway.errors import CalendarError, FeedError

from .base import Parsed, Rejected, SourceConfig, Timed
from .registry import HORIZON_MS, source
from .secret import read_secret
from .web import Browser, Reply, exchange

_SLICE_MS: Final = 14 * 86_400_000
_DAY_MS: Final = 86_400_000


class LibreBookingConfig(SourceConfig, frozen=True, kw_only=True):
    """``url`` is the site's ``.../Web/Services/index.php``; resources are told to spaces by their names."""

    url: Annotated[str, Meta(pattern=r"^https?://[^\s?#]+\Z")]
    user: str
    password_file: str
    zone: str = ""

    def located(self, base: Path) -> Self:
        return replace(super().located(base), password_file=str(base / self.password_file))


def translate(pages: list[bytes], zone: str) -> Parsed:
    """Reservations of all ``pages``, once each; raises CalendarError if a page is no list of reservations."""
    found: dict[str, Timed] = {}
    rejected: list[Rejected] = []
    for page in pages:
        for item in _reservations(page):
            uid = str(item.get("referenceNumber") or "")[:400]
            try:
                if not uid:
                    raise ValueError("referenceNumber is missing")
                if item.get("requiresApproval") is True:
                    continue  # nobody has said yes yet
                found[uid] = _timed(uid, item, ZoneInfo(zone))
            except ValueError as error:
                rejected.append(Rejected(uid or "reservation", str(error)[:200]))
    return Parsed(sorted(found.values(), key=lambda item: (item.start, item.uid)), rejected)


def _reservations(page: bytes) -> list[Mapping[str, Any]]:
    try:
        answer = json.loads(page)
    except (ValueError, RecursionError) as error:
        raise CalendarError("no list of reservations") from error
    listed = answer.get("reservations") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        raise CalendarError("no list of reservations")
    return [item for item in listed if isinstance(item, dict)]


def _timed(uid: str, item: Mapping[str, Any], zone: ZoneInfo) -> Timed:
    start, end = _time(item.get("startDate"), zone), _time(item.get("endDate"), zone)
    if end <= start:
        raise ValueError("it does not end after it starts")
    return Timed(
        uid=uid,
        event=uid,
        start=start,
        end=end,
        title=" ".join(str(item.get("title") or "").split())[:200],
        location=" ".join(str(item.get("resourceName") or "").split())[:200],
        people=None,
    )


def _time(value: object, zone: ZoneInfo) -> int:
    text = value if isinstance(value, str) else ""
    try:
        when = datetime.fromisoformat(text)
        when = when.replace(tzinfo=zone) if when.tzinfo is None else when
        return round(when.astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text[:40]!r} is no time") from error


@source("librebooking", LibreBookingConfig)
class LibreBooking:
    """Reads everything at each poll: the API tells of no changes."""

    def __init__(self, config: LibreBookingConfig, zone: str) -> None:
        self._config = config
        self._zone = config.zone or zone

    def read(self, now: int) -> Parsed | None:
        password = read_secret(self._config.password_file)
        url = self._config.url.rstrip("/")

        async def work(browser: Browser) -> list[bytes]:
            account = {"username": self._config.user, "password": password}
            session = _session(await browser.ask("POST", f"{url}/Authentication/Authenticate", json=account))
            pages = []
            for start in range(now - _DAY_MS, now + HORIZON_MS, _SLICE_MS):
                span = {
                    "startDateTime": _text(start),
                    "endDateTime": _text(min(start + _SLICE_MS, now + HORIZON_MS)),
                }
                # without the slash before the question mark the answer is 404
                reply = await browser.ask("GET", f"{url}/Reservations/?{urlencode(span)}", headers=session)
                pages.append(reply.body)
            return pages

        return translate(exchange(url, work), self._zone)

    def forget(self) -> None:
        """Nothing is remembered between two reads."""


def _session(reply: Reply) -> dict[str, str]:
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        raise FeedError("the server does not answer as LibreBooking does") from error
    if not isinstance(answer, dict) or not answer.get("isAuthenticated", True):
        raise FeedError("the server refuses the user or the password")
    token, user = answer.get("sessionToken"), answer.get("userId")
    if not isinstance(token, str) or user is None:
        raise FeedError("the server refuses the user or the password")
    return {"X-Booked-SessionToken": token, "X-Booked-UserId": str(user)}


def _text(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")
