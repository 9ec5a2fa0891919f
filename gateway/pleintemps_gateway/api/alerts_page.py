"""The pages of alerts: the list with its filters and common acts, one alert with everything known of it."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from pleintemps_gateway.access.weeks import instant
from pleintemps_gateway.alerts.life import Act, ActKind
from pleintemps_gateway.alerts.records import AlertKind
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.web.alerts import Wanted, load_list, load_one, pause_choices
from pleintemps_gateway.web.help_desk import load_call

from .alert_acts import do, people, signals_of
from .auth import Account, InContext, Posts, Reader
from .context import Context
from .language import language_of
from .looking import looked
from .pages import here, show
from .problems import Problem, not_found
from .rights import Right
from .schemas import NO_NUL, IdText, SlugText

Actor = Annotated[Account, Depends(Posts(Right.ALERTS))]
Text = Annotated[str, Form(max_length=500, pattern=NO_NUL)]
Name = Annotated[str, Form(max_length=80, pattern=NO_NUL)]
Back = Annotated[str, Form(max_length=500)]
Clock = Annotated[str, Form(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9])?$")]
Version = Annotated[int | None, Form(ge=0, le=2_147_483_647)]
Until = Annotated[int, Form(ge=0, le=4_102_444_800_000)]
_ACTS: Final = {
    "take": ActKind.TAKE,
    "pause": ActKind.PAUSE,
    "resume": ActKind.RESUME,
    "give": ActKind.GIVE,
    "escalate": ActKind.ESCALATE,
    "comment": ActKind.COMMENT,
    "warn": ActKind.WARN,
}
MOST_AT_ONCE: Final = 100

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/alerts")
def alerts(
    request: Request,
    context: InContext,
    account: Reader,
    state: Annotated[str, Query(pattern="^(open|mine|paused|done|all)?$")] = "open",
    site: Annotated[str, Query(max_length=40)] = "",
    kind: Annotated[str, Query(max_length=24)] = "",
    q: Annotated[str, Query(max_length=80, pattern=NO_NUL)] = "",
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    done: Annotated[int, Query(ge=0, le=MOST_AT_ONCE)] = 0,
) -> Any:
    return _list(request, context, account, Wanted(state or "open", site, kind, q.strip(), page), done=done)


def _list(
    request: Request,
    context: Context,
    account: Account,
    wanted: Wanted,
    *,
    status: int = 200,
    done: int = 0,
    refused: tuple[tuple[str, str, str], ...] = (),
) -> HTMLResponse:
    now = context.world.now()
    language = language_of(request)
    with context.engine.connect() as conn:
        found = load_list(conn, context.config, account.sites, wanted, account.name, now, language)
    sites = context.sites(account.sites)
    chosen = [each for each in sites if each.site == wanted.site] or sites
    names: dict[str, str] = {}
    for each in chosen:
        names |= people(context, each)
    context.duty.refresh()
    values: dict[str, Any] = {
        "found": found,
        "wanted": wanted,
        "sites": sites,
        "people": names,
        "pauses": pause_choices(now, sites[0].zone),
        "duty": [(each, context.duty.on_duty(each, now)) for each in sites],
        "name_of": context.duty.name,
        "done": done,
        "refused": refused,
        "none_chosen": status != 200 and not refused,
        "address": lambda **more: f"/alerts?{_query(wanted, **more)}",
    }
    return show(request, context, "alerts.html", account, status, now=now, tab="alerts", **values)


def _query(wanted: Wanted, **more: Any) -> str:
    values = {"state": wanted.state, "site": wanted.site, "kind": wanted.kind, "q": wanted.words}
    values |= {"page": wanted.page if wanted.page > 1 else ""} | more
    return urlencode({name: value for name, value in values.items() if value not in ("", None)})


@router.post("/alerts/acts")
def act_together(
    request: Request,
    context: InContext,
    account: Actor,
    act: Annotated[str, Form(pattern="^(take|pause|give|escalate)$")],
    chosen: Annotated[list[str] | None, Form(max_length=MOST_AT_ONCE)] = None,
    until: Until = 0,
    minutes: Annotated[int, Form(ge=0, le=1_440)] = 0,
    person: Name = "",
    comment: Text = "",
    back: Back = "/alerts",
) -> Any:
    """One act for several alerts; each stands for itself, what was refused is listed with what others did.
    A pause ends at ``until``, or after so many ``minutes``.
    """
    if minutes:
        until = context.world.now() + minutes * 60_000
    refused: list[tuple[str, str, str]] = []
    count = 0
    for each in chosen or []:
        site, _, rest = each.partition("/")
        alert, _, version = rest.partition("/")
        seen = int(version) if version.isascii() and version.isdecimal() and len(version) < 10 else None
        wish = Act(kind=_ACTS[act], by=account.name, person=person or None, until=until or None, version=seen)
        try:
            do(context, account, context.site(account.sites, site), alert, wish, comment)
            count += 1
        except Problem as problem:
            refused.append((site, alert, problem.code))
    if refused or not chosen:
        codes = tuple(refused)
        return _list(request, context, account, Wanted(), status=409, done=count, refused=codes)
    target = here(back)
    if not target.startswith("/alerts"):
        return RedirectResponse(target, 303)
    return RedirectResponse(f"{target}{'&' if '?' in target else '?'}done={count}", 303)


@router.get("/alerts/{site}/{alert}")
def alert_page(request: Request, context: InContext, account: Reader, site: SlugText, alert: IdText) -> Any:
    return _page(request, context, account, site, alert)


def _page(
    request: Request,
    context: Context,
    account: Account,
    site: str,
    alert: str,
    status: int = 200,
    fault: str = "",
    comment: str = "",
) -> HTMLResponse:
    config, now = context.site(account.sites, site), context.world.now()
    context.duty.refresh()
    with context.engine.connect() as conn:
        found = load_one(conn, context.config, config, alert, account.sites, now)
        if found is None:
            raise not_found("alert")
        call = None
        booking = found.booking.booking if found.booking else ""
        if found.alert.kind == AlertKind.HELP and booking and account.may(Right.HELP):
            call = load_call(conn, context.config, config, booking, now)
    if booking and (call is not None or (found.phone and account.may(Right.HELP))):
        looked(context, account, f"booking/{booking}", site)
    duty = context.duty.on_duty(config, now)
    values: dict[str, Any] = {
        "found": found if account.may(Right.HELP) else replace(found, phone=""),
        "alert": found.alert,
        "call": call,
        "once": "",
        "fault": fault,
        "comment": comment,
        "people": people(context, config),
        "name_of": context.duty.name,
        "duty": duty,
        "wait_min": rota.wait_min if (rota := context.duty.rota(site)) else None,
        "pauses": pause_choices(now, config.zone),
        "lights": bool(signals_of(config, found.alert.space)),
    }
    return show(
        request, context, "alert.html", account, status, now=now, zone=config.zone, tab="alerts", **values
    )


@router.post("/alerts/{site}/{alert}/{act}")
def act_alone(
    request: Request,
    context: InContext,
    account: Actor,
    site: SlugText,
    alert: IdText,
    act: str,
    version: Version = None,
    until: Until = 0,
    clock: Clock = "",
    person: Name = "",
    comment: Text = "",
    back: Back = "/",
) -> Any:
    """``clock`` (HH:MM) is the next such hour at the site; it counts before ``until``."""
    config = context.site(account.sites, site)
    if act not in _ACTS:
        raise not_found("page")
    if clock:
        until = next_clock(clock, config, context.world.now())
    wish = Act(kind=_ACTS[act], by=account.name, person=person or None, until=until or None, version=version)
    try:
        do(context, account, config, alert, wish, comment)
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        return _page(request, context, account, site, alert, problem.status, problem.code, comment)
    return RedirectResponse(here(back), 303)


def next_clock(clock: str, site: SiteConfig, now: int) -> int:
    """The next moment at which a clock on the wall of ``site`` shows ``clock`` (Unix ms)."""
    zone, wanted = ZoneInfo(site.zone), time.fromisoformat(clock)
    today = datetime.fromtimestamp(now / 1000, UTC).astimezone(zone).date()
    found = instant(zone, today, wanted, fold=0)
    return found if found > now else instant(zone, today + timedelta(days=1), wanted, fold=0)
