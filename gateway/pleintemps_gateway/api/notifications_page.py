"""The page "Who is told": duty, channels with a test, browsers, the last sends; and browsers by the API."""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import delete, func, select

from pleintemps_contract.errors import KeyFileError
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.notify.duty import PUSH
from pleintemps_gateway.notify.outbox import put
from pleintemps_gateway.notify.push import public_key, vapid_key
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.reading import EVERY_SITE
from pleintemps_gateway.store.schema import push_subscriptions
from pleintemps_gateway.store.upsert import upsert
from pleintemps_gateway.web.notifications import load_notifications

from .auth import Account, Calls, InContext, Posts, Reader
from .context import Context
from .pages import show
from .problems import Problem, not_found
from .rest import REFUSALS
from .rights import Right
from .schemas import PushSubscription

Own = Annotated[Account, Depends(Calls(Right.OWN))]
OwnForm = Annotated[Account, Depends(Posts(Right.OWN))]
MOST_BROWSERS: Final = 10

router = APIRouter()


@router.get("/notifications", include_in_schema=False)
def notifications(
    request: Request, context: InContext, account: Reader, page: Annotated[int, Query(ge=1, le=10_000)] = 1
) -> HTMLResponse:
    context.duty.refresh()
    now, sites = context.world.now(), context.sites(account.sites)
    with context.engine.connect() as conn:
        found = load_notifications(conn, sites, context.duty, account.name, page)
    try:
        key = public_key(vapid_key(Path(context.config.keys)))
    except KeyFileError:
        key = ""
    values: dict[str, Any] = {
        "found": found,
        "duty": [(site, context.duty.on_duty(site, now), context.duty.rota(site.site)) for site in sites],
        "name_of": context.duty.name,
        "push_key": key,
        "push_name": PUSH,
        "runs": account.may(Right.RUN),
        "fault": context.duty.fault if account.may(Right.RUN) else "",
        "has_file": bool(context.config.duty_file),
        "zones": {site.site: site.zone for site in sites},
        "page": page,
    }
    return show(request, context, "notifications.html", account, now=now, tab="notifications", **values)


@router.post("/notifications/test", include_in_schema=False)
def test_channel(
    context: InContext,
    account: OwnForm,
    person: Annotated[str, Form(max_length=80)],
    channel: Annotated[str, Form(max_length=20)],
) -> Response:
    """To oneself; to others for who runs the gateway. What became of it stands on the page."""
    if person != account.name and not account.may(Right.RUN):
        raise Problem(403, "Only one's own channels.", code="not-yours")
    known = context.duty.person(person)
    names = [*(known.channels if known else ()), PUSH]
    if channel not in names or not account.sites:
        raise not_found("channel")
    site = account.sites[0]
    with write_transaction(context.engine, [site]) as conn:
        put(conn, site, "test", person, channel, context.world)
        record(
            conn, site, context.world, "notice.tested", "notices/test", {"by": account.name, "person": person}
        )
    return RedirectResponse("/notifications", 303)


@router.post("/notifications/browsers/{subscription}/remove", include_in_schema=False)
def remove_browser(context: InContext, account: OwnForm, subscription: str) -> Response:
    _remove(context, account, subscription)
    return RedirectResponse("/notifications", 303)


@router.post(
    "/api/v1/push-subscriptions",
    status_code=204,
    tags=["acting"],
    summary="Be told in this browser",
    responses=REFUSALS,
)
def subscribe(own: Own, request: Request, context: InContext, body: PushSubscription) -> Response:
    """The endpoint and keys as the browser's ``PushSubscription`` has them; https to a public name."""
    if not _is_push_service(body.endpoint):
        raise Problem(422, "The address of a push service is wanted.", where="endpoint", code="endpoint")
    site, now, name = own.home, context.world.now(), _name_of(body.endpoint)
    table, every = push_subscriptions, (EVERY_SITE, *(each.site for each in context.config.sites))
    with write_transaction(context.engine, every) as conn:
        # whoever was told in this browser before is told there no more
        conn.execute(delete(table).where(table.c.subscription == name, table.c.person != own.name))
        mine = (table.c.site == site) & (table.c.person == own.name) & (table.c.subscription != name)
        if int(conn.scalar(select(func.count()).select_from(table).where(mine)) or 0) >= MOST_BROWSERS:
            raise Problem(409, f"At most {MOST_BROWSERS} browsers a person.", code="too-many")
        row = {"site": site, "subscription": name, "person": own.name, "endpoint": body.endpoint}
        keys = {"p256dh": body.p256dh, "auth": body.auth, "created": now, "used": None}
        upsert(conn, table, [row | keys | {"device": _device(request)}])
        record(conn, site, context.world, "push.subscribed", f"push/{name[:16]}", {"by": own.name})
    return Response(status_code=204)


@router.delete(
    "/api/v1/push-subscriptions/{subscription}",
    status_code=204,
    tags=["acting"],
    summary="Be told no more in a browser",
    responses=REFUSALS,
)
def unsubscribe(own: Own, context: InContext, subscription: str) -> Response:
    """``subscription`` is the SHA-256 of its endpoint, in hexadecimal digits."""
    _remove(context, own, subscription)
    return Response(status_code=204)


def _remove(context: Context, account: Account, subscription: str) -> None:
    table = push_subscriptions
    sites = (EVERY_SITE, *account.sites)
    mine = table.c.site.in_(sites) & (table.c.person == account.name) & (table.c.subscription == subscription)
    with write_transaction(context.engine, sites) as conn:
        if conn.execute(delete(table).where(mine)).rowcount == 0:
            raise not_found("subscription")
        record(
            conn, EVERY_SITE, context.world, "push.ended", f"push/{subscription[:16]}", {"by": account.name}
        )


def _name_of(endpoint: str) -> str:
    return hashlib.sha256(endpoint.encode()).hexdigest()


def _is_push_service(endpoint: str) -> bool:
    """https to a name with a dot, no address, no port, no user: the gateway will post there by itself."""
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    named = "." in host and not host.replace(".", "").isdigit() and ":" not in host
    local = host.endswith((".local", ".internal", ".localhost", ".lan", ".home.arpa"))
    return parts.scheme == "https" and named and not local and port in (None, 443) and not parts.username


def _device(request: Request) -> str:
    """What the page calls a browser: a word for the machine and one for the program, no more."""
    agent = request.headers.get("user-agent", "")
    systems = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux")
    programs = ("Firefox", "Edg", "Chrome", "Safari")
    system = next((each for each in systems if each in agent), "?")
    program = next((each for each in programs if each in agent), "?")
    return f"{program.replace('Edg', 'Edge')}, {system}"
