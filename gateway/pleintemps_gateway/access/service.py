"""Credentials in the store: issue, place on doors, free. Every function runs inside ``write_transaction``."""

from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from pleintemps_contract.credentials import hash_code
from pleintemps_contract.gateway_messages import CredentialKind, HashSet
from pleintemps_contract.world import World
from pleintemps_gateway.bookings.way import by_agent, doors_on_way, opening
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.delivery.messages import Message
from pleintemps_gateway.delivery.outbox import Outbox
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.schema import bookings, credentials, grants, salts

from .allocator import draw
from .vault import Vault, link_hash

UNPUBLISHED: Final = 2**53
"""Epoch of a grant that no manifest holds yet as it is now."""
PAGE_GRANTS: Final = 64
"""Grants of one page; a grant keeps its page."""
REST_MS: Final = 90 * 86_400_000
"""Freed digits are not drawn again for 90 days."""


class Issued(NamedTuple):
    """Shown once: the store cannot give it back without the link."""

    grant: str
    code: str
    link: str


class CodeDesk:
    """Issues codes for one gateway: its vault, its World and the outbox that tells people."""

    def __init__(self, sealing: bytes, world: World, outbox: Outbox) -> None:
        self.vault = Vault(sealing, world)
        self.world = world
        self.outbox = outbox

    def issue(self, conn: Connection, site: SiteConfig, booking: str) -> Issued | None:
        """A code for a confirmed booking that has none, placed on the doors of its way, handed on.

        None if the booking is unknown, cancelled or has a code. Raises CodesExhaustedError. Takes
        about 10 ms of computing (argon2id).
        """
        row = _booking(conn, site.site, booking)
        if row is None or row.status != "confirmed" or live_grant(conn, site.site, booking) is not None:
            return None
        now = self.world.now()
        parameters = ensure_salt(conn, site, self.world)

        def taken(code: str) -> bool:
            mark = self.vault.uniqueness(site.site, code)
            same = (credentials.c.site == site.site) & (credentials.c.uniqueness == mark)
            return conn.execute(select(credentials.c.grant).where(same)).first() is not None

        code = draw(self.world, site.codes.digits, taken)
        grant, link = self.world.new_id(), self.vault.new_link()
        conn.execute(
            insert(credentials).values(
                site=site.site,
                grant=grant,
                booking=booking,
                kind=CredentialKind.CODE.value,
                salt_id=parameters.salt_id,
                sealed_hash=self.vault.seal_hash(site.site, grant, hash_code(code, parameters)),
                uniqueness=self.vault.uniqueness(site.site, code),
                encrypted_code=self.vault.encrypt_code(site.site, grant, link, code),
                link_hash=link_hash(link),
                created=now,
            )
        )
        place(conn, site, booking, now)
        record_change(conn, site.site, "credentials", grant, now)
        told = Message(site=site.site, booking=booking, grant=grant, code=code, link=link)
        self.outbox.queue(conn, site, "code", told)
        return Issued(grant, code, link)


def _booking(conn: Connection, site: str, booking: str) -> Row[Any] | None:
    mine = (bookings.c.site == site) & (bookings.c.booking == booking)
    return conn.execute(select(bookings).where(mine)).first()


def live_grant(conn: Connection, site: str, booking: str) -> str | None:
    """The grant of the booking's living code."""
    mine = (credentials.c.site == site) & (credentials.c.booking == booking)
    found = conn.execute(select(credentials.c.grant).where(mine, credentials.c.rests_until.is_(None))).first()
    return None if found is None else str(found.grant)


def ensure_salt(conn: Connection, site: SiteConfig, world: World) -> HashSet:
    """How codes are hashed at the site: the stored parameters, made at the first call."""
    row = conn.execute(select(salts).where(salts.c.site == site.site).order_by(salts.c.salt_id)).first()
    if row is not None:
        return HashSet(
            salt_id=row.salt_id,
            salt=row.salt,
            memory_kib=row.memory_kib,
            iterations=row.iterations,
            lanes=row.lanes,
        )
    made = HashSet(
        salt_id="first",
        salt=world.new_id(),
        memory_kib=site.codes.memory_kib,
        iterations=site.codes.iterations,
        lanes=1,
    )
    conn.execute(insert(salts).values(site=site.site, **msgspec.structs.asdict(made)))
    return made


def place(conn: Connection, site: SiteConfig, booking: str, now: int) -> None:
    """Make the rows of ``grants`` what the booking wants now: after issue, move, cancellation, end."""
    grant = live_grant(conn, site.site, booking)
    if grant is None:
        return
    row = _booking(conn, site.site, booking)
    wanted: dict[str, dict[str, Any]] = {}
    if row is not None and row.status == "confirmed":
        window = opening(site.rules, row.start, row.end)
        if window.end > now:
            for group in by_agent(doors_on_way(site.doors, row.space)):
                doors = msgspec.json.encode(group.doors).decode()
                wanted[group.agent] = {"doors": doors, "start": window.start, "end": window.end}
    mine = (grants.c.site == site.site) & (grants.c.grant == grant)
    held = {row.agent: row for row in conn.execute(select(grants).where(mine))}
    for agent in sorted(held.keys() | wanted.keys()):
        values, there = wanted.get(agent), held.get(agent)
        if values is None:
            conn.execute(delete(grants).where(mine, grants.c.agent == agent))
        elif there is None:
            page = _free_page(conn, site.site, agent)
            unpublished = {"page": page, "epoch": UNPUBLISHED, "revision": 0}
            key = {"site": site.site, "agent": agent, "grant": grant}
            conn.execute(insert(grants).values(**key, **values, **unpublished))
        elif (there.doors, there.start, there.end) != (values["doors"], values["start"], values["end"]):
            changed = update(grants).where(mine, grants.c.agent == agent)
            conn.execute(changed.values(**values, epoch=UNPUBLISHED, revision=0))
        else:
            continue
        record_change(conn, site.site, "grants", f"{agent}/{grant}", now)


def _free_page(conn: Connection, site: str, agent: str) -> int:
    mine = (grants.c.site == site) & (grants.c.agent == agent)
    counted = select(grants.c.page, func.count()).where(mine).group_by(grants.c.page)
    full = {int(page) for page, count in conn.execute(counted) if count >= PAGE_GRANTS}
    return next(page for page in range(len(full) + 1) if page not in full)


def free(conn: Connection, site: SiteConfig, booking: str, now: int) -> None:
    """Take the booking's code off every door; its digits rest."""
    grant = live_grant(conn, site.site, booking)
    if grant is None:
        return
    mine = (grants.c.site == site.site) & (grants.c.grant == grant)
    for agent in conn.execute(select(grants.c.agent).where(mine).order_by(grants.c.agent)).scalars().all():
        record_change(conn, site.site, "grants", f"{agent}/{grant}", now)
    conn.execute(delete(grants).where(mine))
    own = (credentials.c.site == site.site) & (credentials.c.grant == grant)
    conn.execute(update(credentials).where(own).values(rests_until=now + REST_MS))
    record_change(conn, site.site, "credentials", grant, now)


def free_ended(conn: Connection, site: SiteConfig, now: int) -> int:
    """Free the codes of bookings whose doors have closed, forget digits that have rested; how many freed."""
    limit = now - round(site.rules.tail_s * 1000)
    ended = (
        select(credentials.c.booking)
        .join(
            bookings,
            (bookings.c.site == credentials.c.site) & (bookings.c.booking == credentials.c.booking),
        )
        .where(credentials.c.site == site.site, credentials.c.rests_until.is_(None), bookings.c.end <= limit)
        .limit(200)
    )
    found = [str(booking) for booking in conn.execute(ended).scalars()]
    for booking in found:
        free(conn, site, booking, now)
    rested = (credentials.c.site == site.site) & (credentials.c.rests_until <= now)
    conn.execute(delete(credentials).where(rested))
    return len(found)


def without_code(conn: Connection, site: SiteConfig, now: int, limit: int = 200) -> list[str]:
    """Confirmed bookings whose doors have not closed and that have no living code, the nearest first."""
    living = (
        select(credentials.c.grant)
        .where(
            credentials.c.site == bookings.c.site,
            credentials.c.booking == bookings.c.booking,
            credentials.c.rests_until.is_(None),
        )
        .exists()
    )
    query = (
        select(bookings.c.booking)
        .where(
            bookings.c.site == site.site,
            bookings.c.status == "confirmed",
            bookings.c.end > now - round(site.rules.tail_s * 1000),
            ~living,
        )
        .order_by(bookings.c.start)
        .limit(limit)
    )
    return [str(booking) for booking in conn.execute(query).scalars()]
