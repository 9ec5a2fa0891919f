"""The page of what other people's tools are given: calendars by secret address, webhooks, and the rest."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.connections import calendars, hooks
from pleintemps_gateway.connections.bodies import EVENTS
from pleintemps_gateway.connections.guarded import Networks
from pleintemps_gateway.errors import WebhookError
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.web.connections import load_connections, series_counts, series_host
from pleintemps_gateway.web.i18n import catalogue

from .auth import Account, InContext, Posts, Reads
from .context import Context
from .csv_answer import InCsvForm, csv_answer
from .language import language_of
from .pages import show
from .problems import Problem, not_found
from .rights import Right
from .schemas import NO_NUL, IdText, SlugText

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
Runner = Annotated[Account, Depends(Posts(Right.RUN))]
Looker = Annotated[Account, Depends(Reads(Right.LOOK))]
Label = Annotated[str, Form(max_length=hooks.LABEL, pattern=NO_NUL)]
_HERE = "/connections"


@router.get("/connections")
def connections_page(request: Request, context: InContext, account: Looker) -> HTMLResponse:
    return _page(request, context, account)


def _page(
    request: Request, context: Context, account: Account, status: int = 200, **said: Any
) -> HTMLResponse:
    """``said``: ``made`` is an address or secret that is shown this once, ``fault`` why nothing was made."""
    with context.engine.connect() as conn:
        found = load_connections(conn, context.sites(account.sites), catalogue(language_of(request)))
    config = context.config
    values: dict[str, Any] = {"made": None, "fault": "", "at_fault": "", "typed": {}} | said
    values |= {"found": found, "config": config, "events": EVENTS, "runs": account.may(Right.RUN)}
    values |= {"series": series_counts(config), "series_host": series_host(config)}
    return show(request, context, "connections.html", account, status, tab="connections", **values)


@router.get("/connections.csv")
def connections_table(context: InContext, account: Looker, form: InCsvForm) -> Response:
    """Both tables of the page in one; times are Unix ms."""
    with context.engine.connect() as conn:
        found = load_connections(conn, context.sites(account.sites), catalogue("en"))
    rows: list[tuple[Any, ...]] = []
    for each in found:
        name = each.site.site
        for row in each.calendars:
            what = "titles" if row.titles else "booked"
            rows.append((name, "calendar", row.label, row.space, what, "on", row.made, row.read, None, None))
        for hook in each.hooks:
            row, told = hook.row, " ".join(hook.events)
            last = (row.told, hook.waiting, row.error)
            rows.append((name, "webhook", row.label, hook.host, told, row.state, row.made, *last))
    columns = ("site", "kind", "label", "where", "tells", "state", "made", "last", "waiting", "error")
    return csv_answer("connections", columns, rows, form)


# --- calendars ----------------------------------------------------------------------------------------


@router.post("/connections/{site}/calendars")
def make_calendar(
    request: Request,
    context: InContext,
    account: Runner,
    site: SlugText,
    space: Annotated[str, Form(max_length=40)] = "",
    label: Label = "",
    titles: Annotated[str, Form(pattern="^(yes)?$")] = "",
) -> Any:
    known, vault = context.site(account.sites, site), context.clerk().vault
    if space and space not in {each.space for each in known.spaces}:
        raise not_found("space")
    with write_transaction(context.engine, [site]) as conn:
        made = calendars.make(
            conn,
            site,
            vault,
            context.world,
            space=space or None,
            titles=bool(titles),
            label=label,
            by=account.name,
        )
    if made is None:
        return _page(request, context, account, 409, fault="too-many-calendars", at_fault=site)
    base = context.config.web.public_url or str(request.base_url).rstrip("/")
    address = f"{base}/calendars/{made.token}.ics"
    return _page(request, context, account, made={"kind": "calendar", "site": site, "text": address})


@router.post("/connections/{site}/calendars/{link}/end")
def end_calendar(context: InContext, account: Runner, site: SlugText, link: IdText) -> RedirectResponse:
    known = context.site(account.sites, site)
    with write_transaction(context.engine, [known.site]) as conn:
        if not calendars.end(conn, known.site, link, context.world, account.name):
            raise not_found("calendar")
    return _back(known)


# --- webhooks -----------------------------------------------------------------------------------------


@router.post("/connections/{site}/webhooks")
def make_hook(
    request: Request,
    context: InContext,
    account: Runner,
    site: SlugText,
    url: Annotated[str, Form(max_length=1_000, pattern=NO_NUL)] = "",
    label: Label = "",
    event: Annotated[list[str], Form(max_length=len(EVENTS))] = [],  # noqa: B006
) -> Any:
    known, vault = context.site(account.sites, site), context.clerk().vault
    networks = Networks(context.config.webhooks.private_networks)
    asked: dict[str, Any] = {"label": label, "url": url, "events": event}
    try:
        with write_transaction(context.engine, [known.site]) as conn:
            made = hooks.make(conn, known.site, vault, context.world, networks, by=account.name, **asked)
    except WebhookError as error:
        fault: dict[str, Any] = {"fault": error.reason, "at_fault": site, "typed": asked}
        return _page(request, context, account, 422, **fault)
    return _secret(request, context, account, site, made)


@router.post("/connections/{site}/webhooks/{hook}/secret")
def rotate_hook(
    request: Request, context: InContext, account: Runner, site: SlugText, hook: IdText
) -> HTMLResponse:
    known, vault = context.site(account.sites, site), context.clerk().vault
    with write_transaction(context.engine, [known.site]) as conn:
        made = hooks.rotate(conn, known.site, hook, vault, context.world, account.name)
    if made is None:
        raise not_found("webhook")
    return _secret(request, context, account, site, made)


def _secret(
    request: Request, context: Context, account: Account, site: str, made: hooks.Made
) -> HTMLResponse:
    return _page(request, context, account, made={"kind": "secret", "site": site, "text": made.secret})


@router.post("/connections/{site}/webhooks/{hook}/{act}")
def change_hook(
    context: InContext, account: Runner, site: SlugText, hook: IdText, act: str
) -> RedirectResponse:
    """``act`` is ``on``, ``off`` or ``remove``."""
    known = context.site(account.sites, site)
    if act not in ("on", "off", "remove"):
        raise Problem(404, "No such page.", code="page")
    with write_transaction(context.engine, [known.site]) as conn:
        if act == "remove":
            done = hooks.remove(conn, known.site, hook, context.world, account.name)
        else:
            done = hooks.switch(conn, known.site, hook, act == "on", context.world, account.name)
        if not done:
            raise not_found("webhook")
    return _back(known)


def _back(site: SiteConfig) -> RedirectResponse:
    return RedirectResponse(f"{_HERE}#c-{site.site}", 303)
