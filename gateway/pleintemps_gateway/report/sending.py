"""The report as it is sent by mail: HTML in the message, the PDF beside it where it can be made."""

import json
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import Engine, select

from pleintemps_contract.world import World
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.errors import UndeliveredError
from pleintemps_gateway.store.reading import EVERY_SITE
from pleintemps_gateway.store.schema import users

if TYPE_CHECKING:
    from pleintemps_gateway.notify.bell import MakeReport, Report


def report_maker(config: GatewayConfig, engine: Engine, world: World) -> "MakeReport":
    """What makes the report of a night for the bell: of the buildings that its reader's account sees."""

    def make(person: str, day: str, language: str) -> "Report":
        from pleintemps_gateway.notify.bell import Report

        from .paper import Press

        try:
            night = date.fromisoformat(day)
        except ValueError as error:
            raise UndeliveredError("no day", final=True) from error
        sites = _sites_of(config, engine, person)
        if not sites:
            raise UndeliveredError("this account sees no building", final=True)
        press = Press(config, engine, world)
        sheet = press.sheet(sites, night)
        html = press.html(sheet, language)
        return Report(press.title(sheet, language), html, press.pdf(sheet, language), f"{day}.pdf")

    return make


def _sites_of(config: GatewayConfig, engine: Engine, person: str) -> tuple[str, ...]:
    """Those of the account called ``person``; who has none stands in the duty file alone: all of them."""
    known = tuple(site.site for site in config.sites)
    with engine.connect() as conn:
        rows = conn.execute(select(users).where(users.c.name == person)).all()
    if not rows:
        return known
    seen: set[str] = set()
    for row in rows:
        if row.disabled is None:
            own = json.loads(row.sites) if row.sites is not None else known
            seen.update(own if row.site == EVERY_SITE else (row.site,))
    return tuple(site for site in known if site in seen)
