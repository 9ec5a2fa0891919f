"""One-time links of accounts by mail, where mail can be sent and people have an address."""

from typing import Final

from sqlalchemy import Connection

from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.accounts import book, links
from pleintemps_gateway.accounts.book import Person
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.delivery.messages import Contact, Message
from pleintemps_gateway.store.engine import write_transaction

from .context import Context

AGAIN_MS: Final = 15 * 60_000
"""Who asks again within this time is sent nothing more: nobody's letter-box is filled by somebody else."""


def mail_desk(context: Context) -> CodeDesk | None:
    """What queues mail about accounts; None where none can be sent, or no address of ours stands in it."""
    delivery = context.config.delivery
    has_way = delivery.kind == "apprise" and "mail" in delivery.channels
    return context.desk if has_way and context.config.web.public_url else None


def site_of(context: Context, person: Person) -> SiteConfig | None:
    """The first building that ``person`` sees: it writes to them."""
    sites = context.config.sites
    return next((site for site in sites if person.sites is None or site.site in person.sites), None)


def send(conn: Connection, context: Context, person: Person, purpose: str, made: links.Link) -> bool:
    """Queue ``made`` for the address of ``person``; False where it cannot be mailed."""
    desk, site = mail_desk(context), site_of(context, person)
    if desk is None or site is None or not person.mail:
        return False
    contact = Contact(name=person.name, mail=person.mail, language=person.language)
    link = f"welcome/{made.text}"
    message = Message(site=site.site, link=link, contact=contact, until=made.expires, label=person.name)
    desk.outbox.queue(conn, site, f"account-{purpose}", message)
    return True


def send_forgotten(context: Context, said: str) -> None:
    """Mail a link to everybody whose name or address ``said`` is, unless they were sent one just now."""
    now = context.world.now()
    with context.engine.connect() as conn:
        found = book.named(conn, said, now)
    for person in found:
        if not person.mail or site_of(context, person) is None:
            continue
        with write_transaction(context.engine, [person.home]) as conn:
            young = links.youngest(conn, person.home, person.name)
            if young is not None and now < young + AGAIN_MS:
                continue
            purpose = links.RESET if person.has_password else links.INVITE
            made = links.make(conn, context.world, person.home, person.name, purpose)
            send(conn, context, person, purpose, made)
            facts = {"purpose": purpose, "via": "forgotten"}
            book.written(conn, context.world, person.home, person.name, "user.link", "", **facts)
