"""The people in a room are told that it is too loud: its signals, and a message to who has booked."""

import logging
from typing import Final

from sqlalchemy import Connection, func, select

from pleintemps_contract.logs import line
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.delivery.messages import Message
from pleintemps_gateway.delivery.outbox import Outbox
from pleintemps_gateway.noise.records import WarningEnded, WarningWanted
from pleintemps_gateway.store.schema import deliveries

from .pending import Pending
from .signals import SignalBook

TEMPLATE: Final = "noise"
AGAIN_MS: Final = 3_600_000
"""The people of a booking are not written to more often."""
WORTH_MS: Final = 900_000
"""A message that has not arrived by then says nothing that is still true."""

_log = logging.getLogger(__name__)


def warn(
    conn: Connection,
    site: SiteConfig,
    outbox: Outbox | None,
    warning: WarningWanted | WarningEnded,
    signals: SignalBook,
    pending: Pending,
    now: int,
) -> None:
    """The people of a room are to be warned of their noise, or no more."""
    on = isinstance(warning, WarningWanted)
    lit = signals.want(warning.space, on, pending)
    told = False
    if isinstance(warning, WarningWanted) and outbox is not None:
        told = tell_people(conn, outbox, site, warning, now)
    facts = {"space": warning.space, "on": on, "signals": len(lit), "told": told}
    _log.info(line("room-warned", site=site.site, **facts))


def tell_people(conn: Connection, outbox: Outbox, site: SiteConfig, warning: WarningWanted, now: int) -> bool:
    """Queue the message about ``warning`` where its booking has somebody to read it; whether it was."""
    booking = warning.booking
    if booking is None or not outbox.reaches(conn, site.site, booking):
        return False
    mine = (deliveries.c.site == site.site) & (deliveries.c.booking == booking)
    last = select(func.max(deliveries.c.created)).where(mine, deliveries.c.template == TEMPLATE)
    told = conn.execute(last).scalar_one_or_none()
    if told is not None and now - told < AGAIN_MS:
        return False
    message = Message(
        site=site.site,
        booking=booking,
        level_db=round(warning.level_db),
        limit_db=round(warning.limit_db),
        until=now + WORTH_MS,
    )
    outbox.queue(conn, site, TEMPLATE, message)
    return True
