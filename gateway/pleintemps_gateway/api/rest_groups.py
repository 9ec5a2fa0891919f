"""REST under ``/api/v1``: groups and their papers, overrides, recurring rights, series."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Response
from sqlalchemy import Connection

from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.bookings import rights, series, service
from pleintemps_gateway.bookings.group_book import Group, list_groups
from pleintemps_gateway.bookings.papers import change_group
from pleintemps_gateway.bookings.right_rules import RightRule
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.errors import BookingError, RightError
from pleintemps_gateway.store import reading
from pleintemps_gateway.store.engine import write_transaction

from .auth import Account, Helper, InContext, Manager, Reads
from .context import Context
from .group_schemas import GroupName, GroupPapers, NewRight, Override, RightsMade, Series, Weeks
from .looking import looked
from .problems import Problem, not_found
from .rest import REFUSALS, told
from .rights import Right
from .schemas import ErrorBody, IdText, Items, SlugText

_RESPONSES: Final = REFUSALS | {503: {"model": ErrorBody}}
_INVALID: Final = frozenset({"unknown-space", "bad-times", "card"})
_UNKNOWN: Final = frozenset({"unknown-booking", "unknown-right"})

T = TypeVar("T")

router = APIRouter(prefix="/api/v1", tags=["groups and rights"], responses=_RESPONSES)

Staff = Annotated[Account, Depends(Reads(Right.HELP))]
"""Lists that name people."""


@router.get("/groups", summary="Groups and their papers, by name")
def get_groups(staff: Staff, context: InContext) -> Items:
    looked(context, staff, "group/list")
    found: dict[tuple[str, str], dict[str, Any]] = {}
    with context.engine.connect() as conn:
        for site in staff.sites:
            for row in list_groups(conn, site):
                found[row.site, row.group] = dict(row._mapping)
    return Items(items=sorted(found.values(), key=lambda item: (item["name"], item["site"])))


@router.put("/groups/{group}", status_code=204, summary="Say what is known of a group")
def put_group(manager: Manager, context: InContext, group: SlugText, body: GroupPapers) -> Response:
    """The whole record. Bookings of the group are judged anew at once: codes are issued or withdrawn."""
    if body.site == reading.EVERY_SITE:
        if len(manager.sites) < len(context.config.sites):
            raise Problem(403, "A group of every site is changed by who sees every site.", where="site")
        sites = context.sites(manager.sites)
    else:
        sites = [context.site(manager.sites, body.site)]
    values = body.model_dump(exclude={"site"})
    with write_transaction(context.engine, {body.site, *(site.site for site in sites)}) as conn:
        change_group(conn, body.site, sites, context.clerk(), Group(group=group, **values), manager.name)
    return Response(status_code=204)


@router.put("/bookings/{booking}/group", status_code=204, summary="Say which group a booking is of")
def put_booking_group(actor: Helper, context: InContext, booking: IdText, body: GroupName) -> Response:
    def work(conn: Connection, site: SiteConfig, desk: CodeDesk) -> None:
        service.assign_group(conn, site, desk, booking, body.group, actor.name)

    _on_booking(context, actor, booking, work)
    return Response(status_code=204)


@router.put("/bookings/{booking}/override", status_code=204, summary="Give a code although papers lack")
def put_override(manager: Manager, context: InContext, booking: IdText, body: Override) -> Response:
    """Audited and shown. It holds while group and space stay and no more people come."""

    def work(conn: Connection, site: SiteConfig, desk: CodeDesk) -> None:
        service.override(conn, site, desk, booking, manager.name, body.reason)

    _on_booking(context, manager, booking, work)
    return Response(status_code=204)


@router.delete("/bookings/{booking}/series", summary="Cancel a booking made here with the rest of its series")
def cancel_series(manager: Manager, context: InContext, booking: IdText) -> Series:
    def work(conn: Connection, site: SiteConfig, desk: CodeDesk) -> list[str]:
        return series.cancel_series(conn, site, desk, booking, manager.name)

    return Series(bookings=_on_booking(context, manager, booking, work, own=True))


@router.post(
    "/bookings/{booking}/series", status_code=201, summary="Repeat a booking made here in the weeks after it"
)
def repeat_booking(manager: Manager, context: InContext, booking: IdText, body: Weeks) -> Series:
    """Each is a booking of its own, with its own code; what was repeated before is not made again."""

    def work(conn: Connection, site: SiteConfig, desk: CodeDesk) -> list[str]:
        return series.repeat(conn, site, desk, booking, body.weeks, manager.name)

    return Series(bookings=_on_booking(context, manager, booking, work, own=True))


@router.get("/rights", summary="Recurring rights that are not over, by person")
def get_rights(staff: Staff, context: InContext) -> Items:
    looked(context, staff, "right/list")
    with context.engine.connect() as conn:
        rows = rights.list_rights(conn, staff.sites, context.world.now())
    return Items(
        items=[
            told(row) | {"spaces": msgspec.json.decode(row.spaces), "rule": msgspec.json.decode(row.rule)}
            for row in rows
        ]
    )


@router.post("/rights", status_code=201, summary="Give a recurring right at one or many sites")
def post_right(manager: Manager, context: InContext, body: NewRight) -> RightsMade:
    """All or none. The codes are issued and sent by themselves."""
    desk = context.clerk()
    sites = [context.site(manager.sites, place.site) for place in body.places]
    rule = msgspec.convert(body.rule.model_dump(by_alias=True, mode="json"), RightRule)
    values = body.model_dump(exclude={"places", "rule"})
    with _refusals(), write_transaction(context.engine, {site.site for site in sites}) as conn:
        made = [
            rights.add_right(
                conn, site, desk, rights.Right(**values, spaces=place.spaces, rule=rule), manager.name
            )
            for site, place in zip(sites, body.places, strict=True)
        ]
    return RightsMade(rights=made)


@router.delete("/rights/{right}", status_code=204, summary="End a recurring right now")
def delete_right(manager: Manager, context: InContext, right: IdText) -> Response:
    with context.engine.connect() as conn:
        row = rights.find_right(conn, manager.sites, right)
    if row is None:
        raise not_found("right")
    site = context.site(manager.sites, row.site)
    with _refusals(), write_transaction(context.engine, [site.site]) as conn:
        rights.end_right(conn, site, context.clerk(), right, manager.name)
    return Response(status_code=204)


def _on_booking(
    context: Context,
    account: Account,
    booking: str,
    work: Callable[[Connection, SiteConfig, CodeDesk], T],
    *,
    own: bool = False,
) -> T:
    """Run ``work`` on a booking that the account may see; ``own``: no calendar tells of it."""
    with context.engine.connect() as conn:
        row = reading.booking(conn, account.sites, booking)
    if row is None:
        raise not_found("booking")
    if own and row.source != service.REST:
        raise Problem(409, f"This booking comes from the calendar {row.source}.", where="booking")
    site = context.site(account.sites, row.site)
    with _refusals(), write_transaction(context.engine, [site.site]) as conn:
        return work(conn, site, context.clerk())


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (BookingError, RightError) as error:
        status = 422 if error.reason in _INVALID else 404 if error.reason in _UNKNOWN else 409
        raise Problem(status, str(error), where=error.reason, code=error.reason) from error
