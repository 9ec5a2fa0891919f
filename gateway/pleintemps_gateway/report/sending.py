"""The report as it is sent by mail: HTML in the message, the PDF beside it where it can be made."""

from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from pleintemps_contract.world import World
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.errors import UndeliveredError

if TYPE_CHECKING:
    from pleintemps_gateway.notify.bell import MakeReport, Report


def report_maker(config: GatewayConfig, engine: Engine, world: World) -> "MakeReport":
    """What makes the report of a night for the bell."""

    def make(_site: str, day: str, language: str) -> "Report":
        from pleintemps_gateway.notify.bell import Report

        from .paper import Press

        try:
            night = date.fromisoformat(day)
        except ValueError as error:
            raise UndeliveredError("no day", final=True) from error
        press = Press(config, engine, world)
        sheet = press.sheet(tuple(site.site for site in config.sites), night)
        html = press.html(sheet, language)
        return Report(press.title(sheet, language), html, press.pdf(sheet, language), f"{day}.pdf")

    return make
