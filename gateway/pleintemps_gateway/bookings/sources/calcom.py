"""Cal.com: webhooks tell at once, polling the API (v2) makes sure.

A reschedule is a new uid that names the one before (``rescheduleUid`` in a webhook, ``rescheduledFromUid`` in
the API); the old one may arrive as cancelled, before or after. A booking here is therefore the whole chain,
named by its first uid, so that it keeps its code when it moves. What counts within a chain is the link that
nobody has replaced.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from pleintemps_gateway.errors import CalendarError, FeedError, UntoldError

from .base import Contact, Parsed, Rejected, Release, SourceConfig, Timed
from .registry import HORIZON_MS, source
from .secret import read_secret
from .web import Browser, exchange

SIGNATURE: Final = "x-cal-signature-256"
_VERSION: Final = "2024-08-13"
_PAGE: Final = 100
_MAX_PAGES: Final = 200
_MAX_CHAIN: Final = 20
_DAY_MS: Final = 86_400_000
_LIVE: Final = {"accepted", "confirmed"}
_TRIGGERS: Final = {
    "BOOKING_CREATED",
    "BOOKING_RESCHEDULED",
    "BOOKING_REQUESTED",
    "BOOKING_CANCELLED",
    "BOOKING_REJECTED",
}


class CalcomConfig(SourceConfig, frozen=True, kw_only=True):
    """``secret_file`` signs webhooks, ``api_key_file`` is for polling: at least one of the two.

    ``room`` says what tells the room: the slug of the event type, or its location.
    """

    url: Annotated[str, Meta(pattern=r"^https?://[^\s?#]+\Z")] = "https://api.cal.com/v2"
    secret_file: str = ""
    api_key_file: str = ""
    room: Literal["type", "location"] = "type"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.secret_file and not self.api_key_file:
            raise ValueError("set secret_file (webhooks), api_key_file (polling), or both")
        if self.tell_releases and not self.api_key_file:
            raise ValueError("tell_releases needs api_key_file")

    def located(self, base: Path) -> Self:
        return replace(
            super().located(base),
            secret_file=str(base / self.secret_file) if self.secret_file else "",
            api_key_file=str(base / self.api_key_file) if self.api_key_file else "",
        )


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One uid of a chain as it was last told. Times are Unix ms; ``told`` is when Cal.com said so."""

    uid: str
    before: str = ""
    live: bool = True
    start: int
    end: int
    told: int
    title: str = ""
    kind: str = ""
    location: str = ""
    people: int | None = None
    name: str = ""
    mail: str = ""
    phone: str = ""
    language: str = ""


def is_signed(secret: str, body: bytes, signature: str) -> bool:
    """Whether ``signature`` is the hexadecimal HMAC-SHA256 of the raw ``body``."""
    made = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(made.encode(), signature.strip().lower().encode(errors="replace"))


def younger(old: Link | None, new: Link) -> Link:
    """Which of two words about one uid counts: the youngest, of two at once the one that cancels.

    What it replaced stays known even if the younger word does not say so: a cancelled link must not bring
    the one before back to life.
    """
    if old is None:
        return new
    older, last = (old, new) if (new.told, not new.live) > (old.told, not old.live) else (new, old)
    return replace(last, before=last.before or older.before)


def ended(links: Iterable[Link], before: int) -> set[str]:
    """The uids of chains of which every link ended before ``before`` (Unix ms)."""
    known = {link.uid: link for link in links}
    origin = {link.uid: link.before for link in known.values() if link.before and link.before != link.uid}
    chain = {uid: _root(uid, origin) for uid in known}
    going_on = {chain[link.uid] for link in known.values() if link.end >= before}
    return {uid for uid, root in chain.items() if root not in going_on}


def hear(body: bytes) -> Link | None:
    """What a webhook tells of a booking; None for a trigger that tells of none.

    Raises CalendarError for a body that has not the documented shape: a custom payload template.
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise CalendarError("the webhook is no JSON") from error
    trigger = message.get("triggerEvent") if isinstance(message, dict) else None
    payload = message.get("payload") if isinstance(message, dict) else None
    if not isinstance(trigger, str) or not isinstance(payload, dict):
        raise CalendarError("the webhook has not Cal.com's own shape: use no custom payload template")
    if trigger not in _TRIGGERS:
        return None
    status = str(payload.get("status") or "ACCEPTED").casefold()
    attendees = _items(payload.get("attendees"))
    try:
        return Link(
            uid=_uid(payload.get("uid")),
            before=_text(payload.get("rescheduleUid")),
            live=trigger in ("BOOKING_CREATED", "BOOKING_RESCHEDULED") and status in _LIVE,
            start=_time(payload.get("startTime")),
            end=_time(payload.get("endTime")),
            told=_time(message.get("createdAt")),
            title=_text(payload.get("title")),
            kind=_text(payload.get("type")),
            location=_text(payload.get("location")),
            **_person(attendees),
        )
    except ValueError as error:
        raise CalendarError(f"the webhook cannot be used: {error}") from error


def translate(pages: Sequence[bytes]) -> tuple[list[Link], list[Rejected]]:
    """Links that the API lists; raises CalendarError if a page is no list of bookings."""
    links: list[Link] = []
    rejected: list[Rejected] = []
    for page in pages:
        for item in _listed(page)[0]:
            try:
                links.append(_polled(item))
            except ValueError as error:
                rejected.append(Rejected(str(item.get("uid") or "booking")[:200], str(error)[:200]))
    return links, rejected


def _polled(item: Mapping[str, Any]) -> Link:
    kind = item.get("eventType")
    return Link(
        uid=_uid(item.get("uid")),
        before=_text(item.get("rescheduledFromUid")),
        live=str(item.get("status") or "").casefold() in _LIVE,
        start=_time(item.get("start")),
        end=_time(item.get("end")),
        told=_time(item.get("updatedAt") or item.get("createdAt")),
        title=_text(item.get("title")),
        kind=_text(kind.get("slug")) if isinstance(kind, dict) else "",
        location=_text(item.get("location")),
        **_person(_items(item.get("attendees"))),
    )


def chains(links: Iterable[Link], room: Literal["type", "location"]) -> Parsed:
    """One booking a chain, named by its first uid; of one uid the youngest word counts."""
    latest: dict[str, Link] = {}
    before: dict[str, str] = {}
    for link in links:
        latest[link.uid] = younger(latest.get(link.uid), link)
        if link.before and link.before != link.uid:
            before.setdefault(link.uid, link.before)
    replaced = set(before.values())
    found: list[Timed] = []
    rejected: list[Rejected] = []
    named: set[str] = set()
    chain: dict[str, set[str]] = {}
    for name in {*latest, *replaced}:
        chain.setdefault(_root(name, before), set()).add(name)
    for link in sorted(latest.values(), key=lambda item: (item.told, item.uid)):
        if not link.live or link.uid in replaced:
            continue
        root = _root(link.uid, before)
        if link.end <= link.start:
            rejected.append(Rejected(root, "it does not end after it starts"))
        elif root not in named:
            named.add(root)
            found.append(_timed(root, link, room, frozenset(chain[root] - {root})))
    return Parsed(sorted(found, key=lambda item: (item.start, item.uid)), rejected, told=bool(latest))


def _root(uid: str, before: Mapping[str, str]) -> str:
    seen = {uid}
    while uid in before and before[uid] not in seen:
        uid = before[uid]
        seen.add(uid)
    return uid


def _timed(root: str, link: Link, room: Literal["type", "location"], names: frozenset[str]) -> Timed:
    return Timed(
        uid=root,
        event=root,
        start=link.start,
        end=link.end,
        title=link.title,
        location=link.kind if room == "type" else link.location,
        people=link.people,
        contact=Contact(link.name, link.mail, link.phone, link.language),
        names=names,
    )


def _items(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _listed(page: bytes) -> tuple[list[Mapping[str, Any]], bool]:
    """The bookings of one page, and whether there is another."""
    try:
        answer = json.loads(page)
    except (ValueError, RecursionError) as error:
        raise CalendarError("no list of bookings") from error
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
        raise CalendarError("no list of bookings")
    pagination = answer.get("pagination")
    more = isinstance(pagination, dict) and pagination.get("hasNextPage") is True
    return _items(answer["data"]), more


def _booking(page: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(page)
    except (ValueError, RecursionError) as error:
        raise FeedError("no booking") from error
    booking = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(booking, dict) or not booking.get("uid"):
        raise UntoldError("Cal.com does not tell of one booking by this name")
    return booking


def _person(attendees: list[Mapping[str, Any]]) -> dict[str, Any]:
    if not attendees:
        return {}
    first = attendees[0]
    language = first.get("language")
    if isinstance(language, dict):
        language = language.get("locale")
    return {
        "people": len(attendees),
        "name": _text(first.get("name")),
        "mail": _text(first.get("email"), 254),
        "phone": _text(first.get("phoneNumber"), 40),
        "language": _text(language, 2).lower(),
    }


def _uid(value: object) -> str:
    uid = _text(value)
    if not isinstance(value, str) or not uid:
        raise ValueError("uid is missing")
    return uid


def _text(value: object, length: int = 200) -> str:
    # half a surrogate pair is a string to JSON and to nobody else
    text = str(value or "").encode(errors="replace").decode().replace("\0", "")
    return " ".join(text.split())[:length]


def _time(value: object) -> int:
    text = value if isinstance(value, str) else ""
    try:
        when = datetime.fromisoformat(text)
        if when.tzinfo is None:
            raise ValueError("no zone")
        return max(0, round(when.timestamp() * 1000))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text[:40]!r} is no time") from error


@source("calcom", CalcomConfig)
class Calcom:
    """What webhooks told (:meth:`tell`) and, with an API key, what polling finds."""

    def __init__(self, config: CalcomConfig, zone: str) -> None:
        self._config = config
        self._told: tuple[Link, ...] = ()
        # what polling found last; nothing is missing where nobody polls
        self._polled: tuple[Link, ...] | None = None if config.api_key_file else ()

    def tell(self, told: Iterable[bytes]) -> None:
        """Every link that webhooks have told and the store has kept, as :class:`Link` in JSON."""
        self._told = tuple(msgspec.json.decode(body, type=Link) for body in told)

    def read(self, now: int) -> Parsed | None:
        """What polling lists and what webhooks told, together: of one uid the youngest word counts.

        A booking that polling does not list stays while a webhook told of it: a key lists only what its
        owner may see, and Cal.com lists what is cancelled as cancelled.
        """
        rejected: list[Rejected] = []
        if self._config.api_key_file:
            links, rejected = translate(self._poll(now))
            self._polled = tuple(links)
        parsed = chains([*self._told, *(self._polled or ())], self._config.room)
        return parsed._replace(rejected=[*rejected, *parsed.rejected])

    def remembered(self) -> Parsed | None:
        """What webhooks told and polling found last; None while polling has never succeeded."""
        return None if self._polled is None else chains([*self._told, *self._polled], self._config.room)

    def forget(self) -> None:
        """Every read asks for everything."""

    def released(self, release: Release) -> None:
        """Mark who did not come as absent, or as present again. Cal.com shortens no booking."""
        if release.why == "left":
            return  # they were there
        url, headers = self._config.url.rstrip("/"), self._headers()

        async def work(browser: Browser) -> None:
            uid, seen = release.uid, {release.uid}
            while True:  # to the end of the chain
                reply = await browser.ask("GET", f"{url}/bookings/{quote(uid, safe='')}", headers=headers)
                booking = _booking(reply.body)
                uid = _text(booking.get("rescheduledToUid"))
                if not uid or uid in seen or len(seen) > _MAX_CHAIN:
                    break
                seen.add(uid)
            mails = [_text(item.get("email"), 254) for item in _items(booking.get("attendees"))]
            absent = release.why == "no-show"
            told = {"attendees": [{"email": mail, "absent": absent} for mail in mails if mail]}
            if not told["attendees"]:
                raise UntoldError("Cal.com knows nobody who could be marked absent")
            mark = f"{url}/bookings/{quote(_uid(booking.get('uid')), safe='')}/mark-absent"
            await browser.ask("POST", mark, headers=headers, json=told, good=frozenset({200, 201}))

        exchange(url, work)

    def _headers(self) -> dict[str, str]:
        key = read_secret(self._config.api_key_file)
        return {"Authorization": f"Bearer {key}", "cal-api-version": _VERSION}

    def _poll(self, now: int) -> list[bytes]:
        url, headers = self._config.url.rstrip("/"), self._headers()
        span = {"afterStart": _iso(now - _DAY_MS), "beforeEnd": _iso(now + HORIZON_MS)}

        async def work(browser: Browser) -> list[bytes]:
            pages: list[bytes] = []
            while len(pages) < _MAX_PAGES:
                query = span | {"take": str(_PAGE), "skip": str(len(pages) * _PAGE)}
                reply = await browser.ask("GET", f"{url}/bookings?{urlencode(query)}", headers=headers)
                pages.append(reply.body)
                if not _listed(reply.body)[1]:
                    return pages
            raise CalendarError(f"more than {_MAX_PAGES * _PAGE} bookings")

        return exchange(url, work)


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
