"""Agents, sources of bookings, and what was refused: how the installation is."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from pleintemps_gateway.store import reading
from pleintemps_gateway.web import upkeep
from pleintemps_gateway.web.sources import source_health

from .auth import InContext, Reader
from .pages import show

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/health")
def health_page(request: Request, context: InContext, account: Reader) -> Any:
    """Agents and their devices, calendars, messages, codes, and what was refused."""
    with context.engine.connect() as conn:
        values: dict[str, Any] = {
            "agents": reading.agents(conn, account.sites),
            "devices": reading.devices(conn, account.sites),
            "feeds": source_health(conn, context.sites(account.sites), context.world.now()),
            "refusals": reading.refusals(conn, account.sites),
            "messages": upkeep.messages(conn, context.sites(account.sites), context.world.now()),
            "faulty": upkeep.faulty(conn, context.sites(account.sites)),
            "weaknesses": upkeep.weaknesses(conn, context.sites(account.sites)),
        }
    sites = {site.site: site for site in context.config.sites}
    return show(request, context, "health.html", account, sites=sites, tab="health", **values)
