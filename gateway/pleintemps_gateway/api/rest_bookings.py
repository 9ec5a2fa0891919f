"""REST under ``/api/v1/bookings``: looking them up, making, changing and cancelling them, another code.

Managers change bookings made here; one of a calendar is changed there, where it comes from, as long as that
calendar is configured. Whoever may act can have another code issued.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from sqlalchemy import Connection

from pleintemps_gateway.access.on_door import DoorReport, codes_on_doors, is_on_door
from pleintemps_gateway.access.service import CodeDesk, Issued
from pleintemps_gateway.bookings import service
from pleintemps_gateway.bookings.sources.base import Contact
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.errors import BookingError, CodesExhaustedError
from pleintemps_gateway.store import reading

from .auth import Account, Helper, InContext, Manager, Reader
from .calls import Done, Key, once
from .context import Context
from .looking import looked
from .problems import Problem, not_found
from .rest import REFUSALS, Since, Until, times
from .rights import Right
from .schemas import (
    BookingBody,
    BookingChange,
    BookingMade,
    BookingPage,
    ContactBody,
    ErrorBody,
    IdText,
    NewBooking,
    SlugText,
)

_NO_CODES: Final[dict[int | str, dict[str, Any]]] = {503: {"model": ErrorBody}}
_WHERE: Final = {
    "unknown-space": "space",
    "bad-times": "start",
    "bad-people": "people",
    "key-used": "Idempotency-Key",
}
_LATE: Final = frozenset({"cancelled", "erased", "key-used"})

router = APIRouter(prefix="/api/v1/bookings", tags=["bookings"], responses=REFUSALS)

Cursor = Annotated[
    str | None, Query(pattern=r"^[0-9]{1,15}-[0-9a-f]{32}$", description="``next`` of the page before")
]
Id = IdText


@router.get("", summary="Bookings that overlap a time, by their start, with their usage")
def list_bookings(
    reader: Reader,
    context: InContext,
    since: Since = None,
    until: Until = None,
    site: Annotated[SlugText | None, Query()] = None,
    space: Annotated[SlugText | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
    cursor: Cursor = None,
) -> BookingPage:
    start, end = times(context.world.now(), since, until)
    sites = reader.sites if site is None else (context.site(reader.sites, site).site,)
    after: tuple[int, str] | None = None
    if cursor is not None:
        at, _, booking = cursor.partition("-")
        after = (int(at), booking)
    with context.engine.connect() as conn:
        rows = reading.find_bookings(conn, sites, start, end, space=space, after=after, limit=limit + 1)
        items = _bodies(conn, context, rows[:limit])
    more = f"{rows[limit - 1].start}-{rows[limit - 1].booking}" if len(rows) > limit else None
    return BookingPage(items=items, next=more)


@router.get("/{booking}", summary="One booking")
def get_booking(reader: Reader, context: InContext, booking: Id) -> BookingBody:
    return _body(context, reader, booking)


@router.post(
    "",
    status_code=201,
    response_model_exclude_none=True,
    responses=_NO_CODES
    | {200: {"model": BookingMade, "description": "Made before under this key: no code again"}},
    summary="Book a space; answers with its code, once",
)
def create_booking(
    manager: Manager, context: InContext, body: NewBooking, response: Response, key: Key = None
) -> BookingMade:
    """The same call with the same ``Idempotency-Key`` books once, however often it comes."""
    site, desk = context.site(manager.sites, body.site), context.clerk()
    issued: Issued | None = None
    reason: str | None = None

    def work(conn: Connection) -> Done:
        nonlocal issued, reason
        wish = service.Occurrence(
            *(key or "", body.space, body.title, body.start, body.end, body.people), amplified=body.amplified
        )
        if key is not None and (known := service.repeated(conn, site, desk, wish)) is not None:
            return Done(known, True)
        made = service.create(
            conn,
            site,
            desk,
            space=body.space,
            start=body.start,
            end=body.end,
            title=body.title,
            people=body.people,
            uid=key,
            contact=_contact(body.contact),
            group=body.group,
            amplified=body.amplified,
            by=manager.name,
        )
        issued, reason = made.issued, made.withheld
        return Done(made.booking, False)

    done = _do(context, site, key, f"POST /bookings {body.model_dump_json()}", work)
    if done.again or issued is None:
        response.status_code = 200
        return BookingMade(booking=done.booking)
    if reason is not None:
        return BookingMade(booking=done.booking, withheld=reason)
    return BookingMade(booking=done.booking, code=issued.code, link=issued.link)


@router.patch("/{booking}", summary="Move, extend or change a booking made here; its code stays")
def change_booking(
    manager: Manager, context: InContext, booking: Id, body: BookingChange, key: Key = None
) -> BookingBody:
    """Only what the body names changes. Codes keep their digits and follow to other doors and times."""
    site, desk, _ = _ours(context, manager, booking)

    def work(conn: Connection) -> Done:
        if wish := body.wish():
            service.revise(conn, site, desk, booking, wish, manager.name)
        if "contact" in body.model_fields_set:
            service.put_contact(conn, site, desk, booking, _contact(body.contact), manager.name)
        return Done(booking, False)

    asked = body.model_dump_json(exclude_unset=True)
    _do(context, site, key, f"PATCH /bookings/{booking} {asked}", work)
    return _body(context, manager, booking)


@router.post(
    "/{booking}/reissue",
    response_model_exclude_none=True,
    responses=_NO_CODES,
    summary="Another code in one step; the old one opens nothing from now on",
)
def reissue_code(actor: Helper, context: InContext, booking: Id, key: Key = None) -> BookingMade:
    """Answers with the code, this once; it is also sent to the booking's contact. Of calendars too."""
    site, desk, _ = _known(context, actor, booking)
    issued: Issued | None = None

    def work(conn: Connection) -> Done:
        nonlocal issued
        issued = desk.reissue(conn, site, booking)
        return Done(booking, False)

    _do(context, site, key, f"POST /bookings/{booking}/reissue", work)
    if issued is None:
        return BookingMade(booking=booking)
    return BookingMade(booking=booking, code=issued.code, link=issued.link)


@router.delete("/{booking}", status_code=204, summary="Cancel a booking made here")
def cancel_booking(manager: Manager, context: InContext, booking: Id, key: Key = None) -> Response:
    site, desk, _ = _ours(context, manager, booking)

    def work(conn: Connection) -> Done:
        service.cancel(conn, site, desk, booking, manager.name)
        return Done(booking, False)

    _do(context, site, key, f"DELETE /bookings/{booking}", work)
    return Response(status_code=204)


def _do(
    context: Context, site: SiteConfig, key: str | None, asked: str, work: Callable[[Connection], Done]
) -> Done:
    try:
        return once(context, site, key, asked, work)
    except BookingError as error:
        reason = error.reason
        code = "already-cancelled" if reason == "cancelled" else reason
        where = _WHERE.get(reason, "booking")
        if reason in _LATE:
            raise Problem(409, str(error), where=where, code=code) from error
        raise Problem(422, str(error), where=where) from error
    except CodesExhaustedError as error:
        raise Problem(503, str(error), where="code") from error


def _known(context: Context, account: Account, booking: str) -> tuple[SiteConfig, CodeDesk, reading.AnyRow]:
    with context.engine.connect() as conn:
        row = reading.booking(conn, account.sites, booking)
    if row is None:
        raise not_found("booking")
    return context.site(account.sites, row.site), context.clerk(), row


def _ours(context: Context, account: Account, booking: str) -> tuple[SiteConfig, CodeDesk, reading.AnyRow]:
    """A booking that no configured calendar would bring back as it was; raises Problem 409."""
    found = _known(context, account, booking)
    site, _, row = found
    if row.source in {feed.feed for feed in site.sources}:
        message = f"This booking comes from the calendar {row.source}: change or cancel it there."
        raise Problem(409, message, where="booking", code="of-a-calendar")
    return found


def _contact(body: ContactBody) -> Contact:
    return Contact(body.name, body.mail, body.phone, body.language)


def _body(context: Context, account: Account, booking: str) -> BookingBody:
    with context.engine.connect() as conn:
        row = reading.booking(conn, account.sites, booking)
        if row is None:
            raise not_found("booking")
        body = _bodies(conn, context, [row])[0]
        contact = reading.contact(conn, row.site, booking) if account.may(Right.HELP) else None
    if contact is not None:
        looked(context, account, f"booking/{booking}", row.site)
        body.contact = ContactBody.model_construct(**contact._mapping)
    return body


def _bodies(conn: Connection, context: Context, rows: reading.Rows) -> list[BookingBody]:
    """Rows of bookings, each with the doors on its way and whether they hold its code."""
    reports: dict[str, list[DoorReport]] = {}
    for site in context.config.sites:
        here = [row.booking for row in rows if row.site == site.site]
        reports |= codes_on_doors(conn, site, here, context.world.now())
    return [
        BookingBody.model_validate(
            {
                **row._mapping,
                "code_on_door": is_on_door(doors := reports.get(row.booking, [])),
                "doors": [door._asdict() for door in doors],
            }
        )
        for row in rows
    ]
