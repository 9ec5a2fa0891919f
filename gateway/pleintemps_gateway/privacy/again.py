"""Erasing once more what a restored back-up has brought back. Runs inside ``write_transaction``."""

from collections.abc import Iterable

from sqlalchemy import Connection, select

from pleintemps_contract.world import World
from pleintemps_gateway.access.vault import Vault
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.store.reading import EVERY_SITE
from pleintemps_gateway.store.schema import bookings, contacts, groups, rights

from .erasing import erase
from .finding import Found
from .lists import Erasure
from .masking import UID, mark_of_uid


def erase_again(
    conn: Connection, config: GatewayConfig, entries: list[Erasure], vault: Vault, world: World
) -> int:
    """Erase what ``entries`` mark, and store them; how many bookings, groups, contacts and rights went."""
    gone = 0
    for site in config.sites:
        mine = [entry for entry in entries if entry.site == site.site]
        if not mine:
            continue
        found = marked(conn, site.site, mine, vault)
        erase(conn, site, found, mine, vault, world, "restore")
        gone += len(found.bookings) + len(found.groups) + len(found.group_contacts) + len(found.rights)
    return gone


def marked(conn: Connection, site: str, entries: Iterable[Erasure], vault: Vault) -> Found:
    """The rows of ``site`` that ``entries`` mark."""
    marks: dict[str, set[str]] = {}
    for entry in entries:
        marks.setdefault(entry.kind, set()).add(entry.mark)

    def has(kind: str, text: str, where: str = site) -> bool:
        return vault.mark(where, kind, text) in marks.get(kind, ())

    booked: set[str] = set()
    for row in conn.execute(select(bookings).where(bookings.c.site == site)):
        named = mark_of_uid(vault, site, row.source, row.uid) in marks.get(UID, ())
        if named or has("booking", row.booking):
            booked.add(row.booking)
    mails: set[str] = set()

    def reached(mail: str) -> bool:
        if not mail or not has("mail", mail.casefold()):
            return False
        mails.add(mail)
        return True

    told = conn.execute(select(contacts).where(contacts.c.site == site)).all()
    booked |= {row.booking for row in told if reached(row.mail)}
    known = conn.execute(select(groups).where(groups.c.site.in_((site, EVERY_SITE)))).all()
    whole = tuple((row.site, row.group) for row in known if has("group", row.group, row.site))
    slugs = {slug for _, slug in whole}
    if slugs:
        own = (bookings.c.site == site) & bookings.c.group.in_(sorted(slugs))
        booked |= set(conn.execute(select(bookings.c.booking).where(own)).scalars())
    entitled = conn.execute(select(rights).where(rights.c.site == site)).all()
    return Found(
        bookings=tuple(sorted(booked)),
        groups=whole,
        group_contacts=tuple((row.site, row.group) for row in known if reached(row.mail)),
        rights=tuple(row.right for row in entitled if has("right", row.right) or reached(row.mail)),
        words=(*booked, *mails),
    )
