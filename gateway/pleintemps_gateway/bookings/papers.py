"""Groups as people change them, and reminders of papers that end. Runs inside ``write_transaction``."""

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.delivery.messages import Contact, Message
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.reading import EVERY_SITE
from pleintemps_gateway.store.schema import groups

from .group_book import Group, papers_of, put_group
from .groups import DAY_MS, slug_of, to_remind
from .judging import settle_group


def change_group(
    conn: Connection, where: str, sites: Sequence[SiteConfig], desk: CodeDesk, group: Group, by: str
) -> bool:
    """Store a group of one site or of EVERY_SITE; the bookings of ``sites``, those where it counts, follow.

    Whether anything changed.
    """
    now = desk.world.now()
    changed = put_group(conn, where, group, now)
    if not changed:
        return False
    for site in sites:
        record_change(conn, site.site, "groups", group.group, now)
        record(conn, site.site, desk.world, "group.changed", f"group/{group.group}", changed | {"by": by})
        settle_group(conn, site, desk, {group.group, slug_of(group.name)})
    return True


def remind(conn: Connection, site: SiteConfig, desk: CodeDesk) -> int:
    """Tell groups whose papers end within ``remind_days``, once for each paper; how many were told."""
    now, told = desk.world.now(), 0
    before_ms = site.rules.remind_days * DAY_MS
    here = select(groups).where(groups.c.site.in_((site.site, EVERY_SITE))).order_by(groups.c.group)
    for row in conn.execute(here).all():
        ending = to_remind(papers_of(row, site.rules), row.reminded, now, before_ms)
        if not ending:
            continue
        for each in ending:
            contact = Contact(name=row.contact, mail=row.mail, phone=row.phone, language=row.language)
            message = Message(site=site.site, contact=contact, reason=each.paper, until=each.until)
            desk.outbox.queue(conn, site, "expiring", message)
            record(conn, site.site, desk.world, "group.reminded", f"group/{row.group}", each._asdict())
        same = (groups.c.site == row.site) & (groups.c.group == row.group)
        conn.execute(update(groups).where(same).values(reminded=now))
        record_change(conn, site.site, "groups", row.group, now)
        told += 1
    return told
