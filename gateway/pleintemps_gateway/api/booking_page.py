"""``/b/<link>``: the page of a booking for the people who booked it. The link is the only key to it."""

from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import insert, select, update

from pleintemps_contract.onvif import DoorAction
from pleintemps_gateway.alerts.life import ActKind
from pleintemps_gateway.alerts.records import RANKS, AlertKind
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.bookings.releasing import PEOPLE
from pleintemps_gateway.config import DoorConfig
from pleintemps_gateway.delivery.calendar import calendar_of
from pleintemps_gateway.ingest.asking import COMMAND_LIFE_MS
from pleintemps_gateway.store.acts import note_one
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import alerts, bookings, commands
from pleintemps_gateway.web.booking_page import (
    PENDING,
    Visit,
    asked_by_link,
    called_at,
    find_visit,
    user_of,
)
from pleintemps_gateway.web.i18n import LANGUAGES
from pleintemps_gateway.web.rights_page import PersonPage, find_rights

from .auth import InContext
from .context import Context
from .keypad import MOST_DIGITS, is_same, typed_on
from .language import language_of
from .links import unknown_link
from .pages import show
from .releases import keep_if_free

router = APIRouter(prefix="/b", include_in_schema=False, default_response_class=HTMLResponse)
Link = Annotated[str, Path(max_length=200)]
Typed = Annotated[str, Form(max_length=3 * MOST_DIGITS)]
REFRESH_MS: Final = 15_000
"""A page that waits for a door asks again until then."""


def _visit(request: Request, context: Context, link: str) -> Visit:
    """Raises Problem 404 for a link that nobody was given, 429 for one address with many of these."""
    with context.engine.connect() as conn:
        visit = find_visit(conn, context.config, link, context.world.now())
    if visit is None:
        raise unknown_link(request, context)
    return visit


def _rights_page(request: Request, context: Context, link: str, person: PersonPage) -> HTMLResponse:
    now, language = context.world.now(), language_of(request)
    rules = {view.site.site: view.rules(language) for view in person.rights}
    values: dict[str, Any] = {"now": now, "zone": person.zone, "person": person, "link": link, "rules": rules}
    return show(request, context, "rights.html", None, **values)


def _page(
    request: Request, context: Context, visit: Visit, link: str, status: int = 200, **values: Any
) -> HTMLResponse:
    now = context.world.now()
    empty = {"typed": "", "door": "", "fault": "", "wait": 0, "asked": None, "waiting": False}
    return show(
        request,
        context,
        "booking.html",
        None,
        status,
        now=now,
        zone=visit.zone,
        visit=visit,
        link=link,
        action=f"/b/{quote(link)}/keep",
        rules=visit.rules(language_of(request)),
        **(empty | values),
    )


@router.get("/{link}")
def booking_page(
    request: Request,
    context: InContext,
    link: Link,
    command: Annotated[str, Query(max_length=32, pattern=r"^[0-9a-f]*$")] = "",
) -> Any:
    now, asked = context.world.now(), None
    with context.engine.connect() as conn:
        visit = find_visit(conn, context.config, link, now)
        person = find_rights(conn, context.config, link, now) if visit is None else None
        if visit is not None and command:
            asked = asked_by_link(conn, visit, command)
    if person is not None:
        return _rights_page(request, context, link, person)
    if visit is None:
        raise unknown_link(request, context)
    waiting = asked is not None and asked.outcome in PENDING and now < asked.requested + REFRESH_MS
    door = asked.door if asked is not None else ""
    return _page(request, context, visit, link, asked=asked, waiting=waiting, door=door)


@router.post("/{link}/open")
def press_key(
    request: Request,
    context: InContext,
    link: Link,
    key: Annotated[str, Form(max_length=8)] = "open",
    typed: Typed = "",
    door: Annotated[str, Form(max_length=40)] = "",
) -> Any:
    """A key of the keypad; ``open`` asks the door. Every key is a button of a form: no script is needed."""
    visit = _visit(request, context, link)
    typed = typed_on(typed, key)
    if key != "open":
        return _page(request, context, visit, link, typed=typed, door=door)
    chosen = visit.door(door) or (visit.door(visit.doors[0].door) if len(visit.doors) == 1 else None)
    if not visit.may_open:
        return _page(request, context, visit, link, 409, fault="not-now")
    if chosen is None:
        return _page(request, context, visit, link, 422, fault="no-door", typed=typed)
    place = f"{visit.site.site}/{visit.booking}/{chosen.door}"
    wait = context.keypads.begin(place, "", context.world.monotonic())
    if wait:
        seconds = -(-wait // 1000)
        page = _page(request, context, visit, link, 429, fault="wait", wait=seconds, door=door)
        page.headers["Retry-After"] = str(seconds)
        return page
    used = [each for each in visit.typed if is_same(typed, each.code)]
    if not used:
        return _page(request, context, visit, link, 403, fault="wrong", door=door)
    context.keypads.succeeded(place, "")
    command = _ask_door(context, visit, chosen, used[0].grant)
    return RedirectResponse(f"/b/{quote(link)}?command={command}#result", 303)


def _ask_door(context: Context, visit: Visit, door: DoorConfig, grant: str) -> str:
    """The command that opens ``door``: the one on its way already when a button was pressed twice."""
    now, command, site = context.world.now(), context.world.new_id(), visit.site.site
    with write_transaction(context.engine, [site]) as conn:
        mine = (commands.c.site == site) & (commands.c.door == door.door) & (commands.c.expires > now)
        mine &= (commands.c.user == user_of(visit)) & commands.c.outcome.in_(PENDING)
        known = conn.scalar(select(commands.c.command).where(mine).limit(1))
        if known is not None:
            return str(known)
        conn.execute(
            insert(commands).values(
                site=site,
                command=command,
                agent=door.agent,
                door=door.door,
                action=DoorAction.ACCESS.value,
                user=user_of(visit),
                requested=now,
                expires=now + COMMAND_LIFE_MS,
                outcome="requested",
            )
        )
        record_change(conn, site, "commands", command, now)
        facts = {"by": "link", "booking": visit.booking, "grant": grant, "command": command}
        facts |= {"action": DoorAction.ACCESS.value}
        record(conn, site, context.world, "door.command", f"door/{door.door}", facts)
    return command


@router.get("/{link}/open")
def back_to_page(request: Request, link: Link) -> Any:
    """Where a page that came as an answer to a key is loaded again, in another language for example."""
    wanted = request.query_params.get("lang", "")
    language = f"?lang={wanted}" if wanted in LANGUAGES else ""
    return RedirectResponse(f"/b/{quote(link)}{language}", 303)


@router.post("/{link}/left")
def we_have_left(request: Request, context: InContext, link: Link) -> Any:
    visit = _visit(request, context, link)
    if visit.may_leave:
        _set_left(context, visit, context.world.now(), "booking.left")
    return RedirectResponse(f"/b/{quote(link)}#leave", 303)


@router.post("/{link}/back")
def we_are_back(request: Request, context: InContext, link: Link) -> Any:
    """Takes "we have left" back, within five minutes."""
    visit = _visit(request, context, link)
    if visit.may_return(context.world.now()):
        _set_left(context, visit, None, "booking.left-undone")
    return RedirectResponse(f"/b/{quote(link)}#leave", 303)


@router.post("/{link}/keep")
def we_want_it(request: Request, context: InContext, link: Link) -> Any:
    """ "I am coming", or a release taken back; what is in the way is said on the page."""
    visit = _visit(request, context, link)
    if visit.may_keep:
        keep_if_free(context, visit.site, visit.booking, PEOPLE)
    return RedirectResponse(f"/b/{quote(link)}#keep", 303)


def _set_left(context: Context, visit: Visit, left: int | None, action: str) -> None:
    now, site = context.world.now(), visit.site.site
    with write_transaction(context.engine, [site]) as conn:
        mine = (bookings.c.site == site) & (bookings.c.booking == visit.booking)
        # pressed twice at once: said once. Released meanwhile: that is taken back by another button
        said = bookings.c["left"]
        mine &= bookings.c.released.is_(None) & (said.is_not(None) if left is None else said.is_(None))
        if not conn.execute(update(bookings).where(mine).values(left=left, updated=now)).rowcount:
            return
        record_change(conn, site, "bookings", visit.booking, now)
        record(conn, site, context.world, action, f"booking/{visit.booking}", {"by": "link"})


@router.post("/{link}/help")
def it_does_not_open(request: Request, context: InContext, link: Link) -> Any:
    """Calls the caretaker; a call that stands is not made twice."""
    visit = _visit(request, context, link)
    if visit.called is None:
        _call(context, visit)
    return RedirectResponse(f"/b/{quote(link)}#help", 303)


def _call(context: Context, visit: Visit) -> None:
    now, site, alert = context.world.now(), visit.site.site, context.world.new_id()
    facts = {"title": visit.title, "reference": visit.reference, "until": max(visit.closes, now + 3_600_000)}
    first = visit.doors[0].door if visit.doors else ""
    agent = next((door.agent for door in visit.site.doors if door.door == first), None)
    with write_transaction(context.engine, [site]) as conn:
        if called_at(conn, site, visit.booking) is not None:
            return
        conn.execute(
            insert(alerts).values(
                site=site,
                alert=alert,
                kind=AlertKind.HELP.value,
                rank=RANKS[AlertKind.HELP].value,
                subject=f"{AlertKind.HELP.value}:{visit.booking}",
                space=visit.space,
                agent=agent,
                booking=visit.booking,
                state="open",
                opened=now,
                facts=msgspec.json.encode(facts).decode(),
            )
        )
        record_change(conn, site, "alerts", alert, now)
        note_one(conn, site, alert, now, ActKind.OPENED)
        record(conn, site, context.world, "help.called", f"booking/{visit.booking}", {"by": "link"})


@router.get("/{link}/booking.ics")
def calendar_file(request: Request, context: InContext, link: Link) -> Any:
    visit = _visit(request, context, link)
    gone = visit.phase in ("cancelled", "released")
    language, now = language_of(request), context.world.now()
    content = calendar_of(visit.site, visit.message(), language, now, cancelled=gone)
    headers = {"Content-Disposition": 'attachment; filename="booking.ics"'}
    return Response(content, media_type="text/calendar; charset=utf-8", headers=headers)
