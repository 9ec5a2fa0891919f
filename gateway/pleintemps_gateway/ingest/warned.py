"""The people in a room are told that it is too loud: its signals, and a message to who has booked."""

from typing import Final

from sqlalchemy import Connection, func, select

from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.delivery.messages import Message
from pleintemps_gateway.delivery.outbox import Outbox
from pleintemps_gateway.noise.records import WarningWanted
from pleintemps_gateway.store.schema import deliveries

TEMPLATE: Final = "noise"
AGAIN_MS: Final = 3_600_000
"""The people of a booking are not written to more often."""
WORTH_MS: Final = 900_000
"""A message that has not arrived by then says nothing that is still true."""


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
