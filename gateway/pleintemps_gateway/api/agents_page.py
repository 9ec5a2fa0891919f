"""How the installation is: agents, where bookings come from, what was refused. ``/health`` leads here."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from pleintemps_gateway.store import reading
from pleintemps_gateway.web import upkeep
from pleintemps_gateway.web.agents import load_agents
from pleintemps_gateway.web.sources import source_health

from .auth import InContext, Reader
from .csv_answer import InCsvForm, csv_answer
from .pages import show

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
_COLUMNS: Final = (
    "site",
    "agent",
    "state",
    "last_seen_ms",
    "version",
    "boot",
    "clock",
    "clock_trusted",
    "backlog",
    "lost",
    "grants_revision",
    "codes_on_their_way",
    "certificate_until_ms",
    "timings",
    "devices_at_fault",
)


@router.get("/health")
def health_page(account: Reader) -> Any:
    """The address of before."""
    return RedirectResponse("/agents", 308)


@router.get("/agents")
def agents_page(request: Request, context: InContext, account: Reader) -> Any:
    """Every agent with its health, and what to do."""
    sites, now = context.sites(account.sites), context.world.now()
    with context.engine.connect() as conn:
        agents = load_agents(conn, sites, now)
    counts = {
        name: sum(agent.state == name for agent in agents) for name in ("fine", "watch", "silent", "never")
    }
    return show(
        request,
        context,
        "agents.html",
        account,
        now=now,
        agents=agents,
        counts=counts,
        tab="agents",
    )


@router.get("/agents.csv")
def agents_table(context: InContext, account: Reader, form: InCsvForm) -> Response:
    now = context.world.now()
    with context.engine.connect() as conn:
        agents = load_agents(conn, context.sites(account.sites), now)
    rows = [
        (
            each.site,
            each.agent,
            each.state,
            each.seen,
            each.version,
            each.boot,
            each.clock,
            each.clock_trusted,
            each.backlog,
            each.lost,
            each.revision,
            each.lacking,
            each.certificate_until,
            each.timings,
            " ".join(device.device for device in each.ill),
        )
        for each in agents
    ]
    return csv_answer("agents", _COLUMNS, rows, form)


@router.get("/feeds")
def feeds_page(request: Request, context: InContext, account: Reader) -> Any:
    """Calendars, messages to people, and doors whose codes want a hand."""
    sites, now = context.sites(account.sites), context.world.now()
    with context.engine.connect() as conn:
        values: dict[str, Any] = {
            "feeds": source_health(conn, sites, now),
            "messages": upkeep.messages(conn, sites, now),
            "weaknesses": upkeep.weaknesses(conn, sites),
        }
    named = {site.site: site for site in context.config.sites}
    return show(request, context, "feeds.html", account, now=now, sites=named, tab="feeds", **values)


@router.get("/refused")
def refused_page(request: Request, context: InContext, account: Reader) -> Any:
    """What came in and was not taken, counted by source and reason."""
    with context.engine.connect() as conn:
        refusals = reading.refusals(conn, account.sites)
    named = {site.site: site for site in context.config.sites}
    return show(request, context, "refused.html", account, sites=named, refusals=refusals, tab="refused")


@router.get("/refused.csv")
def refused_table(context: InContext, account: Reader, form: InCsvForm) -> Response:
    with context.engine.connect() as conn:
        refusals = reading.refusals(conn, account.sites, 10_000)
    columns = ("site", "source", "reason", "count", "first_at_ms", "last_at_ms")
    rows = [
        (row.site, row.source, row.reason, row._mapping["count"], row.first_at, row.last_at)
        for row in refusals
    ]
    return csv_answer("refused", columns, rows, form)
